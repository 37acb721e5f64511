package salesforce

import (
	"fmt"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

func (o *org) check(s connectors.Settings) connectors.SettingsReport {
	o.t.Helper()
	report, err := o.c.CheckSettings(o.t.Context(), o.account, s)
	if err != nil {
		o.t.Fatalf("CheckSettings: %v", err)
	}
	return report
}

func TestSettingsThatTheOrgAcceptsAreDelivered(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c", "Origin__c"}, RequiredTaskFields: []string{"Team__c"},
		RestrictedPicklists: map[string][]string{"Lead.Region__c": {"EMEA", "APAC"}}})
	s := connectors.Settings{TaskStatus: "In Progress", RollupTarget: connectors.RollupDeal, Contacts: connectors.ContactsCreateOnly,
		FieldDefaults: map[connectors.Object]map[string]any{
			connectors.ObjectContact: {"Region__c": "EMEA", "origin__C": "Email", "NumberOfEmployees": 12.0, "AnnualRevenue": 1.5, "HasOptedOutOfEmail": false,
				"OwnerId": simsalesforce.OtherUserID, "Status": "Working - Contacted", "Website": "https://example.com"},
			connectors.ObjectTask:   {"Team__c": "Sales", "ReminderDateTime": "2026-11-30T15:00:00Z", "IsReminderSet": true},
			connectors.ObjectRollup: {"Team__c": "Sales", "Type": "Anything goes: not restricted"},
		}}
	before := o.Core().Calls.API()
	if r := o.check(s); len(r.Problems)+len(r.Missing) != 0 {
		t.Errorf("report = %+v, want nothing", r)
	}
	if n := o.Core().Calls.API() - before; n != 3 {
		t.Errorf("%d calls, want two definitions and the lead statuses", n)
	}
	o.wantEntries("")
	o.account.Settings = s
	o.deliver(contactWrite(ada), taskWrite(nil), rollupWrite(nil))
	o.wantEntries("create Lead, create Task, create Task")
}

func TestWhatTheOrgWouldRefuseIsNamed(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{ReadOnlyFields: []string{"Lead.City"}, HiddenFields: []string{"Lead.Fax"},
		RestrictedPicklists: map[string][]string{"Lead.Region__c": {"EMEA", "APAC"}}})
	for name, c := range map[string]struct {
		object  connectors.Object
		value   any
		message string
		allowed string
	}{
		"Nothing__c":         {connectors.ObjectContact, "x", "no field Lead.Nothing__c", ""},
		"Fax":                {connectors.ObjectContact, "1", "access to it", ""},
		"City":               {connectors.ObjectContact, "x", "edit access to it", ""},
		"IsConverted":        {connectors.ObjectContact, true, "may not set Lead.IsConverted", ""},
		"email":              {connectors.ObjectContact, "a@example.com", "sets Lead.email itself", ""},
		"Outcome_Key__c":     {connectors.ObjectRollup, "x", "sets Task.Outcome_Key__c itself", ""},
		"WhoId":              {connectors.ObjectTask, contactID, "sets Task.WhoId itself", ""},
		"WhatId":             {connectors.ObjectRollup, dealID, "sets Task.WhatId itself", ""},
		"Suffix":             {connectors.ObjectContact, "", "empty", ""},
		"Title":              {connectors.ObjectContact, strings.Repeat("😀", 65), "at most 128 characters", ""},
		"MiddleName":         {connectors.ObjectContact, 7.0, "a text", ""},
		"NumberOfEmployees":  {connectors.ObjectContact, 1.5, "a whole number", ""},
		"AnnualRevenue":      {connectors.ObjectContact, "12", "a number", ""},
		"HasOptedOutOfEmail": {connectors.ObjectContact, "true", "true or false", ""},
		"OwnerId":            {connectors.ObjectContact, "somebody", "the id of a record", ""},
		"ReminderDateTime":   {connectors.ObjectTask, "tomorrow", "a time such as", ""},
		"ActivityDate":       {connectors.ObjectTask, "2026-11-30T15:00:00Z", "a date such as", ""},
		"Region__c":          {connectors.ObjectContact, "emea", "does not have the value “emea”", "EMEA,APAC"},
		"TaskSubtype":        {connectors.ObjectTask, "Letter", "does not have the value", "Task,Email,LinkedIn,ListEmail,Cadence,Call"},
		"Status":             {connectors.ObjectContact, "Closed - Converted", "a new lead could have", "Open - Not Contacted,Working - Contacted,Closed - Not Converted"},
	} {
		r := o.check(connectors.Settings{FieldDefaults: defaultsOf(c.object, map[string]any{name: c.value})})
		if len(r.Problems) != 1 || r.Problems[0].Field != "field_defaults."+string(c.object)+"."+name ||
			!strings.Contains(r.Problems[0].Message, c.message) || strings.Join(r.Problems[0].Allowed, ",") != c.allowed {
			t.Errorf("%s = %v: %+v, want %q, %q", name, c.value, r.Problems, c.message, c.allowed)
		}
	}
	for field, c := range map[string]struct {
		settings connectors.Settings
		allowed  string
	}{
		"task_status":         {connectors.Settings{TaskStatus: "Done"}, "Not Started,In Progress,Completed,Waiting on someone else,Deferred"},
		"labels.task_deal":    {connectors.Settings{Labels: connectors.Labels{TaskDeal: "Weekly"}}, ""},
		"rollup_target":       {connectors.Settings{RollupTarget: "company"}, "deal,contact"},
		"contacts":            {connectors.Settings{Contacts: "never"}, "create_only,update_only"},
		"field_defaults.deal": {connectors.Settings{FieldDefaults: defaultsOf("deal", map[string]any{"Name": "x"})}, "contact,task,rollup"},
	} {
		r := o.check(c.settings)
		if len(r.Problems) != 1 || r.Problems[0].Field != field || strings.Join(r.Problems[0].Allowed, ",") != c.allowed || r.Problems[0].Message == "" {
			t.Errorf("%s: %+v", field, r.Problems)
		}
	}
	o.wantEntries("")
}

