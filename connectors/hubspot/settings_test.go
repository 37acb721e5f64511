package hubspot

import (
	"fmt"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestDefaultsGoToNewRecordsAndNeverOverAnOutcome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, p := range []simhubspot.Property{
		{Name: "score", Label: "Score", GroupName: "contactinformation", Type: "number", FieldType: "number"},
		{Name: "vip", Label: "VIP", GroupName: "contactinformation", Type: "bool", FieldType: "booleancheckbox"},
	} {
		b.seedProperty(contactsType, p)
	}
	b.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{
		connectors.ObjectContact: {"hs_legal_basis": "Legitimate interest", "company": "Unknown", "score": 12.5, "vip": true, "country": "", "email": "x@example.com", "city": []any{"no"}},
		connectors.ObjectTask:    {"hs_task_priority": "LOW", "hs_task_type": "CALL", "hubspot_owner_id": "41629780", "hs_task_body": "<p>See the thread.</p>", "hs_task_status": "WAITING"},
		connectors.ObjectRollup:  {"hubspot_owner_id": "41629780", "hs_note_body": "nothing"},
	}
	wantOK(t, b.deliver(contactWrite(connectors.Contact{Email: email, Company: "Example"})), connectors.Created)
	wantOK(t, b.deliver(contactWrite(connectors.Contact{Email: email, Phone: "+15555550123"})), connectors.Updated)
	for _, w := range marked() {
		wantOK(t, b.deliver(w), connectors.Created)
	}
	wantOK(t, b.deliver(taskWrite(func(w *connectors.Write) {
		w.Task.Priority, w.Task.OwnerEmail, w.Task.Body = "high", "rep@example.com", "Own words"
	})), connectors.Created)
	log := b.sim.Core().Log.Entries(0)
	for i, want := range []map[string]string{
		{"email": email, "company": "Example", "hs_legal_basis": "Legitimate interest", "score": "12.5", "vip": "true"},
		{"phone": "+15555550123"},
		{"hs_task_priority": "LOW", "hs_task_type": "CALL", "hubspot_owner_id": "41629780", "hs_task_body": "<p>See the thread.</p>" + reference(marker), "hs_task_status": "WAITING",
			"hs_task_subject": "Send proposal", "hs_timestamp": "2026-11-25T14:00:00.000Z"},
		{"hubspot_owner_id": "41629780", "hs_note_body": "<p>Agreed on scope.</p><p>Next: price &amp; terms.</p>" + reference(marker), "hs_timestamp": "2026-11-08T23:59:59.000Z"},
		{"hs_task_priority": "HIGH", "hs_task_type": "CALL", "hubspot_owner_id": "41629779", "hs_task_body": "Own words", "hs_task_status": "WAITING",
			"hs_task_subject": "Send proposal", "hs_timestamp": "2026-11-25T14:00:00.000Z"},
	} {
		if got := log[i].Fields; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("write %d: got %v, want %v", i, got, want)
		}
	}
}

func TestADefaultGivesWhatANewerVersionRequires(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Version = V2609 })
	b.sim.SetBehaviour(simhubspot.Behaviour{RequiredContactProperties: []string{"hs_legal_basis", "country"}})
	w := contactWrite(connectors.Contact{Email: email})
	e := wantError(t, b.deliver(w).Err, connectors.ClassRejected, "required_property_missing")
	for _, text := range []string{e.Cause, e.Action} {
		if !strings.Contains(text, "hs_legal_basis, country") {
			t.Errorf("got %q, want the properties in it", text)
		}
	}
	if !strings.Contains(e.Action, "default") || !strings.Contains(e.Action, "connection's settings") {
		t.Errorf("action: got %q, want it to tell of defaults", e.Action)
	}
	b.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{connectors.ObjectContact: {"hs_legal_basis": "x", "country": "y"}}
	wantOK(t, b.deliver(w), connectors.Created)
}

func TestATaskHasTheStatusOfTheSettings(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.account.Settings.TaskStatus = "IN_PROGRESS"
	b.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{connectors.ObjectTask: {"hs_task_status": "WAITING"}}
	wantOK(t, b.deliver(taskWrite()), connectors.Created)
	if got := b.sim.Objects(tasksType)[0].Properties["hs_task_status"]; got != "IN_PROGRESS" {
		t.Errorf("status: got %s, want IN_PROGRESS", got)
	}
}

