package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"crm-connectors/cmd/chaos/lane"

	"github.com/google/uuid"
)

// tier is what protects the accounts of a bench from being written to twice.
type tier string

const (
	tierEnforced tier = "enforced" // both CRMs have the marker's field, and it is unique there
	tierRead     tier = "read"     // neither has it; reads of what the contact has find the marker
	tierSearch   tier = "search"   // as read, and the outcomes have no contact: HubSpot's index alone finds them
	tierNone     tier = "none"     // as read, and the rows have no marker, as those of an older version
)

func tiers() []tier { return []tier{tierEnforced, tierRead, tierSearch, tierNone} }

// fit are the kinds that say something about a tier.
func (t tier) fit(list []kind) []kind {
	var out []kind
	for _, k := range list {
		if t == tierSearch {
			if len(k.parts) > 1 || k.parts[0] == partPerson {
				continue
			}
			k.name, k.known, k.alone = k.name+"-alone", false, true
		}
		out = append(out, k)
	}
	return out
}

// fieldAge is how much older than a write the marker's field must be for the service to count on it: build.Compressed's clockMargin, and Salesforce
// dates to the second.
const fieldAge = 3100 * time.Millisecond

const blankMarkers = `
	create function chaos.blank_marker() returns trigger language plpgsql as $$ begin new.marker := ''; return new; end $$;
	create trigger chaos_blank_marker before insert on crm_write_log for each row execute function chaos.blank_marker()`

// prepareTier gives the accounts of a new bench what its tier has.
func (b *bench) prepareTier(ctx context.Context) error {
	if err := b.tidy(ctx); err != nil {
		return err
	}
	switch b.world.tier {
	case tierNone:
		_, err := b.lane.DB.Exec(ctx, blankMarkers)
		return err
	case tierEnforced:
		if err := b.provision(ctx); err != nil {
			return err
		}
		return sleep(ctx, fieldAge)
	}
	return nil
}

// provision lets the service itself make HubSpot's property, through a workspace that is not used again.
func (b *bench) provision(ctx context.Context) error {
	w := uuid.New()
	if err := b.lane.Connect(ctx, w, lane.HubSpot); err != nil {
		return err
	}
	var id uuid.UUID
	if err := b.lane.DB.QueryRow(ctx, `select id from crm_connections where workspace_id = $1`, w).Scan(&id); err != nil {
		return err
	}
	var made struct {
		Objects []struct{ Object, Tier string } `json:"objects"`
	}
	status, err := b.lane.Call(ctx, b.lane.Replicas()[0], http.MethodPost, "/connections/"+id.String()+"/provision?workspace_id="+w.String(), nil, &made)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("provision: %d: %w", status, err)
	}
	for _, o := range made.Objects {
		if o.Tier != string(tierEnforced) {
			return fmt.Errorf("provision: %s is %s", o.Object, o.Tier)
		}
	}
	return nil
}

// behaviour is how a CRM of the bench behaves when nothing is wrong.
func (b *bench) behaviour(crm string) map[string]any {
	if crm == lane.Salesforce && b.world.tier == tierEnforced {
		return map[string]any{"has_external_id": true}
	}
	return map[string]any{}
}

// behave changes a CRM's behaviour in some respects until it is tidied.
func (b *bench) behave(ctx context.Context, crm string, change map[string]any) error {
	all := b.behaviour(crm)
	b.mu.Lock()
	if b.changed[crm] == nil {
		b.changed[crm] = map[string]any{}
	}
	for k, v := range change {
		b.changed[crm][k] = v
	}
	for k, v := range b.changed[crm] {
		all[k] = v
	}
	b.mu.Unlock()
	return b.lane.Control(ctx, crm, http.MethodPut, "behaviour", all, nil)
}

// tidy makes the CRMs behave again.
func (b *bench) tidy(ctx context.Context) error {
	b.mu.Lock()
	clear(b.changed)
	b.mu.Unlock()
	var err error
	for _, crm := range []string{lane.HubSpot, lane.Salesforce} {
		err = errors.Join(err, b.lane.Control(ctx, crm, http.MethodDelete, "faults", nil, nil),
			b.lane.Control(ctx, crm, http.MethodPut, "behaviour", b.behaviour(crm), nil))
	}
	return err
}
