package simsalesforce

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim"
)

func TestACreateAnswersLikeSalesforceAndIsLogged(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	r := o.call("POST", "/sobjects/Lead", lead("Email", "ada@example.com", "FirstName", " Ada ", "Title", ""))
	var out struct {
		ID      string
		Success bool
		Errors  []any
	}
	decodeJSON(t, r.body, &out)
	if r.status != http.StatusCreated || !out.Success || out.Errors == nil || r.header.Get("Location") != "/services/data/v66.0/sobjects/Lead/"+out.ID {
		t.Errorf("got %d %v %s", r.status, r.header, r.body)
	}
	if full, ok := normaliseID(out.ID[:15]); !ok || full != out.ID || !strings.HasPrefix(out.ID, "00Q") {
		t.Errorf("id: got %s, want 18 characters with their checksum %s", out.ID, full)
	}
	rec := o.record("Lead", out.ID)
	if rec.Fields["Name"] != "Ada Lovelace" || rec.Fields["Status"] != "Open - Not Contacted" || rec.Fields["OwnerId"] != UserID || rec.Fields["Title"] != nil {
		t.Errorf("stored: %v", rec.Fields)
	}
	if created := rec.Fields["CreatedDate"].(string); !strings.HasSuffix(created, ".000+0000") {
		t.Errorf("CreatedDate: got %s, want whole seconds", created)
	}
	log := o.log()
	if len(log) != 1 || log[0].CRM != "salesforce" || log[0].Account != o.OrgID() || log[0].Op != sim.OpCreate || log[0].Object != "Lead" ||
		log[0].ID != out.ID || log[0].Fields["Email"] != "ada@example.com" || log[0].Fields["FirstName"] != "Ada" {
		t.Errorf("log: got %+v", log)
	}
}

func TestAnUpdateIsEmptyAndLogged(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	id := o.create("Lead", lead("Phone", "1"))
	r := o.call("PATCH", "/sobjects/Lead/"+id[:15], map[string]any{"lastname": "Byron", "Phone": nil})
	if r.status != http.StatusNoContent || r.body != "" {
		t.Errorf("got %d %q, want an empty 204", r.status, r.body)
	}
	rec := o.record("Lead", id)
	if rec.Fields["LastName"] != "Byron" || rec.Fields["Name"] != "Byron" || rec.Fields["Phone"] != nil {
		t.Errorf("stored: %v", rec.Fields)
	}
	last := o.log()[1]
	if last.Op != sim.OpUpdate || last.ID != id || last.Fields["LastName"] != "Byron" || len(last.Fields) != 2 {
		t.Errorf("log: got %+v", last)
	}
	if rows, _ := o.query("SELECT Id FROM Lead WHERE LastName = 'byron'"); len(rows) != 1 {
		t.Errorf("the changed lead is not found")
	}
}

