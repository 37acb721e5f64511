package simhubspot_test

import (
	"net/http"
	"strings"
	"testing"

	"crm-connectors/sim/simhubspot"
)

func uniqueProperty(group string) string {
	return `{"name":"outcome_ref","label":"Outcome ref","groupName":"` + group + `","type":"string","fieldType":"text","hasUniqueValue":true}`
}

func TestAPropertyShowsWhatMayBeDoneWithIt(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	for path, want := range map[string]string{
		"contacts/createdate":       `"readOnlyValue":true`,
		"contacts/email":            `"readOnlyValue":false`,
		"contacts/hubspot_owner_id": `"externalOptions":true`,
		"tasks/hs_task_status":      `{"label":"DEFERRED","value":"DEFERRED"}`,
		"tasks/hs_task_body":        `"groupName":"task"`,
	} {
		p.want(p.get("/crm/v3/properties/"+path), http.StatusOK, want)
	}
	p.want(p.json(http.MethodPost, "/crm/v3/properties/tasks", uniqueProperty("nowhere")), http.StatusBadRequest, "group nowhere")
	p.want(p.json(http.MethodPost, "/crm/v3/properties/tasks", uniqueProperty("task")), http.StatusCreated, `"createdAt":"20`, `"archivable":true`)
	_, p.token = p.sim.Connect("oauth", "crm.objects.contacts.read", "crm.objects.contacts.write")
	p.want(p.json(http.MethodPost, "/crm/v3/properties/notes", uniqueProperty("engagement")), http.StatusForbidden, "MISSING_SCOPES")
}

func TestAUniqueValueIsRefusedInEveryWayToWriteIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ typ, group, usual string }{
		{"contacts", "contactinformation", `"firstname":"Ada"`}, {"tasks", "task", timestamp}, {"notes", "engagement", timestamp},
	} {
		for status, says := range map[int]string{http.StatusBadRequest: "CONFLICTING_UNIQUE_VALUE", http.StatusConflict: "already has that value. Existing ID: "} {
			p := newPortal(t, simhubspot.Config{Behaviour: simhubspot.Behaviour{TakenValueStatus: status}})
			p.want(p.json(http.MethodPost, "/crm/v3/properties/"+tc.typ, uniqueProperty(tc.group)), http.StatusCreated)
			path := "/crm/v3/objects/" + tc.typ
			marked := `{"properties":{` + tc.usual + `,"outcome_ref":"r1"}}`
			first, _ := at(p.want(p.json(http.MethodPost, path, marked), http.StatusCreated).body, "id").(string)
			second, _ := at(p.want(p.json(http.MethodPost, path, `{"properties":{`+tc.usual+`}}`), http.StatusCreated).body, "id").(string)
			p.want(p.json(http.MethodPost, path, marked), status, says, first)
			p.want(p.json(http.MethodPatch, path+"/"+second, `{"properties":{"outcome_ref":"r1"}}`), status, says, first)
			p.want(p.json(http.MethodPatch, path+"/"+first, `{"properties":{"outcome_ref":"r1"}}`), http.StatusOK)
			p.want(p.json(http.MethodPost, path+"/batch/create", inputs(marked)), status, says)
			p.want(p.json(http.MethodPost, path+"/batch/update", inputs(`{"id":"`+second+`","properties":{"outcome_ref":"r1"}}`)), status, says)
			twice := inputs(strings.ReplaceAll(marked, "r1", "r2"), strings.ReplaceAll(marked, "r1", "r2"))
			p.want(p.json(http.MethodPost, path+"/batch/create", twice), http.StatusBadRequest, "Duplicate value")
			if got := len(p.sim.Objects(tc.typ)); got != 2 {
				t.Errorf("%s: got %d records, want 2", tc.typ, got)
			}
		}
	}
}

