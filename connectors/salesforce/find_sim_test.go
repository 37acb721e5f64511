package salesforce

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim/simsalesforce"
)

func TestATaskIsFoundInTheTextsWhereverItHangs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		write func(o *org) func(*connectors.Write)
		then  func(o *org, task connectors.Ref)
	}{
		"on nothing": {func(*org) func(*connectors.Write) { return nil }, nil},
		"on a lead":  {func(o *org) func(*connectors.Write) { return who("Lead", o.seedLead("ada@example.com")) }, nil},
		"on a contact whose task was renamed": {func(o *org) func(*connectors.Write) { return who("Contact", o.seedContact("ada@example.com")) },
			func(o *org, task connectors.Ref) { o.asRep(task, map[string]any{"Subject": "Something else"}) }},
		"on a deal whose task lost its person": {func(o *org) func(*connectors.Write) {
			id := o.seedContact("ada@example.com")
			return func(w *connectors.Write) { w.ContactRef, w.DealID = ref("Contact", id), dealOne }
		}, func(o *org, task connectors.Ref) { o.asRep(task, map[string]any{"WhoId": nil}) }},
		"on what the lead became": {func(o *org) func(*connectors.Write) { return who("Lead", o.seedLead("ada@example.com")) },
			func(o *org, _ connectors.Ref) {
				lead := o.Records("Lead")[0].ID
				if _, err := o.ConvertLead(lead); err != nil {
					o.t.Fatal(err)
				}
			}},
		"on whoever has the address": {func(o *org) func(*connectors.Write) {
			o.seedContact("ada@example.com")
			return func(w *connectors.Write) { w.Email = "ADA@example.com" }
		}, nil},
		"on nothing, because its person is gone": {func(o *org) func(*connectors.Write) {
			id := o.seedContact("ada@example.com")
			if err := o.Delete("Contact", id); err != nil {
				o.t.Fatal(err)
			}
			return who("Contact", id)
		}, nil},
	} {
		o := newMarkedOrg(t, simsalesforce.Behaviour{})
		w := markedTask(c.write(o))
		made := o.deliver(w)[0].Ref
		if c.then != nil {
			c.then(o, made)
		}
		if f := o.find(w); f.Ref != made || f.Tier != connectors.TierRead || len(f.Copies) != 0 || len(f.Calls) == 0 {
			t.Errorf("%s: found %+v, want %v", name, f, made)
		}
		w.Marker = anotherMarker
		if f := o.find(w); f.Ref.ID != "" || f.Tier != connectors.TierRead {
			t.Errorf("%s: another marker found %+v", name, f)
		}
	}
}

func who(object, id string) func(*connectors.Write) {
	return func(w *connectors.Write) { w.ContactRef = ref(object, id) }
}

func TestAMarkerWithinALongerWordIsNotOurs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"Ref: " + oneMarker: true, "(" + oneMarker + ")": true, "x" + oneMarker: false, oneMarker + "x": false,
		"x" + oneMarker + " " + oneMarker: true, "": false} {
		if got := (record{Description: text}).bears(oneMarker); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if (record{Description: "a"}).bears("") || !(record{marked: marked{Marker: "AAAABBBBCCCCDDDDEEEEFFFF22"}}).bears(oneMarker) {
		t.Error("no marker is borne, or one in capitals is not")
	}
}

func TestATaskThatIsThereTwiceIsFoundWithItsCopyInTheFieldAndInTheText(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	w := markedTask(func(w *connectors.Write) { w.DealID = dealOne })
	byText := o.deliver(w)[0].Ref
	o.SetBehaviour(withField)
	o.probe()
	byField := o.deliver(w)[0].Ref
	f := o.find(w)
	if f.Ref != byText || len(f.Copies) != 1 || f.Copies[0] != byField {
		t.Errorf("found %+v, want %v and its copy %v", f, byText, byField)
	}
	if err := o.Delete("Task", byText.ID); err != nil {
		t.Fatal(err)
	}
	if f := o.find(w); f.Ref != byField || len(f.Copies) != 0 {
		t.Errorf("once somebody has cleaned up: %+v", f)
	}
}

