package salesforce

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

const (
	oneMarker     = "aaaabbbbccccddddeeeeffff22"
	anotherMarker = "gggghhhhiiiijjjjkkkkllll33"
	patchByMarker = "PATCH /sobjects/Task/" + markerField + "/{marker}"
	queryAll      = "GET /queryAll"
)

var withField = simsalesforce.Behaviour{HasExternalID: true}

// probe asks the org what it offers, as of a day ago.
func (o *org) probe() {
	o.t.Helper()
	caps, err := o.c.Probe(o.t.Context(), o.account)
	if err != nil {
		o.t.Fatalf("Probe: %v", err)
	}
	for object, m := range caps.Markers {
		if !m.Since.IsZero() {
			m.Since = m.Since.Add(-24 * time.Hour)
		}
		caps.Markers[object] = m
	}
	o.account.Capabilities = caps
}

func newMarkedOrg(t *testing.T, b simsalesforce.Behaviour) *org {
	t.Helper()
	o := newOrg(t, b)
	o.probe()
	return o
}

// asRep changes a record as one of the org's people would.
func (o *org) asRep(r connectors.Ref, fields map[string]any) {
	o.t.Helper()
	if err := o.Change(r.Type, r.ID, fields); err != nil {
		o.t.Fatalf("Change: %v", err)
	}
}

// find looks for a write by itself, and holds that against what comes of it among others.
func (o *org) find(w connectors.Write) connectors.Finding {
	o.t.Helper()
	f, err := o.c.Find(o.t.Context(), o.account, w)
	if err != nil {
		o.t.Fatalf("Find: %v", err)
	}
	other := w
	other.ID, other.Marker = "other", "othermarkerothermarkerothe"
	among := o.c.FindAll(o.t.Context(), o.account, []connectors.Write{other, w})[1]
	got, want := among.Finding, f
	got.Calls, want.Calls = nil, nil
	if among.Err != nil || !reflect.DeepEqual(got, want) {
		o.t.Errorf("found %+v, %v among others and %+v alone", got, among.Err, want)
	}
	return f
}

// live counts the records of an object that are not in the bin.
func (o *org) live(object string) int {
	n := 0
	for _, r := range o.Records(object) {
		if !r.Deleted {
			n++
		}
	}
	return n
}

func markedTask(change func(*connectors.Write)) connectors.Write {
	return taskWrite(func(w *connectors.Write) {
		w.Marker, w.NotBefore = oneMarker, time.Now().Add(-10*time.Minute)
		if change != nil {
			change(w)
		}
	})
}

func markedContact(c connectors.Contact) connectors.Write {
	w := contactWrite(c)
	w.Marker, w.NotBefore = oneMarker, time.Now().Add(-10*time.Minute)
	return w
}

func TestTheMarkersFieldHasOneName(t *testing.T) {
	t.Parallel()
	f, _ := reflect.TypeFor[marked]().FieldByName("Marker")
	if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != markerField {
		t.Errorf("records are read by %s, and asked for by %s", name, markerField)
	}
}

