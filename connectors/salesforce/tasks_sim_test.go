package salesforce

import (
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

const (
	dealOne = simsalesforce.OpportunityOneID
	noDeal  = "006ak00000NoNoN"
)

func ref(object, id string) connectors.Ref { return connectors.Ref{Type: object, ID: id} }

func TestATaskCarriesTheCuratedWords(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	contact := o.seedContact("ada@example.com")
	r := o.deliver(taskWrite(func(w *connectors.Write) {
		w.ContactRef, w.DealID = ref("Contact", contact), dealOne
		w.Task.Priority, w.Task.OwnerEmail = "high", "Sales@example.com"
	}))[0]
	e := o.last()
	for field, want := range map[string]string{"Subject": "Send the offer", "Description": "As agreed.", "Priority": "High", "Status": "",
		"ActivityDate": "2026-11-27", "WhoId": contact, "WhatId": dealOne, "OwnerId": simsalesforce.OtherUserID} {
		if e.Fields[field] != want {
			t.Errorf("%s = %q, want %q", field, e.Fields[field], want)
		}
	}
	if r.Ref != ref("Task", e.ID) || r.Outcome != connectors.Created || len(r.Notes) != 0 {
		t.Errorf("result = %+v", r)
	}
}

func TestAPriorityIsOneOfSalesforces(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	for ours, theirs := range map[string]string{"high": "High", "medium": "Normal", "low": "Low", "": ""} {
		o.deliver(taskWrite(func(w *connectors.Write) { w.Task.Priority = ours }))
		if got := o.last().Fields["Priority"]; got != theirs {
			t.Errorf("%q became %q, want %q", ours, got, theirs)
		}
	}
	o.SetBehaviour(simsalesforce.Behaviour{RestrictedPicklists: map[string][]string{"Task.Priority": {"P1", "P2"}}})
	if r := o.deliver(taskWrite(func(w *connectors.Write) { w.Task.Priority = "high" }))[0]; noteCodes(r.Notes) != "priority_dropped" {
		t.Errorf("notes = %v", r.Notes)
	}
}

func TestARollupIsAClosedTaskAtTheEndOfItsWeek(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{TaskStatuses: []simsalesforce.Status{{Name: "Open", Default: true}, {Name: "Erledigt", Closed: true}, {Name: "Completed", Closed: true}}})
	lead := o.seedLead("ada@example.com")
	before := o.Core().Calls.API()
	o.deliver(rollupWrite(func(w *connectors.Write) { w.ContactRef = ref("Lead", lead) }), rollupWrite(nil))
	if n := o.Core().Calls.API() - before; n != 2 {
		t.Errorf("two rollups took %d calls, want 2: the status is asked for once", n)
	}
	e := o.Core().Log.Entries(0)[0]
	for field, want := range map[string]string{"Subject": "Weekly deal summary", "Description": "Two calls.\nOne offer.", "Status": "Erledigt",
		"ActivityDate": "2026-11-29", "WhoId": lead, "WhatId": ""} {
		if e.Fields[field] != want {
			t.Errorf("%s = %q, want %q", field, e.Fields[field], want)
		}
	}
}

func TestARollupTakesTheOrgsDefaultWhereNoStatusIsClosed(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{TaskStatuses: []simsalesforce.Status{{Name: "Open", Default: true}}})
	r := o.deliver(rollupWrite(nil))[0]
	if got := o.field("Task", r.Ref.ID, "Status"); got != "Open" || noteCodes(r.Notes) != "status_not_closed" {
		t.Errorf("status = %q, notes %v", got, r.Notes)
	}
	c, f, account := newFake(t, map[string][]answer{query1: {refusedWith(400, "INVALID_TYPE"), says(503, "")}, postTask: {says(201, taskMade)}})
	if r := deliverOne(t, c, account, rollupWrite(nil)); r.Err != nil || decoded(t, f.sent(postTask)[0])["Status"] != nil || noteCodes(r.Notes) != "status_not_closed" {
		t.Errorf("with a hidden list: %v, %s", r.Err, f.sent(postTask))
	}
	if r := deliverOne(t, c, account, rollupWrite(nil)); r.Err == nil || r.Err.Class != retry {
		t.Errorf("with Salesforce down: %v, want a retry", r.Err)
	}
}

