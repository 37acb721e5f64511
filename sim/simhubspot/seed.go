package simhubspot

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// SeedData is what the customer already has in the portal. It is also the JSON body of
// POST /__sim/seed. A property hs_object_id chooses the record's id.
type SeedData struct {
	Contacts   []map[string]string `json:"contacts,omitempty"`
	Companies  []map[string]string `json:"companies,omitempty"`
	Deals      []map[string]string `json:"deals,omitempty"`
	Tasks      []map[string]string `json:"tasks,omitempty"`
	Notes      []map[string]string `json:"notes,omitempty"`
	Owners     []Owner             `json:"owners,omitempty"`
	Labels     []Label             `json:"labels,omitempty"`
	Properties []CustomProperty    `json:"properties,omitempty"`
}

// Label is a user-defined association label from one object type to another.
type Label struct {
	From string `json:"from"`
	To   string `json:"to"`
	Name string `json:"label"`
}

// CustomProperty is a property of the portal's own.
type CustomProperty struct {
	ObjectType string `json:"object_type"`
	Property
}

// SeedResult tells what a seed made: ids in the order of SeedData, by object type, and the type
// ids of labels, from the first side to the second.
type SeedResult struct {
	IDs    map[string][]string `json:"ids"`
	Labels []int               `json:"labels"`
}

var errSeed = errors.New("seed")

// Seed adds records, owners, labels and properties. They are searchable at once and appear in no
// operation log. The error names the first thing that the portal would refuse; what came before
// it stays.
func (s *Sim) Seed(data SeedData) (SeedResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	res := SeedResult{IDs: map[string][]string{}}
	for _, p := range data.Properties {
		k, err := kindOf(p.ObjectType)
		if err == nil {
			one := p.Property
			err = s.addProperty(k, &one)
		}
		if err != nil {
			return res, fmt.Errorf("%w property %s: %w", errSeed, p.Name, err)
		}
	}
	s.owners = append(s.owners, data.Owners...)
	for _, l := range data.Labels {
		id, err := s.addLabelType(l)
		if err != nil {
			return res, fmt.Errorf("%w label %s: %w", errSeed, l.Name, err)
		}
		res.Labels = append(res.Labels, id)
	}
	for kindName, list := range map[string][]map[string]string{
		contacts: data.Contacts, companies: data.Companies, deals: data.Deals, tasks: data.Tasks, notes: data.Notes,
	} {
		for _, props := range list {
			id, err := s.seedRecord(kindName, props)
			if err != nil {
				return res, err
			}
			res.IDs[kindName] = append(res.IDs[kindName], id)
		}
	}
	return res, nil
}

func (s *Sim) addLabelType(l Label) (int, *apiError) {
	from, err := kindOf(l.From)
	if err != nil {
		return 0, err
	}
	to, err := kindOf(l.To)
	if err != nil {
		return 0, err
	}
	if _, ok := s.unlabelled(from.name, to.name); !ok || l.Name == "" {
		return 0, invalid("No label %q from %s to %s is possible", l.Name, from.name, to.name)
	}
	there, back := s.lastTypeID+1, s.lastTypeID+2
	s.lastTypeID = back
	s.assocTypes = append(s.assocTypes,
		assocType{from.name, to.name, userDefined, there, l.Name, back},
		assocType{to.name, from.name, userDefined, back, l.Name, there})
	return there, nil
}

// DropLabel deletes a user-defined label as an administrator of the portal would; what it tied stays tied without it. It tells
// whether it was there.
func (s *Sim) DropLabel(from, to, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.assocTypes)
	s.assocTypes = slices.DeleteFunc(s.assocTypes, func(t assocType) bool {
		return t.category == userDefined && t.label == name && (t.from == from && t.to == to || t.from == to && t.to == from)
	})
	return len(s.assocTypes) < before
}

func (s *Sim) seedRecord(kindName string, given map[string]string) (string, error) {
	k, err := kindOf(kindName)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errSeed, err)
	}
	props := maps.Clone(given)
	id := props["hs_object_id"]
	delete(props, "hs_object_id")
	set, err := s.checkProperties(k, props)
	if err == nil {
		err = s.claim(k, nil, set, map[uniqueKey]string{})
	}
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", errSeed, k.singular, err)
	}
	if id == "" {
		id = s.nextID(kindName)
	}
	if strings.Trim(id, "0123456789") != "" || s.records[kindName][id] != nil {
		return "", fmt.Errorf("%w %s: id %q is not free or not a number", errSeed, k.singular, id)
	}
	s.insert(ref{kindName, id}, withoutEmpty(set), time.Time{})
	return id, nil
}

// seedPortal is what a new portal has.
func (s *Sim) seedPortal() {
	day := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	s.owners = []Owner{
		{ID: "41629779", Type: "PERSON", Email: "rep@example.com", FirstName: "Sales", LastName: "Rep", UserID: 9586504, CreatedAt: day, UpdatedAt: day, Teams: []string{}},
		{ID: "41629780", Type: "PERSON", Email: "manager@example.com", FirstName: "Sales", LastName: "Manager", UserID: 9586505, CreatedAt: day, UpdatedAt: day, Teams: []string{}},
	}
	for i, stage := range []string{"qualifiedtobuy", "presentationscheduled", "contractsent"} {
		id := fmt.Sprint(9001 + i)
		s.insert(ref{deals, id}, map[string]string{"dealname": "Deal " + id, "dealstage": stage, "pipeline": "default", "amount": fmt.Sprint(1000 * (i + 1))}, time.Time{})
	}
}

// SeedContact adds a contact and returns its id. It panics on properties that Seed refuses: a
// test's fixture is wrong then.
func (s *Sim) SeedContact(props map[string]string) string { return s.mustSeed(contacts, props) }

// SeedDeal adds a deal, as SeedContact does a contact.
func (s *Sim) SeedDeal(props map[string]string) string { return s.mustSeed(deals, props) }

func (s *Sim) mustSeed(kindName string, props map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.seedRecord(kindName, props)
	if err != nil {
		panic(err)
	}
	return id
}

// SeedLabel adds a user-defined label in both directions and returns its type ids. It panics if the
// two object types have no associations.
func (s *Sim) SeedLabel(from, to, name string) (there, back int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.addLabelType(Label{from, to, name})
	if err != nil {
		panic(err)
	}
	return id, id + 1
}

// statusOf is the HTTP status of an error of Seed and its like.
func statusOf(err error) int {
	var e *apiError
	if errors.As(err, &e) {
		return e.code
	}
	return http.StatusBadRequest
}