func TestWritesThatBreakARuleAreRefusedAndLeaveNothing(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{
		RequiredLeadFields: []string{"Region__c"}, RestrictedPicklists: map[string][]string{"Region__c": {"EMEA", "APAC"}},
		HiddenFields: []string{"Lead.Fax"}, ReadOnlyFields: []string{"Website"}, HiddenRecords: []string{OpportunityTwoID},
	})
	inactive := o.Seed("User", map[string]any{"LastName": "Gone", "Username": "gone@example.com"})
	leadID := o.Seed("Lead", map[string]any{"LastName": "L", "Company": "C"})
	contactID := o.Seed("Contact", map[string]any{"LastName": "C"})
	deleted := o.Seed("Contact", map[string]any{"LastName": "D", "IsDeleted": true})
	with := func(fields ...any) map[string]any { return lead(append(fields, "Region__c", "EMEA")...) }
	task := func(fields ...any) map[string]any {
		f := lead(append(fields, "Subject", "s")...)
		delete(f, "LastName")
		delete(f, "Company")
		return f
	}
	for _, c := range []struct {
		name, object string
		body         any
		code, text   string
		fields       []string
	}{
		{"required", "Lead", map[string]any{"LastName": " ", "Region__c": "EMEA"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName, Company]", []string{"LastName", "Company"}},
		{"custom required", "Lead", lead(), "REQUIRED_FIELD_MISSING", "Required fields are missing: [Region__c]", []string{"Region__c"}},
		{"restricted picklist", "Lead", lead("Region__c", "Mars"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Region: bad value for restricted picklist field: Mars", []string{"Region__c"}},
		{"length", "Lead", with("LastName", strings.Repeat("x", 81)), "STRING_TOO_LONG", "Last Name: data value too large: " + strings.Repeat("x", 81) + " (max length=80)", []string{"LastName"}},
		{"length in UTF-16 units", "Lead", with("LastName", strings.Repeat("😀", 41)), "STRING_TOO_LONG", "(max length=80)", []string{"LastName"}},
		{"long description", "Task", task("Description", strings.Repeat("x", 32001)), "STRING_TOO_LONG", "(max length=32000)", []string{"Description"}},
		{"email", "Lead", with("Email", "foo"), "INVALID_EMAIL_ADDRESS", "Email: invalid email address: foo", []string{"Email"}},
		{"email without a top level", "Lead", with("Email", "a@localhost"), "INVALID_EMAIL_ADDRESS", "a@localhost", []string{"Email"}},
		{"unknown field", "Lead", with("foo__c", "x"), "INVALID_FIELD", "No such column 'foo__c' on sobject of type Lead", nil},
		{"hidden field", "Lead", with("Fax", "1"), "INVALID_FIELD", "No such column 'Fax' on sobject of type Lead", nil},
		{"read-only field", "Lead", with("Website", "x"), "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Website.", []string{"Website"}},
		{"derived field", "Lead", with("Name", "x"), "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Name.", []string{"Name"}},
		{"id in the body", "Lead", with("Id", "x"), "INVALID_FIELD", "The Id field should not be specified in the sobject data.", nil},
		{"number for a text", "Lead", with("Title", 5), "JSON_PARSER_ERROR", "Cannot deserialize instance of string", nil},
		{"object for a text", "Lead", with("Title", map[string]any{}), "JSON_PARSER_ERROR", "START_OBJECT", nil},
		{"control character", "Lead", with("Title", "a\x00b"), "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET", "U+0000", []string{"Title"}},
		{"broken JSON", "Lead", `{"LastName":`, "JSON_PARSER_ERROR", "", nil},
		{"no JSON object", "Lead", `[]`, "JSON_PARSER_ERROR", "", nil},
		{"two JSON values", "Lead", `{"LastName":"a","Company":"b","Region__c":"EMEA"}{}`, "JSON_PARSER_ERROR", "", nil},
		{"inactive owner", "Lead", with("OwnerId", inactive), "INACTIVE_OWNER_OR_USER", "operation performed with inactive user [" + inactive + "] as owner of lead", []string{"OwnerId"}},
		{"record type", "Lead", with("RecordTypeId", "012ak0000000001"), "INVALID_CROSS_REFERENCE_KEY", "Record Type ID: this ID value isn't valid for the user: 012ak0000000001", []string{"RecordTypeId"}},
		{"date and time for a date", "Task", task("ActivityDate", "2026-11-23T00:00:00Z"), "JSON_PARSER_ERROR", "Cannot deserialize instance of date", nil},
		{"lead and what", "Task", task("WhoId", leadID, "WhatId", OpportunityOneID), "FIELD_INTEGRITY_EXCEPTION", "cannot specify whatID with lead whoID", []string{"WhatId", "WhoId"}},
		{"account as who", "Task", task("WhoId", AccountID), "FIELD_INTEGRITY_EXCEPTION", "Name ID: id value of incorrect type: " + AccountID, []string{"WhoId"}},
		{"contact as what", "Task", task("WhatId", contactID), "MALFORMED_ID", "Related To ID: id value of incorrect type: " + contactID, []string{"WhatId"}},
		{"no id as what", "Task", task("WhatId", "deal-7"), "MALFORMED_ID", "Related To ID: id value of incorrect type: deal-7", []string{"WhatId"}},
		{"id with a wrong checksum", "Task", task("WhatId", OpportunityOneID[:15]+"AAA"), "MALFORMED_ID", "Related To ID", []string{"WhatId"}},
		{"unknown opportunity", "Task", task("WhatId", makeID("006", 999)), "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", []string{}},
		{"invisible opportunity", "Task", task("WhatId", OpportunityTwoID), "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id: " + OpportunityTwoID[:15], []string{}},
		{"deleted contact", "Task", task("WhoId", deleted), "ENTITY_IS_DELETED", "entity is deleted", []string{}},
		{"odd subtype", "Task", task("TaskSubtype", "Note"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Task Subtype", []string{"TaskSubtype"}},
		{"setup object", "LeadStatus", map[string]any{}, "INVALID_TYPE_FOR_OPERATION", "does not support create", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := o.call("POST", "/sobjects/"+c.object, c.body)
			if r.status != http.StatusBadRequest {
				t.Fatalf("got %d %s, want 400", r.status, r.body)
			}
			got := firstError(t, r)
			if got.ErrorCode != c.code || !strings.Contains(got.Message, c.text) || !slices.Equal(got.Fields, c.fields) || (got.Fields == nil) != (c.fields == nil) {
				t.Errorf("got %+v, want %s %q %v", got, c.code, c.text, c.fields)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(o.log()); n != 0 {
			t.Errorf("%d refused writes are in the log", n)
		}
	})
}

func TestTextsAtTheLimitAreTaken(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	o.create("Lead", lead("LastName", strings.Repeat("😀", 40), "Email", strings.Repeat("a", 80-len("@example.com"))+"@example.com"))
	o.create("Task", map[string]any{"Description": strings.Repeat("é", 32000), "Subject": strings.Repeat("x", 255)})
}

func TestTasksHangWhereTheyMay(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	contact := o.Seed("Contact", map[string]any{"LastName": "C"})
	leadID := o.Seed("Lead", lead())
	for _, c := range []struct {
		who, what any
		to        []string
		account   any
	}{
		{nil, nil, nil, nil},
		{nil, OpportunityOneID, []string{"WhatId/" + OpportunityOneID}, AccountID},
		{contact, nil, []string{"WhoId/" + contact}, nil},
		{contact[:15], OpportunityThreeID[:15], []string{"WhoId/" + contact, "WhatId/" + OpportunityThreeID}, AccountID},
		{leadID, nil, []string{"WhoId/" + leadID}, nil},
		{nil, AccountID, []string{"WhatId/" + AccountID}, AccountID},
	} {
		id := o.create("Task", map[string]any{"Subject": "s", "Status": "Completed", "ActivityDate": "2026-11-23", "WhoId": c.who, "WhatId": c.what})
		log := o.log()
		if got := log[len(log)-1]; !slices.Equal(got.To, c.to) {
			t.Errorf("%v %v: log has %v, want %v", c.who, c.what, got.To, c.to)
		}
		rec := o.record("Task", id)
		if rec.Fields["AccountId"] != c.account || rec.Fields["IsClosed"] != true || rec.Fields["Priority"] != "Normal" {
			t.Errorf("%v %v: stored %v", c.who, c.what, rec.Fields)
		}
	}
	id := o.create("Task", map[string]any{"WhoId": leadID})
	if r := o.call("PATCH", "/sobjects/Task/"+id, map[string]any{"WhatId": OpportunityOneID}); r.status != 400 || o.code(r) != "FIELD_INTEGRITY_EXCEPTION" {
		t.Errorf("WhatId added to a lead's task: got %d %s", r.status, r.body)
	}
}

func TestAConvertedLeadIsReadOnly(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	id := o.create("Lead", lead("Email", "ada@example.com"))
	taskID := o.create("Task", map[string]any{"WhoId": id})
	var made Converted
	o.control("POST", "/__sim/convert", map[string]string{"lead_id": id}, &made)
	for _, r := range []response{
		o.call("PATCH", "/sobjects/Lead/"+id, map[string]any{"Title": "x"}),
		o.call("POST", "/sobjects/Task", map[string]any{"WhoId": id}),
		o.call("POST", "/sobjects/Task", map[string]any{"WhoId": id, "WhatId": OpportunityOneID}),
	} {
		if got := firstError(t, r); r.status != 400 || got.ErrorCode != "CANNOT_UPDATE_CONVERTED_LEAD" || got.Message != "cannot reference converted lead" {
			t.Errorf("got %d %s", r.status, r.body)
		}
	}
	rows, code := o.query("SELECT IsConverted, ConvertedContactId, ConvertedAccountId, ConvertedOpportunityId FROM Lead WHERE Email = 'ada@example.com'")
	if code != "" || len(rows) != 1 || rows[0]["IsConverted"] != true || rows[0]["ConvertedContactId"] != made.ContactID ||
		rows[0]["ConvertedAccountId"] != made.AccountID || rows[0]["ConvertedOpportunityId"] != made.OpportunityID {
		t.Errorf("got %v %s, want %+v", rows, code, made)
	}
	if got := o.record("Task", taskID).Fields["WhoId"]; got != made.ContactID {
		t.Errorf("the lead's task: WhoId %v, want the contact %s", got, made.ContactID)
	}
	o.create("Task", map[string]any{"WhoId": made.ContactID, "WhatId": made.OpportunityID})
}

func TestAssignmentRulesRunUnlessTold(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{AssignmentRules: true})
	quiet := []string{"Sforce-Auto-Assign", "FALSE"}
	owner := func(id string) any { return o.record("Lead", id).Fields["OwnerId"] }
	id := o.create("Lead", lead())
	if owner(id) != OtherUserID {
		t.Errorf("create without the header: owner %v", owner(id))
	}
	var out struct{ ID string }
	decodeJSON(t, o.call("POST", "/sobjects/Lead", lead(), quiet...).body, &out)
	if owner(out.ID) != UserID {
		t.Errorf("create with FALSE: owner %v", owner(out.ID))
	}
	o.call("PATCH", "/sobjects/Lead/"+out.ID, map[string]any{"Title": "x"}, quiet...)
	if owner(out.ID) != UserID {
		t.Errorf("update with FALSE: owner %v", owner(out.ID))
	}
	o.call("PATCH", "/sobjects/Lead/"+out.ID, map[string]any{"Title": "y"})
	if owner(out.ID) != OtherUserID {
		t.Errorf("update without the header: owner %v", owner(out.ID))
	}
}

func TestTheDuplicateRuleNamesTheRecord(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{DuplicateRule: true})
	contact := o.Seed("Contact", map[string]any{"LastName": "C", "Email": "Ada@example.com"})
	body := lead("Email", "ada@example.com")
	r := o.call("POST", "/sobjects/Lead", body)
	type found struct {
		AllowSave    bool
		MatchResults []struct {
			EntityType   string
			MatchRecords []struct{ Record struct{ ID string } }
		}
	}
	var out []struct {
		ErrorCode      string
		DuplicateResut *found
	}
	decodeJSON(t, r.body, &out)
	if r.status != 400 || out[0].ErrorCode != "DUPLICATES_DETECTED" || out[0].DuplicateResut == nil || !out[0].DuplicateResut.AllowSave ||
		out[0].DuplicateResut.MatchResults[0].EntityType != "Contact" || out[0].DuplicateResut.MatchResults[0].MatchRecords[0].Record.ID != contact {
		t.Errorf("got %d %s", r.status, r.body)
	}
	for key, want := range map[string]string{"duplicateResult": `"duplicateResult":{`, "none": `[{"errorCode":"DUPLICATES_DETECTED","message":`} {
		o.SetBehaviour(Behaviour{DuplicateRule: true, DuplicateKey: key})
		if r := o.call("POST", "/sobjects/Lead", body); !strings.Contains(r.body, want) || strings.Contains(r.body, "duplicateResut") {
			t.Errorf("key %s: got %s", key, r.body)
		}
	}
	allow := []string{"Sforce-Duplicate-Rule-Header", "allowSave=true; includeRecordDetails=false"}
	if r := o.call("POST", "/sobjects/Lead", body, allow...); r.status != http.StatusCreated {
		t.Errorf("allowSave: got %d %s", r.status, r.body)
	}
	o.SetBehaviour(Behaviour{DuplicateRule: true, DuplicateBlocks: true})
	if r := o.call("POST", "/sobjects/Lead", body, allow...); r.status != 400 {
		t.Errorf("allowSave against Block: got %d %s", r.status, r.body)
	}
}

func TestReadsAndDeletes(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	id := o.create("Lead", lead())
	var got map[string]any
	decodeJSON(t, o.call("GET", "/sobjects/Lead/"+id+"?fields=LastName,Company", nil).body, &got)
	if got["LastName"] != "Lovelace" || got["Company"] != "Example" || got["attributes"] == nil || len(got) != 4 {
		t.Errorf("got %v", got)
	}
	if r := o.call("DELETE", "/sobjects/Lead/"+id, nil); r.status != http.StatusNoContent {
		t.Errorf("delete: got %d %s", r.status, r.body)
	}
	if log := o.log(); log[len(log)-1].Op != sim.OpDelete {
		t.Errorf("log: got %+v", log)
	}
	for _, c := range []struct {
		method, path, code string
		status             int
	}{
		{"GET", "/sobjects/Lead/" + id, "NOT_FOUND", 404},
		{"PATCH", "/sobjects/Lead/" + id, "ENTITY_IS_DELETED", 404},
		{"PATCH", "/sobjects/Lead/" + makeID("00Q", 999), "NOT_FOUND", 404},
		{"PATCH", "/sobjects/Lead/" + AccountID, "MALFORMED_ID", 400},
		{"GET", "/sobjects/Lead/nonsense", "NOT_FOUND", 404},
		{"GET", "/sobjects/Leed/" + id, "NOT_FOUND", 404},
		{"PUT", "/sobjects/Lead/" + id, "METHOD_NOT_ALLOWED", 405},
		{"GET", "/nothing", "NOT_FOUND", 404},
	} {
		var body any
		if c.method != "GET" {
			body = map[string]any{"Title": "x"}
		}
		if r := o.call(c.method, c.path, body); r.status != c.status || o.code(r) != c.code {
			t.Errorf("%s %s: got %d %s, want %d %s", c.method, c.path, r.status, r.body, c.status, c.code)
		}
	}
	o.SetBehaviour(Behaviour{UnknownIDCode: "INVALID_CROSS_REFERENCE_KEY"})
	if r := o.call("PATCH", "/sobjects/Lead/"+makeID("00Q", 999), map[string]any{}); o.code(r) != "INVALID_CROSS_REFERENCE_KEY" {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestAnUpdateCanAskForAnUnchangedRecord(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	id := o.create("Lead", lead())
	since := o.Core().Clock.Now().Add(time.Minute)
	patch := func(title string) int {
		return o.call("PATCH", "/sobjects/Lead/"+id, map[string]any{"Title": title}, "If-Unmodified-Since", since.Format(http.TimeFormat)).status
	}
	if got := patch("a"); got != http.StatusNoContent {
		t.Errorf("unchanged: got %d", got)
	}
	o.Core().Clock.Advance(2 * time.Minute)
	o.call("PATCH", "/sobjects/Lead/"+id, map[string]any{"Title": "b"})
	if got := patch("c"); got != http.StatusPreconditionFailed {
		t.Errorf("changed: got %d, want 412", got)
	}
}