func TestALinkThatIsMissingIsSetAndNothingIsMadeAgain(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]simsalesforce.Behaviour{"enforced": withField, "read": {}} {
		o := newMarkedOrg(t, b)
		contact := o.seedContact("ada@example.com")
		w := markedTask(func(w *connectors.Write) { w.ContactRef, w.DealID = ref("Contact", contact), dealOne })
		made := o.deliver(w)[0].Ref
		o.asRep(made, map[string]any{"WhoId": nil, "Status": "Completed"})
		f := o.find(w)
		if f.Ref != made || f.Complete {
			t.Fatalf("%s: found %+v, want it incomplete", name, f)
		}
		w.Found = f.Ref
		if r := o.deliver(w)[0]; r.Ref != made || r.Outcome != connectors.Updated || o.field("Task", made.ID, "WhoId") != contact || o.field("Task", made.ID, "Status") != "Completed" {
			t.Errorf("%s: %+v", name, r)
		}
		if f := o.find(w); !f.Complete || o.live("Task") != 1 {
			t.Errorf("%s: afterwards %+v", name, f)
		}
	}
}

func TestALinkThatIsGoneDoesNotKeepATaskIncomplete(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	w := markedTask(func(w *connectors.Write) { w.DealID = noDeal })
	made := o.deliver(w)[0].Ref
	w.Found = made
	if r := o.deliver(w)[0]; r.Ref != made || r.Outcome != connectors.Unchanged || noteCodes(r.Notes) != "association_dropped" {
		t.Errorf("%+v", r)
	}
	lead := o.seedLead("ada@example.com")
	w = markedTask(func(w *connectors.Write) { w.Marker, w.ContactRef = anotherMarker, ref("Lead", lead) })
	made = o.deliver(w)[0].Ref
	w.DealID = dealOne // known by now, and a lead's task takes none
	if f := o.find(w); f.Ref != made || !f.Complete {
		t.Errorf("a lead's task: %+v", f)
	}
}

func TestAFoundPersonIsCompletedAndNobodyIsMade(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	lead, contact := o.seedLead("other@example.com"), o.seedContact("third@example.com")
	for _, found := range []connectors.Ref{ref("Lead", lead), ref("Contact", contact)} {
		w := markedContact(ada)
		w.Found = found
		if r := o.deliver(w)[0]; r.Ref != found || r.Outcome != connectors.Updated || o.field(found.Type, found.ID, "FirstName") != "Ada" {
			t.Errorf("%v: %+v", found, r)
		}
	}
	became, err := o.ConvertLead(lead)
	if err != nil {
		t.Fatal(err)
	}
	w := markedContact(ada)
	w.Found = ref("Lead", lead)
	if r := o.deliver(w)[0]; r.Ref != ref("Contact", became.ContactID) {
		t.Errorf("a converted lead: %+v", r)
	}
	w.Found = ref("Lead", "00Qak00000NoNoN")
	wantClass(t, o.deliverOne(w).Err, reject, "record_deleted")
	if o.live("Lead") != 1 {
		t.Errorf("%d leads", o.live("Lead"))
	}
}

func TestNotFoundProvesSomethingOnlyForWhatWasSentWithTheField(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	for name, c := range map[string]struct {
		since, notBefore time.Time
		want             connectors.Tier
	}{
		"the field is older":          {time.Now().Add(-time.Hour), time.Now(), connectors.TierEnforced},
		"the field is younger":        {time.Now(), time.Now().Add(-time.Hour), connectors.TierRead},
		"the field's age is a riddle": {time.Time{}, time.Now(), connectors.TierRead},
		"the write's age is":          {time.Now(), time.Time{}, connectors.TierEnforced},
	} {
		m := connectors.Marking{Tier: connectors.TierEnforced, Field: markerField, Since: c.since}
		o.account.Capabilities.Markers = map[connectors.Object]connectors.Marking{connectors.ObjectTask: m, connectors.ObjectContact: m}
		task, person := markedTask(nil), markedContact(ada)
		task.NotBefore, person.NotBefore = c.notBefore, c.notBefore
		for _, w := range []connectors.Write{task, person} {
			if f := o.find(w); f.Ref.ID != "" || f.Tier != c.want {
				t.Errorf("%s: %s: %+v, want %s", name, w.Object, f, c.want)
			}
		}
	}
}