func TestAProbeNamesTheTierAndWhatAnAdministratorCanDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		org        simsalesforce.Behaviour
		task, lead connectors.Tier
		advice     []string // words of each sentence
	}{
		"no field":     {simsalesforce.Behaviour{}, "read", "read", []string{"object Activity a custom field of type Text", "object Lead a custom field of type Text"}},
		"both fields":  {withField, "enforced", "enforced", nil},
		"not unique":   {simsalesforce.Behaviour{HasExternalID: true, ExternalIDNotUnique: true}, "read", "read", []string{"tick both, on Activity", "tick both, on Lead"}},
		"hidden":       {simsalesforce.Behaviour{HasExternalID: true, HiddenFields: []string{"Task." + markerField}}, "read", "enforced", []string{"field-level security"}},
		"read only":    {simsalesforce.Behaviour{HasExternalID: true, ReadOnlyFields: []string{"Lead." + markerField}}, "enforced", "read", []string{"may not write the field Lead." + markerField}},
		"another type": {simsalesforce.Behaviour{RestrictedPicklists: map[string][]string{"Lead." + markerField: {"a"}}}, "read", "read", []string{"custom field", "make it anew"}},
	} {
		o := newMarkedOrg(t, c.org)
		caps := o.account.Capabilities
		if caps.Of(connectors.ObjectTask).Tier != c.task || caps.Of(connectors.ObjectRollup).Tier != c.task || caps.Of(connectors.ObjectContact).Tier != c.lead {
			t.Errorf("%s: %+v", name, caps.Markers)
		}
		if len(caps.Advice) != len(c.advice) {
			t.Fatalf("%s: advice %q", name, caps.Advice)
		}
		for i, words := range c.advice {
			if !strings.Contains(caps.Advice[i], words) || !strings.Contains(caps.Advice[i], markerField) {
				t.Errorf("%s: advice %q does not say %q", name, caps.Advice[i], words)
			}
		}
	}
}

func TestAProbeSeesWhatWasChangedJustNowAndKeepsSinceWhen(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	o.SetBehaviour(withField)
	o.probe()
	first := o.account.Capabilities.Of(connectors.ObjectTask)
	if first.Tier != connectors.TierEnforced || first.Since.IsZero() {
		t.Fatalf("after the field was made: %+v", first)
	}
	caps, err := o.c.Provision(t.Context(), o.account)
	if again := caps.Of(connectors.ObjectTask); err != nil || !again.Since.Equal(first.Since) {
		t.Errorf("probed again: %+v, %v; want since %s", again, err, first.Since)
	}
	o.SetBehaviour(simsalesforce.Behaviour{})
	o.probe()
	if gone := o.account.Capabilities.Of(connectors.ObjectTask); gone.Field != "" || !gone.Since.IsZero() {
		t.Errorf("after the field was deleted: %+v", gone)
	}
}

func TestAProbeThatFailsIsNoAnswer(t *testing.T) {
	t.Parallel()
	c, _, account := newFake(t, map[string][]answer{"GET /sobjects/Task/describe": {says(503, "")}})
	if _, err := c.Probe(t.Context(), account); connectors.AsError(err).Class != retry {
		t.Errorf("with Salesforce down: %v, want a retry", err)
	}
	c, _, account = newFake(t, map[string][]answer{"GET /sobjects/Task/describe": {refusedWith(404, "NOT_FOUND")}, "GET /sobjects/Lead/describe": {refusedWith(404, "NOT_FOUND")}})
	caps, err := c.Probe(t.Context(), account)
	if err != nil || len(caps.Advice) != 2 || !strings.Contains(caps.Advice[0], "may not see the object Task") || caps.Of(connectors.ObjectTask).Tier != connectors.TierRead {
		t.Errorf("without access: %+v, %v", caps, err)
	}
}

func TestATaskGoesInUnderItsMarkerAndTheBodyDoesNotRepeatIt(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	o.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{connectors.ObjectTask: {"outcome_key__C": "mine", "CallDisposition": "none"}}
	contact := o.seedContact("ada@example.com")
	r := o.deliver(markedTask(func(w *connectors.Write) { w.ContactRef = ref("Contact", contact) }))[0]
	e := o.last()
	if r.Outcome != connectors.Created || e.Fields[markerField] != oneMarker || e.Fields["WhoId"] != contact || e.Fields["CallDisposition"] != "none" ||
		e.Fields["Description"] != "As agreed.\n\nRef: "+oneMarker {
		t.Errorf("%+v, %+v", r, e)
	}
	if n := o.Core().Calls.Snapshot()["POST /services/data/v66.0/sobjects/Task"]; n != 0 {
		t.Errorf("%d tasks were posted without their marker", n)
	}
}

