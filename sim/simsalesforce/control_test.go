package simsalesforce

import (
	"net/http"
	"path/filepath"
	"reflect"
	"testing"

	"crm-connectors/sim"
)

func TestACutAnswerWasStillWrittenAndLogged(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	o.control("POST", "/__sim/faults", map[string]any{"method": "POST", "path": "/sobjects/Task$", "kind": "cut_after"}, nil)
	auth := []string{"Authorization", "Bearer " + o.token}
	if r, err := o.send("POST", "/services/data/v66.0/sobjects/Task", "application/json", `{"Subject":"once"}`, auth...); err == nil {
		t.Fatalf("got %d %s, want no answer", r.status, r.body)
	}
	tasks := o.Records("Task")
	if len(tasks) != 1 || tasks[0].Fields["Subject"] != "once" {
		t.Fatalf("stored: %v, want the task once", tasks)
	}
	if log := o.log(); len(log) != 1 || log[0].ID != tasks[0].ID {
		t.Errorf("log: got %+v", log)
	}
	if rows, _ := o.query("SELECT Id FROM Task WHERE Subject = 'once'"); len(rows) != 1 {
		t.Errorf("the client cannot find what was written")
	}
}

func TestAFaultBeforeTheOrgWritesNothing(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	o.control("POST", "/__sim/faults", map[string]any{"path": "/sobjects/", "kind": "status", "status": 503,
		"body": `[{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}]`}, nil)
	if r := o.call("POST", "/sobjects/Lead", lead()); r.status != 503 || o.code(r) != "SERVER_UNAVAILABLE" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if len(o.log()) != 0 || len(o.Records("Lead")) != 0 {
		t.Errorf("something was written: %v", o.log())
	}
	o.create("Lead", lead())
}

func TestTheControlAPIDoesWhatTheMethodsDo(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	want := Behaviour{HasExternalID: true, DuplicateRule: true, RestrictedPicklists: map[string][]string{"Lead.Rating": {"Hot"}}, DailyLimit: 7000}
	var got Behaviour
	o.control("PUT", "/__sim/behaviour", want, &got)
	if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(o.Behaviour(), want) {
		t.Errorf("behaviour: got %+v, want %+v", got, want)
	}
	if r := o.control("PUT", "/__sim/behaviour", `{"no_such_switch":true}`, nil); r.status != 400 {
		t.Errorf("an unknown switch: got %d", r.status)
	}
	var seeded struct{ ID string }
	o.control("POST", "/__sim/seed", map[string]any{"object": "Contact", "fields": map[string]any{"LastName": "C", "AccountId": AccountID[:15]}}, &seeded)
	var listed struct{ Records []Record }
	o.control("GET", "/__sim/records?object=Contact", nil, &listed)
	if len(listed.Records) != 1 || listed.Records[0].ID != seeded.ID || listed.Records[0].Fields["AccountId"] != AccountID {
		t.Errorf("records: got %+v", listed.Records)
	}
	for _, body := range []string{`{"object":"Leed","fields":{}}`, `{"object":"Lead","fields":{"foo":1}}`, `{`, `{"object":"Account","fields":{"Id":"` + AccountID + `"}}`} {
		if r := o.control("POST", "/__sim/seed", body, nil); r.status != 400 {
			t.Errorf("seed %s: got %d", body, r.status)
		}
	}
	if r := o.control("POST", "/__sim/delete", map[string]string{"object": "Contact", "id": seeded.ID}, nil); r.status != 200 {
		t.Errorf("delete: got %d %s", r.status, r.body)
	}
	if r := o.control("POST", "/__sim/delete", map[string]string{"object": "Contact", "id": seeded.ID}, nil); r.status != 404 {
		t.Errorf("delete twice: got %d %s", r.status, r.body)
	}
	if r := o.control("POST", "/__sim/convert", map[string]string{"lead_id": "x"}, nil); r.status != 404 {
		t.Errorf("convert nothing: got %d %s", r.status, r.body)
	}
	if n := len(o.log()); n != 0 {
		t.Errorf("the org's own people are in the log: %d entries", n)
	}
	var org map[string]any
	o.control("GET", "/__sim/org", nil, &org)
	if org["org_id"] != o.OrgID() {
		t.Errorf("org: got %v", org)
	}
}

