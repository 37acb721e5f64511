package simsalesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

type part = map[string]any

type partResult struct {
	Body        json.RawMessage
	HTTPHeaders map[string]string `json:"httpHeaders"`
	Status      int               `json:"httpStatusCode"`
	ID          string            `json:"referenceId"`
}

func (o *org) composite(allOrNone bool, parts ...part) []partResult {
	o.t.Helper()
	r := o.call("POST", "/composite", map[string]any{"allOrNone": allOrNone, "compositeRequest": parts})
	if r.status != http.StatusOK {
		o.t.Fatalf("composite: got %d %s", r.status, r.body)
	}
	var out struct{ CompositeResponse []partResult }
	decodeJSON(o.t, r.body, &out)
	return out.CompositeResponse
}

func soqlPart(id, soql string) part {
	return part{"method": "GET", "referenceId": id, "url": "/services/data/v66.0/query?q=" + strings.ReplaceAll(url.QueryEscape(soql), "+", "%20")}
}

func createPart(id, object string, body map[string]any) part {
	return part{"method": "POST", "referenceId": id, "url": "/services/data/v66.0/sobjects/" + object, "body": body}
}

func TestACompositeRunsLookupsAsOneCall(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{DailyLimit: 100})
	o.Seed("Contact", map[string]any{"LastName": "C", "Email": "ada@example.com"})
	got := o.composite(false, soqlPart("leads", "SELECT Id FROM Lead WHERE Email = 'ada@example.com'"),
		soqlPart("contacts", "SELECT Id FROM Contact WHERE Email = 'ada@example.com'"), soqlPart("wrong", "SELECT Id FROM Leed"))
	if len(got) != 3 || got[0].ID != "leads" || got[0].Status != 200 || string(got[0].Body) != `{"done":true,"records":[],"totalSize":0}` {
		t.Errorf("leads: got %+v", got)
	}
	if !strings.Contains(string(got[1].Body), `"totalSize":1`) {
		t.Errorf("contacts: got %s", got[1].Body)
	}
	if got[2].Status != 400 || !strings.Contains(string(got[2].Body), "INVALID_TYPE") {
		t.Errorf("wrong: got %+v", got[2])
	}
	if info := o.call("GET", "/limits", nil).header.Get("Sforce-Limit-Info"); info != "api-usage=2/100" {
		t.Errorf("usage: got %s, want the composite to have cost one call", info)
	}
}

func TestPartsReferToEarlierAnswers(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	o.Seed("Contact", map[string]any{"LastName": "C", "Email": "ada@example.com"})
	got := o.composite(true, soqlPart("found", "SELECT Id FROM Contact WHERE Email = 'ada@example.com'"), createPart("lead", "Lead", lead()),
		createPart("task1", "Task", map[string]any{"WhoId": "@{lead.id}"}),
		createPart("task2", "Task", map[string]any{"WhoId": "@{found.records[0].Id}", "WhatId": OpportunityOneID}),
		part{"method": "PATCH", "referenceId": "patched", "url": "/services/data/v66.0/sobjects/Lead/@{lead.id}", "body": part{"Title": "x"}})
	for i, want := range []int{200, 201, 201, 201, 204} {
		if got[i].Status != want {
			t.Fatalf("%s: got %d %s, want %d", got[i].ID, got[i].Status, got[i].Body, want)
		}
	}
	if string(got[4].Body) != "null" || !strings.HasPrefix(got[1].HTTPHeaders["Location"], "/services/data/v66.0/sobjects/Lead/00Q") {
		t.Errorf("got %s and %v", got[4].Body, got[1].HTTPHeaders)
	}
	if n := len(o.log()); n != 4 {
		t.Errorf("the log has %d entries, want 4", n)
	}
	got = o.composite(false, soqlPart("none", "SELECT Id FROM Contact WHERE Email = 'x@example.com'"),
		createPart("task", "Task", map[string]any{"WhoId": "@{none.records[0].Id}"}), createPart("id", "Task", map[string]any{"WhoId": "@{none.Id}"}))
	if got[1].Status != 400 || !strings.Contains(string(got[1].Body), "PROCESSING_HALTED") ||
		!strings.Contains(string(got[1].Body), "Invalid reference specified. No value for none.records[0].Id found in none.") {
		t.Errorf("a missing value: got %+v", got[1])
	}
}

