package salesforce

import (
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

func TestANewPersonBecomesAMinimalLead(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	r := o.deliver(contactWrite(connectors.Contact{Email: "o'neil+x@example.com"}))[0]
	if r.Ref.Type != "Lead" || r.Outcome != connectors.Created || len(r.Notes) != 0 {
		t.Errorf("result = %+v", r)
	}
	e := o.last()
	if e.Op != sim.OpCreate || e.ID != r.Ref.ID || len(e.Fields) != 3 || e.Fields["Email"] != "o'neil+x@example.com" ||
		e.Fields["LastName"] != "Unknown" || e.Fields["Company"] != "[not provided]" {
		t.Errorf("log says %+v", e)
	}
	again := o.deliver(contactWrite(connectors.Contact{Email: "O'Neil+X@example.com"}))[0]
	if again.Ref != r.Ref || again.Outcome != connectors.Unchanged {
		t.Errorf("the second time: %+v, want the same lead", again)
	}
	o.wantEntries("create Lead")
}

func TestAPlaceholderNeverOverwritesAndARealNameReplacesIt(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	id := o.seedLead("ada@example.com")
	o.deliver(contactWrite(connectors.Contact{Email: "ada@example.com", Phone: "+44 20 7946 0000", JobTitle: "Analyst"}))
	e := o.last()
	if e.ID != id || len(e.Fields) != 2 || e.Fields["Phone"] != "+44 20 7946 0000" || e.Fields["Title"] != "Analyst" {
		t.Errorf("log says %+v, want phone and title alone", e)
	}
	if got := o.field("Lead", id, "LastName") + "/" + o.field("Lead", id, "Company"); got != "Lovelace/Example Ltd" {
		t.Errorf("the lead is now %s", got)
	}
	blank := o.deliver(contactWrite(connectors.Contact{Email: "new@example.com"}))[0].Ref
	o.deliver(contactWrite(connectors.Contact{Email: "new@example.com", LastName: "Hopper", Company: "Navy"}))
	if got := o.field("Lead", blank.ID, "LastName") + "/" + o.field("Lead", blank.ID, "Company"); got != "Hopper/Navy" {
		t.Errorf("the placeholder became %s", got)
	}
	o.wantEntries("update Lead, create Lead, update Lead")
}

func TestWhatSalesforceHoldsAlreadyIsNotSentAgain(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.seedLead("ada@example.com")
	before := o.Core().Calls.API()
	r := o.deliver(contactWrite(connectors.Contact{Email: "ada@example.com", LastName: "Lovelace", Company: " Example  Ltd "}))[0]
	if r.Outcome != connectors.Unchanged || o.Core().Calls.API()-before != 1 {
		t.Errorf("%+v took %d calls, want one", r, o.Core().Calls.API()-before)
	}
	o.wantEntries("")
}

func TestALeadKeepsItsOwner(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{AssignmentRules: true})
	id := o.seedLead("ada@example.com")
	owner := o.field("Lead", id, "OwnerId")
	made := o.deliver(contactWrite(connectors.Contact{Email: "ada@example.com", Phone: "1"}), contactWrite(connectors.Contact{Email: "new@example.com"}))[1].Ref
	if got := o.field("Lead", id, "OwnerId"); got != owner {
		t.Errorf("an update gave the lead to %s", got)
	}
	if got := o.field("Lead", made.ID, "OwnerId"); got != simsalesforce.UserID {
		t.Errorf("a create gave the lead to %s", got)
	}
}

func TestAContactGetsNoLeadBesideIt(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	id := o.seedContact("ada@example.com")
	r := o.deliver(contactWrite(connectors.Contact{Email: "ada@example.com", FirstName: "Ada", Company: "Example Ltd"}))[0]
	if r.Ref != (connectors.Ref{Type: "Contact", ID: id}) || r.Outcome != connectors.Updated {
		t.Errorf("result = %+v", r)
	}
	if e := o.last(); len(e.Fields) != 1 || e.Fields["FirstName"] != "Ada" {
		t.Errorf("log says %+v, want the first name alone", e)
	}
	o.wantEntries("update Contact")
}

func TestALeadComesBeforeAContact(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.seedContact("ada@example.com")
	id := o.seedLead("ada@example.com")
	if r := o.deliver(contactWrite(ada))[0]; r.Ref != (connectors.Ref{Type: "Lead", ID: id}) {
		t.Errorf("ref = %+v, want the lead", r.Ref)
	}
}

