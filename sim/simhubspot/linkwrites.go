package simhubspot

import (
	"net/http"
	"strconv"
	"strings"

	"crm-connectors/sim"
)

// associate checks and stores one association between two records that exist.
func (s *Sim) associate(c *call, from ref, tg target) error {
	k, err := kindOf(from.kind)
	if err != nil {
		return err
	}
	if s.find(k, from.id) == nil {
		return notFound()
	}
	if err := s.checkTarget(c, tg.to); err != nil {
		return err
	}
	fields := map[string]string{}
	for _, t := range tg.types {
		fields["associationTypeId"] = strings.TrimPrefix(fields["associationTypeId"]+","+strconv.Itoa(t.id), ",")
	}
	if err := s.log(sim.OpAssociate, from, fields, []string{tg.to.String()}); err != nil {
		return err
	}
	s.link(from, tg)
	return nil
}

func (s *Sim) associateDefault(c *call, from, to ref) (map[string]any, error) {
	t, ok := s.unlabelled(from.kind, to.kind)
	if !ok {
		return nil, invalid("No default association from %s to %s exists", from.kind, to.kind)
	}
	if err := s.associate(c, from, target{to, []assocType{t}}); err != nil {
		return nil, err
	}
	return map[string]any{
		"from": map[string]string{"id": from.id}, "to": map[string]string{"id": to.id},
		"associationSpec": assocSpec{t.category, t.id},
	}, nil
}

func (s *Sim) putDefaultAssociation(c *call) (int, any, error) {
	from, to, err := pairOf(c)
	if err != nil {
		return 0, nil, err
	}
	result, cause := s.associateDefault(c, ref{from.name, c.r.PathValue("id")}, ref{to.name, c.r.PathValue("toID")})
	if cause != nil {
		return 0, nil, cause
	}
	return http.StatusOK, s.associated([]map[string]any{result}), nil
}

func (s *Sim) associated(results []map[string]any) map[string]any {
	now := stamp(s.core.Clock.Now())
	return map[string]any{"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
}

// batchDefaultAssociations stops at the first pair that cannot be associated; pairs before it stay.
func (s *Sim) batchDefaultAssociations(c *call) (int, any, error) {
	from, to, err := pairOf(c)
	if err != nil {
		return 0, nil, err
	}
	type end struct {
		ID flexibleID `json:"id"`
	}
	var in struct {
		Inputs []struct {
			From end `json:"from"`
			To   end `json:"to"`
		} `json:"inputs"`
	}
	if err := c.decode(&in); err != nil {
		return 0, nil, err
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > 2000 {
		return 0, nil, invalid("A batch has 1 to 2000 inputs, this one has %d", len(in.Inputs))
	}
	results := []map[string]any{}
	for _, input := range in.Inputs {
		result, err := s.associateDefault(c, ref{from.name, string(input.From.ID)}, ref{to.name, string(input.To.ID)})
		if err != nil {
			return 0, nil, err
		}
		results = append(results, result)
	}
	return http.StatusOK, s.associated(results), nil
}

// putLabelledAssociation replaces the labels of a pair.
func (s *Sim) putLabelledAssociation(c *call) (int, any, error) {
	from, to, err := pairOf(c)
	if err != nil {
		return 0, nil, err
	}
	var specs []assocSpec
	if err := c.decode(&specs); err != nil {
		return 0, nil, err
	}
	if len(specs) == 0 {
		return 0, nil, invalid("At least one association type is needed")
	}
	a, b := ref{from.name, c.r.PathValue("id")}, ref{to.name, c.r.PathValue("toID")}
	tg := target{to: b}
	labels := []string{}
	for _, spec := range specs {
		t, err := s.typeOf(from.name, spec)
		if err != nil {
			return 0, nil, err
		}
		if t.to != to.name {
			return 0, nil, invalid("Association type %d does not lead to %s", t.id, to.name)
		}
		if tg.types = append(tg.types, t); t.label != "" {
			labels = append(labels, t.label)
		}
	}
	before := s.unlink(a, b)
	if err := s.associate(c, a, tg); err != nil {
		before()
		return 0, nil, err
	}
	return http.StatusCreated, map[string]any{
		"fromObjectTypeId": from.typeID, "fromObjectId": c.wireID(a.id), "toObjectTypeId": to.typeID, "toObjectId": c.wireID(b.id), "labels": labels,
	}, nil
}

// unlink takes the labels off a pair and returns what puts them back.
func (s *Sim) unlink(a, b ref) (restore func()) {
	x, y := s.records[a.kind][a.id], s.records[b.kind][b.id]
	if x == nil || y == nil {
		return func() {}
	}
	there, back := x.links[b], y.links[a]
	delete(x.links, b)
	delete(y.links, a)
	return func() {
		if there != nil {
			x.links[b], y.links[a] = there, back
		}
	}
}
