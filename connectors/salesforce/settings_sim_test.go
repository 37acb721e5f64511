package salesforce

import (
	"fmt"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

func defaultsOf(object connectors.Object, values map[string]any) map[connectors.Object]map[string]any {
	return map[connectors.Object]map[string]any{object: values}
}

func TestDefaultsGoToNewLeadsAndNeverOverAnOutcome(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c"}})
	o.account.Settings.FieldDefaults = defaultsOf(connectors.ObjectContact, map[string]any{"Region__c": "EMEA", "company": "Unknown Ltd", "LASTNAME": "Nobody",
		"NumberOfEmployees": 12.0, "HasOptedOutOfEmail": true, "City": "", "Street": []any{"no"}, "Title": "Guest"})
	o.deliver(contactWrite(connectors.Contact{Email: "ada@example.com", LastName: "Lovelace"}))
	want := map[string]string{"Email": "ada@example.com", "LastName": "Lovelace", "Company": "Unknown Ltd", "Region__c": "EMEA", "NumberOfEmployees": "12",
		"HasOptedOutOfEmail": "true", "Title": "Guest"}
	if got := o.last().Fields; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("created %v\nwant    %v", got, want)
	}
	o.deliver(contactWrite(connectors.Contact{Email: "ada@example.com", Phone: "1"}))
	if got := o.last().Fields; fmt.Sprint(got) != "map[Phone:1]" {
		t.Errorf("updated %v, want the phone alone", got)
	}
}

func TestDefaultsGoToNewTasksAndSummaries(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{
		connectors.ObjectTask:   {"Priority": "Low", "Type": "Call", "Description": "See the thread.", "Status": "Deferred", "OwnerId": simsalesforce.OtherUserID},
		connectors.ObjectRollup: {"Type": "Other", "Description": "nothing", "Status": "Deferred"},
	}
	o.deliver(taskWrite(func(w *connectors.Write) { w.Task.Body, w.Task.OwnerEmail = "", "ops@example.com" }), rollupWrite(nil))
	log := o.Core().Log.Entries(0)
	for i, want := range []map[string]string{
		{"Subject": "Send the offer", "ActivityDate": "2026-11-27", "Priority": "Low", "Type": "Call", "Description": "See the thread.", "Status": "Deferred", "OwnerId": simsalesforce.UserID},
		{"Subject": "Weekly deal summary", "ActivityDate": "2026-11-29", "Type": "Other", "Description": "Two calls.\nOne offer.", "Status": "Deferred"},
	} {
		if got := log[i].Fields; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("write %d: %v\nwant     %v", i, got, want)
		}
	}
}

func TestATaskHasTheStatusOfTheSettings(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.account.Settings.TaskStatus = "In Progress"
	o.account.Settings.FieldDefaults = defaultsOf(connectors.ObjectTask, map[string]any{"Status": "Deferred"})
	o.deliver(taskWrite(nil))
	if got := o.last().Fields["Status"]; got != "In Progress" {
		t.Errorf("status = %q", got)
	}
	o.account.Settings = connectors.Settings{TaskStatus: "Renamed"}
	o.SetBehaviour(simsalesforce.Behaviour{RestrictedPicklists: map[string][]string{"Task.Status": {"Not Started", "Done"}}})
	r := o.deliver(taskWrite(nil))[0]
	if _, sent := o.last().Fields["Status"]; sent || noteCodes(r.Notes) != "status_dropped" {
		t.Errorf("a status that the org lost: %v, notes %v", o.last().Fields, r.Notes)
	}
}

func TestAClosedStatusThatWasRenamedIsReadAgain(t *testing.T) {
	t.Parallel()
	statuses := func(closed string) simsalesforce.Behaviour {
		return simsalesforce.Behaviour{TaskStatuses: []simsalesforce.Status{{Name: "Open", Default: true}, {Name: closed, Closed: true}},
			RestrictedPicklists: map[string][]string{"Task.Status": {"Open", closed}}}
	}
	o := newOrg(t, statuses("Completed"))
	o.deliver(rollupWrite(nil))
	o.SetBehaviour(statuses("Erledigt"))
	r := o.deliver(rollupWrite(nil))[0]
	if got := o.last().Fields["Status"]; got != "Erledigt" || len(r.Notes) != 0 {
		t.Errorf("status = %q, notes %v", got, r.Notes)
	}
}

