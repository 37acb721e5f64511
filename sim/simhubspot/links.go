package simhubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// labelBody is a type in a labels answer. The label is null for the unlabelled type, or its key is
// missing altogether.
type labelBody struct {
	Category string
	TypeID   int
	Label    string
	omit     bool
}

// MarshalJSON writes label as null, unless the portal leaves the key out.
func (l labelBody) MarshalJSON() ([]byte, error) {
	out := map[string]any{"category": l.Category, "typeId": l.TypeID}
	switch {
	case l.Label != "":
		out["label"] = l.Label
	case !l.omit:
		out["label"] = nil
	}
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	return data, nil
}

// pairOf reads {type} and {to} of the path. Associations may be read and written with the scopes of
// any CRM object.
func pairOf(c *call) (from, to *kind, err *apiError) {
	if !slices.ContainsFunc(c.scopes, func(sc string) bool { return strings.HasPrefix(sc, "crm.") || sc == "tickets" }) {
		return nil, nil, c.need([]string{"crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.deals.read"})
	}
	if from, err = kindOf(c.r.PathValue("type")); err != nil {
		return nil, nil, err
	}
	to, err = kindOf(c.r.PathValue("to"))
	return from, to, err
}

func (s *Sim) listLabels(c *call) (int, any, error) {
	from, to, err := pairOf(c)
	if err != nil {
		return 0, nil, err
	}
	results := []labelBody{}
	for _, t := range s.assocTypes {
		if t.from == from.name && t.to == to.name {
			results = append(results, labelBody{t.category, t.id, t.label, s.behaviour.OmitNullLabels})
		}
	}
	return http.StatusOK, map[string]any{"results": results}, nil
}

type linkBody struct {
	ToObjectID any         `json:"toObjectId"`
	Types      []labelBody `json:"associationTypes"`
}

// wireID is an id as the version writes it: v4 as a number, the dated versions as a string.
func (c *call) wireID(id string) any {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && c.version == "v4" {
		return n
	}
	return id
}

func (s *Sim) linkBodies(c *call, rec *record, to *kind) []linkBody {
	out := []linkBody{}
	for _, other := range s.linked(rec, to.name) {
		b := linkBody{ToObjectID: c.wireID(other.id)}
		for _, l := range rec.links[other] {
			b.Types = append(b.Types, labelBody{l.category, l.id, s.labelText(rec.kind, l), s.behaviour.OmitNullLabels})
		}
		out = append(out, b)
	}
	return out
}

func (s *Sim) readAssociations(c *call) (int, any, error) {
	from, to, err := pairOf(c)
	if err != nil {
		return 0, nil, err
	}
	rec := s.find(from, c.r.PathValue("id"))
	if rec == nil {
		return 0, nil, notFound()
	}
	all := s.linkBodies(c, rec, to)
	q := c.r.URL.Query()
	first, last, next, err := page(q.Get("after"), q.Get("limit"), 500, 500, len(all))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, paged(map[string]any{"results": all[first:last]}, next), nil
}

// batchReadAssociations reads for many records at once; one that has none, or does not exist, is
// among the errors of a 207.
func (s *Sim) batchReadAssociations(c *call) (int, any, error) {
	from, to, err := pairOf(c)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Inputs []struct {
			ID    flexibleID `json:"id"`
			After string     `json:"after"`
		} `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > 1000 {
		return 0, nil, invalid("A batch has 1 to 1000 inputs, this one has %d", len(in.Inputs))
	}
	results, errs := []map[string]any{}, []*apiError{}
	for _, input := range in.Inputs {
		rec := s.find(from, string(input.ID))
		var links []linkBody
		if rec != nil {
			links = s.linkBodies(c, rec, to)
		}
		if len(links) == 0 {
			e := fail(http.StatusNotFound, categoryNotFound, "No %s is associated with %s %s.", to.singular, from.singular, input.ID).
				with("fromObjectId", string(input.ID))
			e.SubCategory = "crm.associations.NO_ASSOCIATIONS_FOUND"
			errs = append(errs, e)
			continue
		}
		results = append(results, map[string]any{"from": map[string]string{"id": rec.id}, "to": links})
	}
	now := stamp(s.core.Clock.Now())
	body := map[string]any{"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
	if len(errs) == 0 {
		return http.StatusOK, body, nil
	}
	body["numErrors"], body["errors"] = len(errs), errs
	return http.StatusMultiStatus, body, nil
}
