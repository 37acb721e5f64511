package delivery

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"crm-connectors/store"
)

const (
	// knownFor is how long a contact's id is used without a look: a merge or deletion shows itself by the CRM's answer.
	knownFor = 24 * time.Hour
	// sameFor is how long what was written counts as what the CRM holds. It is short, for people change contacts too, and what
	// they change is theirs until the next outcome says otherwise.
	sameFor = time.Hour
)

// known says that the contact of a row was written under the id that goes with it not long ago.
func known(c store.Claimed) bool {
	return c.LinkAgo != nil && *c.LinkAgo < knownFor.Seconds() && c.ContactID != ""
}

// unchanged says that a contact's row would write nothing but what was written to the same record a short while ago, so that no call need be
// spent on it. before are the rows of the same claim that are sent first: one of the same contact changes what is known.
func (t *turn) unchanged(c store.Claimed, before []store.Claimed) bool {
	if c.ObjectType != "contact" || c.ContactID == "" || c.LinkAgo == nil || *c.LinkAgo > sameFor.Seconds() || c.CRMObjectID != "" {
		return false
	}
	if c.OrderingKey != nil && slices.ContainsFunc(before, func(o store.Claimed) bool { return o.OrderingKey != nil && *o.OrderingKey == *c.OrderingKey }) {
		return false
	}
	var wanted, written map[string]json.RawMessage
	if json.Unmarshal(c.Payload, &wanted) != nil || json.Unmarshal(c.LinkFields, &written) != nil {
		return false
	}
	for name, value := range wanted {
		if !bytes.Equal(value, written[name]) && !slices.Contains(c.Newer, name) {
			return false
		}
	}
	return true
}