func TestFieldsThatNothingFillsAreReported(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c", "Origin__c"}, RequiredTaskFields: []string{"Team__c", "Description"},
		RestrictedPicklists: map[string][]string{"Lead.Region__c": {"EMEA", "APAC"}}})
	s := connectors.Settings{FieldDefaults: defaultsOf(connectors.ObjectTask, map[string]any{"team__c": "Sales"})}
	want := "[{contact Region__c Region [EMEA APAC]} {contact Origin__c Origin []} {task Description Description []} {rollup Team__c Team []}]"
	if got := fmt.Sprint(o.check(s).Missing); got != want {
		t.Errorf("missing %s\nwant    %s", got, want)
	}
	s.NoNewLeads = true
	if got := fmt.Sprint(o.check(s).Missing); strings.Contains(got, "contact") {
		t.Errorf("missing %s, want nothing of leads that nobody makes", got)
	}
}

func TestSettingsAreJudgedByTheOrgAsItIsNow(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	if r := o.check(connectors.Settings{TaskStatus: "Erledigt"}); len(r.Problems) != 1 {
		t.Fatalf("report = %+v", r)
	}
	o.SetBehaviour(simsalesforce.Behaviour{TaskStatuses: []simsalesforce.Status{{Name: "Offen", Default: true}, {Name: "Erledigt", Closed: true}}})
	if r := o.check(connectors.Settings{TaskStatus: "Erledigt"}); len(r.Problems) != 0 {
		t.Errorf("report = %+v, want nothing", r)
	}
}

func TestACheckThatCannotAskSaysSo(t *testing.T) {
	t.Parallel()
	for path, class := range map[string]connectors.Class{"/Lead/describe$": retry, "/Task/describe$": retry, "/query$": retry} {
		o := newOrg(t, simsalesforce.Behaviour{})
		o.fault(sim.Fault{Path: path, Kind: sim.FaultStatus, Status: 503, Times: -1})
		_, err := o.c.CheckSettings(t.Context(), o.account, connectors.Settings{FieldDefaults: defaultsOf(connectors.ObjectContact, map[string]any{"Status": "x"})})
		if e := connectors.AsError(err); e == nil || e.Class != class {
			t.Errorf("%s: %v, want %s", path, err, class)
		}
	}
	o := newOrg(t, simsalesforce.Behaviour{})
	o.account.InstanceURL = "https://elsewhere.example.com"
	if _, err := o.c.CheckSettings(t.Context(), o.account, connectors.Settings{}); connectors.AsError(err) == nil {
		t.Error("another host was asked")
	}
}

