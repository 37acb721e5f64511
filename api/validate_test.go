package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// secretText stands for personal data: no response may hold it.
const secretText = "zanzibar"

func outcomeWith(fields string) string {
	return fmt.Sprintf(`{"workspace_id":%q,"source_event_id":"evt-1",%s}`, workspace, fields)
}

func TestEveryBrokenFieldIsNamedAndNeverEchoed(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat(secretText, n/len(secretText)+1)[:n] }
	contact := `"contact":{"email":"ada@example.com"}`
	task := func(fields string) string {
		return outcomeWith(`"task":{"id":"t","subject":"s","due_at":"2026-11-27T09:00:00Z",` + fields + `}`)
	}
	cases := []struct{ name, body, field, reason string }{
		{"unknown at the root", outcomeWith(contact + `,"raw_email":"zanzibar"`), "raw_email", "is not a known field"},
		{"unknown and nothing else", outcomeWith(`"contct":{"email":"zanzibar@example.com"}`), "contct", "is not a known field"},
		{"unknown below", outcomeWith(`"contact":{"emial":"zanzibar@example.com"}`), "contact.emial", "is not a known field"},
		{"unknown in the task", task(`"attachments":["zanzibar"]`), "task.attachments", "is not a known field"},
		{"unknown null", outcomeWith(contact + `,"raw":null`), "raw", "is not a known field"},
		{"other case", outcomeWith(`"contact":{"Email":"zanzibar@example.com"}`), "contact.Email", "is not a known field"},
		{"no workspace", `{"source_event_id":"e",` + contact + `}`, "workspace_id", "is required"},
		{"workspace no uuid", `{"workspace_id":"zanzibar","source_event_id":"e",` + contact + `}`, "workspace_id", "must be a UUID of 36 characters"},
		{"workspace null", `{"workspace_id":null,"source_event_id":"e",` + contact + `}`, "workspace_id", "must not be null"},
		{"no event", fmt.Sprintf(`{"workspace_id":%q,%s}`, workspace, contact), "source_event_id", "is required"},
		{"event empty", fmt.Sprintf(`{"workspace_id":%q,"source_event_id":"",%s}`, workspace, contact), "source_event_id", "must not be empty"},
		{"event blank", fmt.Sprintf(`{"workspace_id":%q,"source_event_id":"  ",%s}`, workspace, contact), "source_event_id", "must not be blank"},
		{"event a number", fmt.Sprintf(`{"workspace_id":%q,"source_event_id":7,%s}`, workspace, contact), "source_event_id", "must be a string"},
		{"event long", fmt.Sprintf(`{"workspace_id":%q,"source_event_id":%q,%s}`, workspace, long(201), contact), "source_event_id", "is longer than 200 characters"},
		{"thread long", outcomeWith(contact + `,"thread_id":"` + long(201) + `"`), "thread_id", "is longer than 200 characters"},
		{"nothing to write", fmt.Sprintf(`{"workspace_id":%q,"source_event_id":"e"}`, workspace), "body", "must hold at least one of contact, task, rollup"},
		{"only nulls to write", outcomeWith(`"contact":null,"task":null,"rollup":null`), "body", "must hold at least one of contact, task, rollup"},
		{"contact a list", outcomeWith(`"contact":["zanzibar"]`), "contact", "must be an object"},
		{"contact without email", outcomeWith(`"contact":{"first_name":"zanzibar"}`), "contact.email", "is required"},
		{"email bad", outcomeWith(`"contact":{"email":"zanzibar"}`), "contact.email", "must be an email address such as name@example.com"},
		{"email with a name", outcomeWith(`"contact":{"email":"Zan <zanzibar@example.com>"}`), "contact.email", "must be an email address such as name@example.com"},
		{"email long", outcomeWith(`"contact":{"email":"a@` + long(250) + `.com"}`), "contact.email", "is longer than 254 characters"},
		{"first name long", outcomeWith(`"contact":{"email":"a@example.com","first_name":"` + long(101) + `"}`), "contact.first_name", "is longer than 100 characters"},
		{"phone long", outcomeWith(`"contact":{"email":"a@example.com","phone":"` + long(41) + `"}`), "contact.phone", "is longer than 40 characters"},
		{"NUL", outcomeWith(`"contact":{"email":"a@example.com","company":"zanzibar\u0000"}`), "contact.company", "holds a NUL character, which cannot be stored"},
		{"task without a due date", outcomeWith(`"task":{"id":"t","subject":"zanzibar"}`), "task.due_at", "is required"},
		{"due date without offset", outcomeWith(`"task":{"id":"t","subject":"s","due_at":"2026-11-27T09:00:00"}`), "task.due_at", "must be a date and time with an offset, such as 2026-11-27T09:00:00Z"},
		{"due on a day that is not", outcomeWith(`"task":{"id":"t","subject":"s","due_at":"2026-02-30T09:00:00Z"}`), "task.due_at", "must be a date and time with an offset, such as 2026-11-27T09:00:00Z"},
		{"leap second", outcomeWith(`"task":{"id":"t","subject":"s","due_at":"2026-06-30T23:59:60Z"}`), "task.due_at", "must be a date and time with an offset, such as 2026-11-27T09:00:00Z"},
		{"subject blank", outcomeWith(`"task":{"id":"t","subject":"\n","due_at":"2026-11-27T09:00:00Z"}`), "task.subject", "must not be blank"},
		{"subject long", outcomeWith(`"task":{"id":"t","subject":"` + long(256) + `","due_at":"2026-11-27T09:00:00Z"}`), "task.subject", "is longer than 255 characters"},
		{"body long", task(`"body":"` + long(10001) + `"`), "task.body", "is longer than 10000 characters"},
		{"priority", task(`"priority":"zanzibar"`), "task.priority", "must be one of low, medium, high"},
		{"owner", task(`"owner_email":"zanzibar"`), "task.owner_email", "must be an email address such as name@example.com"},
		{"rollup id", outcomeWith(`"rollup":{"week_start":"2026-11-16","summary":"zanzibar"}`), "rollup.id", "is required"},
		{"week", outcomeWith(`"rollup":{"id":"r","week_start":"16.11.2026","summary":"zanzibar"}`), "rollup.week_start", "must be a date, such as 2026-11-23"},
		{"week that is not", outcomeWith(`"rollup":{"id":"r","week_start":"2026-13-01","summary":"zanzibar"}`), "rollup.week_start", "must be a date, such as 2026-11-23"},
		{"summary empty", outcomeWith(`"rollup":{"id":"r","week_start":"2026-11-16","summary":""}`), "rollup.summary", "must not be empty"},
		{"summary long", outcomeWith(`"rollup":{"id":"r","week_start":"2026-11-16","summary":"` + long(30001) + `"}`), "rollup.summary", "is longer than 30000 characters"},
		{"dry run a word", outcomeWith(contact + `,"dry_run":"zanzibar"`), "dry_run", "must be true or false"},
		{"not an object", `["zanzibar"]`, "body", "must be an object"},
		{"null", `null`, "body", "must not be null"},
	}
	b := newBench(t, nil)
	v, err := NewValidator()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := b.send("POST", "/sync", c.body)
			e := refused(t, w, http.StatusBadRequest, CodeValidationFailed)
			if e.Details["field"] != c.field || e.Details["reason"] != c.reason {
				t.Errorf("got %v %v, want %s %s", e.Details["field"], e.Details["reason"], c.field, c.reason)
			}
			if strings.Contains(w.Body.String(), secretText) {
				t.Errorf("the response repeats what was posted: %s", w.Body)
			}
			_, item := v.Outcome(json.RawMessage(c.body))
			if item == nil || item.Code != CodeValidationFailed || item.Details["field"] != c.field || item.Details["reason"] != c.reason {
				t.Errorf("as an item of a batch: got %v, want %s %s", item, c.field, c.reason)
			}
		})
	}
	if strings.Contains(b.log.String(), secretText) {
		t.Errorf("the log repeats what was posted: %s", b.log)
	}
}