func TestAllOrNoneTakesEverythingBack(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	kept := o.create("Lead", lead("Title", "before"))
	got := o.composite(true, createPart("good", "Lead", lead("Email", "ada@example.com")),
		part{"method": "PATCH", "referenceId": "patch", "url": "/services/data/v66.0/sobjects/Lead/" + kept, "body": part{"Title": "after"}},
		createPart("bad", "Contact", map[string]any{"LastName": "C", "Email": "nope"}), createPart("late", "Lead", lead()))
	for i, want := range []string{"PROCESSING_HALTED", "PROCESSING_HALTED", "INVALID_EMAIL_ADDRESS", "PROCESSING_HALTED"} {
		if got[i].Status != 400 || !strings.Contains(string(got[i].Body), want) {
			t.Errorf("%s: got %d %s, want %s", got[i].ID, got[i].Status, got[i].Body, want)
		}
	}
	if n := len(o.log()); n != 1 || len(o.Records("Lead")) != 1 || o.record("Lead", kept).Fields["Title"] != "before" {
		t.Errorf("something was left: %d log entries, leads %v", n, o.Records("Lead"))
	}
	if rows, _ := o.query("SELECT Id FROM Lead WHERE Email = 'ada@example.com'"); len(rows) != 0 {
		t.Errorf("the rolled-back lead is found")
	}
	got = o.composite(false, createPart("good", "Lead", lead()), createPart("bad", "Lead", map[string]any{}))
	if got[0].Status != 201 || got[1].Status != 400 || len(o.log()) != 2 {
		t.Errorf("without allOrNone: got %+v, %d log entries", got, len(o.log()))
	}
}

func TestACompositeHasLimits(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	many := func(n int, make func(i int) part) (out []part) {
		for i := range n {
			out = append(out, make(i))
		}
		return out
	}
	query := func(i int) part { return soqlPart(fmt.Sprintf("q%d", i), "SELECT Id FROM Lead") }
	create := func(i int) part { return createPart(fmt.Sprintf("c%d", i), "Lead", lead()) }
	for name, c := range map[string]struct {
		parts []part
		want  int
	}{
		"25 parts":         {many(25, create), 200},
		"26 parts":         {many(26, create), 400},
		"5 queries":        {many(5, query), 200},
		"6 queries":        {many(6, query), 400},
		"no parts":         {nil, 400},
		"same id twice":    {[]part{query(1), query(1)}, 400},
		"id with a hyphen": {[]part{soqlPart("a-b", "SELECT Id FROM Lead")}, 400},
	} {
		if r := o.call("POST", "/composite", map[string]any{"compositeRequest": c.parts}); r.status != c.want {
			t.Errorf("%s: got %d %.200s, want %d", name, r.status, r.body, c.want)
		}
	}
}

