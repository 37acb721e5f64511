package simhubspot

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
)

var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// maxUniqueProperties an object type may have besides the ones that HubSpot defines.
const maxUniqueProperties = 10

func propertyKind(c *call, scopes ...string) (*kind, *apiError) {
	if err := c.need(scopes); err != nil {
		return nil, err
	}
	return kindOf(c.r.PathValue("type"))
}

func (s *Sim) listProperties(c *call) (int, any, error) {
	k, err := propertyKind(c, "crm.schemas.contacts.read", "crm.objects.contacts.read")
	if err != nil {
		return 0, nil, err
	}
	results := []propertyBody{}
	for _, name := range sortedKeys(s.properties[k.name]) {
		results = append(results, s.properties[k.name][name].shown())
	}
	return http.StatusOK, map[string]any{"results": results}, nil
}

func (s *Sim) getProperty(c *call) (int, any, error) {
	k, err := propertyKind(c, "crm.schemas.contacts.read", "crm.objects.contacts.read")
	if err != nil {
		return 0, nil, err
	}
	p := s.properties[k.name][c.r.PathValue("name")]
	if p == nil {
		return 0, nil, notFound()
	}
	return http.StatusOK, p.shown(), nil
}

func (s *Sim) createProperty(c *call) (int, any, error) {
	k, err := propertyKind(c, "crm.schemas.contacts.write")
	if err != nil {
		return 0, nil, err
	}
	p := &Property{Options: []Option{}}
	if err := c.decode(p); err != nil {
		return 0, nil, err
	}
	if err := s.addProperty(k, p); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, p.shown(), nil
}

func (s *Sim) addProperty(k *kind, p *Property) *apiError {
	unique := 0
	for _, other := range s.properties[k.name] {
		if other.HasUniqueValue {
			unique++
		}
	}
	switch {
	case (k.name == tasks || k.name == notes) && s.behaviour.RefuseActivityProperties:
		return invalid("Properties cannot be created for object type %s", k.typeID)
	case !propertyName.MatchString(p.Name) || p.Label == "" || p.GroupName == "" || p.FieldType == "":
		return invalid("Some required fields were not set: [name, label, groupName, type, fieldType]")
	case !slices.Contains([]string{"string", "number", "enumeration", "bool", "date", "datetime"}, p.Type):
		return invalid("Property type %q is not known", p.Type)
	case !s.hasGroup(k, p.GroupName):
		return invalid("Property group %s does not exist for object type %s", p.GroupName, k.typeID)
	case s.properties[k.name][p.Name] != nil:
		return fail(http.StatusConflict, categoryConflict, "Property with name %s already exists", p.Name)
	case p.HasUniqueValue && unique >= maxUniqueProperties:
		return invalid("An object type has %d properties with unique values at most", maxUniqueProperties)
	}
	p.HubspotDefined, p.CreatedAt = false, s.core.Clock.Now()
	s.properties[k.name][p.Name] = p
	return nil
}

func (s *Sim) hasGroup(k *kind, name string) bool {
	for _, p := range s.properties[k.name] {
		if p.GroupName == name {
			return true
		}
	}
	return false
}

// DropProperty deletes a property as an administrator of the portal would; the records lose its values. It tells whether it was there.
func (s *Sim) DropProperty(objectType, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := kindOf(objectType)
	if err != nil || s.properties[k.name][name] == nil {
		return false
	}
	for _, rec := range s.records[k.name] {
		if _, set := rec.props[name]; set && !rec.archived() {
			props := maps.Clone(rec.props)
			delete(props, name)
			s.setProps(rec, props, s.core.Clock.Now())
		}
	}
	delete(s.properties[k.name], name)
	maps.DeleteFunc(s.unique, func(key uniqueKey, _ string) bool { return key.kind == k.name && key.property == name })
	return true
}
