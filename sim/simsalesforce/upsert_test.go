package simsalesforce

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"crm-connectors/sim"
)

const keyPath = "/sobjects/Task/" + ExternalIDField + "/"

type upserted struct {
	ID      string
	Success bool
	Created *bool
}

func TestAnUpsertCreatesOnceAndUpdatesAfter(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true})
	var first, second upserted
	r := o.call("PATCH", keyPath+"7f3c2a9e", map[string]any{"Subject": "one"})
	decodeJSON(t, r.body, &first)
	if r.status != http.StatusCreated || first.Created == nil || !*first.Created {
		t.Errorf("first: got %d %s", r.status, r.body)
	}
	r = o.call("PATCH", keyPath+"7F3C2A9E", map[string]any{"Subject": "two"})
	decodeJSON(t, r.body, &second)
	if r.status != http.StatusOK || second.Created == nil || *second.Created || second.ID != first.ID {
		t.Errorf("second: got %d %s", r.status, r.body)
	}
	if rec := o.record("Task", first.ID); rec.Fields["Subject"] != "two" || rec.Fields[ExternalIDField] != "7f3c2a9e" {
		t.Errorf("stored: %v", rec.Fields)
	}
	log := o.log()
	if len(log) != 2 || log[0].Op != sim.OpCreate || log[0].Fields[ExternalIDField] != "7f3c2a9e" || log[1].Op != sim.OpUpdate {
		t.Errorf("log: got %+v", log)
	}
	if rows, code := o.query("SELECT Id FROM Task WHERE " + ExternalIDField + " = '7f3c2a9e'"); len(rows) != 1 || code != "" {
		t.Errorf("query by key: got %v %s", rows, code)
	}
	if r := o.call("GET", keyPath+"7f3c2a9e", nil); r.status != http.StatusOK || !strings.Contains(r.body, first.ID) {
		t.Errorf("GET by key: got %d %s", r.status, r.body)
	}
}

func TestAnUpsertIsRefused(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true})
	for _, c := range []struct {
		name, path string
		body       map[string]any
		status     int
		code, text string
	}{
		{"update only", keyPath + "k1?updateOnly=true", map[string]any{}, 404, "NOT_FOUND", "The requested resource does not exist"},
		{"key in the body", keyPath + "k1", map[string]any{ExternalIDField: "k1"}, 400, "INVALID_FIELD", "should not be specified in the sobject data"},
		{"key too long", keyPath + strings.Repeat("k", 256), map[string]any{}, 400, "STRING_TOO_LONG", "max length=255"},
		{"key like a file", keyPath + "deal.inc", map[string]any{}, 404, "NOT_FOUND", ""},
		{"no such field", "/sobjects/Task/Other__c/k1", map[string]any{}, 404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: Other__c"},
		{"no key field", "/sobjects/Task/Subject/k1", map[string]any{}, 404, "NOT_FOUND", "Provided external ID field does not exist"},
		{"object without it", "/sobjects/Contact/" + ExternalIDField + "/k1", map[string]any{}, 404, "NOT_FOUND", "Provided external ID field"},
	} {
		r := o.call("PATCH", c.path, c.body)
		if got := firstError(t, r); r.status != c.status || got.ErrorCode != c.code || !strings.Contains(got.Message, c.text) {
			t.Errorf("%s: got %d %s, want %d %s %s", c.name, r.status, r.body, c.status, c.code, c.text)
		}
	}
	o.SetBehaviour(Behaviour{HasExternalID: true, HiddenFields: []string{"Task." + ExternalIDField}})
	if r := o.call("PATCH", keyPath+"k1", map[string]any{}); r.status != 404 {
		t.Errorf("hidden field: got %d %s", r.status, r.body)
	}
	o.SetBehaviour(Behaviour{})
	if r := o.call("PATCH", keyPath+"k1", map[string]any{}); r.status != 404 {
		t.Errorf("absent field: got %d %s", r.status, r.body)
	}
	if n := len(o.log()); n != 0 {
		t.Errorf("%d refused writes are in the log", n)
	}
}

