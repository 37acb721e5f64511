package simhubspot

import (
	"net/http"
	"slices"
	"strconv"
)

const (
	hubspotDefined = "HUBSPOT_DEFINED"
	userDefined    = "USER_DEFINED"
)

// assocType is one direction of a kind of association.
type assocType struct {
	from, to string // kind names
	category string
	id       int
	label    string // "" for the unlabelled type
	reverse  int
}

// linkedLabel is a type that holds between two records.
type linkedLabel struct {
	category string
	id       int
}

// standardAssociations are the types that every portal has, with the same ids in each.
func standardAssociations() []assocType {
	pairs := []struct {
		from, to    string
		there, back int
		label       string
	}{
		{tasks, contacts, 204, 203, ""}, {tasks, deals, 216, 215, ""}, {tasks, companies, 192, 191, ""}, {tasks, tickets, 230, 229, ""},
		{notes, contacts, 202, 201, ""}, {notes, deals, 214, 213, ""}, {notes, companies, 190, 189, ""}, {notes, tickets, 228, 227, ""},
		{contacts, deals, 4, 3, ""}, {contacts, companies, 1, 2, "Primary"}, {contacts, companies, 279, 280, ""},
	}
	out := make([]assocType, 0, 2*len(pairs))
	for _, p := range pairs {
		out = append(out,
			assocType{p.from, p.to, hubspotDefined, p.there, p.label, p.back},
			assocType{p.to, p.from, hubspotDefined, p.back, p.label, p.there})
	}
	return out
}

// assocSpec is a type as requests name it.
type assocSpec struct {
	Category string `json:"associationCategory"`
	TypeID   int    `json:"associationTypeId"`
}

// inputAssociation is an element of associations in a create request.
type inputAssociation struct {
	To struct {
		ID flexibleID `json:"id"`
	} `json:"to"`
	Types []assocSpec `json:"types"`
}

// target is an association that was checked and only has to be stored.
type target struct {
	to    ref
	types []assocType
}

func (s *Sim) typeOf(from string, spec assocSpec) (assocType, *apiError) {
	i := slices.IndexFunc(s.assocTypes, func(t assocType) bool {
		return t.from == from && t.id == spec.TypeID && t.category == spec.Category
	})
	if i < 0 {
		return assocType{}, invalid("Association type %d (%s) is not valid from object type %s", spec.TypeID, spec.Category, from)
	}
	return s.assocTypes[i], nil
}

// unlabelled is the default type of a pair.
func (s *Sim) unlabelled(from, to string) (assocType, bool) {
	i := slices.IndexFunc(s.assocTypes, func(t assocType) bool {
		return t.from == from && t.to == to && t.category == hubspotDefined && t.label == ""
	})
	if i < 0 {
		return assocType{}, false
	}
	return s.assocTypes[i], true
}

// checkTargets resolves the associations of a create. The type id alone tells what kind of record
// is meant, so that the id of the wrong direction never finds its record.
func (s *Sim) checkTargets(c *call, from string, list []inputAssociation) ([]target, *apiError) {
	out := make([]target, 0, len(list))
	for _, a := range list {
		if a.To.ID == "" || len(a.Types) == 0 {
			return nil, invalid("Some required fields were not set: [to.id, types]")
		}
		var tg target
		for _, spec := range a.Types {
			t, err := s.typeOf(from, spec)
			if err != nil {
				return nil, err
			}
			if tg.to.kind != "" && tg.to.kind != t.to {
				return nil, invalid("Association types %v lead to different object types", a.Types)
			}
			tg.to = ref{t.to, string(a.To.ID)}
			tg.types = append(tg.types, t)
		}
		if err := s.checkTarget(c, tg.to); err != nil {
			return nil, err
		}
		out = append(out, tg)
	}
	return out, nil
}

func (s *Sim) checkTarget(c *call, to ref) *apiError {
	k, err := kindOf(to.kind)
	if err != nil {
		return err
	}
	if to.kind == deals && s.behaviour.DealAssociationNeedsScope {
		if err := c.need(k.readScopes); err != nil {
			return err
		}
	}
	if s.find(k, to.id) != nil {
		return nil
	}
	if s.behaviour.MissingTargetStatus == http.StatusBadRequest {
		return invalid("No %s with ID %s exists", k.singular, to.id).with("id", to.id)
	}
	return fail(http.StatusNotFound, categoryNotFound, "No %s with ID %s exists", k.singular, to.id).with("id", to.id)
}

// link stores an association in both directions. A labelled one also brings the unlabelled type.
func (s *Sim) link(from ref, tg target) {
	a, b := s.records[from.kind][from.id], s.records[tg.to.kind][tg.to.id]
	types := slices.Clone(tg.types)
	if t, ok := s.unlabelled(from.kind, tg.to.kind); ok {
		types = append(types, t)
	}
	for _, t := range types {
		a.links[tg.to] = addLabel(a.links[tg.to], linkedLabel{t.category, t.id})
		b.links[from] = addLabel(b.links[from], linkedLabel{t.category, t.reverse})
	}
}

func addLabel(list []linkedLabel, l linkedLabel) []linkedLabel {
	if slices.Contains(list, l) {
		return list
	}
	list = append(list, l)
	slices.SortFunc(list, func(x, y linkedLabel) int { return x.id - y.id })
	return list
}

// linked are the living records of a kind that rec is associated with, lowest id first.
func (s *Sim) linked(rec *record, kindName string) []ref {
	var out []ref
	for to := range rec.links {
		if other := s.records[to.kind][to.id]; to.kind == kindName && other != nil && !other.archived() {
			out = append(out, to)
		}
	}
	slices.SortFunc(out, func(x, y ref) int { return compareIDs(x.id, y.id) })
	return out
}

func (s *Sim) labelText(from string, l linkedLabel) string {
	t, err := s.typeOf(from, assocSpec{l.category, l.id})
	if err != nil {
		return ""
	}
	return t.label
}

func targetNames(list []target) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.to.String())
	}
	return out
}

func compareIDs(x, y string) int {
	a, errA := strconv.ParseInt(x, 10, 64)
	b, errB := strconv.ParseInt(y, 10, 64)
	if errA != nil || errB != nil || a == b {
		return slices.Compare([]byte(x), []byte(y))
	}
	if a < b {
		return -1
	}
	return 1
}
