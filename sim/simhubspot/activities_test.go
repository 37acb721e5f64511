package simhubspot_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"crm-connectors/sim/simhubspot"
)

// task is a create body that is associated with a contact by the given type id.
func task(contactID, typeID string) string {
	return `{"properties":{"hs_timestamp":"2026-11-25T14:00:00.000Z","hs_task_subject":"Send proposal","hs_task_status":"NOT_STARTED"},` +
		`"associations":[` + link(contactID, typeID) + `]}`
}

func note(body string, links ...string) string {
	return `{"properties":{"hs_timestamp":"1764028800000","hs_note_body":"` + body + `"},"associations":[` + strings.Join(links, ",") + `]}`
}

func link(id, typeID string) string {
	return `{"to":{"id":"` + id + `"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":` + typeID + `}]}`
}

func TestATaskIsStoredWithItsAssociationsAndLogged(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.createContact("ada@example.com")
	body := strings.Replace(task(id, "204"), `"associations":[`, `"associations":[`+link("9001", "216")+`,`, 1)
	a := p.want(p.json(http.MethodPost, tasksPath, body), http.StatusCreated, `"hs_timestamp":"2026-11-25T14:00:00Z"`)
	if _, shown := a.body["associations"]; shown {
		t.Error("create answer: got associations, want none as in the real answer")
	}
	e := p.log()[1]
	if got, want := fmt.Sprintf("%s %s %s %s/%s %v", e.CRM, e.Account, e.Op, e.Object, e.ID, e.To), "hubspot 4242001 create tasks/77001 [deals/9001 contacts/501]"; got != want {
		t.Errorf("log entry: got %s, want %s", got, want)
	}
	if got := e.Fields["hs_timestamp"]; got != "2026-11-25T14:00:00.000Z" {
		t.Errorf("logged hs_timestamp: got %q, want it as it was sent", got)
	}
	p.want(p.get(tasksPath+"/77001?associations=contacts,deals&properties=hs_task_subject"), http.StatusOK,
		`"contacts":{"results":[{"id":"501","type":"task_to_contact"}]}`, `"deals":{"results":[{"id":"9001","type":"task_to_deal"}]}`)
	p.want(p.json(http.MethodPatch, tasksPath+"/77001", `{"properties":{"hs_task_status":"COMPLETED"}}`), http.StatusOK, "COMPLETED")
	p.want(p.json(http.MethodPatch, tasksPath+"/77001", `{"properties":{"hs_timestamp":""}}`), http.StatusBadRequest)
	p.want(p.send(http.MethodDelete, tasksPath+"/77001", "", ""), http.StatusNoContent)
	p.want(p.get("/crm/v4/objects/contacts/501/associations/tasks"), http.StatusOK, `"results":[]`)
}

func TestABadActivityIsRefusedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.sim.SeedContact(map[string]string{"email": "ada@example.com"})
	gone := p.sim.SeedDeal(map[string]string{"dealname": "Gone"})
	p.sim.Archive("deals", gone)
	for _, tc := range []struct {
		name, path, body string
		status           int
		contains         string
	}{
		{"no timestamp", tasksPath, `{"properties":{"hs_task_subject":"x"}}`, 400, `"properties":["hs_timestamp"]`},
		{"no timestamp on a note", notesPath, `{"properties":{"hs_note_body":"x"}}`, 400, "Error creating NOTE"},
		{"bad status", tasksPath, strings.Replace(task(id, "204"), "NOT_STARTED", "LATER", 1), 400, "INVALID_OPTION"},
		{"bad date", tasksPath, strings.Replace(task(id, "204"), "2026-11-25T14:00:00.000Z", "tomorrow", 1), 400, "INVALID_DATE"},
		{"reminder not in ms", tasksPath, strings.Replace(task(id, "204"), `"hs_task_subject"`, `"hs_task_reminders":"2026-11-25T14:00:00Z","hs_task_subject"`, 1), 400, "INVALID_DATE"},
		{"long note", notesPath, note(strings.Repeat("é", 65537)), 400, "INVALID_LENGTH"},
		{"wrong direction", tasksPath, task(id, "203"), 400, "Association type 203"},
		{"type of a note", tasksPath, task(id, "202"), 400, "Association type 202"},
		{"unknown contact", tasksPath, task("999", "204"), 404, "No contact with ID 999"},
		{"deleted deal", notesPath, note("x", link(id, "202"), link(gone, "214")), 404, "No deal with ID"},
		{"no target", notesPath, note("x", `{"to":{},"types":[]}`), 400, "to.id"},
	} {
		a := p.json(http.MethodPost, tc.path, tc.body)
		if a.status != tc.status || !strings.Contains(string(a.raw), tc.contains) {
			t.Errorf("%s: got %d %.300s, want %d with %s", tc.name, a.status, a.raw, tc.status, tc.contains)
		}
	}
	p.sim.SetBehaviour(simhubspot.Behaviour{MissingTargetStatus: 400})
	p.want(p.json(http.MethodPost, tasksPath, task("999", "204")), http.StatusBadRequest, "VALIDATION_ERROR")
	if n := len(p.sim.Objects("tasks")) + len(p.sim.Objects("notes")) + len(p.log()); n != 0 {
		t.Fatalf("stored or logged: got %d, want 0", n)
	}
	p.want(p.json(http.MethodPost, notesPath, note(strings.Repeat("é", 65536), link(id, "202"))), http.StatusCreated)
}

