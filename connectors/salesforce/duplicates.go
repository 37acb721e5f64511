package salesforce

import (
	"context"
	"fmt"

	"crm-connectors/connectors"
)

// useDuplicate goes through the records that a duplicate rule found and takes the first that can be
// used; refusal is the answer when none can.
func (st *step) useDuplicate(ctx context.Context, refs []connectors.Ref, want fields, refusal *connectors.Error) (person, connectors.Outcome, *connectors.Error) {
	for _, ref := range refs {
		p, outcome := person{ref: ref, holds: want}, connectors.Unchanged
		if ref.Type == typeContact {
			p.contact = ref.ID
		} else {
			var err *connectors.Error
			outcome, err = st.fill(ctx, ref, st.changes(want))
			if _, gone := refused(err, "ENTITY_IS_DELETED", "NOT_FOUND"); gone {
				continue
			}
			if _, was := refused(err, "CANNOT_UPDATE_CONVERTED_LEAD"); was {
				lead, converted, lookErr := st.leadByID(ctx, ref.ID)
				if lookErr != nil {
					return person{}, "", lookErr
				}
				if !converted {
					continue
				}
				outcome, p = connectors.Unchanged, person{ref: connectors.Ref{Type: typeContact, ID: lead.ConvertedContactID},
					contact: lead.ConvertedContactID, opportunity: lead.ConvertedOpportunityID, holds: want}
			} else if err != nil {
				return person{}, "", err
			}
		}
		st.note("duplicate_used", fmt.Sprintf("A duplicate rule of the org refused a new lead; the record it named, %s %s, was used.", p.ref.Type, p.ref.ID))
		return p, outcome, nil
	}
	return person{}, "", refusal
}

// duplicates is the nested part of a DUPLICATES_DETECTED error.
type duplicates struct {
	MatchResults []struct {
		MatchRecords []struct {
			Record struct {
				ID string `json:"Id"`
			} `json:"record"`
		} `json:"matchRecords"`
	} `json:"matchResults"`
}

// matches lists the leads and contacts that a duplicate rule found, best first.
func (it refusalItem) matches() []connectors.Ref {
	var out []connectors.Ref
	for _, d := range []*duplicates{it.Resut, it.Result} {
		if d == nil {
			continue
		}
		for _, m := range d.MatchResults {
			for _, r := range m.MatchRecords {
				if ref := knownPerson(connectors.Ref{ID: r.Record.ID}); ref.ID != "" {
					out = append(out, ref)
				}
			}
		}
	}
	return out
}