func TestOfSeveralLeadsTheOneChangedLastIsUsedAndNoted(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	lead := func(changed string) string {
		return o.Seed("Lead", map[string]any{"LastName": "Lovelace", "Company": "x", "Email": "ada@example.com", "LastModifiedDate": changed})
	}
	lead("2026-01-01T00:00:00.000+0000")
	newest := lead("2026-03-01T00:00:00.000+0000")
	lead("2026-02-01T00:00:00.000+0000")
	r := o.deliver(contactWrite(ada))[0]
	if r.Ref.ID != newest || noteCodes(r.Notes) != "several_matches" {
		t.Errorf("result = %+v, want %s with a note", r, newest)
	}
}

func TestAConvertedLeadIsItsContact(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	lead := o.seedLead("ada@example.com")
	became, err := o.ConvertLead(lead)
	if err != nil {
		t.Fatalf("ConvertLead: %v", err)
	}
	r := o.deliver(contactWrite(ada))[0]
	if r.Ref != (connectors.Ref{Type: "Contact", ID: became.ContactID}) || r.Outcome != connectors.Updated {
		t.Errorf("result = %+v, want the contact", r)
	}
	o.wantEntries("update Contact")
}

func TestAConvertedLeadWhoseContactMovedOnIsStillItsContact(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	contact := o.seedContact("countess@example.com")
	o.Seed("Lead", map[string]any{"LastName": "Lovelace", "Company": "x", "Email": "ada@example.com", "IsConverted": true,
		"ConvertedContactId": contact, "ConvertedOpportunityId": simsalesforce.OpportunityOneID})
	r := o.deliver(contactWrite(ada))[0]
	if r.Ref != (connectors.Ref{Type: "Contact", ID: contact}) || r.Outcome != connectors.Unchanged {
		t.Errorf("result = %+v, want the contact", r)
	}
	o.wantEntries("")
}

func TestADuplicateRuleLeadsToTheRecordItNames(t *testing.T) {
	t.Parallel()
	empty := `{"compositeResponse":[{"referenceId":"Lead","httpStatusCode":200,"body":{"records":[]}},{"referenceId":"Contact","httpStatusCode":200,"body":{"records":[]}}]}`
	for key, named := range map[string]bool{"": true, "duplicateResult": true, "none": false} {
		for _, blocks := range []bool{false, true} {
			o := newOrg(t, simsalesforce.Behaviour{DuplicateRule: true, DuplicateKey: key, DuplicateBlocks: blocks})
			contact := o.seedContact("ada@example.com")
			o.fault(sim.Fault{Path: "/composite$", Kind: sim.FaultStatus, Status: 200, Body: empty}) // the user does not see what the rule sees
			r := o.deliverOne(contactWrite(ada))
			if !named {
				wantClass(t, r.Err, reject, "duplicate_refused")
			} else if r.Err != nil || r.Ref != (connectors.Ref{Type: "Contact", ID: contact}) || r.Outcome != connectors.Unchanged || noteCodes(r.Notes) != "duplicate_used" {
				t.Errorf("%q: %+v", key, r)
			}
			o.wantEntries("")
		}
	}
}

func TestLongAndStrangeWordsAreCutAndNoted(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	r := o.deliver(contactWrite(connectors.Contact{Email: "ada@example.com", FirstName: strings.Repeat("😀", 50), LastName: "Love\x00lace\n",
		Company: strings.Repeat("c", 300), JobTitle: strings.Repeat("t", 200), Phone: strings.Repeat("5", 41)}))[0]
	if got := noteCodes(r.Notes); got != "text_truncated text_truncated text_truncated field_dropped" {
		t.Errorf("notes = %s", got)
	}
	if e := o.last(); e.Fields["LastName"] != "Lovelace" || e.Fields["Phone"] != "" || !strings.HasSuffix(e.Fields["Company"], "[truncated]") {
		t.Errorf("log says %+v", e)
	}
}

func TestAHiddenFieldHarmsOnlyTheWritesThatNeedIt(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{HiddenFields: []string{"Lead.Title"}})
	o.deliver(contactWrite(ada))
	r := o.deliverOne(contactWrite(connectors.Contact{Email: "ada@example.com", JobTitle: "Analyst"}))
	wantClass(t, r.Err, reject, "field_not_accessible")
	o.wantEntries("create Lead")
}

func TestTheOrgsOwnRulesAreShownInItsWords(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c"}})
	r := o.deliverOne(contactWrite(ada))
	wantClass(t, r.Err, reject, "field_required")
	if !strings.Contains(r.Err.Cause, "Region__c") {
		t.Errorf("cause = %q, want the field's name", r.Err.Cause)
	}
	r = o.deliverOne(contactWrite(connectors.Contact{Email: "not an address"}))
	if r.Err == nil || r.Err.Class != reject {
		t.Errorf("a bad address: %v", r.Err)
	}
}
