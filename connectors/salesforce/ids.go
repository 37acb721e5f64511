package salesforce

import (
	"net/url"
	"regexp"
	"strings"

	"crm-connectors/connectors"
)

// The object names that a Ref carries.
const (
	typeLead    = "Lead"
	typeContact = "Contact"
	typeTask    = "Task"
)

// The first three characters of an id name its object.
const (
	prefixContact     = "003"
	prefixUser        = "005"
	prefixOpportunity = "006"
	prefixOrg         = "00D"
	prefixLead        = "00Q"
)

var idShape = regexp.MustCompile(`^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$`)

const suffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// suffix makes the 15 characters whose case matters safe to compare without case: each of its three
// characters tells which of five are capitals.
func suffix(id15 string) string {
	var out [3]byte
	for chunk := range 3 {
		bits := 0
		for j := range 5 {
			if c := id15[chunk*5+j]; c >= 'A' && c <= 'Z' {
				bits |= 1 << j
			}
		}
		out[chunk] = suffixAlphabet[bits]
	}
	return string(out[:])
}

// canonicalID is an id in its 18 characters. It refuses what is no id, and 18 characters whose suffix
// does not fit the rest, which is how a mistyped or re-cased id shows.
func canonicalID(id string) (string, bool) {
	if !idShape.MatchString(id) {
		return "", false
	}
	full := id[:15] + suffix(id[:15])
	return full, len(id) == 15 || id == full
}

// recordID is an id of the object with that prefix, in its 18 characters.
func recordID(id, prefix string) (string, bool) {
	full, ok := canonicalID(id)
	return full, ok && strings.HasPrefix(full, prefix)
}

// knownPerson is ref when it names a lead or a contact, else the zero Ref. An id in braces stands for
// a lead that a plan would create.
func knownPerson(ref connectors.Ref) connectors.Ref {
	switch {
	case ref.ID == "":
		return connectors.Ref{}
	case strings.HasPrefix(ref.ID, "{"):
		return ref
	}
	for prefix, object := range map[string]string{prefixLead: typeLead, prefixContact: typeContact} {
		if id, ok := recordID(ref.ID, prefix); ok {
			return connectors.Ref{Type: object, ID: id}
		}
	}
	return connectors.Ref{}
}

// identity reads org and user from the "id" of a token answer, https://HOST/id/ORG/USER.
func identity(raw string) (org, user string, ok bool) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", "", false
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) < 2 {
		return "", "", false
	}
	org, okOrg := recordID(parts[len(parts)-2], prefixOrg)
	user, okUser := recordID(parts[len(parts)-1], prefixUser)
	return org, user, okOrg && okUser
}
