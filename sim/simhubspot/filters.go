package simhubspot

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// filter is one condition of a search.
type filter struct {
	Property  string   `json:"propertyName"`
	Operator  string   `json:"operator"`
	Value     *string  `json:"value"`
	HighValue *string  `json:"highValue"`
	Values    []string `json:"values"`
}

func (f *filter) text() string {
	if f.Value == nil {
		return ""
	}
	return *f.Value
}

const associationsPrefix = "associations."

func (s *Sim) checkFilter(k *kind, f *filter) *apiError {
	if name, pseudo := strings.CutPrefix(f.Property, associationsPrefix); pseudo {
		if _, err := kindOf(name); err != nil {
			return err
		}
	} else if s.properties[k.name][f.Property] == nil {
		return invalidProperties([]*propertyError{badProperty(f.Property, "PROPERTY_DOESNT_EXIST", "Property %q does not exist", f.Property)})
	}
	switch f.Operator {
	case "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN":
		if f.text() == "" {
			return invalid("Filter on %s with %s needs a value", f.Property, f.Operator)
		}
	case "BETWEEN":
		if f.text() == "" || f.HighValue == nil {
			return invalid("Filter on %s with BETWEEN needs value and highValue", f.Property)
		}
	case "IN", "NOT_IN":
		if len(f.Values) == 0 {
			return invalid("Filter on %s with %s needs values", f.Property, f.Operator)
		}
	case "HAS_PROPERTY", "NOT_HAS_PROPERTY":
	default:
		return invalid("Operator %s is not known", f.Operator)
	}
	return nil
}

// withSystem adds what every record has to the properties that were set.
func (s *Sim) withSystem(rec *record, props map[string]string) map[string]string {
	out := make(map[string]string, len(props)+3)
	for name, v := range props {
		out[name] = v
	}
	k, _ := kindOf(rec.kind) // records exist of known kinds only
	out["hs_object_id"], out[k.created], out[k.modified] = rec.id, stamp(rec.created), stamp(rec.updated)
	return out
}

func (s *Sim) matchesAny(rec *record, props map[string]string, groups []filterGroup) bool {
	return len(groups) == 0 || slices.ContainsFunc(groups, func(g filterGroup) bool {
		return !slices.ContainsFunc(g.Filters, func(f filter) bool { return !s.matches(rec, props, &f) })
	})
}

// matches judges one condition. The values that it looks at are several where the portal
// does so: an e-mail condition also sees the additional addresses.
func (s *Sim) matches(rec *record, props map[string]string, f *filter) bool {
	var have []string
	switch name, pseudo := strings.CutPrefix(f.Property, associationsPrefix); {
	case pseudo:
		k, err := kindOf(name)
		if err != nil {
			return false
		}
		for _, to := range s.linked(rec, k.name) {
			have = append(have, to.id)
		}
	case f.Property == "email":
		have = nonEmpty(props["email"] + ";" + props["hs_additional_emails"])
	case props[f.Property] != "":
		have = []string{props[f.Property]}
	}
	some := func(test func(string) bool) bool { return slices.ContainsFunc(have, test) }
	equal := func(v string) bool { return strings.EqualFold(v, f.text()) || compareValues(v, f.text()) == 0 }
	// IN does not fold the case of what it is given: values must come in lower case.
	listed := func(v string) bool { return slices.Contains(f.Values, strings.ToLower(v)) }
	switch f.Operator {
	case "EQ":
		return some(equal)
	case "NEQ":
		return len(have) > 0 && !some(equal)
	case "IN":
		return some(listed)
	case "NOT_IN":
		return len(have) > 0 && !some(listed)
	case "HAS_PROPERTY":
		return len(have) > 0
	case "NOT_HAS_PROPERTY":
		return len(have) == 0
	case "CONTAINS_TOKEN":
		return some(func(v string) bool { return containsToken(v, f.text()) })
	case "NOT_CONTAINS_TOKEN":
		return !some(func(v string) bool { return containsToken(v, f.text()) })
	default:
		return some(func(v string) bool { return inRange(v, f) })
	}
}

func inRange(v string, f *filter) bool {
	n := compareValues(v, f.text())
	switch f.Operator {
	case "LT":
		return n < 0
	case "LTE":
		return n <= 0
	case "GT":
		return n > 0
	case "GTE":
		return n >= 0
	default: // BETWEEN, both ends included
		return n >= 0 && compareValues(v, *f.HighValue) <= 0
	}
}

// compareValues compares as numbers, else as times, else as text without case.
func compareValues(a, b string) int {
	if x, err := strconv.ParseFloat(a, 64); err == nil {
		if y, err := strconv.ParseFloat(b, 64); err == nil {
			return int(sign(x - y))
		}
	}
	if x, _, ok := parseTime(a); ok {
		if y, _, ok := parseTime(b); ok {
			return x.Compare(y)
		}
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

func sign(f float64) float64 {
	switch {
	case f < 0:
		return -1
	case f > 0:
		return 1
	}
	return 0
}

// containsToken looks for words: all words of the wanted text must be among those of the value. A
// wanted text with * matches as a pattern, against the whole value or one of its words.
func containsToken(value, want string) bool {
	value, want = strings.ToLower(value), strings.ToLower(want)
	words := tokens(value)
	if strings.Contains(want, "*") {
		return glob(value, want) || slices.ContainsFunc(words, func(w string) bool { return glob(w, want) })
	}
	wanted := tokens(want)
	return len(wanted) > 0 && !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(words, w) })
}

func tokens(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// glob matches text with a pattern in which * stands for anything.
func glob(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

func matchesQuery(k *kind, props map[string]string, query string) bool {
	return query == "" || slices.ContainsFunc(k.searchable, func(name string) bool {
		return strings.Contains(strings.ToLower(props[name]), strings.ToLower(query))
	})
}

func nonEmpty(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ';' })
}
