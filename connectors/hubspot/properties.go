package hubspot

import (
	"context"
	"net/http"
	"slices"
	"time"

	"crm-connectors/connectors"
)

// property is the definition of a property.
type property struct {
	Name       string   `json:"name"`
	Label      string   `json:"label"`
	Type       string   `json:"type"` // string, number, enumeration, bool, date, datetime
	FieldType  string   `json:"fieldType"`
	Group      string   `json:"groupName"`
	Options    []option `json:"options"`
	Unique     bool     `json:"hasUniqueValue"`
	Calculated bool     `json:"calculated"`
	External   bool     `json:"externalOptions"` // the options are those of another object, and not listed
	Archived   bool     `json:"archived"`
	CreatedAt  text     `json:"createdAt"`
	May        struct {
		ReadOnlyValue bool `json:"readOnlyValue"`
	} `json:"modificationMetadata"`
}

type option struct {
	Label text `json:"label"`
	Value text `json:"value"`
}

func (p property) writable() bool { return !p.Calculated && !p.May.ReadOnlyValue }

// created is when the property was made; the zero time where HubSpot does not say.
func (p property) created() time.Time {
	t, err := time.Parse(time.RFC3339, string(p.CreatedAt))
	if err != nil {
		return time.Time{}
	}
	return t
}

// values are what an enumeration allows.
func (p property) values() []string {
	var out []string
	for _, o := range p.Options {
		out = append(out, string(o.Value))
	}
	return out
}

// manyOf tells whether a value may name several options, with semicolons between them.
func (p property) manyOf() bool { return p.FieldType == "checkbox" }

// properties are the definitions of a type, by name, without what the portal has archived.
func (s *session) properties(ctx context.Context, typ string) (map[string]property, *connectors.Error) {
	var answer struct{ Results []property }
	if _, failed := s.call(ctx, http.MethodGet, s.paths.properties(typ), connectors.Read, nil, &answer); failed != nil {
		return nil, failed
	}
	out := map[string]property{}
	for _, p := range slices.DeleteFunc(answer.Results, func(p property) bool { return p.Archived }) {
		out[p.Name] = p
	}
	return out, nil
}