func TestTheControlAPIEndsSessionsAndGrants(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	tokens := o.signIn()
	o.control("POST", "/__sim/expire-tokens", nil, nil)
	if got := o.dataStatus(tokens["access_token"]); got != http.StatusUnauthorized {
		t.Errorf("after expire-tokens: got %d", got)
	}
	o.control("POST", "/__sim/revoke-grants", nil, nil)
	if status, _ := o.refreshWith(tokens["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("after revoke-grants: got %d", status)
	}
}

func TestARestartedSimulatorRemembersWhatClientsWrote(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "oplog.ndjson")
	open := func() *sim.OpLog {
		log, err := sim.OpenOpLog(path)
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	first := open()
	o := newOrgWith(t, Config{Log: first, Behaviour: Behaviour{HasExternalID: true}})
	kept := o.create("Lead", lead("Email", "ada@example.com", "NumberOfEmployees", 5, "HasOptedOutOfEmail", true))
	gone := o.create("Lead", lead())
	o.call("PATCH", "/sobjects/Lead/"+kept, map[string]any{"Title": "x"})
	o.call("DELETE", "/sobjects/Lead/"+gone, nil)
	o.create("Task", map[string]any{"WhoId": kept, ExternalIDField: "k1"})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open()
	t.Cleanup(func() { _ = second.Close() })
	again := newOrgWith(t, Config{Log: second, Behaviour: Behaviour{HasExternalID: true}})
	want, got := o.record("Lead", kept), again.record("Lead", kept)
	for _, f := range []string{"Name", "Email", "Title", "Status", "OwnerId", "NumberOfEmployees", "HasOptedOutOfEmail", "IsConverted"} {
		if got.Fields[f] != want.Fields[f] {
			t.Errorf("%s: got %v, want %v", f, got.Fields[f], want.Fields[f])
		}
	}
	if !again.record("Lead", gone).Deleted {
		t.Error("the deleted lead is back")
	}
	if r := again.call("PATCH", keyPath+"k1", map[string]any{"Subject": "s"}); r.status != http.StatusOK {
		t.Errorf("upsert of the task: got %d %s", r.status, r.body)
	}
	if id := again.create("Lead", lead()); id == kept || id == gone || len(again.log()) != 7 {
		t.Errorf("a new lead: id %s, %d log entries", id, len(again.log()))
	}
}

func TestAChangeByTheOrgsPeopleIsNotInTheLog(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	id := o.Seed("Task", map[string]any{"Subject": "Call", "CreatedDate": "2026-01-02T03:04:05.000+0000", "LastModifiedDate": "2026-01-02T03:04:05.000+0000"})
	r := o.control("POST", "/__sim/change", map[string]any{"object": "Task", "id": id, "fields": map[string]any{"Status": "Completed", "WhatId": OpportunityOneID}}, nil)
	got := o.record("Task", id)
	if r.status != 200 || got.Fields["IsClosed"] != true || got.Fields["AccountId"] != AccountID || got.Fields["Subject"] != "Call" || len(o.log()) != 0 {
		t.Errorf("answered %d, the task is %v", r.status, got.Fields)
	}
	if got.Fields["LastModifiedDate"] == got.Fields["CreatedDate"] {
		t.Error("the task is as old as before")
	}
	for name, body := range map[string]map[string]any{
		"no record": {"object": "Task", "id": "00Tak00000NoNoN", "fields": map[string]any{}}, "no field": {"object": "Task", "id": id, "fields": map[string]any{"Nope": 1}}} {
		if r := o.control("POST", "/__sim/change", body, nil); r.status != 404 && r.status != 400 {
			t.Errorf("%s: answered %d", name, r.status)
		}
	}
}