func TestAssociatingADealMayNeedItsScope(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{Behaviour: simhubspot.Behaviour{DealAssociationNeedsScope: true}})
	p.want(p.json(http.MethodPost, notesPath, note("x", link("9001", "214"))), http.StatusCreated)
	_, p.token = p.sim.Connect("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write")
	p.want(p.json(http.MethodPost, notesPath, note("x", link("9001", "214"))), http.StatusForbidden, "crm.objects.deals.read")
}

func TestLabelsDistinguishTheUnlabelledType(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	there, back := p.sim.SeedLabel("tasks", "contacts", "Follow-up owner")
	for _, path := range []string{"/crm/v4/associations/tasks/contacts/labels", "/crm/associations/v4/tasks/contacts/labels", "/crm/associations/2026-03/0-27/0-1/labels"} {
		p.want(p.get(path), http.StatusOK, `{"category":"HUBSPOT_DEFINED","label":null,"typeId":204}`, fmt.Sprintf(`{"category":"USER_DEFINED","label":"Follow-up owner","typeId":%d}`, there))
	}
	p.want(p.get("/crm/v4/associations/contacts/tasks/labels"), http.StatusOK, `"typeId":203`, fmt.Sprintf(`"typeId":%d`, back))
	p.want(p.get("/crm/v4/associations/contacts/companies/labels"), http.StatusOK, `"label":"Primary","typeId":1`, `"label":null,"typeId":279`)
	p.want(p.get("/crm/v4/associations/notes/contacts/labels"), http.StatusOK, `"typeId":202`)
	p.want(p.get("/crm/v4/associations/notes/deals/labels"), http.StatusOK, `"typeId":214`)
	p.want(p.get("/crm/v4/associations/pigeons/deals/labels"), http.StatusBadRequest)
	p.sim.SetBehaviour(simhubspot.Behaviour{OmitNullLabels: true})
	p.want(p.get("/crm/v4/associations/tasks/contacts/labels"), http.StatusOK, `{"category":"HUBSPOT_DEFINED","typeId":204}`)
}

func TestAssociationsAreReadInBothDirections(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.createContact("ada@example.com")
	there, _ := p.sim.SeedLabel("tasks", "contacts", "Follow-up owner")
	labelled := strings.Replace(task(id, fmt.Sprint(there)), "HUBSPOT_DEFINED", "USER_DEFINED", 1)
	p.want(p.json(http.MethodPost, tasksPath, labelled), http.StatusCreated)
	p.want(p.get("/crm/v4/objects/tasks/77001/associations/contacts"), http.StatusOK, `"toObjectId":501`, `"typeId":204`, `"Follow-up owner"`)
	p.want(p.get("/crm/objects/2026-09/contacts/501/associations/tasks"), http.StatusOK, `"toObjectId":"77001"`, `"typeId":203`)
	p.want(p.json(http.MethodPost, "/crm/v4/associations/contacts/tasks/batch/read", `{"inputs":[{"id":"501"}]}`), http.StatusOK, `"from":{"id":"501"}`, `"toObjectId":77001`)
	p.want(p.json(http.MethodPost, "/crm/v4/associations/contacts/tasks/batch/read", `{"inputs":[{"id":501},{"id":"999"}]}`), http.StatusMultiStatus, `"numErrors":1`, "NO_ASSOCIATIONS_FOUND")
	p.want(p.get("/crm/v4/objects/contacts/999/associations/tasks"), http.StatusNotFound)
}

func TestExistingRecordsAreAssociatedByPut(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	id := p.createContact("ada@example.com")
	p.want(p.json(http.MethodPost, tasksPath, task(id, "204")), http.StatusCreated)
	for range 2 {
		p.want(p.send(http.MethodPut, "/crm/v4/objects/tasks/77001/associations/default/deals/9002", "", ""), http.StatusOK, `"associationTypeId":216`)
	}
	p.want(p.get("/crm/v4/objects/deals/9002/associations/tasks"), http.StatusOK, `"toObjectId":77001`, `"typeId":215`)
	const labelled = "/crm/v4/objects/tasks/77001/associations/deals/9003"
	p.want(p.json(http.MethodPut, labelled, `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":216}]`), http.StatusCreated, `"toObjectId":9003`, `"labels":[]`)
	p.want(p.json(http.MethodPut, labelled, `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":204}]`), http.StatusBadRequest)
	p.want(p.json(http.MethodPut, labelled, ``), http.StatusBadRequest, "a request body was expected")
	p.want(p.json(http.MethodPut, labelled, `{}`), http.StatusBadRequest)
	p.want(p.send(http.MethodPut, "/crm/v4/objects/tasks/77001/associations/default/deals/1", "", ""), http.StatusNotFound)
	p.want(p.json(http.MethodPost, "/crm/v4/associations/tasks/deals/batch/associate/default", `{"inputs":[{"from":{"id":"77001"},"to":{"id":"9001"}}]}`), http.StatusOK)
	log := p.log()
	if got := log[len(log)-1]; got.Op != "associate" || got.ID != "77001" || got.To[0] != "deals/9001" || len(log) != 6 {
		t.Fatalf("operation log: got %d entries, last %+v, want 6 and the association", len(log), got)
	}
}