func TestAKeyIsUnique(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true})
	id := o.create("Task", map[string]any{ExternalIDField: "k1"})
	r := o.call("POST", "/sobjects/Task", map[string]any{ExternalIDField: "K1"})
	if got := firstError(t, r); r.status != 400 || got.ErrorCode != "DUPLICATE_VALUE" ||
		got.Message != "duplicate value found: Outcome_Key__c duplicates value on record with id: "+id[:15] {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := o.call("PATCH", "/sobjects/Task/"+id, map[string]any{ExternalIDField: "k1"}); r.status != http.StatusNoContent {
		t.Errorf("its own key again: got %d %s", r.status, r.body)
	}
	o.SetBehaviour(Behaviour{HasExternalID: true, ExternalIDNotUnique: true})
	second := o.create("Task", map[string]any{ExternalIDField: "k1"})
	var urls []string
	r = o.call("PATCH", keyPath+"k1", map[string]any{})
	decodeJSON(t, r.body, &urls)
	if r.status != http.StatusMultipleChoices || len(urls) != 2 || urls[1] != "/services/data/v66.0/sobjects/Task/"+second {
		t.Errorf("several: got %d %s", r.status, r.body)
	}
}

func TestConcurrentUpsertsMakeOneRecord(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if r := o.call("PATCH", keyPath+"same", map[string]any{"Subject": fmt.Sprint(i)}); r.status != 200 && r.status != 201 {
				t.Errorf("got %d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	creates := 0
	for i, e := range o.log() {
		if e.Op == sim.OpCreate {
			creates++
		}
		if e.Seq != int64(i+1) {
			t.Errorf("entry %d has number %d", i, e.Seq)
		}
	}
	if creates != 1 || len(o.Records("Task")) != 1 {
		t.Errorf("got %d creates and %d tasks, want one", creates, len(o.Records("Task")))
	}
	last := o.log()[19]
	if got := o.Records("Task")[0].Fields["Subject"]; got != last.Fields["Subject"] {
		t.Errorf("the log ends with subject %s, the task has %v", last.Fields["Subject"], got)
	}
}

func TestOldVersionsUpsertWithoutACreatedFlag(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true})
	send := func() response {
		r, err := o.send("PATCH", "/services/data/v45.0"+keyPath+"k", "application/json", `{}`, "Authorization", "Bearer "+o.token)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := send(); r.status != 201 || strings.Contains(r.body, "created") {
		t.Errorf("create: got %d %s", r.status, r.body)
	}
	if r := send(); r.status != 204 || r.body != "" {
		t.Errorf("update: got %d %s", r.status, r.body)
	}
}

func TestAnEmailAddressesALead(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	r := o.call("PATCH", "/sobjects/Lead/Email/ada%2Bx@example.com", lead())
	var out upserted
	decodeJSON(t, r.body, &out)
	if r.status != 201 || o.record("Lead", out.ID).Fields["Email"] != "ada+x@example.com" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if r := o.call("PATCH", "/sobjects/Lead/Email/nonsense", lead()); r.status != 400 || o.code(r) != "INVALID_EMAIL_ADDRESS" {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestAKeyThatTheUserMayNotWriteIsRefused(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true, ReadOnlyFields: []string{"Task." + ExternalIDField}})
	if r := o.call("PATCH", keyPath+"k1", map[string]any{}); r.status != 400 || o.code(r) != "INVALID_FIELD_FOR_INSERT_UPDATE" || len(o.log()) != 0 {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestAKeyThatOneRequestNamesTwiceIsRefusedBothTimes(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true})
	r := o.call("PATCH", "/composite/sobjects/Task/"+ExternalIDField, map[string]any{"records": []any{
		typedRecord("Task", map[string]any{ExternalIDField: "k1"}), typedRecord("Task", map[string]any{ExternalIDField: "k2"}), typedRecord("Task", map[string]any{ExternalIDField: "K1"})}})
	if n := strings.Count(r.body, "Duplicate external id specified"); n != 2 || len(o.log()) != 1 || o.log()[0].Fields[ExternalIDField] != "k2" {
		t.Errorf("got %d %s, log %+v", r.status, r.body, o.log())
	}
}
