package hubspot

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"crm-connectors/connectors"
)

const (
	searchPage   = 200
	searchMost   = 10_000 // results that a search pages through
	binMost      = 10_000 // records of the bin that are looked at
	searchPauses = 5
)

// inText finds the marker in a text, whatever HTML HubSpot has made around it.
var inText = regexp.MustCompile(`\b` + referenceWord + `:(?:\s|\x{a0}|&nbsp;)*([a-z0-9]{26})\b`)

// Marked lists by the search index, which follows writes late, and goes through the bin. The index cannot page through more than 10,000
// records: ErrCannotFind.
func (c *Connector) Marked(ctx context.Context, account connectors.Account, object connectors.Object, since time.Time) ([]connectors.MarkedRecord, error) {
	a, ok := activityOf(object)
	if !ok {
		return nil, connectors.ErrCannotFind
	}
	s := &session{Connector: c, account: account, doer: c.http}
	live, complete, failed := s.searchSince(ctx, a, since)
	switch {
	case failed != nil:
		return nil, failed
	case !complete:
		return nil, connectors.ErrCannotFind
	}
	binned, failed := s.binSince(ctx, a, since)
	if failed != nil {
		return nil, failed
	}
	return once(append(live, binned...)), nil
}

// once drops what two pages showed, as they do when the index changes between them. What went into the bin meanwhile is there.
func once(all []connectors.MarkedRecord) []connectors.MarkedRecord {
	at := map[connectors.Ref]int{}
	var out []connectors.MarkedRecord
	for _, r := range all {
		i, seen := at[r.Ref]
		if !seen {
			at[r.Ref] = len(out)
			out = append(out, r)
			continue
		}
		out[i].Deleted = out[i].Deleted || r.Deleted
	}
	return out
}

// searchSince pages through the living records that may carry a marker; false: there are more than the search shows.
func (s *session) searchSince(ctx context.Context, a activity, since time.Time) (out []connectors.MarkedRecord, complete bool, failed *connectors.Error) {
	young := filter{"hs_createdate", "GTE", strconv.FormatInt(since.UnixMilli(), 10)}
	q := query{Properties: a.properties(), Limit: searchPage, Sorts: []sorting{{"hs_createdate", "ASCENDING"}},
		Groups: []group{{Filters: []filter{young, {a.text, "CONTAINS_TOKEN", referenceWord}}}}}
	if s.account.Capabilities.Of(a.object).Field == markerProperty {
		q.Groups = append(q.Groups, group{Filters: []filter{young, {markerProperty, "HAS_PROPERTY", ""}}})
	}
	for {
		found, failed := s.searchPatiently(ctx, a.typ, &q)
		switch {
		case failed != nil:
			return nil, false, failed
		case found.Total > len(out) && len(found.Results) == 0:
			return nil, false, searchOdd()
		case found.Total > searchMost:
			return nil, false, nil
		}
		out = append(out, a.marked(found.Results, since, false)...)
		if found.Paging.Next.After == "" {
			return out, true, nil
		}
		q.After = string(found.Paging.Next.After)
	}
}

// searchPatiently waits where the searches of the second are used up: pages follow each other faster than that allows.
func (s *session) searchPatiently(ctx context.Context, typ string, q *query) (page, *connectors.Error) {
	for range searchPauses {
		found, limited, failed := s.searchEither(ctx, typ, q)
		if !limited {
			return found, failed
		}
		select {
		case <-time.After(secondWait):
		case <-ctx.Done():
			return page{}, unanswered(&connectors.TransportError{Err: ctx.Err()}, connectors.Read)
		}
	}
	return page{}, searchLimited()
}

// binSince goes through the deleted records, which no search shows.
func (s *session) binSince(ctx context.Context, a activity, since time.Time) (out []connectors.MarkedRecord, failed *connectors.Error) {
	after := text("")
	for seen := 0; seen < binMost; {
		var answer page
		if _, failed := s.call(ctx, http.MethodGet, s.paths.archived(a.typ, a.properties(), after), connectors.Read, nil, &answer); failed != nil {
			return nil, failed
		}
		out = append(out, a.marked(answer.Results, since, true)...)
		seen += len(answer.Results)
		next := answer.Paging.Next.After
		if next == "" || next == after || len(answer.Results) == 0 {
			return out, nil
		}
		after = next
	}
	return out, nil
}

// marked are the records among all that carry a marker and are young enough.
func (a activity) marked(all []record, since time.Time, deleted bool) []connectors.MarkedRecord {
	var out []connectors.MarkedRecord
	for _, r := range all {
		marker := string(r.Properties[markerProperty])
		if m := inText.FindStringSubmatch(string(r.Properties[a.text])); marker == "" && m != nil {
			marker = m[1]
		}
		if marker != "" && r.ID != "" && !r.created().Before(since) {
			out = append(out, connectors.MarkedRecord{Ref: connectors.Ref{Type: a.typ, ID: string(r.ID)}, Marker: marker, Deleted: deleted || r.Archived})
		}
	}
	return out
}
