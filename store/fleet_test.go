package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

// connectIn connects an account for another workspace than the bench's.
func (b *bench) connectIn(workspace uuid.UUID, account string) store.Connection {
	b.t.Helper()
	g := b.grant("hubspot", account)
	g.WorkspaceID = workspace
	c, err := b.Connect(b.t.Context(), g, b.bell.ring)
	if err != nil {
		b.t.Fatalf("connect: %v", err)
	}
	return c
}

// accounts are the accounts of the list, in its order.
func (b *bench) accounts(f store.FleetFilter) []string {
	b.t.Helper()
	rows, err := b.Fleet(b.t.Context(), f)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.AccountID)
	}
	return out
}

// everyHealth has one connection of each health, named after it, each in a workspace of its own.
func (b *bench) everyHealth() map[string]store.Connection {
	b.t.Helper()
	all := map[string]store.Connection{}
	for health, change := range map[string]string{
		store.HealthWriting: `updated_at = now()`,
		store.HealthTrouble: `last_error = 'The app was refused.'`,
		store.HealthPaused:  `paused_until = now() + interval '1 hour', last_error = 'The day is used up.'`,
		"error":             `status = 'error'`,
		"disconnected":      `status = 'disconnected'`,
	} {
		all[health] = b.connectIn(uuid.New(), health)
		b.exec(`update crm_connections set `+change+` where id = $1`, all[health].ID)
	}
	return all
}

func TestTheFleetListsTheWorseOffFirstAPageAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.everyHealth()
	want := []string{"error", "trouble", "paused", "writing", "disconnected"}
	if got := b.accounts(store.FleetFilter{Limit: 10}); !slices.Equal(got, want) {
		t.Errorf("the list is %v, want %v", got, want)
	}
	var paged []string
	f := store.FleetFilter{Limit: 2}
	for {
		rows, err := b.Fleet(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			paged = append(paged, r.AccountID)
		}
		f.After = store.Place{Rank: rows[len(rows)-1].Rank, ID: rows[len(rows)-1].ID}
	}
	if !slices.Equal(paged, want) {
		t.Errorf("page by page it is %v, want %v", paged, want)
	}
}

func TestTheFleetIsNarrowedByHealthCRMAndText(t *testing.T) {
	t.Parallel()
	b := setup(t)
	all := b.everyHealth()
	b.connect("salesforce", "org1")
	b.exec(`update crm_connections set account_name = '50% off_season' where account_id = 'paused'`)
	for name, tc := range map[string]struct {
		filter store.FleetFilter
		want   []string
	}{
		"health":               {store.FleetFilter{Health: store.HealthTrouble}, []string{"trouble"}},
		"CRM":                  {store.FleetFilter{CRM: "salesforce"}, []string{"org1"}},
		"workspace":            {store.FleetFilter{Text: all["writing"].WorkspaceID.String()}, []string{"writing"}},
		"connection":           {store.FleetFilter{Text: all["error"].ID.String()}, []string{"error"}},
		"account":              {store.FleetFilter{Text: "disconnected"}, []string{"disconnected"}},
		"part of a name":       {store.FleetFilter{Text: "example TROU"}, []string{"trouble"}},
		"a percent sign":       {store.FleetFilter{Text: "0% o"}, []string{"paused"}},
		"an underscore":        {store.FleetFilter{Text: "f_s"}, []string{"paused"}},
		"wildcards are text":   {store.FleetFilter{Text: "%e%"}, nil},
		"health and other CRM": {store.FleetFilter{Health: "error", CRM: "salesforce"}, nil},
	} {
		tc.filter.Limit = 10
		if got := b.accounts(tc.filter); !slices.Equal(got, tc.want) {
			t.Errorf("by %s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestOpenWritesAreCountedByStatusUpToABound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, idle := b.connect("hubspot", "hub1"), b.connectIn(uuid.New(), "hub2")
	for i, status := range []string{store.Queued, store.Queued, store.Queued, store.Blocked, store.InDoubt, store.NeedsReview, store.Failed, store.Succeeded} {
		w := b.append(b.outcome(fmt.Sprint("e", i), contact(fmt.Sprintf("c%d@example.com", i))))[0]
		b.exec(`update crm_write_log set status = $2, blocked_from = case when $2 = 'blocked' then 'queued' end where id = $1`, w.ID, status)
	}
	for most, queued := range map[int]int{10: 3, 1: 2} {
		got, err := b.OpenWrites(t.Context(), []uuid.UUID{c.ID, idle.ID}, most)
		if err != nil {
			t.Fatal(err)
		}
		want := []store.OpenCounts{{ID: c.ID, Queued: queued, Blocked: 1, InDoubt: 1, Review: 1, Failed: 1}, {ID: idle.ID}}
		slices.SortFunc(got, func(x, _ store.OpenCounts) int {
			if x.ID == c.ID {
				return -1
			}
			return 1
		})
		if !slices.Equal(got, want) {
			t.Errorf("at most %d: %+v, want %+v", most, got, want)
		}
	}
}

func TestAnActThatChangesNoRowIsRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	act := store.Act{Actor: "operator", Action: "connection.test", WorkspaceID: b.workspace, Subject: "subject", Detail: map[string]any{"well": true}}
	if err := b.Record(t.Context(), act); err != nil {
		t.Fatal(err)
	}
	acts, err := b.Acts(t.Context(), "subject")
	if err != nil || len(acts) != 1 || acts[0].Actor != act.Actor || acts[0].Action != act.Action || string(acts[0].Detail) != `{"well": true}` ||
		time.Since(acts[0].At) > time.Minute {
		t.Errorf("recorded %+v, %v", acts, err)
	}
	act.Detail = map[string]any{"unwritable": make(chan int)}
	if err := b.Record(t.Context(), act); err == nil {
		t.Error("a detail that is no JSON was recorded")
	}
}