func TestAFullOutcomeArrivesWhole(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	w := b.send("POST", "/sync/hubspot?dry_run=true", outcomeWith(`"thread_id":"thread-81","dry_run":null,
		"contact":{"email":"ada@example.com","first_name":"Ada","last_name":null,"company":"Example","phone":"+44 20","job_title":"Engineer"},
		"task":{"id":"t","subject":"`+strings.Repeat("ü", 255)+`","body":null,"due_at":"2026-11-27T10:00:00+01:00","priority":null,"owner_email":null},
		"rollup":{"id":"r","week_start":"2026-11-16","summary":"Done <b>&"}`), "Prefer", "wait=10")
	if w.Code != http.StatusAccepted {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	o, params, caller := b.stub.last()
	p := params.(SyncCrmParams)
	if p.DryRun == nil || !*p.DryRun || Wait(p.Prefer) != 10*time.Second {
		t.Errorf("params: got %+v", p)
	}
	if caller.Kind != CallerService || caller.Name != "conduit" {
		t.Errorf("caller: got %+v", caller)
	}
	if o.WorkspaceId.String() != workspace || *o.ThreadId != "thread-81" || o.DryRun != nil || o.Contact.LastName != nil || *o.Contact.FirstName != "Ada" {
		t.Errorf("outcome: got %+v, contact %+v", o, o.Contact)
	}
	if !o.Task.DueAt.Equal(time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)) || o.Task.Priority != nil || o.Task.Body != nil {
		t.Errorf("task: got %+v", o.Task)
	}
	if got := o.Rollup.WeekStart.Format(time.DateOnly); got != "2026-11-16" || o.Rollup.Summary != "Done <b>&" {
		t.Errorf("rollup: got %+v", o.Rollup)
	}
}

