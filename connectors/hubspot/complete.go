package hubspot

import (
	"context"
	"net/http"
	"strings"

	"crm-connectors/connectors"
)

// completeFound ties the task or note that an earlier attempt made to what it still lacks. One that is gone was deleted on purpose, as
// far as anyone can tell: it is not made again.
func (s *session) completeFound(ctx context.Context, a activity, w connectors.Write) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	rec, failed := s.read(ctx, s.paths.activity(a, w.Found.ID))
	if failed != nil {
		return connectors.Ref{}, "", failed
	}
	if rec == nil {
		return connectors.Ref{}, "", &connectors.Error{Class: connectors.ClassRejected, Code: "record_deleted", Status: http.StatusNotFound,
			Cause:  "The record was written and has been deleted in HubSpot since; the service does not make it again.",
			Action: "If it is still wanted, restore it from HubSpot's recycling bin and retry the row; else cancel the write."}
	}
	return s.complete(ctx, a, w, *rec)
}

// adopt is for a create that HubSpot refused because the marker is taken: the record that has it is this write's own.
func (s *session) adopt(ctx context.Context, a activity, w connectors.Write, refusal *connectors.Error) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	rec, failed := s.byMarker(ctx, a, w.Marker)
	switch {
	case failed != nil:
		return connectors.Ref{}, "", failed
	case rec == nil && !strings.Contains(refusal.Cause, wordsTaken): // it was about something else
		return connectors.Ref{}, "", refusal
	case rec == nil:
		return connectors.Ref{}, "", &connectors.Error{Class: connectors.ClassRetry, Code: "record_moving", Status: http.StatusConflict, Action: doNothing,
			Cause: "HubSpot says that the record exists, yet does not show it; it may be in the middle of a change."}
	case rec.Archived:
		s.note("record_deleted", "The record was written earlier and has been deleted in HubSpot since; it is not made again.")
		return connectors.Ref{Type: a.typ, ID: string(rec.ID)}, connectors.Unchanged, nil
	}
	return s.complete(ctx, a, w, *rec)
}

// byMarker is the record whose property holds the marker, a living one before a deleted one; nil: there is none.
func (s *session) byMarker(ctx context.Context, a activity, marker string) (*record, *connectors.Error) {
	if rec, read := s.ahead.marked[link{a.typ, marker}]; read {
		return rec, nil
	}
	for _, archived := range []bool{false, true} {
		rec, failed := s.readAny(ctx, s.paths.marked(a, marker, archived))
		if failed != nil {
			return nil, failed
		}
		if rec != nil && string(rec.Properties[markerProperty]) == marker {
			rec.Archived = rec.Archived || archived
			return rec, nil
		}
	}
	return nil, nil
}

// complete makes the associations that rec lacks. Each call has the same effect however often it is made.
func (s *session) complete(ctx context.Context, a activity, w connectors.Write, rec record) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	lacks, failed := s.lacking(ctx, a, w, rec)
	if failed != nil {
		return connectors.Ref{}, "", failed
	}
	for _, to := range lacks {
		typ := s.associationType(ctx, a.typ, to.typ)
		own := typ.Category == hubspotDefined
		var body any
		if !own {
			body = []associationType{typ}
		}
		at := s.paths.association(link{a.typ, string(rec.ID)}, to, own)
		if _, failed := s.call(ctx, http.MethodPut, at, connectors.Idempotent, body, nil); failed != nil {
			return connectors.Ref{}, "", failed
		}
	}
	outcome := connectors.Unchanged
	if len(lacks) > 0 {
		outcome = connectors.Updated
	}
	return connectors.Ref{Type: a.typ, ID: string(rec.ID)}, outcome, nil
}

// lacking are the records that rec should be tied to and is not, without those that HubSpot no longer has.
func (s *session) lacking(ctx context.Context, a activity, w connectors.Write, rec record) ([]link, *connectors.Error) {
	links, failed := s.linksOf(ctx, w)
	if failed != nil {
		return nil, failed
	}
	chosen, spare := aim(a.object, s.account.Settings.RollupTarget, links)
	email := normalEmail(w.Email)
	missing := rec.without(chosen)
	lacks, failed := s.dropGone(ctx, missing, email)
	if failed == nil && len(lacks) == 0 && len(missing) == len(chosen) { // nothing that it was to be tied to exists
		lacks, failed = s.dropGone(ctx, rec.without(spare), email)
	}
	if failed != nil {
		return nil, failed
	}
	return rec.without(lacks), nil
}

// without are those of links that the record is not tied to.
func (r record) without(links []link) []link {
	var out []link
	for _, l := range links {
		if !r.linkedTo(l) {
			out = append(out, l)
		}
	}
	return out
}