func TestTheServiceItselfSetsNoLifecycleStage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": email, "lifecyclestage": "customer"})
	b.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{connectors.ObjectContact: {"lifecyclestage": "lead"}}
	wantOK(t, b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})), connectors.Updated)
	b.wantLog("update contacts " + id)
	if _, sent := b.sim.Core().Log.Entries(0)[0].Fields["lifecyclestage"]; sent {
		t.Error("a stage was sent for a contact that exists")
	}
	b.account.Settings = connectors.Settings{}
	wantOK(t, b.deliver(contactWrite(connectors.Contact{Email: "two@example.com"})), connectors.Created)
	if _, sent := b.sim.Core().Log.Entries(0)[1].Fields["lifecyclestage"]; sent {
		t.Error("a stage was sent that nobody asked for")
	}
}

func TestALabelIsUsedInItsOwnDirection(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		b := newBench(t, func(c *Config) { c.Version = version })
		contact := b.sim.SeedContact(map[string]string{"email": email})
		there, _ := b.sim.SeedLabel(tasksType, contactsType, "Follow-up owner")
		_, back := b.sim.SeedLabel(dealsType, notesType, "Weekly") // the second id leads from notes to deals
		b.account.Settings.Labels = connectors.Labels{TaskContact: " follow-UP owner ", RollupDeal: "Weekly"}
		links := func(w *connectors.Write) { w.ContactRef.ID, w.DealID = contact, "9001" }
		task, note := b.deliver(taskWrite(links)), b.deliver(rollupWrite(links))
		wantOK(t, task, connectors.Created)
		wantOK(t, note, connectors.Created)
		if got, want := b.tiedTo(task.Ref), fmt.Sprintf("contacts/%s(%d) contacts/%s(204) deals/9001(216)", contact, there, contact); got != want {
			t.Errorf("%s: task: got %s, want %s", version, got, want)
		}
		if got, want := b.tiedTo(note.Ref), fmt.Sprintf("contacts/%s(202) deals/9001(%d) deals/9001(214)", contact, back); got != want {
			t.Errorf("%s: note: got %s, want %s", version, got, want)
		}
		if len(task.Notes)+len(note.Notes) != 0 {
			t.Errorf("%s: notes: got %+v and %+v", version, task.Notes, note.Notes)
		}
		found := rollupWrite(func(w *connectors.Write) { w.ContactRef.ID = contact })
		found.Found = b.deliver(found).Ref
		found.DealID = "9002"
		wantOK(t, b.deliver(found), connectors.Updated)
		if got, want := b.tiedTo(found.Found), fmt.Sprintf("contacts/%s(202) deals/9002(%d) deals/9002(214)", contact, back); got != want {
			t.Errorf("%s: completed: got %s, want %s", version, got, want)
		}
	}
}

func TestALabelThatThePortalDoesNotHaveIsDoneWithout(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*bench){
		"never had": func(*bench) {},
		"of the other direction": func(b *bench) {
			b.sim.SeedLabel(notesType, dealsType, "Weekly")
		},
		"deleted since it was read": func(b *bench) {
			b.sim.SeedLabel(tasksType, dealsType, "Weekly")
			wantOK(b.t, b.deliver(taskWrite(func(w *connectors.Write) { w.DealID = "9001" })), connectors.Created)
			b.sim.DropLabel(tasksType, dealsType, "Weekly")
		},
		"not told": func(b *bench) {
			b.fault(sim.Fault{Path: "/labels$", Kind: sim.FaultStatus, Status: 500, Times: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.account.Settings.Labels.TaskDeal = "Weekly"
			set(b)
			for range 2 {
				r := b.deliver(taskWrite(func(w *connectors.Write) { w.DealID = "9001" }))
				wantOK(t, r, connectors.Created)
				if got := b.tiedTo(r.Ref); got != "deals/9001(216)" || noteCodes(r) != "label_not_found" || !strings.Contains(r.Notes[0].Message, "Weekly") {
					t.Errorf("tied to %s with notes %+v", got, r.Notes)
				}
			}
		})
	}
}

func TestAWrongTypeOfAssociationIsRefusedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/labels$", Kind: sim.FaultStatus, Status: 200, Times: -1, Body: `{"results":[{"category":"HUBSPOT_DEFINED","typeId":215}]}`}) // deal to task
	wantError(t, b.deliver(taskWrite(func(w *connectors.Write) { w.DealID = "9001" })).Err, connectors.ClassRejected, "validation_failed")
	b.wantCalls("POST /crm/v3/objects/tasks", 2)
	b.wantLog()
}

