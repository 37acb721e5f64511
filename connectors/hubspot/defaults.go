package hubspot

import (
	"encoding/json"
	"strconv"

	"crm-connectors/connectors"
)

// defaults are the values that the settings give to new records of object, as HubSpot takes them.
func (s *session) defaults(object connectors.Object) map[string]string {
	out := map[string]string{}
	for name, value := range s.account.Settings.FieldDefaults[object] {
		if text, ok := propertyText(value); ok && text != "" {
			out[name] = text
		}
	}
	return out
}

// propertyText is a value of the settings as HubSpot takes it: as text. Lists and objects are none.
func propertyText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// aim chooses among the links of a record those that it is tied to, and keeps the others in reserve: a rollup of which the settings want
// one link gets the other where there is no such record.
func aim(object connectors.Object, target connectors.RollupTarget, links []link) (chosen, spare []link) {
	typ := map[connectors.RollupTarget]string{connectors.RollupDeal: dealsType, connectors.RollupContact: contactsType}[target]
	if object != connectors.ObjectRollup || typ == "" {
		return links, nil
	}
	for _, l := range links {
		if l.typ == typ {
			chosen = append(chosen, l)
		} else {
			spare = append(spare, l)
		}
	}
	if len(chosen) == 0 {
		return spare, nil
	}
	return chosen, spare
}
