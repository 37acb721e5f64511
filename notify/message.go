package notify

import (
	"encoding/json"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
)

// message is the body of a webhook, in the form that Standard Webhooks recommends.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when the latest of it happened
	Data      any       `json:"data"`
}

// data is what happened alike, of one connection.
type data struct {
	WorkspaceID  uuid.UUID          `json:"workspace_id"`
	CRM          string             `json:"crm"`
	ConnectionID uuid.UUID          `json:"connection_id"`
	Error        *trouble           `json:"error,omitempty"`
	Count        int                `json:"count,omitempty"`  // of writes
	Writes       []store.EventWrite `json:"writes,omitempty"` // the first of them
}

type trouble struct {
	Code   string `json:"code"`
	Cause  string `json:"cause,omitempty"`
	Action string `json:"action,omitempty"`
}

// payload is the message that tells of h: ids, codes and what to do, and nothing of what was or should have been written.
func payload(h store.EventGroup) ([]byte, error) {
	d := data{WorkspaceID: h.WorkspaceID, CRM: h.CRM, ConnectionID: h.ConnectionID}
	if h.ErrorCode != "" {
		d.Error = &trouble{Code: h.ErrorCode, Cause: h.Cause, Action: h.Action}
	}
	if h.Event == store.EventWriteFailed || h.Event == store.EventWriteNeedsReview {
		d.Count, d.Writes = h.Count, h.Writes
	}
	return json.Marshal(message{Type: h.Event, Timestamp: h.At.UTC(), Data: d})
}

// TestMessage is the body of a message that only shows whether messages arrive.
func TestMessage(endpoint uuid.UUID, now time.Time) ([]byte, error) {
	return json.Marshal(message{Type: store.EventTest, Timestamp: now.UTC(), Data: map[string]any{"endpoint_id": endpoint}})
}
