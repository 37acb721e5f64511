package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// EndpointRow is somebody who is told of events, as an operator sees it.
type EndpointRow struct {
	ID              uuid.UUID
	WorkspaceID     uuid.UUID // uuid.Nil: told of every workspace
	Address         string
	Events          []string
	Description     string
	DisabledBecause string // empty: it is told
	FailingSince    *time.Time
}

// MessageRow is a message to an endpoint and what became of it.
type MessageRow struct {
	ID, EndpointID uuid.UUID
	Event, Status  string
	Tries          []store.NotificationAttempt // oldest first
	Body           string                      // indented
	CreatedAt      time.Time
	NextAt         *time.Time // while it waits
}

// LastError is why the last try did not arrive; empty: it did, or there was none.
func (m MessageRow) LastError() string {
	if len(m.Tries) == 0 {
		return ""
	}
	return m.Tries[len(m.Tries)-1].Error
}

// MessageQuery narrows the list of messages. Empty fields do not narrow.
type MessageQuery struct{ Status, Endpoint, After string }

// Notifications is who is told, and a page of what.
type Notifications struct {
	Endpoints []EndpointRow
	Messages  []MessageRow
	Next      string // cursor; empty: this is the last page
}

// ReadNotifications is for operators alone, as all of this file.
func (h *Handlers) ReadNotifications(ctx context.Context, q MessageQuery) (n Notifications, err error) {
	f := store.NotificationFilter{Status: q.Status, Limit: defaultPage}
	if f.EndpointID, err = givenID("endpoint", q.Endpoint); err != nil {
		return n, err
	}
	if f.Before, err = placeAfter(&q.After); err != nil {
		return n, err
	}
	endpoints, err := h.store.Endpoints(ctx, uuid.Nil, endpointsMost)
	if err != nil {
		return n, err
	}
	for _, e := range endpoints {
		n.Endpoints = append(n.Endpoints, EndpointRow{ID: e.ID, WorkspaceID: orNil(e.WorkspaceID), Address: e.URL, Events: e.Events, Description: e.Description,
			DisabledBecause: e.DisabledBecause, FailingSince: e.FailingSince})
	}
	messages, err := h.store.Notifications(ctx, f)
	if err != nil {
		return n, err
	}
	for _, m := range messages {
		row, err := messageRow(m)
		if err != nil {
			return n, err
		}
		n.Messages = append(n.Messages, row)
	}
	if len(messages) == f.Limit {
		n.Next = cursor(messages[len(messages)-1].Seq)
	}
	return n, nil
}

// ReadMessage is one message.
func (h *Handlers) ReadMessage(ctx context.Context, id uuid.UUID) (MessageRow, error) {
	m, err := h.store.Notification(ctx, id)
	if err != nil {
		return MessageRow{}, messageMissing(err)
	}
	return messageRow(m)
}

func messageRow(m store.Notification) (MessageRow, error) {
	row := MessageRow{ID: m.ID, EndpointID: m.EndpointID, Event: m.Event, Status: m.Status, Tries: m.Attempts, CreatedAt: m.CreatedAt}
	if m.Status == store.NotificationWaiting {
		row.NextAt = &m.NextAttemptAt
	}
	var body bytes.Buffer
	if err := json.Indent(&body, []byte(m.Payload), "", "  "); err != nil {
		return row, fmt.Errorf("body of message %s: %w", m.ID, err)
	}
	row.Body = body.String()
	return row, nil
}

// EndpointForm is an endpoint as somebody writes it into a form.
type EndpointForm struct {
	Address, Workspace, Description string
	Events                          []string
}

// AddEndpoint has an address told of events and gives the secret, which is not shown again.
func (h *Handlers) AddEndpoint(ctx context.Context, f EndpointForm) (secret string, err error) {
	workspace, err := givenID("workspace", f.Workspace)
	if err != nil {
		return "", err
	}
	body := api.NotificationEndpointRequest{Url: strings.TrimSpace(f.Address), Description: filled(strings.TrimSpace(f.Description))}
	if workspace != uuid.Nil {
		body.WorkspaceId = &workspace
	}
	for _, name := range f.Events {
		event := api.NotificationEvent(name)
		if !event.Valid() {
			return "", fail(api.CodeValidationFailed, "There is no such event.", map[string]any{"field": "events", "reason": "has no such event"})
		}
		body.Events = append(body.Events, event)
	}
	if len(body.Events) == 0 {
		return "", fail(api.CodeValidationFailed, "Choose at least one event.", map[string]any{"field": "events", "reason": "choose at least one"})
	}
	made, err := h.AddNotificationEndpoint(ctx, api.AddNotificationEndpointRequestObject{Body: &body})
	if err != nil {
		return "", err
	}
	return made.(api.AddNotificationEndpoint201JSONResponse).Secret, nil
}

// EnableEndpoint has an endpoint told of events again; false: of none.
func (h *Handlers) EnableEndpoint(ctx context.Context, id uuid.UUID, enabled bool) error {
	_, err := h.ChangeNotificationEndpoint(ctx, api.ChangeNotificationEndpointRequestObject{Id: id, Body: &api.NotificationEndpointPatch{Enabled: &enabled}})
	return err
}

// RotateEndpointSecret gives an endpoint a new secret, which is not shown again.
func (h *Handlers) RotateEndpointSecret(ctx context.Context, id uuid.UUID) (secret string, err error) {
	made, err := h.RotateNotificationSecret(ctx, api.RotateNotificationSecretRequestObject{Id: id})
	if err != nil {
		return "", err
	}
	return made.(api.RotateNotificationSecret200JSONResponse).Secret, nil
}

// TestEndpoint sends an endpoint a message that says nothing, and gives the message's id.
func (h *Handlers) TestEndpoint(ctx context.Context, id uuid.UUID) (uuid.UUID, error) {
	made, err := h.TestNotificationEndpoint(ctx, api.TestNotificationEndpointRequestObject{Id: id})
	if err != nil {
		return uuid.Nil, err
	}
	return made.(api.TestNotificationEndpoint202JSONResponse).Id, nil
}

// DeleteEndpoint deletes an endpoint with the log of its messages, once somebody has said so twice.
func (h *Handlers) DeleteEndpoint(ctx context.Context, id uuid.UUID, sure bool) error {
	if !sure {
		return fail(api.CodeValidationFailed, "The box was not ticked, and nothing was done.", map[string]any{"field": "sure", "reason": "was not ticked"})
	}
	_, err := h.DeleteNotificationEndpoint(ctx, api.DeleteNotificationEndpointRequestObject{Id: id})
	return err
}

// ResendMessage has a message sent again.
func (h *Handlers) ResendMessage(ctx context.Context, id uuid.UUID) error {
	_, err := h.ResendNotification(ctx, api.ResendNotificationRequestObject{Id: id})
	return err
}