func TestASecondSendKeepsWhatPeopleChangedMeanwhile(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	w := markedTask(func(w *connectors.Write) { w.DealID = dealOne })
	first := o.deliver(w)[0]
	o.asRep(first.Ref, map[string]any{"Status": "Completed", "Subject": "Done", "Description": "closed", "WhatId": simsalesforce.OpportunityTwoID})
	before := o.entries()
	again := o.deliver(w)[0]
	if again.Ref != first.Ref || again.Outcome != connectors.Unchanged || o.field("Task", first.Ref.ID, "Status") != "Completed" {
		t.Errorf("%+v, want %v unchanged", again, first.Ref)
	}
	o.wantEntries(before)
}

func TestATaskThatWasDeletedIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]simsalesforce.Behaviour{"enforced": withField, "read": {}} {
		o := newMarkedOrg(t, b)
		w := markedTask(func(w *connectors.Write) { w.DealID = dealOne })
		first := o.deliver(w)[0]
		if err := o.Delete("Task", first.Ref.ID); err != nil {
			t.Fatal(err)
		}
		if f := o.find(w); f.Ref != first.Ref || !f.Complete {
			t.Errorf("%s: found %+v, want %v, which is in the bin", name, f, first.Ref)
		}
		if b.HasExternalID {
			if r := o.deliver(w)[0]; r.Ref != first.Ref || noteCodes(r.Notes) != "record_deleted" {
				t.Errorf("%s: delivered %+v", name, r)
			}
		}
		w.Found = first.Ref
		wantClass(t, o.deliverOne(w).Err, reject, "record_deleted")
		if n := o.live("Task"); n != 0 {
			t.Errorf("%s: %d tasks", name, n)
		}
	}
}

func TestWithoutTheFieldThatWasProbedTheTextMarksAndTheRowSaysSo(t *testing.T) {
	t.Parallel()
	for name, now := range map[string]simsalesforce.Behaviour{
		"deleted": {}, "hidden": {HasExternalID: true, HiddenFields: []string{markerField}},
	} {
		o := newMarkedOrg(t, withField)
		o.SetBehaviour(now)
		w := markedTask(func(w *connectors.Write) { w.DealID = dealOne })
		r := o.deliver(w)[0]
		if e := o.last(); noteCodes(r.Notes) != "marker_field_missing" || e.Fields["Description"] != "As agreed.\n\nRef: "+oneMarker || e.Fields[markerField] != "" {
			t.Errorf("%s: %+v, %+v", name, r, e)
		}
		if f := o.find(w); f.Ref != r.Ref || f.Tier != connectors.TierRead {
			t.Errorf("%s: found %+v", name, f)
		}
		lead := o.deliver(markedContact(ada))[0]
		if e := o.last(); noteCodes(lead.Notes) != "marker_field_missing" || e.Object != "Lead" || e.Fields["Description"] != "Ref: "+oneMarker {
			t.Errorf("%s: %+v, %+v", name, lead, e)
		}
	}
}

func TestAFieldThatGoesBetweenTheLookAndTheWriteCostsNothing(t *testing.T) {
	t.Parallel()
	gone := says(404, `[{"message":"Provided external ID field does not exist or is not accessible: `+markerField+`","errorCode":"NOT_FOUND"}]`)
	c, f, account := enforcedFake(t, map[string][]answer{queryAll: {says(200, `{"records":[]}`)}, patchByMarker: {gone}, postTask: {says(201, taskMade)}})
	if r := deliverOne(t, c, account, markedTask(nil)); r.Err != nil || r.Outcome != connectors.Created || noteCodes(r.Notes) != "marker_field_missing" || len(f.sent(postTask)) != 1 {
		t.Errorf("%+v, sent %s", r, f.sent(postTask))
	}
}

func enforcedFake(t *testing.T, answers map[string][]answer) (*Connector, *fake, connectors.Account) {
	t.Helper()
	c, f, account := newFake(t, answers)
	m := connectors.Marking{Tier: connectors.TierEnforced, Field: markerField, Since: time.Now().Add(-time.Hour)}
	account.Capabilities.Markers = map[connectors.Object]connectors.Marking{connectors.ObjectTask: m, connectors.ObjectRollup: m, connectors.ObjectContact: m}
	return c, f, account
}