func TestAPartsAddressHasTheLimitOfAnyAddress(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	long := "SELECT Id FROM Lead WHERE Email = '" + strings.Repeat("a", 3_900) + "'"
	longer := long + strings.Repeat(" OR Email = '"+strings.Repeat("a", 3_900)+"'", 4)
	r := o.call("POST", "/composite", map[string]any{"compositeRequest": []part{soqlPart("long", long), soqlPart("longer", longer)}})
	if !strings.Contains(r.body, `"httpStatusCode":200,"referenceId":"long"`) || !strings.Contains(r.body, `"httpStatusCode":414,"referenceId":"longer"`) {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestHeadersOfAPartCount(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{AssignmentRules: true})
	quiet := createPart("quiet", "Lead", lead())
	quiet["httpHeaders"] = map[string]string{"Sforce-Auto-Assign": "FALSE"}
	o.composite(false, quiet, createPart("loud", "Lead", lead()))
	rows := o.Records("Lead")
	if rows[0].Fields["OwnerId"] != UserID || rows[1].Fields["OwnerId"] != OtherUserID {
		t.Errorf("owners: got %v and %v", rows[0].Fields["OwnerId"], rows[1].Fields["OwnerId"])
	}
}

func typedRecord(object string, fields map[string]any) map[string]any {
	fields["attributes"] = map[string]string{"type": object}
	return fields
}

func TestCollectionsAnswerForEachRecord(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{HasExternalID: true})
	r := o.call("POST", "/composite/sobjects", map[string]any{"records": []any{
		typedRecord("Lead", lead()), typedRecord("Lead", map[string]any{"Company": "x"}), typedRecord("Task", map[string]any{"Subject": "s"})}})
	var out []struct {
		ID      string
		Success bool
		Created *bool
		Errors  []map[string]any
	}
	decodeJSON(t, r.body, &out)
	if r.status != 200 || len(out) != 3 || !out[0].Success || out[1].Success || out[1].Errors[0]["statusCode"] != "REQUIRED_FIELD_MISSING" || !out[2].Success {
		t.Fatalf("create: got %d %s", r.status, r.body)
	}
	if n := len(o.log()); n != 2 {
		t.Errorf("the log has %d entries, want 2", n)
	}
	r = o.call("PATCH", "/composite/sobjects", map[string]any{"records": []any{
		typedRecord("Lead", map[string]any{"id": out[0].ID, "Title": "x"}), typedRecord("Lead", map[string]any{"Title": "x"})}})
	if r.status != 200 || !strings.Contains(r.body, "MISSING_ARGUMENT") || o.record("Lead", out[0].ID).Fields["Title"] != "x" {
		t.Errorf("update: got %d %s", r.status, r.body)
	}
	for _, created := range []bool{true, false} {
		r = o.call("PATCH", "/composite/sobjects/Task/"+ExternalIDField, map[string]any{"records": []any{
			typedRecord("Task", map[string]any{ExternalIDField: "k1", "Subject": "a"}), typedRecord("Task", map[string]any{ExternalIDField: "k2"})}})
		decodeJSON(t, r.body, &out)
		if r.status != 200 || !out[0].Success || out[1].Created == nil || *out[1].Created != created {
			t.Errorf("upsert: got %d %s, want created %v", r.status, r.body, created)
		}
	}
}

func TestCollectionsRollBackAndHaveLimits(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	r := o.call("POST", "/composite/sobjects", map[string]any{"allOrNone": true, "records": []any{
		typedRecord("Lead", lead()), typedRecord("Lead", map[string]any{"Company": "x"})}})
	if !strings.Contains(r.body, "ALL_OR_NONE_OPERATION_ROLLED_BACK") || !strings.Contains(r.body, "REQUIRED_FIELD_MISSING") || len(o.log()) != 0 {
		t.Errorf("got %s, log %v", r.body, o.log())
	}
	var many, mixed []any
	for i := range 201 {
		many = append(many, typedRecord("Lead", lead()))
		if i < 11 {
			mixed = append(mixed, typedRecord([]string{"Lead", "Contact"}[i%2], lead()))
		}
	}
	for name, records := range map[string][]any{"EXCEEDED_ID_LIMIT": many, "LIMIT_EXCEEDED": mixed} {
		if r := o.call("POST", "/composite/sobjects", map[string]any{"records": records}); r.status != 400 || o.code(r) != name {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
	}
	if r := o.call("POST", "/composite/sobjects", map[string]any{"records": many[:200]}); r.status != 200 || len(o.log()) != 200 {
		t.Errorf("200 records: got %d, %d log entries", r.status, len(o.log()))
	}
}
