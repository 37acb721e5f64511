package hubspot

import (
	"bytes"
	"encoding/json"

	"crm-connectors/connectors"
)

// webhookEvent is one event of a webhook, of which each kind has some fields.
// https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide
type webhookEvent struct {
	SubscriptionType string            `json:"subscriptionType"`
	PortalID         json.RawMessage   `json:"portalId"`
	ObjectID         json.RawMessage   `json:"objectId"`
	PrimaryObjectID  json.RawMessage   `json:"primaryObjectId"`
	MergedObjectIDs  []json.RawMessage `json:"mergedObjectIds"`
	NewObjectID      json.RawMessage   `json:"newObjectId"`
}

// ContactEvent reads one event of a webhook. It says no to kinds that mean nothing here, and to an event without the ids that its kind has.
func (c *Connector) ContactEvent(raw []byte) (connectors.ContactEvent, bool) {
	var e webhookEvent
	if json.Unmarshal(raw, &e) != nil {
		return connectors.ContactEvent{}, false
	}
	out := connectors.ContactEvent{AccountID: numericID(e.PortalID)}
	switch e.SubscriptionType {
	case "contact.deletion":
		out.Kind, out.IDs = connectors.ContactDeleted, ids(e.ObjectID)
	case "contact.privacyDeletion":
		out.Kind, out.IDs = connectors.ContactErased, ids(e.ObjectID)
	case "contact.merge":
		out.Kind, out.IDs = connectors.ContactMerged, ids(append(e.MergedObjectIDs, e.PrimaryObjectID)...)
		if out.Now = numericID(e.NewObjectID); out.Now == "" {
			out.Now = numericID(e.PrimaryObjectID)
		}
		if out.Now == "" {
			return connectors.ContactEvent{}, false
		}
	}
	return out, out.Kind != "" && out.AccountID != "" && len(out.IDs) > 0
}

func ids(raw ...json.RawMessage) []string {
	var out []string
	for _, r := range raw {
		if id := numericID(r); id != "" {
			out = append(out, id)
		}
	}
	return out
}

const longestID = 20 // digits of the largest 64-bit number

// numericID is an id that was sent as a number or as text; empty if it is none.
func numericID(raw json.RawMessage) string {
	raw = bytes.Trim(raw, `"`)
	if len(raw) == 0 || len(raw) > longestID {
		return ""
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return ""
		}
	}
	return string(raw)
}
