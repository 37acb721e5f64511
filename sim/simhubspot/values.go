package simhubspot

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// maxText is the longest value of a text property. It is counted here in UTF-16 units, the
// strictest reading of "characters".
const maxText = 65536

// checkProperties judges the values of one request and returns them as the portal stores them;
// "" clears a property. All bad values are named in one error.
func (s *Sim) checkProperties(k *kind, given map[string]string) (map[string]string, *apiError) {
	var bad []*propertyError
	out := make(map[string]string, len(given))
	for _, name := range sortedKeys(given) {
		value, err := s.checkValue(k, name, given[name])
		if err != nil {
			bad = append(bad, err)
			continue
		}
		out[name] = value
	}
	if len(bad) > 0 {
		return nil, invalidProperties(bad)
	}
	return out, nil
}

func (s *Sim) checkValue(k *kind, name, value string) (string, *propertyError) {
	p := s.properties[k.name][name]
	switch {
	case p == nil:
		return "", badProperty(name, "PROPERTY_DOESNT_EXIST", "Property %q does not exist", name)
	case p.ReadOnly || p.Calculated:
		return "", badProperty(name, "READ_ONLY_VALUE", "%q is a read only property; its value cannot be set.", name)
	case value == "":
		return "", nil
	case len(utf16.Encode([]rune(value))) > maxText:
		return "", badProperty(name, "INVALID_LENGTH", "%q is longer than %d characters", name, maxText)
	case name == "email" && k.name == contacts:
		return checkEmail(value)
	case name == "hs_additional_emails":
		return checkEmails(value)
	case name == ownerProperty && !slices.ContainsFunc(s.owners, func(o Owner) bool { return o.ID == value }):
		return "", badProperty(name, "INVALID_OPTION", "%s was not one of the allowed options: no owner has that id", value)
	case p.Type == "string", p.External:
		return value, nil
	case strings.TrimFunc(value, invisible) != value:
		return "", badProperty(name, "LEADING_TRAILING_WHITESPACE", "%q has leading or trailing whitespace", name)
	}
	return checkTyped(p, value)
}

func checkTyped(p *Property, value string) (string, *propertyError) {
	switch p.Type {
	case "number":
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return "", badProperty(p.Name, "INVALID_NUMBER", "%s was not a valid number", value)
		}
	case "bool":
		if value != "true" && value != "false" {
			return "", badProperty(p.Name, "INVALID_OPTION", "%s was not one of the allowed options: [true, false]", value)
		}
	case "enumeration":
		for _, one := range chosen(p, value) {
			if !slices.ContainsFunc(p.Options, func(o Option) bool { return o.Value == one }) {
				return "", badProperty(p.Name, "INVALID_OPTION", "%s was not one of the allowed options", one)
			}
		}
	case "date", "datetime":
		at, millis, ok := parseTime(value)
		if !ok || (p.millisOnly && !millis) {
			return "", badProperty(p.Name, "INVALID_DATE", "%s was not a valid date", value)
		}
		return at.Format("2006-01-02T15:04:05.999Z"), nil
	}
	return value, nil
}

// chosen are the options that a value names: several, with semicolons between them, where the field has boxes to tick.
func chosen(p *Property, value string) []string {
	if p.FieldType == "checkbox" {
		return strings.Split(value, ";")
	}
	return []string{value}
}

// parseTime reads ISO 8601 or Unix milliseconds; a date alone is midnight UTC.
func parseTime(value string) (at time.Time, millis, ok bool) {
	if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), true, true
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, value); err == nil {
			return at.UTC(), false, true
		}
	}
	return time.Time{}, false, false
}

func checkEmails(list string) (string, *propertyError) {
	var out []string
	for _, one := range strings.Split(list, ";") {
		clean, err := checkEmail(one)
		if err != nil {
			err.Name = "hs_additional_emails"
			return "", err
		}
		out = append(out, clean)
	}
	return strings.Join(out, ";"), nil
}

// checkEmail is stricter than the portal: it also refuses the reserved top-level domains that can
// never be delivered to. Addresses are stored in lower case.
func checkEmail(value string) (string, *propertyError) {
	email := strings.ToLower(value)
	local, domain, _ := strings.Cut(email, "@")
	tld := domain[strings.LastIndex(domain, ".")+1:]
	ok := local != "" && !strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(email, "..") &&
		strings.Contains(domain, ".") && !strings.HasPrefix(domain, ".") && !strings.Contains(domain, "@") && len(tld) > 1 &&
		!strings.ContainsFunc(email, func(r rune) bool { return invisible(r) || strings.ContainsRune(`",;:<>()[]\`, r) }) &&
		!slices.Contains([]string{"invalid", "test", "localhost"}, tld)
	if !ok {
		return "", badProperty("email", "INVALID_EMAIL", "Email address %s is invalid", value)
	}
	return email, nil
}

func invisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