func TestPeopleAreOnlyCreatedWhereTheSettingsSaySo(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"looked up": false, "known": true} {
		o := newOrg(t, simsalesforce.Behaviour{})
		o.account.Settings.Contacts = connectors.ContactsCreateOnly
		w := contactWrite(ada)
		id := o.seedLead(ada.Email)
		w.ContactRef, w.ContactKnown = ref("Lead", id), known
		if r := o.deliver(w)[0]; r.Outcome != connectors.Unchanged || r.Ref.ID != id || len(r.Notes) != 0 {
			t.Errorf("%s: %+v, want %s unchanged", name, r, id)
		}
		if f, err := o.c.Find(t.Context(), o.account, w); err != nil || f.Ref.ID != id || !f.Complete {
			t.Errorf("%s: found %+v, %v; want it complete: it stays as it is", name, f, err)
		}
		o.wantEntries("")
		r := o.deliver(contactWrite(connectors.Contact{Email: "new@example.com"}))[0]
		if r.Outcome != connectors.Created {
			t.Errorf("somebody new: %+v", r)
		}
	}
}

func TestNobodyIsCreatedWhereTheSettingsForbidIt(t *testing.T) {
	t.Parallel()
	for code, s := range map[string]connectors.Settings{
		connectors.CodeContactCreationOff: {Contacts: connectors.ContactsUpdateOnly, NoNewLeads: true},
		connectors.CodeLeadCreationOff:    {NoNewLeads: true},
	} {
		o := newOrg(t, simsalesforce.Behaviour{})
		o.account.Settings = s
		results := o.c.Deliver(t.Context(), o.account, []connectors.Write{contactWrite(ada), taskWrite(func(w *connectors.Write) { w.Email, w.DealID = ada.Email, dealOne })})
		wantClass(t, results[0].Err, reject, code)
		if results[1].Err != nil || o.last().Fields["WhatId"] != dealOne {
			t.Errorf("%s: the task: %v, %v", code, results[1].Err, o.last())
		}
		plan := o.c.Plan(t.Context(), o.account, []connectors.Write{contactWrite(ada)})[0]
		wantClass(t, plan.Err, reject, code)
		o.wantEntries("create Task")
		contact := o.seedContact(ada.Email)
		if r := o.deliver(contactWrite(ada))[0]; r.Outcome != connectors.Updated || r.Ref.ID != contact {
			t.Errorf("%s: somebody who is there: %+v", code, r)
		}
	}
}

func TestARollupIsTiedToItsTarget(t *testing.T) {
	t.Parallel()
	both, deal, contact := connectors.RollupBoth, connectors.RollupDeal, connectors.RollupContact
	for name, c := range map[string]struct {
		target   connectors.RollupTarget
		who      string // Lead, Contact, gone
		deal     string
		wantWho  bool
		wantWhat bool
		notes    string
	}{
		"both: contact and deal":          {target: both, who: "Contact", deal: dealOne, wantWho: true, wantWhat: true},
		"both: lead and deal":             {target: both, who: "Lead", deal: dealOne, wantWhat: true, notes: "association_dropped"},
		"deal: contact and deal":          {target: deal, who: "Contact", deal: dealOne, wantWhat: true},
		"deal: lead and deal":             {target: deal, who: "Lead", deal: dealOne, wantWhat: true},
		"deal: lead alone":                {target: deal, who: "Lead", wantWho: true},
		"deal: lead and a deal that left": {target: deal, who: "Lead", deal: simsalesforce.OpportunityTwoID, wantWho: true, notes: "association_dropped"},
		"deal: nobody, a deal that left":  {target: deal, deal: simsalesforce.OpportunityTwoID, notes: "association_dropped"},
		"contact: contact and deal":       {target: contact, who: "Contact", deal: dealOne, wantWho: true},
		"contact: lead and deal":          {target: contact, who: "Lead", deal: dealOne, wantWho: true},
		"contact: deal alone":             {target: contact, deal: dealOne, wantWhat: true},
		"contact: one who left, and deal": {target: contact, who: "gone", deal: dealOne, wantWhat: true, notes: "association_dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t, simsalesforce.Behaviour{})
			if err := o.Delete("Opportunity", simsalesforce.OpportunityTwoID); err != nil {
				t.Fatal(err)
			}
			o.account.Settings.RollupTarget = c.target
			w := rollupWrite(func(w *connectors.Write) { w.DealID = c.deal })
			switch c.who {
			case "Lead":
				w.ContactRef = ref("Lead", o.seedLead("ada@example.com"))
			case "Contact", "gone":
				w.ContactRef = ref("Contact", o.seedContact("ada@example.com"))
			}
			if c.who == "gone" {
				if err := o.Delete("Contact", w.ContactRef.ID); err != nil {
					t.Fatal(err)
				}
			}
			r := o.deliver(w)[0]
			e := o.last()
			if (e.Fields["WhoId"] != "") != c.wantWho || (e.Fields["WhatId"] != "") != c.wantWhat || noteCodes(r.Notes) != c.notes {
				t.Errorf("tied to %q and %q, notes %v", e.Fields["WhoId"], e.Fields["WhatId"], r.Notes)
			}
		})
	}
}

