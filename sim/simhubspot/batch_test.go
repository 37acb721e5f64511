package simhubspot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"crm-connectors/sim/simhubspot"
)

const timestamp = `"hs_timestamp":"2026-11-25T14:00:00Z"`

func inputs(list ...string) string { return `{"inputs":[` + strings.Join(list, ",") + `]}` }

func TestABatchCreateWithoutTraceIDsFailsAsAWhole(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.sim.SeedContact(map[string]string{"email": "ada@example.com"})
	good, bad := `{"properties":{`+timestamp+`}}`, `{"properties":{"hs_task_subject":"x"}}`
	p.want(p.json(http.MethodPost, tasksPath+"/batch/create", inputs(good, bad)), http.StatusBadRequest, "hs_timestamp")
	p.want(p.json(http.MethodPost, contactsPath+"/batch/create", inputs(`{"properties":{"email":"new@example.com"}}`, `{"properties":{"email":"ada@example.com"}}`)), http.StatusConflict, "Existing ID: 501")
	p.want(p.json(http.MethodPost, contactsPath+"/batch/create", inputs(`{"properties":{"email":"new@example.com"}}`, `{"properties":{"email":"NEW@example.com"}}`)), http.StatusBadRequest, "Duplicate")
	p.want(p.json(http.MethodPost, tasksPath+"/batch/create", inputs()), http.StatusBadRequest)
	p.want(p.json(http.MethodPost, tasksPath+"/batch/create", inputs(strings.Split(strings.TrimSuffix(strings.Repeat(good+"|", 101), "|"), "|")...)), http.StatusBadRequest)
	if got := len(p.log()); got != 0 {
		t.Fatalf("operation log: got %d entries, want 0", got)
	}
	a := p.want(p.json(http.MethodPost, tasksPath+"/batch/create", inputs(good, good)), http.StatusCreated, `"status":"COMPLETE"`)
	if got := ids(a); got != "[77001 77002]" {
		t.Fatalf("created: got %s, want two in order", got)
	}
}

func TestABatchCreateWithTraceIDsReportsEachInput(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	body := inputs(`{"properties":{`+timestamp+`},"objectWriteTraceId":"job-1"}`, `{"properties":{},"objectWriteTraceId":"job-2"}`, `{"properties":{`+timestamp+`},"objectWriteTraceId":"job-3"}`)
	a := p.want(p.json(http.MethodPost, notesPath+"/batch/create", body), http.StatusMultiStatus, `"numErrors":1`)
	if got := at(a.body, "errors", 0, "context", "objectWriteTraceId", 0); got != "job-2" {
		t.Fatalf("failed input: got %v, want job-2", got)
	}
	if got := at(a.body, "results", 1, "objectWriteTraceId"); got != "job-3" {
		t.Fatalf("echoed: got %v, want job-3", got)
	}
	p.sim.SetBehaviour(simhubspot.Behaviour{OmitTraceIDs: true, ReverseBatchResults: true})
	a = p.want(p.json(http.MethodPost, notesPath+"/batch/create", body), http.StatusMultiStatus)
	if got := ids(a); got != "[88004 88003]" || at(a.body, "results", 0, "objectWriteTraceId") != nil {
		t.Fatalf("results: got %s, want reversed and without trace ids", a.raw)
	}
	if got := len(p.log()); got != 4 {
		t.Fatalf("operation log: got %d entries, want 4", got)
	}
}

func TestABatchReadNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.sim.SeedContact(map[string]string{"email": "ada@example.com", "hs_additional_emails": "ada@example.org"})
	p.want(p.json(http.MethodPost, contactsPath+"/batch/read", `{"properties":["email"],"inputs":[{"id":"501"}]}`), http.StatusOK, `"id":"501"`)
	a := p.want(p.json(http.MethodPost, contactsPath+"/batch/read", `{"idProperty":"email","properties":["email"],"inputs":[{"id":"ada@example.org"},{"id":"x@example.com"}]}`), http.StatusMultiStatus, "OBJECT_NOT_FOUND")
	if ids(a) != "[501]" || at(a.body, "errors", 0, "context", "ids", 0) != "x@example.com" {
		t.Fatalf("batch read: got %s, want 501 and the missing address", a.raw)
	}
	p.want(p.json(http.MethodPost, contactsPath+"/batch/read", `{"idProperty":"phone","inputs":[{"id":"1"}]}`), http.StatusBadRequest)
	p.want(p.json(http.MethodPost, "/crm/v3/objects/deals/batch/read", `{"inputs":[{"id":"9001"},{"id":9003}]}`), http.StatusOK, `"id":"9003"`)
}

func TestABatchUpdateWantsIDs(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	a, b := p.createContact("ada@example.com"), p.createContact("bob@example.com")
	set := func(id, phone string) string {
		return `{"id":"` + id + `","properties":{"phone":"` + phone + `"},"objectWriteTraceId":"t` + id + `"}`
	}
	p.want(p.json(http.MethodPost, contactsPath+"/batch/update", inputs(set(a, "1"), set(b, "2"))), http.StatusOK)
	got := p.want(p.json(http.MethodPost, contactsPath+"/batch/update", inputs(set(a, "3"), set("999", "4"))), http.StatusMultiStatus, "OBJECT_NOT_FOUND")
	if ids(got) != "["+a+"]" || at(got.body, "errors", 0, "context", "objectWriteTraceId", 0) != "t999" {
		t.Fatalf("batch update: got %s, want one result and one error", got.raw)
	}
	p.want(p.json(http.MethodPost, contactsPath+"/batch/update", inputs(`{"id":"ada@example.com","idProperty":"email","properties":{"phone":"5"}}`)), http.StatusBadRequest, "non-unique")
	p.want(p.json(http.MethodPost, contactsPath+"/batch/archive", inputs(`{"id":"`+b+`"}`)), http.StatusNoContent)
	p.want(p.get(contactsPath+"/"+b), http.StatusNotFound)
}