func TestAnUpsertThatMeetsAnEarlierRecordTakesItAsItIs(t *testing.T) {
	t.Parallel()
	const first, second = "00Tak00000TsK01EAF", "00Tak00000TsK02EAF"
	row := func(id, created string) string {
		full, _ := canonicalID(id[:15])
		return `{"Id":"` + full + `","IsDeleted":false,"CreatedDate":"` + created + `","WhoId":null,"WhatId":null}`
	}
	none, one := says(200, `{"records":[]}`), says(200, `{"records":[`+row(second, "2026-11-25T10:00:01.000+0000")+`,`+row(first, "2026-11-25T10:00:00.000+0000")+`]}`)
	taken := says(400, `[{"message":"duplicate value found: `+markerField+` duplicates value on record with id: 00Tak00000TsK01","errorCode":"DUPLICATE_VALUE"}]`)
	otherTaken := says(400, `[{"message":"duplicate value found: Ticket__c duplicates value on record with id: 00Tak00000TsK01","errorCode":"DUPLICATE_VALUE"}]`)
	for name, c := range map[string]struct {
		upsert answer
		looks  []answer
		class  connectors.Class
		code   string
	}{
		"another attempt was faster": {taken, []answer{none, one}, "", ""},
		"several have the marker":    {says(300, `["/a","/b"]`), []answer{none, one}, "", ""},
		"an answer without a body":   {answer{reply: connectors.Reply{Status: 204}}, []answer{none, one}, "", ""},
		"it is not shown":            {taken, []answer{none}, retry, "record_moving"},
		"several that are not shown": {says(300, `[]`), []answer{none}, inDoubt, "crm_unexpected"},
		"another field is taken":     {otherTaken, []answer{none}, reject, "duplicate_value"},
		"the answer is lost":         {cut(true), []answer{none}, inDoubt, "answer_lost"},
		"a success without an id":    {says(201, `{"success":true}`), []answer{none}, inDoubt, "crm_unexpected"},
		"the look fails":             {taken, []answer{says(503, "")}, retry, "crm_unavailable"},
		"there was one after all":    {says(200, `{"id":"`+first+`","success":true,"created":false}`), []answer{none}, "", ""},
	} {
		conn, f, account := enforcedFake(t, map[string][]answer{queryAll: c.looks, patchByMarker: {c.upsert}})
		r := deliverOne(t, conn, account, markedTask(nil))
		if c.class != "" {
			wantClass(t, r.Err, c.class, c.code)
		} else if r.Err != nil || r.Ref != ref("Task", first) || r.Outcome == connectors.Created {
			t.Errorf("%s: %+v %v, want %s", name, r, r.Err, first)
		}
		if n := len(f.sent(patchByMarker)); n > 1 {
			t.Errorf("%s: sent %d times", name, n)
		}
	}
}

func TestALeadOfOursIsUsedWhateverBecameOfIt(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]simsalesforce.Behaviour{"enforced": withField, "read": {}} {
		o := newMarkedOrg(t, b)
		w := markedContact(ada)
		first := o.deliver(w)[0]
		o.asRep(first.Ref, map[string]any{"LastName": "King"})
		if f := o.find(w); f.Ref != first.Ref || !f.Complete || f.Tier != o.account.Capabilities.Of(connectors.ObjectContact).Tier {
			t.Errorf("%s: renamed, found %+v", name, f)
		}
		if err := o.Delete("Lead", first.Ref.ID); err != nil {
			t.Fatal(err)
		}
		if f := o.find(w); f.Ref != first.Ref || !f.Complete {
			t.Errorf("%s: deleted, found %+v", name, f)
		}
	}
	o := newMarkedOrg(t, withField)
	w := markedContact(ada)
	first := o.deliver(w)[0]
	o.asRep(first.Ref, map[string]any{"LastName": "King"})
	if r := o.deliver(w)[0]; r.Outcome != connectors.Unchanged || o.field("Lead", first.Ref.ID, "LastName") != "King" {
		t.Errorf("sent again, a lead that somebody renamed is %+v", r)
	}
	o.asRep(first.Ref, map[string]any{"Email": "king@example.com"})
	if r := o.deliver(w)[0]; r.Ref != first.Ref || o.find(w).Ref != first.Ref {
		t.Errorf("sent again, a lead with another address is %+v", r)
	}
	became, err := o.ConvertLead(first.Ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	if r := o.deliver(w)[0]; r.Ref != ref("Contact", became.ContactID) {
		t.Errorf("sent again, a converted lead with another address is %+v", r)
	}
	if o.live("Lead") != 1 {
		t.Errorf("%d leads", o.live("Lead"))
	}
}

