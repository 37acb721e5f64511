package simhubspot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	maxSearchPage   = 200
	maxSearchResult = 10000
)

type searchInput struct {
	FilterGroups []filterGroup `json:"filterGroups"`
	Properties   []string      `json:"properties"`
	Sorts        []sortRule    `json:"sorts"`
	Query        string        `json:"query"`
	Limit        *int          `json:"limit"`
	After        flexibleID    `json:"after"`
}

type filterGroup struct {
	Filters []filter `json:"filters"`
}

type sortRule struct {
	Property  string `json:"propertyName"`
	Direction string `json:"direction"`
}

// UnmarshalJSON takes an object or a bare property name.
func (r *sortRule) UnmarshalJSON(data []byte) error {
	type plain sortRule
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &r.Property)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode((*plain)(r)); err != nil {
		return fmt.Errorf("sort: %w", err)
	}
	return nil
}

type searchBody struct {
	Total   int          `json:"total"`
	Results []objectBody `json:"results"`
	Paging  *paging      `json:"paging,omitempty"`
}

type paging struct {
	Next struct {
		After string `json:"after"`
	} `json:"next"`
}

// hit is a record in the state that the index knows.
type hit struct {
	rec   *record
	props map[string]string
}

func (s *Sim) search(c *call) (int, any, error) {
	k, err := objectKind(c, false)
	if err != nil {
		return 0, nil, err
	}
	in := searchInput{}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if err := s.checkSearch(k, &in); err != nil {
		return 0, nil, err
	}
	limit := ""
	if in.Limit != nil {
		limit = strconv.Itoa(*in.Limit)
	}
	hits := s.matching(k, &in)
	from, to, next, err := page(string(in.After), limit, 10, maxSearchPage, len(hits))
	if err != nil {
		return 0, nil, err
	}
	if to-from > 0 && to > maxSearchResult {
		return 0, nil, invalid("A search pages through %d results at most", maxSearchResult)
	}
	out := searchBody{Total: len(hits), Results: []objectBody{}}
	if len(hits) > 0 {
		s.matched++
		if n := s.behaviour.PhantomSearchEvery; n > 0 && s.matched%n == 0 {
			return http.StatusOK, out, nil
		}
	}
	for _, h := range hits[from:to] {
		out.Results = append(out.Results, s.show(h.rec, h.props, in.Properties))
	}
	if next != "" {
		out.Paging = &paging{}
		out.Paging.Next.After = next
	}
	return http.StatusOK, out, nil
}

func (s *Sim) checkSearch(k *kind, in *searchInput) *apiError {
	total := 0
	for _, g := range in.FilterGroups {
		if total += len(g.Filters); len(g.Filters) > 6 {
			return invalid("A filter group has 6 filters at most")
		}
		for i := range g.Filters {
			if err := s.checkFilter(k, &g.Filters[i]); err != nil {
				return err
			}
		}
	}
	switch {
	case len(in.FilterGroups) > 5:
		return invalid("A search has 5 filter groups at most")
	case total > 18:
		return invalid("A search has 18 filters at most")
	case len(in.Sorts) > 1:
		return invalid("A search has one sort at most")
	case len(in.Sorts) == 1 && s.properties[k.name][in.Sorts[0].Property] == nil:
		return invalid("Property %s to sort by does not exist", in.Sorts[0].Property)
	case len(in.Sorts) == 1 && !slices.Contains([]string{"", "ASCENDING", "DESCENDING"}, in.Sorts[0].Direction):
		return invalid("Sort direction %s is not known", in.Sorts[0].Direction)
	}
	return nil
}

// matching are the records that the index finds, sorted; without a sort, oldest id first.
func (s *Sim) matching(k *kind, in *searchInput) []hit {
	var out []hit
	for _, rec := range s.candidates(k, in) {
		props, ok := s.indexed(rec)
		if ok && s.matchesAny(rec, props, in.FilterGroups) && matchesQuery(k, props, in.Query) {
			out = append(out, hit{rec, props})
		}
	}
	slices.SortFunc(out, func(x, y hit) int { return compareIDs(x.rec.id, y.rec.id) })
	if len(in.Sorts) == 1 {
		rule := in.Sorts[0]
		slices.SortStableFunc(out, func(x, y hit) int {
			n := compareValues(x.props[rule.Property], y.props[rule.Property])
			if rule.Direction == "DESCENDING" {
				return -n
			}
			return n
		})
	}
	return out
}

// indexed is the newest state of rec that the search knows. A deleted record is gone at once.
func (s *Sim) indexed(rec *record) (map[string]string, bool) {
	if rec.archived() {
		return nil, false
	}
	now := s.core.Clock.Now()
	for i := len(rec.versions) - 1; i >= 0; i-- {
		if v := rec.versions[i]; !v.from.After(now) {
			return s.withSystem(rec, v.props), true
		}
	}
	return nil, false
}

// candidates narrows the scan for what connectors do most: contacts by exact address.
func (s *Sim) candidates(k *kind, in *searchInput) []*record {
	var out []*record
	if addresses, ok := byAddress(k, in.FilterGroups); ok {
		seen := map[string]bool{}
		for _, a := range addresses {
			for _, id := range s.everEmail[strings.ToLower(a)] {
				if rec := s.records[k.name][id]; rec != nil && !seen[id] {
					seen[id] = true
					out = append(out, rec)
				}
			}
		}
		return out
	}
	for _, rec := range s.records[k.name] {
		out = append(out, rec)
	}
	return out
}

// byAddress lists the addresses that a match must have had, if every group asks for some.
func byAddress(k *kind, groups []filterGroup) ([]string, bool) {
	var out []string
	for _, g := range groups {
		i := slices.IndexFunc(g.Filters, func(f filter) bool { return f.Property == "email" && (f.Operator == "EQ" || f.Operator == "IN") })
		if i < 0 {
			return nil, false
		}
		out = append(out, g.Filters[i].Values...)
		if f := g.Filters[i]; f.Operator == "EQ" {
			out = append(out, f.text())
		}
	}
	return out, k.name == contacts && len(groups) > 0
}

// page cuts a list of total: after is the offset of the first element, limit the size of a page.
func page(after, limit string, usual, most, total int) (from, to int, next string, err *apiError) {
	size := usual
	if limit != "" {
		n, bad := strconv.Atoi(limit)
		if bad != nil || n < 1 || n > most {
			return 0, 0, "", invalid("limit must be between 1 and %d", most)
		}
		size = n
	}
	if after != "" {
		n, bad := strconv.Atoi(after)
		if bad != nil || n < 0 {
			return 0, 0, "", invalid("after must be a number that an earlier page gave")
		}
		from = n
	}
	if from >= maxSearchResult && total > maxSearchResult {
		return 0, 0, "", invalid("A search pages through %d results at most", maxSearchResult)
	}
	from = min(from, total)
	to = min(from+size, total)
	if to < total {
		next = strconv.Itoa(to)
	}
	return from, to, next, nil
}

func paged(body map[string]any, next string) map[string]any {
	if next != "" {
		p := &paging{}
		p.Next.After = next
		body["paging"] = p
	}
	return body
}