func TestABatchUpsertCreatesOrUpdates(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.sim.SeedContact(map[string]string{"email": "ada@example.com", "hs_additional_emails": "ada@example.org"})
	upsert := func(email string) string {
		return `{"idProperty":"email","id":"` + email + `","properties":{"firstname":"Ada"}}`
	}
	a := p.want(p.json(http.MethodPost, contactsPath+"/batch/upsert", inputs(upsert("ada@example.org"), upsert("bob@example.com"))), http.StatusOK)
	if at(a.body, "results", 0, "id") != id || at(a.body, "results", 0, "new") != false || at(a.body, "results", 1, "new") != true {
		t.Fatalf("upsert: got %s, want the owner of the second address updated and one created", a.raw)
	}
	if got := at(a.body, "results", 0, "properties", "email"); got != "ada@example.com" {
		t.Fatalf("primary address: got %v, want it unchanged", got)
	}
	p.want(p.json(http.MethodPost, contactsPath+"/batch/upsert", inputs(`{"id":"501","properties":{"firstname":"A"}}`)), http.StatusBadRequest)
	p.want(p.json(http.MethodPost, contactsPath+"/batch/upsert", inputs(upsert("cy@example.com"), upsert("bad"))), http.StatusBadRequest, "INVALID_EMAIL")
	if got := len(p.log()); got != 2 {
		t.Fatalf("operation log: got %d entries, want 2", got)
	}
}

func TestAUniquePropertyRefusesASecondCopy(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	const property = `{"name":"outcome_ref","label":"Outcome ref","groupName":"task","type":"string","fieldType":"text","hasUniqueValue":true}`
	p.want(p.get("/crm/v3/properties/tasks/outcome_ref"), http.StatusNotFound)
	p.want(p.json(http.MethodPost, "/crm/v3/properties/tasks", property), http.StatusCreated, `"hasUniqueValue":true`)
	p.want(p.json(http.MethodPost, "/crm/properties/2026-09/tasks", property), http.StatusConflict)
	p.want(p.get("/crm/properties/2026-03/tasks"), http.StatusOK, `"name":"outcome_ref"`, `"name":"hs_task_subject"`)
	body := `{"properties":{` + timestamp + `,"outcome_ref":"r1"}}`
	p.want(p.json(http.MethodPost, tasksPath, body), http.StatusCreated)
	p.want(p.json(http.MethodPost, tasksPath, body), http.StatusBadRequest, "CONFLICTING_UNIQUE_VALUE", "77001 already has that value")
	p.want(p.get(tasksPath+"/r1?idProperty=outcome_ref"), http.StatusOK, `"id":"77001"`)
	upsert := inputs(`{"idProperty":"outcome_ref","id":"r1","properties":{`+timestamp+`}}`, `{"idProperty":"outcome_ref","id":"r2","properties":{`+timestamp+`}}`)
	a := p.want(p.json(http.MethodPost, tasksPath+"/batch/upsert", upsert), http.StatusOK)
	if got := fmt.Sprintf("%s %v %v", ids(a), at(a.body, "results", 0, "new"), at(a.body, "results", 1, "new")); got != "[77001 77002] false true" {
		t.Fatalf("upsert: got %s, want one found and one made", got)
	}
	p.sim.SetBehaviour(simhubspot.Behaviour{RefuseActivityProperties: true})
	p.want(p.json(http.MethodPost, "/crm/v3/properties/notes", property), http.StatusBadRequest)
}

func TestADealIsReadByNameAndByTypeID(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	for _, path := range []string{"/crm/v3/objects/deals/9001", "/crm/v3/objects/0-3/9001", "/crm/objects/2026-09/deals/9001", "/crm/objects/2026-03/0-3/9001"} {
		a := p.want(p.get(path), http.StatusOK, `"dealname":"Deal 9001"`)
		if got := a.header.Get("X-HubSpot-RateLimit-Interval-Milliseconds"); got != "10000" {
			t.Errorf("%s: interval header: got %q, want 10000", path, got)
		}
	}
	p.want(p.get("/crm/v3/objects/deals/1"), http.StatusNotFound, "resource not found")
	p.want(p.json(http.MethodPatch, "/crm/v3/objects/deals/9001", `{"properties":{"dealname":"x"}}`), http.StatusMethodNotAllowed)
}

func TestOwnersAreFoundByAddress(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	a := p.want(p.get("/crm/v3/owners?email=REP@example.com&limit=100&archived=false"), http.StatusOK)
	id, _ := at(a.body, "results", 0, "id").(string)
	p.want(p.json(http.MethodPost, tasksPath, `{"properties":{`+timestamp+`,"hubspot_owner_id":"`+id+`"}}`), http.StatusCreated)
	p.want(p.get("/crm/owners/2026-09/"+id), http.StatusOK, "rep@example.com")
	p.want(p.get("/crm/v3/owners?email=nobody@example.com"), http.StatusOK, `"results":[]`)
	p.want(p.get("/crm/v3/owners/1"), http.StatusNotFound)
	p.want(p.get("/crm/v3/owners/?email=rep@example.com"), http.StatusOK, id) // HubSpot's own clients send the slash
}