func TestALeadAndADealGoToTheDealUnlessThereIsAContact(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	lead := o.seedLead("ada@example.com")
	w := taskWrite(func(w *connectors.Write) {
		w.ContactRef, w.Email, w.DealID = ref("Lead", lead), "ada@example.com", dealOne
	})
	r := o.deliver(w)[0]
	if e := o.last(); e.Fields["WhoId"] != "" || e.Fields["WhatId"] != dealOne || e.Fields["Description"] != "As agreed." || noteCodes(r.Notes) != "association_dropped" {
		t.Errorf("without a contact: %+v, notes %v", e, r.Notes)
	}
	contact := o.seedContact("ada@example.com")
	r = o.deliver(w)[0]
	if e := o.last(); e.Fields["WhoId"] != contact || e.Fields["WhatId"] != dealOne || len(r.Notes) != 0 {
		t.Errorf("with a contact: %+v, notes %v", e, r.Notes)
	}
	w.Email = "" // the lead alone is known
	if r = o.deliver(w)[0]; o.last().Fields["WhatId"] != dealOne || noteCodes(r.Notes) != "association_dropped" {
		t.Errorf("without an address: %+v, notes %v", o.last(), r.Notes)
	}
	became, err := o.ConvertLead(lead)
	if err != nil {
		t.Fatalf("ConvertLead: %v", err)
	}
	o.deliver(w)
	if e := o.last(); e.Fields["WhoId"] != became.ContactID || e.Fields["WhatId"] != dealOne {
		t.Errorf("converted, without an address: %+v", e)
	}
}

func TestATaskOfAConvertedLeadGoesToWhatItBecame(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	lead := o.seedLead("ada@example.com")
	became, err := o.ConvertLead(lead)
	if err != nil {
		t.Fatalf("ConvertLead: %v", err)
	}
	for name, change := range map[string]func(*connectors.Write){
		"by its id":    func(w *connectors.Write) { w.ContactRef = ref("Lead", lead) },
		"by its email": func(w *connectors.Write) { w.Email = "ada@example.com" },
	} {
		o.deliver(taskWrite(change))
		if e := o.last(); e.Fields["WhoId"] != became.ContactID || e.Fields["WhatId"] != became.OpportunityID {
			t.Errorf("%s: %+v, want contact and opportunity", name, e)
		}
	}
	o.deliver(taskWrite(func(w *connectors.Write) { w.Email, w.DealID = "ada@example.com", dealOne }))
	if e := o.last(); e.Fields["WhoId"] != became.ContactID || e.Fields["WhatId"] != dealOne {
		t.Errorf("with a deal of its own: %+v", e)
	}
}

