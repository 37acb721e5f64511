package hubspot

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"crm-connectors/connectors"
)

// maxAhead is how many records of a type are read for several writes at once. Where contacts have more, each write goes through its own.
const maxAhead = 2000

// readActivities reads for the looks for tasks or notes: those that have a marker as their property, and for the others whatever their
// contacts and deals have.
func (s *session) readActivities(ctx context.Context, a activity, writes []connectors.Write) *connectors.Error {
	if m := s.account.Capabilities.Of(a.object); m.Tier == connectors.TierEnforced && m.Field == markerProperty {
		if failed := s.readMarked(ctx, a, writes); failed != nil {
			return failed
		}
		writes = slices.DeleteFunc(writes, func(w connectors.Write) bool { return s.ahead.marked[link{a.typ, w.Marker}] != nil })
	}
	if failed := s.readOwned(ctx, a, writes); failed != nil {
		return failed
	}
	var own []string
	for at, rec := range s.ahead.records {
		if at.typ == a.typ && !rec.Archived && slices.ContainsFunc(writes, func(w connectors.Write) bool { return a.bears(rec, w.Marker) }) {
			own = append(own, at.id)
		}
	}
	return s.readLinks(ctx, a, own)
}

// readMarked reads by the marker's property, living records first and then deleted ones.
func (s *session) readMarked(ctx context.Context, a activity, writes []connectors.Write) *connectors.Error {
	var markers []string
	for _, w := range writes {
		markers = appendNew(markers, w.Marker)
	}
	return inChunks(markers, func(chunk []string) *connectors.Error {
		found := map[string]record{}
		for _, archived := range []bool{false, true} {
			chunk := slices.DeleteFunc(slices.Clone(chunk), func(marker string) bool { _, seen := found[marker]; return seen })
			if len(chunk) == 0 {
				break
			}
			records, failed := s.readBy(ctx, a.typ, markerProperty, chunk, a.properties(), archived)
			if failed != nil {
				return failed
			}
			for _, rec := range records {
				found[string(rec.Properties[markerProperty])] = rec
			}
		}
		var living []string
		for _, rec := range found {
			s.ahead.records[link{a.typ, string(rec.ID)}] = rec
			if !rec.Archived {
				living = append(living, string(rec.ID))
			}
		}
		if failed := s.readLinks(ctx, a, living); failed != nil {
			return failed
		}
		for _, marker := range chunk {
			rec, there := found[marker]
			at := link{a.typ, string(rec.ID)}
			switch {
			case !there:
				s.ahead.marked[link{a.typ, marker}] = nil
			case rec.Archived || s.ahead.whole[at]:
				rec = s.ahead.records[at]
				s.ahead.marked[link{a.typ, marker}] = &rec
			}
		}
		return nil
	})
}

// readOwned reads the contacts and deals of the writes, and what they have.
func (s *session) readOwned(ctx context.Context, a activity, writes []connectors.Write) *connectors.Error {
	var all []string
	for _, typ := range []string{contactsType, dealsType} {
		owners, failed := s.readOwners(ctx, typ, writes)
		if failed != nil {
			return failed
		}
		failed = inChunks(owners, func(chunk []string) *connectors.Error {
			lists, failed := s.associatedAll(ctx, typ, a.typ, chunk)
			for owner, ids := range lists {
				s.ahead.lists[members{link{typ, owner}, a.typ}] = ids
				all = append(all, ids...)
			}
			return failed
		})
		if failed != nil {
			return failed
		}
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > maxAhead {
		return nil
	}
	return inChunks(all, func(chunk []string) *connectors.Error {
		records, failed := s.readAll(ctx, a, chunk)
		if failed != nil {
			return failed
		}
		for _, id := range chunk {
			s.ahead.records[link{a.typ, id}] = record{}
		}
		for _, rec := range records {
			s.ahead.records[link{a.typ, string(rec.ID)}] = rec
		}
		return nil
	})
}

// readOwners reads the records of a type that writes are tied to, and gives the ids of those that are there. One that answers by another
// id was merged, and is left open.
func (s *session) readOwners(ctx context.Context, typ string, writes []connectors.Write) ([]string, *connectors.Error) {
	var ids, there []string
	for _, w := range writes {
		switch rec := s.ahead.emails[normalEmail(w.Email)]; {
		case typ == dealsType:
			ids = appendNew(ids, w.DealID)
		case w.ContactRef.ID != "":
			ids = appendNew(ids, w.ContactRef.ID)
		case rec != nil:
			there = appendNew(there, string(rec.ID))
		}
	}
	failed := inChunks(ids, func(chunk []string) *connectors.Error {
		records, failed := s.readBy(ctx, typ, "", chunk, []string{"hs_object_id"}, false)
		for _, rec := range records {
			if slices.Contains(chunk, string(rec.ID)) && !rec.Archived {
				s.ahead.linked[link{typ, string(rec.ID)}] = &rec
				there = appendNew(there, string(rec.ID))
			}
		}
		return failed
	})
	return there, failed
}

// readLinks gives records, by their ids, the associations with contacts and deals.
func (s *session) readLinks(ctx context.Context, a activity, ids []string) *connectors.Error {
	return inChunks(ids, func(chunk []string) *connectors.Error {
		links := map[string]map[string][]string{}
		for _, typ := range []string{contactsType, dealsType} {
			var failed *connectors.Error
			if links[typ], failed = s.associatedAll(ctx, a.typ, typ, chunk); failed != nil {
				return failed
			}
		}
		for _, id := range chunk {
			contacts, one := links[contactsType][id]
			deals, other := links[dealsType][id]
			if at := (link{a.typ, id}); one && other {
				rec := s.ahead.records[at]
				rec.Associations = map[string]linked{contactsType: linkedTo(contacts), dealsType: linkedTo(deals)}
				s.ahead.records[at], s.ahead.whole[at] = rec, true
			}
		}
		return nil
	})
}

func linkedTo(ids []string) linked {
	var l linked
	for _, id := range ids {
		l.Results = append(l.Results, linkedID{text(id)})
	}
	return l
}

// associatedAll gives the ids that up to a hundred records of a type are associated with. A record of which HubSpot says nothing, or not all,
// is not among the keys; one that is said to have none is.
func (s *session) associatedAll(ctx context.Context, from, to string, ids []string) (map[string][]string, *connectors.Error) {
	var answer struct {
		Results []struct {
			From struct {
				ID text `json:"id"`
			} `json:"from"`
			To []struct {
				ID text `json:"toObjectId"`
			} `json:"to"`
			Paging paging `json:"paging"`
		} `json:"results"`
		Errors []json.RawMessage `json:"errors"`
	}
	if _, failed := s.call(ctx, http.MethodPost, s.paths.associatedAll(from, to), connectors.Read, map[string]any{"inputs": targets(ids)}, &answer); failed != nil {
		return nil, failed
	}
	out := map[string][]string{}
	for _, e := range answer.Errors {
		if body := openEnvelope(e); body.SubCategory == noAssociations {
			for _, id := range body.Context["fromObjectId"] {
				out[id] = nil
			}
		}
	}
	for _, r := range answer.Results {
		if r.Paging.Next.After != "" {
			continue
		}
		own := []string{}
		for _, other := range r.To {
			own = append(own, string(other.ID))
		}
		out[string(r.From.ID)] = own
	}
	return out, nil
}

// noAssociations is how HubSpot says that a record of a batch has none of the kind asked for, or does not exist: 3p.
const noAssociations = "crm.associations.NO_ASSOCIATIONS_FOUND"
