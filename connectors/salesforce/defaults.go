package salesforce

import (
	"encoding/json"
	"maps"
	"strings"

	"crm-connectors/connectors"
)

// defaults are the values that the settings give to the fields of new records of object. Lists and objects are no values of fields.
func (s *session) defaults(object connectors.Object) map[string]any {
	out := map[string]any{}
	for name, value := range s.account.Settings.FieldDefaults[object] {
		switch v := value.(type) {
		case nil, []any, map[string]any:
		case string:
			if v != "" {
				out[name] = v
			}
		default:
			out[name] = v
		}
	}
	return out
}

// completed is a new record: what outcome says, and the defaults where it says nothing. Salesforce reads the names of fields without
// regard to case, so that two spellings of one are one.
func completed(defaults map[string]any, outcome any) (map[string]any, error) {
	out, err := asFields(outcome)
	if err != nil {
		return nil, err
	}
	for name, value := range defaults {
		if !setsField(out, name) {
			out[name] = value
		}
	}
	return out, nil
}

// setsField tells whether record gives the field a value.
func setsField(record map[string]any, field string) bool {
	for name := range record {
		if strings.EqualFold(name, field) {
			return true
		}
	}
	return false
}

// without is record less the field, however it is spelled.
func without(record map[string]any, field string) map[string]any {
	out := maps.Clone(record)
	maps.DeleteFunc(out, func(name string, _ any) bool { return strings.EqualFold(name, field) })
	return out
}

// asFields is what v encodes to, field by field.
func asFields(v any) (map[string]any, error) {
	data, err := encode(v)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	err = json.Unmarshal(data, &out)
	return out, err
}

// creationOff says why the settings do not let the service make a lead; nil: they do.
func (s *session) creationOff() *connectors.Error {
	if s.account.Settings.Contacts == connectors.ContactsUpdateOnly {
		return rejected(connectors.CodeContactCreationOff, sayContactOff, doContactOff)
	}
	if s.account.Settings.NoNewLeads {
		return rejected(connectors.CodeLeadCreationOff, sayLeadOff, doLeadOff)
	}
	return nil
}

// The words for what the settings forbid.
const (
	sayContactOff = "Salesforce has no lead or contact with this email address, and the connection's settings let the service update people but not create them."
	doContactOff  = "Create the lead or contact in Salesforce, or allow new contacts in the connection's settings; then press Retry."
	sayLeadOff    = "Salesforce has no lead or contact with this email address, and the connection's settings do not let the service create leads."
	doLeadOff     = "Create the lead or contact in Salesforce, or allow new leads in the connection's settings; then press Retry."
)