func TestAFailureNamesTheFieldAndTheNextAction(t *testing.T) {
	t.Parallel()
	const region = "Lead.Region__c"
	withRegion := defaultsOf(connectors.ObjectContact, map[string]any{"Region__c": "EMEA"})
	required := simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c"}}
	for name, c := range map[string]struct {
		org      simsalesforce.Behaviour
		defaults map[connectors.Object]map[string]any
		known    bool
		code     string
		action   string
	}{
		"required": {required, nil, false, "field_required",
			"Set a default for Lead.Region__c in the connection's settings, or ask a Salesforce admin to make it optional; then press Retry."},
		"read-only": {simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c"}, ReadOnlyFields: []string{region}}, withRegion, false, "field_not_writable",
			"Ask a Salesforce admin to give the integration user edit access to Lead.Region__c, then press Retry."},
		"hidden": {simsalesforce.Behaviour{}, withRegion, false, "field_not_accessible",
			"Ask a Salesforce admin to give the integration user edit access to Lead.Region__c, then press Retry."},
		"hidden from a lookup": {simsalesforce.Behaviour{HiddenFields: []string{"Lead.FirstName"}}, nil, true, "field_not_accessible",
			"Ask a Salesforce admin to give the integration user edit access to Lead.FirstName, then press Retry."},
		"picklist": {simsalesforce.Behaviour{RestrictedPicklists: map[string][]string{region: {"APAC"}}}, withRegion, false, "picklist_value_refused",
			"Ask a Salesforce admin to add the value to the picklist Lead.Region__c, or change the default for it in the connection's settings; then press Retry."},
		"too long": {required, defaultsOf(connectors.ObjectContact, map[string]any{"Region__c": strings.Repeat("x", 256)}), false, "text_too_long",
			"Shorten the default for Lead.Region__c in the connection's settings, then press Retry; where there is none, report this to the operator of the service."},
	} {
		o := newOrg(t, c.org)
		o.account.Settings.FieldDefaults = c.defaults
		if c.known {
			o.seedLead(ada.Email)
		}
		e := o.deliverOne(contactWrite(ada)).Err
		if wantClass(t, e, reject, c.code); e.Action != c.action {
			t.Errorf("%s: action %q\nwant %q", name, e.Action, c.action)
		}
		o.wantEntries("")
	}
}

func TestACustomFieldThatIsRequiredIsFilledFromTheDefaults(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c"}})
	wantClass(t, o.deliverOne(contactWrite(ada)).Err, reject, "field_required")
	o.account.Settings.FieldDefaults = defaultsOf(connectors.ObjectContact, map[string]any{"Region__c": "EMEA"})
	r := o.deliver(contactWrite(ada))[0]
	if got := o.field("Lead", r.Ref.ID, "Region__c"); got != "EMEA" {
		t.Errorf("Region__c = %q", got)
	}
}

func TestALeadOfAnOrgWithPersonAccountsGetsNoInventedCompany(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{PersonAccounts: true})
	before := o.Core().Calls.API()
	for i, email := range []string{"ada@example.com", "grace@example.com"} {
		r := o.deliver(contactWrite(connectors.Contact{Email: email, LastName: "Lovelace"}))[0]
		if got := o.field("Lead", r.Ref.ID, "Company"); got != "" || len(r.Notes) != 0 {
			t.Errorf("company %q, notes %v", got, r.Notes)
		}
		if n := o.Core().Calls.API() - before; n != 3+2*i {
			t.Errorf("%d calls for %d leads: the definition is read once", n, i+1)
		}
	}
	o.deliver(contactWrite(connectors.Contact{Email: "work@example.com", Company: "Navy"}))
	if got := o.last().Fields["Company"]; got != "Navy" {
		t.Errorf("company = %q", got)
	}
	for name, f := range map[string]sim.Fault{
		"hidden": {Path: "/describe$", Kind: sim.FaultStatus, Status: 404, Body: items("NOT_FOUND: x"), Times: -1},
		"down":   {Path: "/describe$", Kind: sim.FaultStatus, Status: 503, Times: -1},
	} {
		o := newOrg(t, simsalesforce.Behaviour{})
		o.fault(f)
		r := o.deliverOne(contactWrite(connectors.Contact{Email: "ada@example.com"}))
		if name == "down" {
			if r.Err == nil || r.Err.Class != retry {
				t.Errorf("%s: %v, want a retry", name, r.Err)
			}
			continue
		}
		if r.Err != nil || o.last().Fields["Company"] != "[not provided]" {
			t.Errorf("%s: %v, %v", name, r.Err, o.last().Fields)
		}
	}
}
