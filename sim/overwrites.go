package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Overwrites names every update of a log that no client with care makes: one that blanks a field, puts a placeholder where it was not, or
// gives a person another address. What was there before is the customer's.
func Overwrites(entries []Entry) []string {
	var out []string
	for _, e := range entries {
		if e.Op != OpUpdate {
			continue
		}
		for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
			if what := e.overwrites(field); what != "" {
				out = append(out, fmt.Sprintf("update %d of %s %s %s: %s = %q, which was %q", e.Seq, e.CRM, e.Object, e.ID, field, e.Fields[field], e.Was[field]))
			}
		}
	}
	return out
}

// overwrites says what is wrong with the value that an update gives a field; empty for nothing.
func (e Entry) overwrites(field string) string {
	value, was := strings.TrimSpace(e.Fields[field]), strings.TrimSpace(e.Was[field])
	switch {
	case value == "":
		return "a blank"
	case strings.EqualFold(value, was):
		return ""
	case isAddress(field) && was != "":
		return "another address"
	case isPerson(e.Object) && isPlaceholder(value):
		return "a placeholder"
	}
	return ""
}

// isAddress knows the fields of both CRMs that hold email addresses of a person.
func isAddress(field string) bool {
	return slices.Contains([]string{"email", "hs_additional_emails", "work_email", "Email"}, field)
}

func isPerson(object string) bool {
	return slices.Contains([]string{"contacts", "Lead", "Contact", "Account"}, object)
}

// isPlaceholder knows the texts that stand where nothing is known.
func isPlaceholder(value string) bool {
	bare := strings.ToLower(strings.Trim(value, "[](){}<> .?"))
	return slices.Contains([]string{"", "unknown", "not provided", "n/a", "na", "none", "nil", "null", "undefined", "tbd", "-", "placeholder"}, bare)
}