func TestALeadWithoutTheFieldIsMarkedInItsDescriptionIfThatIsOpen(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	o.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{connectors.ObjectContact: {"description": "By Conduit"}}
	o.deliver(markedContact(ada))
	if got := o.last().Fields["Description"]; got != "By Conduit\n\nRef: "+oneMarker {
		t.Errorf("description %q", got)
	}
	o = newMarkedOrg(t, simsalesforce.Behaviour{HiddenFields: []string{"Lead.Description"}})
	r := o.deliver(markedContact(ada))[0]
	if r.Outcome != connectors.Created || o.find(markedContact(ada)).Ref != r.Ref {
		t.Errorf("with a hidden description: %+v", r)
	}
	o = newMarkedOrg(t, withField)
	o.deliver(markedContact(ada))
	if e := o.last(); e.Fields["Description"] != "" || e.Fields[markerField] != oneMarker {
		t.Errorf("with the field: %+v", e)
	}
}

func TestATextKeepsItsMarkerWhateverItsLength(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	for _, text := range []string{"", strings.Repeat("é", 40_000), strings.Repeat("😀", 15_990)} {
		o.deliver(markedTask(func(w *connectors.Write) { w.Task.Body = text }))
		got := o.last().Fields["Description"]
		if !strings.HasSuffix(got, "Ref: "+oneMarker) || units(got) > maxDescription {
			t.Errorf("%d characters became %d, ending in %q", len(text), units(got), got[max(0, len(got)-50):])
		}
	}
}

func TestAPlanShowsTheCallWithTheMarker(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	plans := o.c.Plan(t.Context(), o.account, []connectors.Write{markedContact(ada), markedTask(func(w *connectors.Write) { w.Email = ada.Email })})
	for i, want := range []string{"/sobjects/Lead/", "/sobjects/Task/"} {
		p := plans[i]
		if p.Err != nil || len(p.Calls) != 1 || p.Calls[0].Method != "PATCH" || !strings.HasSuffix(p.Calls[0].Path, want+markerField+"/"+oneMarker) || strings.Contains(string(p.Calls[0].Body), markerField) {
			t.Errorf("plan %d: %+v %v", i, p, p.Err)
		}
	}
	if !strings.Contains(string(plans[1].Calls[0].Body), `"WhoId":"{new lead}"`) {
		t.Errorf("the task's plan %s does not name the lead", plans[1].Calls[0].Body)
	}
	o.wantEntries("")
}

func TestALateCreateUnderTheSameMarkerIsRefusedByTheOrg(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	o.fault(sim.Fault{Method: "PATCH", Path: "/sobjects/Task/", Kind: sim.FaultCommitLate, LatencyMS: 150})
	w := markedTask(func(w *connectors.Write) { w.DealID = dealOne })
	wantClass(t, o.deliverOne(w).Err, inDoubt, "answer_lost")
	if f := o.find(w); f.Ref.ID != "" || f.Tier != connectors.TierEnforced {
		t.Fatalf("found %+v, want nothing, enforced", f)
	}
	r := o.deliver(w)[0]
	for o.Core().Faults.Late() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if o.live("Task") != 1 || o.find(w).Ref != r.Ref {
		t.Errorf("%d tasks, want one", o.live("Task"))
	}
}