func TestALeadWithoutAMarkerIsFoundAndItsAbsenceProvesNothing(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	w := markedContact(ada)
	w.Marker = ""
	if f := o.find(w); f.Ref.ID != "" || f.Tier != connectors.TierNone {
		t.Errorf("found %+v, want that nothing tells: a copy that lands later would be like any other lead", f)
	}
	made := o.deliver(w)[0].Ref
	if f := o.find(w); f.Ref != made || !f.Complete {
		t.Errorf("found %+v, want %v", f, made)
	}
}

func TestWhatCannotBeLookedForIsSaid(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	for _, w := range []connectors.Write{taskWrite(nil), rollupWrite(nil), {Object: connectors.ObjectContact, Marker: oneMarker}, {Object: "deal", Marker: oneMarker}} {
		if _, err := o.c.Find(t.Context(), o.account, w); !errors.Is(err, connectors.ErrCannotFind) {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

func TestALookThatFailsSaysNothingOfTheWrite(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]answer{"down": says(503, ""), "cut": cut(true), "refused in part": looked("", ""),
		"a page elsewhere": says(200, `{"compositeResponse":[{"referenceId":"Task","httpStatusCode":200,"body":{"records":[],"nextRecordsUrl":"https://example.com/"}}]}`)} {
		c, _, account := newFake(t, map[string][]answer{composite: {a}})
		if f, err := c.Find(t.Context(), account, markedTask(nil)); connectors.AsError(err).Class != retry || f.Ref.ID != "" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func TestMarkedListsOursWithTheirMarkersAndTheBin(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]simsalesforce.Behaviour{"enforced": withField, "read": {}} {
		o := newMarkedOrg(t, simsalesforce.Behaviour{}) // the first record is from before there was a field
		made := map[string]connectors.Ref{}
		marker := func(i int) string { return fmt.Sprintf("marker%020d", i) }
		for i := range 3 {
			made[marker(i)] = o.deliver(markedTask(func(w *connectors.Write) { w.Marker = marker(i) }))[0].Ref
			o.SetBehaviour(b)
			o.probe()
		}
		if err := o.Delete("Task", made[marker(2)].ID); err != nil {
			t.Fatal(err)
		}
		o.Seed("Task", map[string]any{"Subject": "of somebody else", "Description": "Ref: a book"})
		for range 450 { // more than two small pages
			o.Seed("Task", map[string]any{"Subject": "of somebody else"})
		}
		got, err := o.c.Marked(t.Context(), o.account, connectors.ObjectTask, time.Now().Add(-time.Hour))
		if err != nil || len(got) != 3 {
			t.Fatalf("%s: %+v, %v; want three", name, got, err)
		}
		for _, r := range got {
			if made[r.Marker] != r.Ref || r.Deleted != (r.Marker == marker(2)) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if got, err := o.c.Marked(t.Context(), o.account, connectors.ObjectRollup, time.Now().Add(time.Hour)); err != nil || len(got) != 0 {
			t.Errorf("%s: from later on: %+v, %v", name, got, err)
		}
	}
}

func TestTheLastMarkerOfATextIsItsOwn(t *testing.T) {
	t.Parallel()
	r := record{Description: "As in Ref: " + anotherMarker + "\n\nRef: " + oneMarker}
	if got := r.marker(); got != oneMarker {
		t.Errorf("marker %q", got)
	}
}

func TestAQueryPutsEveryConditionInItsPlace(t *testing.T) {
	t.Parallel()
	q := query{object: "Task", fields: []string{"Id"}, all: true, where: []condition{
		since("CreatedDate", time.Date(2026, 11, 25, 12, 0, 0, 999, time.FixedZone("", 3600))), anyOf(oneOf("WhoId", []string{"a'", "b"}), isNull("WhatId")), notNull("X__c")}}
	want := `SELECT Id FROM Task WHERE CreatedDate >= 2026-11-25T11:00:00Z AND (WhoId IN ('a\'', 'b') OR WhatId = null) AND X__c != null`
	if got := q.String(); got != want {
		t.Errorf("query = %s\nwant    %s", got, want)
	}
	if got := q.path("v66.0"); !strings.HasPrefix(got, "/services/data/v66.0/queryAll?q=SELECT") {
		t.Errorf("path = %s", got)
	}
}
