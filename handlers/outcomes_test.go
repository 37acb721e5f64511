package handlers_test

import (
	"fmt"
	"maps"
	"net/http"

	"crm-connectors/api"
)

// fields is a JSON object.
type fields = map[string]any

func contact(email string) fields {
	return fields{"contact": fields{"email": email, "first_name": "Ada", "last_name": "Example", "company": "Example"}}
}

func task(id string) fields {
	return fields{"task": fields{"id": id, "subject": "Send the revised offer " + id, "body": "Two licences more.", "due_at": "2026-11-27T09:00:00Z", "priority": "high"}}
}

func rollup(id string) fields {
	return fields{"rollup": fields{"id": id, "week_start": "2026-11-16", "summary": "The offer was revised; the decision is due on Friday."}}
}

// outcome is one of the desk's workspace.
func (d *desk) outcome(event string, parts ...fields) fields {
	o := fields{"workspace_id": d.workspace, "source_event_id": event}
	for _, p := range parts {
		maps.Copy(o, p)
	}
	return o
}

// whole is an outcome with all three objects, about a person of its own.
func (d *desk) whole(event string) fields {
	return d.outcome(event, contact(event+"@example.com"), task("task-"+event), rollup("rollup-"+event))
}

// settled hands in an outcome and waits for the end of its writes.
func (d *desk) settled(path string, outcome fields) api.SyncResult {
	d.t.Helper()
	r := decode[api.SyncResult](d.call(http.MethodPost, path, outcome, "Prefer", "wait=30"), http.StatusOK)
	if r.Status != api.SyncStatusSettled || r.SyncId == nil || r.JobId == nil || *r.SyncId != *r.JobId {
		d.t.Fatalf("answered %+v", r)
	}
	return r
}

// succeeded is settled for writes that all must be in the CRM then.
func (d *desk) succeeded(path string, outcome fields) []api.Write {
	d.t.Helper()
	writes := d.settled(path, outcome).Writes
	for _, w := range writes {
		if w.Status != api.WriteStatusSucceeded || w.CrmObjectId == nil || w.CrmObjectType == nil || w.Outcome == nil || w.SettledAt == nil || w.Error != nil {
			d.t.Fatalf("%s of %s: %s", w.ObjectType, w.Crm, show(w))
		}
	}
	return writes
}

func show(w api.Write) string {
	text := fmt.Sprintf("%s, attempt %d", w.Status, w.Attempt)
	if w.Error != nil {
		text += fmt.Sprintf(", %+v", *w.Error)
	}
	return text
}