func TestARollupIsTiedToItsTarget(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		target        connectors.RollupTarget
		contact, deal bool
		goneDeal      bool
		want          string
	}{
		{connectors.RollupBoth, true, true, false, "contacts deals"},
		{connectors.RollupDeal, true, true, false, "deals"},
		{connectors.RollupContact, true, true, false, "contacts"},
		{connectors.RollupDeal, true, false, false, "contacts"},
		{connectors.RollupContact, false, true, false, "deals"},
		{connectors.RollupDeal, true, true, true, "contacts"},
		{connectors.RollupDeal, false, true, true, ""},
	} {
		for _, found := range []bool{false, true} {
			b := newBench(t)
			b.account.Settings.RollupTarget = tc.target
			w := rollupWrite(func(w *connectors.Write) { w.Marker = marker })
			want := []connectors.Outcome{connectors.Created}
			if found {
				w.Found = b.deliver(w).Ref
				want = []connectors.Outcome{connectors.Updated, connectors.Unchanged}
				if tc.want == "" {
					want = []connectors.Outcome{connectors.Unchanged}
				}
			}
			if tc.contact {
				w.ContactRef.ID = b.sim.SeedContact(map[string]string{"email": email})
			}
			if tc.deal {
				w.DealID = "9001"
			}
			if tc.goneDeal {
				b.sim.Archive(dealsType, "9001")
			}
			var r connectors.Result
			for _, outcome := range want {
				r = b.deliver(w)
				wantOK(t, r, outcome)
			}
			var got []string
			for _, a := range b.sim.Objects(notesType)[0].Associations {
				typ, _, _ := strings.Cut(a.To, "/")
				got = append(got, typ)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("%+v, found %t: tied to %v, want %s", tc, found, got, tc.want)
			}
			if f := b.find(w); tc.want != "" && (f.Ref != r.Ref || !f.Complete) {
				t.Errorf("%+v, found %t: the look found %+v, want %v, complete", tc, found, f, r.Ref)
			}
		}
	}
}

func TestContactsAreCreatedOnlyWhereTheSettingsSaySo(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(b *bench, w *connectors.Write) string{
		"found by search": func(b *bench, _ *connectors.Write) string {
			return b.sim.SeedContact(map[string]string{"email": email})
		},
		"known": func(b *bench, w *connectors.Write) string {
			w.ContactRef.ID = b.sim.SeedContact(map[string]string{"email": "new@example.com"})
			return w.ContactRef.ID
		},
		"behind the index": func(b *bench, _ *connectors.Write) string {
			id := b.sim.SeedContact(map[string]string{"email": email})
			b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":0,"results":[]}`})
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.account.Settings.Contacts = connectors.ContactsCreateOnly
			w := contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})
			id := set(b, &w)
			r := b.deliver(w)
			wantOK(t, r, connectors.Unchanged)
			if r.Ref.ID != id || len(r.Notes) != 0 {
				t.Errorf("got %+v, want %s", r, id)
			}
			b.wantLog()
		})
	}
	b := newBench(t)
	b.account.Settings.Contacts = connectors.ContactsCreateOnly
	w := contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})
	wantOK(t, b.deliver(w), connectors.Created)
	w.Contact.FirstName = "Augusta"
	if f := b.find(w); !f.Complete {
		t.Errorf("found %+v, want it complete: it stays as it is", f)
	}
}

func TestContactsAreUpdatedOnlyWhereTheSettingsSaySo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.account.Settings.Contacts = connectors.ContactsUpdateOnly
	results := b.Deliver(t.Context(), b.account, []connectors.Write{
		contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}), taskWrite(func(w *connectors.Write) { w.Email = email })})
	wantError(t, results[0].Err, connectors.ClassRejected, connectors.CodeContactCreationOff)
	wantOK(t, results[1], connectors.Created)
	id := b.sim.SeedContact(map[string]string{"email": email})
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":0,"results":[]}`})
	for range 2 {
		r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
		wantOK(t, r, connectors.Updated)
		if r.Ref.ID != id {
			t.Errorf("ref: got %s, want %s", r.Ref.ID, id)
		}
	}
	b.wantCalls("POST /crm/v3/objects/contacts", 0)
	plan := b.Plan(t.Context(), b.account, []connectors.Write{contactWrite(connectors.Contact{Email: "two@example.com"})})[0]
	wantError(t, plan.Err, connectors.ClassRejected, connectors.CodeContactCreationOff)
}