func TestSomebodyKnownIsWrittenToWithoutALook(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{AssignmentRules: true})
	w := contactWrite(connectors.Contact{Email: ada.Email, FirstName: "Ada", Company: "Navy"})
	w.ContactKnown = true
	for object, id := range map[string]string{"Lead": o.seedLead(ada.Email), "Contact": o.seedContact("other@example.com")} {
		before := o.Core().Calls.API()
		owner := o.field(object, id, "OwnerId")
		w.ContactRef = ref(object, id)
		r := o.deliver(w)[0]
		if r.Ref != w.ContactRef || r.Outcome != connectors.Updated || o.Core().Calls.API()-before != 1 || len(r.Notes) != 0 {
			t.Errorf("%s: %+v after %d calls", object, r, o.Core().Calls.API()-before)
		}
		if e := o.last(); e.Fields["FirstName"] != "Ada" || e.Fields["Email"] != "" || (e.Fields["Company"] != "") != (object == "Lead") || o.field(object, id, "OwnerId") != owner {
			t.Errorf("%s: sent %v", object, e.Fields)
		}
	}
}

func TestSomebodyWhoIsNotWhereTheyWereIsLookedUp(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(o *org, id string) string{
		"deleted": func(o *org, id string) string {
			if err := o.Delete("Lead", id); err != nil {
				t.Error(err)
			}
			return o.seedContact(ada.Email)
		},
		"converted": func(o *org, id string) string {
			became, err := o.ConvertLead(id)
			if err != nil {
				t.Error(err)
			}
			return became.ContactID
		},
		"never was": func(o *org, _ string) string { return o.seedContact(ada.Email) },
		"hidden behind a page": func(o *org, id string) string {
			o.fault(sim.Fault{Method: "PATCH", Path: "/sobjects/Lead/", Kind: sim.FaultStatus, Status: 404, Body: "<html>Not found</html>"})
			return id
		},
	} {
		for _, code := range []string{"", "INVALID_CROSS_REFERENCE_KEY"} {
			o := newOrg(t, simsalesforce.Behaviour{UnknownIDCode: code})
			w := contactWrite(ada)
			id := o.seedLead(ada.Email)
			if name == "never was" {
				if err := o.Delete("Lead", id); err != nil {
					t.Fatal(err)
				}
				id = "00Qak0000000999EAA"
			}
			w.ContactRef, w.ContactKnown = ref("Lead", id), true
			now := lose(o, id)
			if r := o.deliver(w)[0]; r.Ref.ID != now || r.Outcome != connectors.Updated {
				t.Errorf("%s %s: %+v, want %s", name, code, r, now)
			}
		}
	}
}

func TestAPersonWhoCannotBeWrittenForAReasonIsNotLookedUp(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{ReadOnlyFields: []string{"Lead.FirstName"}})
	w := contactWrite(ada)
	w.ContactRef, w.ContactKnown = ref("Lead", o.seedLead(ada.Email)), true
	before := o.Core().Calls.API()
	wantClass(t, o.deliverOne(w).Err, reject, "field_not_writable")
	if n := o.Core().Calls.API() - before; n != 1 {
		t.Errorf("%d calls, want one", n)
	}
}

func TestADefaultThatFillsTheDescriptionLeavesRoomForTheMarker(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	long := strings.Repeat("é", maxDescription)
	o.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{connectors.ObjectContact: {"Description": long}, connectors.ObjectTask: {"Description": long}}
	const marker = "aaaabbbbccccddddeeeeffff22"
	lead := contactWrite(ada)
	lead.Marker = marker
	o.deliver(lead, taskWrite(func(w *connectors.Write) { w.Marker, w.Task.Body = marker, "" }))
	for _, e := range o.Core().Log.Entries(0) {
		if text := e.Fields["Description"]; units(text) > maxDescription || !strings.HasSuffix(text, marker) {
			t.Errorf("%s: %d units, ends in %q", e.Object, units(text), text[len(text)-40:])
		}
	}
}