func TestAStaleDealIsDroppedAndTheLeadComesBack(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	lead, contact := o.seedLead("ada@example.com"), o.seedContact("grace@example.com")
	if err := o.Delete("Opportunity", simsalesforce.OpportunityTwoID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	for name, c := range map[string]struct {
		who   connectors.Ref
		deal  string
		notes string
	}{
		"a lead and an unknown deal":    {ref("Lead", lead), noDeal, "association_dropped association_dropped"},
		"a contact and an unknown deal": {ref("Contact", contact), noDeal, "association_dropped"},
		"a contact and a deleted deal":  {ref("Contact", contact), simsalesforce.OpportunityTwoID, "association_dropped"},
		"a contact and a HubSpot deal":  {ref("Contact", contact), "12345678901", "association_dropped"},
		"a contact and a mistyped deal": {ref("Contact", contact), strings.ToLower(dealOne), "association_dropped"},
		"a contact and not a deal":      {ref("Contact", contact), simsalesforce.AccountID, "association_dropped"},
	} {
		r := o.deliver(taskWrite(func(w *connectors.Write) { w.ContactRef, w.DealID = c.who, c.deal }))[0]
		if e := o.last(); e.Fields["WhoId"] != c.who.ID || e.Fields["WhatId"] != "" || noteCodes(r.Notes) != c.notes {
			t.Errorf("%s: %+v, notes %v", name, e, r.Notes)
		}
	}
}

func TestAStalePersonIsReplacedAndTheDealIsKept(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	gone := o.seedContact("ada@example.com")
	if err := o.Delete("Contact", gone); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	w := taskWrite(func(w *connectors.Write) {
		w.ContactRef, w.Email, w.DealID = ref("Contact", gone), "ada@example.com", dealOne
	})
	r := o.deliver(w)[0]
	if e := o.last(); e.Fields["WhoId"] != "" || e.Fields["WhatId"] != dealOne || noteCodes(r.Notes) != "association_dropped" {
		t.Errorf("nobody else: %+v, notes %v", e, r.Notes)
	}
	now := o.seedContact("ada@example.com")
	o.deliver(w)
	if e := o.last(); e.Fields["WhoId"] != now || e.Fields["WhatId"] != dealOne {
		t.Errorf("somebody else: %+v", e)
	}
	w.DealID = ""
	o.deliver(w)
	if e := o.last(); e.Fields["WhoId"] != now {
		t.Errorf("somebody else, without a deal: %+v", e)
	}
}

func TestATaskFindsThePersonThatItsListWrote(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	before := o.Core().Calls.API()
	results := o.deliver(contactWrite(ada), taskWrite(func(w *connectors.Write) { w.Email = " ADA@example.com" }),
		taskWrite(func(w *connectors.Write) { w.Email, w.DealID = "ada@example.com", dealOne }))
	if n := o.Core().Calls.API() - before; n != 5 {
		t.Errorf("%d calls, want lookup, definition, lead and two tasks", n)
	}
	log := o.Core().Log.Entries(0)
	if log[1].Fields["WhoId"] != results[0].Ref.ID || log[2].Fields["WhatId"] != dealOne || noteCodes(results[2].Notes) != "association_dropped" {
		t.Errorf("log says %+v", log)
	}
}

func TestALinkThatTheUserMayNotSeeIsForTheAdministrator(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{HiddenRecords: []string{dealOne}})
	contact := o.seedContact("ada@example.com")
	r := o.deliverOne(taskWrite(func(w *connectors.Write) { w.ContactRef, w.DealID = ref("Contact", contact), dealOne }))
	if wantClass(t, r.Err, reject, "permission_missing"); !strings.Contains(r.Err.Cause, dealOne[:15]) || !strings.Contains(r.Err.Action, "access") {
		t.Errorf("%+v does not say to what", r.Err)
	}
	o.wantEntries("")
}

func TestATaskOfAnUnknownPersonIsWrittenWithoutOne(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	for _, email := range []string{"nobody@example.com", "", strings.Repeat("a", 80) + "@example.com"} {
		o.deliver(taskWrite(func(w *connectors.Write) { w.Email = email }))
		if e := o.last(); e.Fields["WhoId"] != "" || e.Fields["WhatId"] != "" {
			t.Errorf("%q: %+v", email, e)
		}
	}
	o.seedContact("two@example.com")
	o.seedContact("two@example.com")
	if r := o.deliver(taskWrite(func(w *connectors.Write) { w.Email = "two@example.com" }))[0]; noteCodes(r.Notes) != "several_matches" || o.last().Fields["WhoId"] == "" {
		t.Errorf("two contacts: %+v", r)
	}
}

func TestAnUnknownOwnerLeavesTheTaskToTheConnectedUser(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	left := o.Seed("User", map[string]any{"LastName": "Left", "Username": "left@example.com", "Email": "left@example.com", "IsActive": false})
	for _, email := range []string{"nobody@example.com", "left@example.com"} {
		r := o.deliver(taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = email }))[0]
		if e := o.last(); e.Fields["OwnerId"] != "" || noteCodes(r.Notes) != "owner_not_found" {
			t.Errorf("%s: %+v, notes %v", email, e, r.Notes)
		}
	}
	if n := o.Core().Calls.Snapshot()["POST /services/data/v66.0/sobjects/Task"]; n != 2 {
		t.Errorf("%d tasks sent, want two: an inactive user is not even tried", n)
	}
	o.account.Settings.FieldDefaults = defaultsOf(connectors.ObjectTask, map[string]any{"OwnerId": left})
	if r := o.deliver(taskWrite(nil))[0]; o.last().Fields["OwnerId"] != "" || noteCodes(r.Notes) != "owner_not_found" {
		t.Errorf("a default that left: %+v, notes %v", o.last(), r.Notes)
	}
	c, f, account := newFake(t, map[string][]answer{query1: {says(200, `{"records":[{"Id":"005ak00000UsrAbAAJ"}]}`)},
		postTask: {refusedWith(400, "INACTIVE_OWNER_OR_USER"), says(201, taskMade)}})
	r := deliverOne(t, c, account, taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = "left@example.com" }))
	if sent := f.sent(postTask); r.Err != nil || noteCodes(r.Notes) != "owner_not_found" || len(sent) != 2 || decoded(t, sent[1])["OwnerId"] != nil {
		t.Errorf("an owner who left since: %+v, sent %s", r, sent)
	}
	deliverOne(t, c, account, taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = "Left@example.com" }))
	if sent := f.sent(postTask); len(sent) != 3 || decoded(t, sent[2])["OwnerId"] != nil {
		t.Errorf("the next task of theirs: sent %s", sent)
	}
	c, f, account = newFake(t, map[string][]answer{postTask: {refusedWith(400, "INACTIVE_OWNER_OR_USER"), says(201, taskMade)}})
	account.Settings.FieldDefaults = defaultsOf(connectors.ObjectTask, map[string]any{"ownerid": "005ak00000UsrAbAAJ"})
	r = deliverOne(t, c, account, taskWrite(nil))
	if sent := f.sent(postTask); r.Err != nil || noteCodes(r.Notes) != "owner_not_found" || decoded(t, sent[1])["ownerid"] != nil {
		t.Errorf("a default that left: %+v, sent %s", r, sent)
	}
}

