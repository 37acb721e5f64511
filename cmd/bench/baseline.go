package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// baseline is the mission as a straightforward implementation carries it out: for each outcome the single calls in a loop, one after the other,
// and where it has a log, three statements for each write.
type baseline struct {
	http  *http.Client
	base  string
	token string
	crm   string
	calls int
	full  func()        // on 429: waits until there is room again
	log   *pgxpool.Pool // nil: without a log
	conn  store.Connection
}

// call makes a call until it is not throttled.
func (b *baseline) call(ctx context.Context, method, path string, in, out any) (int, error) {
	for {
		var body io.Reader
		if in != nil {
			data, err := json.Marshal(in)
			if err != nil {
				return 0, err
			}
			body = bytes.NewReader(data)
		}
		req, err := http.NewRequestWithContext(ctx, method, b.base+path, body)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+b.token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := b.http.Do(req)
		if err != nil {
			return 0, err
		}
		data, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return 0, err
		}
		b.calls++
		switch {
		case resp.StatusCode == http.StatusTooManyRequests && b.full != nil:
			b.full()
			continue
		case resp.StatusCode >= http.StatusMultipleChoices:
			return resp.StatusCode, fmt.Errorf("baseline: %s %s: %d %.200s", method, path, resp.StatusCode, data)
		case out != nil:
			return resp.StatusCode, json.Unmarshal(data, out)
		}
		return resp.StatusCode, nil
	}
}

// write keeps the log around one write: look, note the intent, do it, note the result.
func (b *baseline) write(ctx context.Context, i int, kind string, payload any, do func() (string, error)) error {
	if b.log == nil {
		_, err := do()
		return err
	}
	key := store.IdempotencyKey(b.conn.WorkspaceID.String(), b.crm, kind, fmt.Sprint(i), "create", fmt.Sprint("baseline-", i))
	var done bool
	if err := b.log.QueryRow(ctx, `select exists (select from crm_write_log where workspace_id = $1 and crm = $2 and idempotency_key = $3 and status = 'succeeded')`,
		b.conn.WorkspaceID, b.crm, key).Scan(&done); err != nil || done {
		return err
	}
	id := uuid.New()
	if _, err := b.log.Exec(ctx, `insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action,
		source_event_id, idempotency_key, payload_json, payload_hash, status, lease_until) values ($1, $1, $2, $3, $4, $5, $6, $7, 'create', $8, $9, $10, '', 'sending', now())`,
		id, b.conn.WorkspaceID, b.crm, b.conn.ID, b.conn.AccountID, kind, fmt.Sprint(i), fmt.Sprint("baseline-", i), key, payload); err != nil {
		return err
	}
	record, err := do()
	if err != nil {
		return err
	}
	_, err = b.log.Exec(ctx, `update crm_write_log set status = 'succeeded', lease_until = null, crm_object_id = $2, settled_at = now() where id = $1`, id, record)
	return err
}

type record struct {
	ID string `json:"id"`
}

// hubspot is one outcome: search, create or update the contact, create the task, create the note.
func (b *baseline) hubspot(ctx context.Context, i int) error {
	var contact record
	props := map[string]any{"email": email(i), "firstname": "Ada", "lastname": fmt.Sprintf("Number %d", i), "company": "Example Works"}
	err := b.write(ctx, i, "contact", props, func() (string, error) {
		var found struct {
			Results []record `json:"results"`
		}
		if _, err := b.call(ctx, http.MethodPost, "/crm/v3/objects/contacts/search", map[string]any{"limit": 1, "properties": []string{"email"},
			"filterGroups": []any{map[string]any{"filters": []any{map[string]any{"propertyName": "email", "operator": "EQ", "value": email(i)}}}}}, &found); err != nil {
			return "", err
		}
		if len(found.Results) > 0 {
			contact = found.Results[0]
			_, err := b.call(ctx, http.MethodPatch, "/crm/v3/objects/contacts/"+contact.ID, map[string]any{"properties": props}, nil)
			return contact.ID, err
		}
		_, err := b.call(ctx, http.MethodPost, "/crm/v3/objects/contacts", map[string]any{"properties": props}, &contact)
		return contact.ID, err
	})
	if err != nil {
		return err
	}
	return b.attach(ctx, i, contact.ID)
}

// The types of HubSpot's own associations: task to contact, note to contact.
const taskToContact, noteToContact = 204, 202

func (b *baseline) attach(ctx context.Context, i int, contact string) error {
	for _, a := range []struct {
		kind, path string
		label      int
		props      map[string]any
	}{
		{"task", "tasks", taskToContact, map[string]any{"hs_timestamp": "2027-01-15T09:00:00Z", "hs_task_subject": "Send the revised offer", "hs_task_body": taskBody, "hs_task_priority": "HIGH"}},
		{"rollup", "notes", noteToContact, map[string]any{"hs_timestamp": "2027-01-11T09:00:00Z", "hs_note_body": summary}},
	} {
		if err := b.write(ctx, i, a.kind, a.props, func() (string, error) {
			var made record
			_, err := b.call(ctx, http.MethodPost, "/crm/v3/objects/"+a.path, map[string]any{"properties": a.props, "associations": []any{map[string]any{
				"to": record{contact}, "types": []any{map[string]any{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": a.label}}}}}, &made)
			return made.ID, err
		}); err != nil {
			return err
		}
	}
	return nil
}

// salesforce is one outcome: look the lead up, create it, create the task.
func (b *baseline) salesforce(ctx context.Context, i int) error {
	const data = "/services/data/v66.0"
	var found struct {
		Records []struct{ ID string }
	}
	q := url.QueryEscape("SELECT Id FROM Lead WHERE Email = '" + email(i) + "' AND IsConverted = false LIMIT 1")
	if _, err := b.call(ctx, http.MethodGet, data+"/query?q="+q, nil, &found); err != nil {
		return err
	}
	var lead record
	if _, err := b.call(ctx, http.MethodPost, data+"/sobjects/Lead", map[string]any{"Email": email(i), "FirstName": "Ada", "LastName": fmt.Sprintf("Number %d", i), "Company": "Example Works"}, &lead); err != nil {
		return err
	}
	_, err := b.call(ctx, http.MethodPost, data+"/sobjects/Task", map[string]any{"Subject": "Send the revised offer", "Description": taskBody,
		"ActivityDate": "2027-01-15", "WhoId": lead.ID, "Priority": "High"}, nil)
	return err
}
