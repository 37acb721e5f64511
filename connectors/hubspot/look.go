package hubspot

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"crm-connectors/connectors"
)

const (
	maxInputs   = 100 // of a batch read
	codePartial = "crm_answer_partial"
)

// findInText looks for the marker in the texts of all that the contact and the deal of the write have. Where the record could have lost
// its place among these, because what it was tied to is gone, the search index is asked too.
func (s *session) findInText(ctx context.Context, a activity, w connectors.Write) (connectors.Finding, *connectors.Error) {
	ids, sure, failed := s.attached(ctx, a, w)
	if failed != nil {
		return connectors.Finding{}, failed
	}
	all, failed := s.readAll(ctx, a, ids)
	if failed != nil {
		return connectors.Finding{}, failed
	}
	tier, own := connectors.TierRead, a.markedBy(w, all)
	if len(own) == 0 && !sure {
		if all, failed = s.searchMarker(ctx, a, w.Marker); failed != nil {
			return connectors.Finding{}, failed
		}
		tier, own = connectors.TierSearch, a.markedBy(w, all)
	}
	f, failed := s.oldest(ctx, a, w, own)
	f.Tier = tier
	return f, failed
}

// markedBy are the records that carry the write's marker and are not older than the write.
func (a activity) markedBy(w connectors.Write, all []record) []record {
	return slices.DeleteFunc(all, func(r record) bool {
		return r.ID == "" || !a.bears(r, w.Marker) || !r.created().IsZero() && r.created().Before(w.NotBefore)
	})
}

// oldest is the finding of the first of several records, the others being copies. Deleted ones count only where no living one is left:
// somebody has cleaned up.
func (s *session) oldest(ctx context.Context, a activity, w connectors.Write, all []record) (connectors.Finding, *connectors.Error) {
	if slices.ContainsFunc(all, func(r record) bool { return !r.Archived }) {
		all = slices.DeleteFunc(all, func(r record) bool { return r.Archived })
	}
	if len(all) == 0 {
		return connectors.Finding{}, nil
	}
	slices.SortFunc(all, func(x, y record) int {
		return cmp.Or(x.created().Compare(y.created()), compareIDs(string(x.ID), string(y.ID)))
	})
	first := all[0]
	if !first.Archived {
		rec, failed := s.activityNow(ctx, a, string(first.ID))
		if failed != nil {
			return connectors.Finding{}, failed
		}
		if rec == nil { // deleted since
			first.Archived = true
		} else {
			first = *rec
		}
	}
	f, failed := s.finding(ctx, a, w, first)
	for _, r := range all[1:] {
		f.Copies = append(f.Copies, connectors.Ref{Type: a.typ, ID: string(r.ID)})
	}
	return f, failed
}

// readAll reads records past the search index, and those that are in the bin meanwhile.
func (s *session) readAll(ctx context.Context, a activity, ids []string) ([]record, *connectors.Error) {
	out, ids := s.ahead.among(a, ids)
	for chunk := range slices.Chunk(ids, maxInputs) {
		live, failed := s.readBatch(ctx, a, chunk, false)
		if failed != nil {
			return nil, failed
		}
		out = append(out, live...)
		missing := slices.DeleteFunc(slices.Clone(chunk), func(id string) bool {
			return slices.ContainsFunc(live, func(r record) bool { return string(r.ID) == id })
		})
		if len(missing) == 0 {
			continue
		}
		binned, failed := s.readBatch(ctx, a, missing, true)
		if failed != nil {
			return nil, failed
		}
		out = append(out, binned...)
	}
	return out, nil
}

// readBatch is readBy for activities, by their ids.
func (s *session) readBatch(ctx context.Context, a activity, ids []string, archived bool) ([]record, *connectors.Error) {
	return s.readBy(ctx, a.typ, "", ids, a.properties(), archived)
}

// readBy reads up to 100 records by the values of a property, or by their ids where it is empty. What does not exist is left out; any other
// error of a part is one of the whole, for what was not read was not looked at.
func (s *session) readBy(ctx context.Context, typ, property string, values, properties []string, archived bool) ([]record, *connectors.Error) {
	at := s.paths.batch(typ, "read")
	if archived {
		at.url += "?archived=true"
	}
	body := map[string]any{"properties": properties, "propertiesWithHistory": []string{}, "inputs": targets(values)}
	if property != "" {
		body["idProperty"] = property
	}
	var answer batch
	reply, failed := s.call(ctx, http.MethodPost, at, connectors.Read, body, &answer)
	switch {
	case reply.Status == http.StatusNotFound: // none of them exists
		return nil, nil
	case failed != nil:
		return nil, failed
	}
	for _, e := range answer.Errors {
		if body := openEnvelope(e); body.Category != "OBJECT_NOT_FOUND" {
			return nil, &connectors.Error{Class: connectors.ClassRetry, Code: codePartial, Status: reply.Status, Action: doNothing,
				Cause: sentence("HubSpot read a part of the records alone", body.says())}
		}
	}
	for i := range answer.Results {
		answer.Results[i].Archived = answer.Results[i].Archived || archived
	}
	return answer.Results, nil
}

func targets(ids []string) []target {
	out := make([]target, len(ids))
	for i, id := range ids {
		out[i] = target{ID: id}
	}
	return out
}

// searchMarker asks the index, which follows writes late. A total without results is an index in the middle of a change.
func (s *session) searchMarker(ctx context.Context, a activity, marker string) ([]record, *connectors.Error) {
	q := query{Properties: a.properties(), Limit: maxInputs, Groups: []group{{Filters: []filter{{a.text, "CONTAINS_TOKEN", marker}}}}}
	if s.account.Capabilities.Of(a.object).Field == markerProperty {
		q.Groups = append(q.Groups, group{Filters: []filter{{markerProperty, "EQ", marker}}})
	}
	found, limited, failed := s.searchEither(ctx, a.typ, &q)
	switch {
	case failed != nil:
		return nil, failed
	case limited:
		return nil, searchLimited()
	case found.Total > 0 && len(found.Results) == 0:
		return nil, searchOdd()
	}
	return found.Results, nil
}

func searchOdd() *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: codePartial, Action: doNothing,
		Cause: "HubSpot's search counts a record that it does not show."}
}

// searchEither is search, and again without the last group of filters where the portal has no property of theirs any more.
func (s *session) searchEither(ctx context.Context, typ string, q *query) (page, bool, *connectors.Error) {
	found, limited, failed := s.search(ctx, typ, *q)
	if failed != nil && failed.Code == codeProperty && len(q.Groups) > 1 {
		q.Groups = q.Groups[:len(q.Groups)-1]
		return s.search(ctx, typ, *q)
	}
	return found, limited, failed
}

// compareIDs orders ids by their number.
func compareIDs(x, y string) int {
	a, errA := strconv.ParseInt(x, 10, 64)
	b, errB := strconv.ParseInt(y, 10, 64)
	if errA != nil || errB != nil {
		return strings.Compare(x, y)
	}
	return cmp.Compare(a, b)
}