func TestADeletedRecordIsReadFromTheBin(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.want(p.json(http.MethodPost, "/crm/v3/properties/tasks", uniqueProperty("task")), http.StatusCreated)
	create := func() answer {
		return p.json(http.MethodPost, tasksPath, `{"properties":{`+timestamp+`,"outcome_ref":"r1"}}`)
	}
	p.want(create(), http.StatusCreated)
	p.want(p.get(tasksPath+"/77001?archived=true"), http.StatusNotFound)
	p.sim.Archive("tasks", "77001")
	p.want(p.get(tasksPath+"/r1?idProperty=outcome_ref"), http.StatusNotFound)
	for _, path := range []string{"/77001?archived=true", "/r1?idProperty=outcome_ref&archived=true", "?archived=true&limit=1"} {
		p.want(p.get(tasksPath+path), http.StatusOK, `"id":"77001"`, `"archived":true`, `"archivedAt":"20`)
	}
	p.want(p.json(http.MethodPost, tasksPath+"/batch/read", inputs(`{"id":"77001"}`)), http.StatusMultiStatus, "OBJECT_NOT_FOUND")
	p.want(p.json(http.MethodPost, tasksPath+"/batch/read?archived=true", inputs(`{"id":"77001"}`)), http.StatusOK, `"id":"77001"`)
	p.want(p.json(http.MethodPost, tasksPath+"/batch/read?archived=true", `{"idProperty":"outcome_ref","inputs":[{"id":"r1"}]}`), http.StatusOK, `"id":"77001"`)
	p.want(p.get(tasksPath), http.StatusOK, `"results":[]`)
	p.want(create(), http.StatusCreated, `"id":"77002"`) // the value is free again
	p.sim.SetBehaviour(simhubspot.Behaviour{ArchivedKeepValues: true})
	p.sim.Archive("tasks", "77002")
	p.want(create(), http.StatusBadRequest, "77002 already has that value")
	p.want(p.get(tasksPath+"?archived=true&limit=1&after=1"), http.StatusOK, `"id":"77002"`)
	p.want(p.get(tasksPath+"?limit=101"), http.StatusBadRequest)
}

func TestWhatAnAdministratorDropsIsGone(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.want(p.json(http.MethodPost, "/crm/v3/properties/tasks", uniqueProperty("task")), http.StatusCreated)
	p.want(p.json(http.MethodPost, tasksPath, `{"properties":{`+timestamp+`,"outcome_ref":"r1"}}`), http.StatusCreated)
	if !p.sim.DropProperty("tasks", "outcome_ref") || p.sim.DropProperty("tasks", "outcome_ref") || p.sim.DropProperty("pigeons", "x") {
		t.Error("DropProperty: want true once")
	}
	p.want(p.get("/crm/v3/properties/tasks/outcome_ref"), http.StatusNotFound)
	p.want(p.get(tasksPath+"/r1?idProperty=outcome_ref"), http.StatusBadRequest)
	p.want(p.json(http.MethodPost, tasksPath, `{"properties":{`+timestamp+`,"outcome_ref":"r1"}}`), http.StatusBadRequest, "PROPERTY_DOESNT_EXIST")
	if _, held := p.sim.Objects("tasks")[0].Properties["outcome_ref"]; held {
		t.Error("the record still has the value of a property that is gone")
	}

	there, _ := p.sim.SeedLabel("tasks", "deals", "Weekly")
	if !p.sim.DropLabel("tasks", "deals", "Weekly") || p.sim.DropLabel("tasks", "deals", "Weekly") {
		t.Error("DropLabel: want true once")
	}
	if a := p.want(p.get("/crm/v4/associations/tasks/deals/labels"), http.StatusOK); strings.Contains(string(a.raw), "Weekly") || there == 0 {
		t.Errorf("labels: got %s, want none of its own", a.raw)
	}
}

func TestBoxesToTickTakeSeveralOptions(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.want(p.json(http.MethodPost, "/crm/v3/properties/contacts", `{"name":"topics","label":"Topics","groupName":"contactinformation","type":"enumeration","fieldType":"checkbox",
		"options":[{"label":"A","value":"a"},{"label":"B","value":"b"}]}`), http.StatusCreated)
	id := p.createContact("ada@example.com")
	p.want(p.json(http.MethodPatch, contactsPath+"/"+id, `{"properties":{"topics":"a;b"}}`), http.StatusOK)
	p.want(p.json(http.MethodPatch, contactsPath+"/"+id, `{"properties":{"topics":"a;c"}}`), http.StatusBadRequest, "INVALID_OPTION")
}