func TestALongTextIsCutAndNoted(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	r := o.deliver(taskWrite(func(w *connectors.Write) {
		w.Task.Subject, w.Task.Body = strings.Repeat("😀", 200), strings.Repeat("é", 40_000)
	}))[0]
	e := o.last()
	if units(e.Fields["Subject"]) > 255 || units(e.Fields["Description"]) != 32_000 || noteCodes(r.Notes) != "text_truncated text_truncated" {
		t.Errorf("%d and %d code units, notes %v", units(e.Fields["Subject"]), units(e.Fields["Description"]), r.Notes)
	}
}

func TestATaskWhoseAnswerIsLostIsInDoubtAndThereIsOne(t *testing.T) {
	t.Parallel()
	for _, f := range []sim.Fault{
		{Kind: sim.FaultCutAfter}, {Kind: sim.FaultTruncate},
		{Kind: sim.FaultStatusAfter, Status: 500}, {Kind: sim.FaultStatusAfter, Status: 302, Headers: map[string]string{"Location": "/"}},
		{Kind: sim.FaultStatusAfter, Status: 503, Body: items("SERVER_UNAVAILABLE: x")},
	} {
		o := newOrg(t, simsalesforce.Behaviour{})
		f.Method, f.Path = "POST", "/sobjects/Task$"
		o.fault(f)
		if r := o.deliverOne(taskWrite(nil)); r.Err == nil || r.Err.Class != inDoubt {
			t.Errorf("%s %d: %v, want in doubt", f.Kind, f.Status, r.Err)
		}
		o.wantEntries("create Task")
	}
}

func TestALeadWhoseAnswerIsLostIsFoundAndNotDoubled(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.fault(sim.Fault{Method: "POST", Path: "/sobjects/Lead$", Kind: sim.FaultCutAfter})
	w := contactWrite(ada)
	wantClass(t, o.deliverOne(w).Err, inDoubt, "answer_lost")
	found, err := o.c.Find(t.Context(), o.account, w)
	if err != nil || found.Ref != ref("Lead", o.last().ID) || !found.Complete || found.Tier == connectors.TierEnforced {
		t.Errorf("Find = %+v, %v", found, err)
	}
	o.wantEntries("create Lead")
}

func TestAnUpdateWithoutAnAnswerIsLeftToTheLog(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.seedLead("ada@example.com")
	o.fault(sim.Fault{Method: "PATCH", Path: "/sobjects/Lead/", Kind: sim.FaultCutAfter})
	r := o.deliverOne(contactWrite(ada))
	if wantClass(t, r.Err, retry, "answer_lost"); !r.MayLand {
		t.Error("the result does not say that the update may land yet")
	}
	o.wantEntries("update Lead")
}

func TestACallAfterItsSendDeadlineDoesNotLeave(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.fault(sim.Fault{Path: "/composite$", Kind: sim.FaultDelay, LatencyMS: 60})
	w := contactWrite(ada)
	w.SendBy = time.Now().Add(30 * time.Millisecond)
	wantClass(t, o.deliverOne(w).Err, retry, "send_window_over")
	o.wantEntries("")
}