func TestParametersAreHeldAgainstTheContract(t *testing.T) {
	t.Parallel()
	ws := "workspace_id=" + workspace
	b := newBench(t, nil)
	cases := []struct{ method, target, field, reason string }{
		{"GET", "/writes", "workspace_id", "is required"},
		{"GET", "/writes?workspace_id=", "workspace_id", "must be a UUID of 36 characters"},
		{"GET", "/writes?workspace_id=zanzibar", "workspace_id", "must be a UUID of 36 characters"},
		{"GET", "/writes?limit=0&" + ws, "limit", "must be at least 1"},
		{"GET", "/writes?limit=201&" + ws, "limit", "must be at most 200"},
		{"GET", "/writes?limit=zanzibar&" + ws, "limit", "must be a whole number"},
		{"GET", "/writes?crm=zanzibar&" + ws, "crm", "must be one of hubspot, salesforce"},
		{"GET", "/writes?thread_id=zanzibar%00&" + ws, "thread_id", "must be text without NUL characters"},
		{"GET", "/writes?thread_id=zanzibar%ff&" + ws, "thread_id", "must be text without NUL characters"},
		{"GET", "/writes?idempotency_key=zanzibar&" + ws, "idempotency_key", "must be 64 characters of lower-case hex"},
		{"GET", "/writes/zanzibar", "id", "must be a UUID of 36 characters"},
		{"GET", "/sync/zanzibar", "target", "must be a UUID of 36 characters"},
		{"POST", "/sync/zanzibar", "target", "must be one of hubspot, salesforce"},
		{"POST", "/sync/zanzibar/batch", "target", "must be one of hubspot, salesforce"},
		{"POST", "/sync?dry_run=zanzibar", "dry_run", "must be true or false"},
		{"POST", "/sync?dry_run=", "dry_run", "must not be empty"},
	}
	for _, c := range cases {
		t.Run(c.target, func(t *testing.T) {
			t.Parallel()
			w := b.send(c.method, c.target, "")
			e := refused(t, w, http.StatusBadRequest, CodeValidationFailed)
			if e.Details["field"] != c.field || e.Details["reason"] != c.reason {
				t.Errorf("got %v %v, want %s %s", e.Details["field"], e.Details["reason"], c.field, c.reason)
			}
			if strings.Contains(w.Body.String(), secretText) {
				t.Errorf("the response repeats what was sent: %s", w.Body)
			}
		})
	}
}

func TestDefaultsOfTheContractAreFilledInAndStrangersIgnored(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	if w := b.send("GET", "/writes?forceFunctionRegion=us-east-1&workspace_id="+workspace, ""); w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	_, params, _ := b.stub.last()
	if p := params.(ListWritesParams); p.Limit == nil || *p.Limit != 50 {
		t.Errorf("limit: got %v, want 50", p.Limit)
	}
}

func TestUnknownFieldsAroundAnOAuthStartAreIgnored(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	w := b.send("POST", "/hubspot-oauth-start", fmt.Sprintf(`{"workspace_id":%q,"user_id":"u","WORKSPACE_ID":"x","redirect_to":null}`, workspace))
	if w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	_, params, _ := b.stub.last()
	if got := params.(OAuthStartRequest); got.WorkspaceId.String() != workspace || got.RedirectTo != nil {
		t.Errorf("got %+v: a name in another case is another field", got)
	}
}

func TestALongFieldNameIsCut(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	e := refused(t, b.send("POST", "/sync", outcomeWith(`"`+strings.Repeat("ü", 500)+`\n":1`)), http.StatusBadRequest, CodeValidationFailed)
	if got, want := e.Details["field"], strings.Repeat("ü", maxFieldName)+"…"; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
