package hubspot

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestAnUnknownContactIsCreated(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *Config) { c.Version = version })
			r := b.deliver(contactWrite(connectors.Contact{Email: " Ada@Example.com ", FirstName: "Ada", LastName: " ", Company: "Example", JobTitle: "CTO"}))
			wantOK(t, r, connectors.Created)
			b.wantLog("create contacts " + r.Ref.ID)
			got := b.sim.Core().Log.Entries(0)[0].Fields
			if len(got) != 4 || got["email"] != email || got["firstname"] != "Ada" || got["company"] != "Example" || got["jobtitle"] != "CTO" {
				t.Errorf("fields: got %v", got)
			}
			if len(r.Calls) != 2 || r.Calls[0].Status != 200 || r.Calls[1].Status != 201 {
				t.Errorf("calls: got %+v, want a search and a create", r.Calls)
			}
		})
	}
}

func TestAKnownContactIsUpdatedAndNeverBlanked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": email, "firstname": "Ada", "phone": "+15555550123"})
	r := b.deliver(contactWrite(connectors.Contact{Email: "ADA@example.com", Company: "Example"}))
	wantOK(t, r, connectors.Updated)
	b.wantLog("update contacts " + id)
	if got := b.sim.Core().Log.Entries(0)[0].Fields; len(got) != 1 || got["company"] != "Example" {
		t.Errorf("fields: got %v, want the company alone", got)
	}
}

func TestAContactFoundByItsSecondAddressKeepsItsFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": "first@example.com", "hs_additional_emails": "other@example.com;" + email})
	r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
	wantOK(t, r, connectors.Updated)
	if r.Ref.ID != id {
		t.Errorf("ref: got %s, want %s", r.Ref.ID, id)
	}
	if got := b.sim.Core().Log.Entries(0)[0].Fields; got["email"] != "" {
		t.Errorf("email: got %q, want it not sent", got["email"])
	}
}

func TestAContactWithNothingToUpdateIsLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": email})
	r := b.deliver(contactWrite(connectors.Contact{Email: email}))
	wantOK(t, r, connectors.Unchanged)
	if r.Ref.ID != id {
		t.Errorf("ref: got %s, want %s", r.Ref.ID, id)
	}
	b.wantLog()
}

func TestADuplicateThatTheSearchMissesIsUpdated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
	first := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
	wantOK(t, first, connectors.Created)
	second := b.deliver(contactWrite(connectors.Contact{Email: email, LastName: "Lovelace"}))
	wantOK(t, second, connectors.Updated)
	if second.Ref != first.Ref {
		t.Errorf("ref: got %v, want %v", second.Ref, first.Ref)
	}
	b.wantLog("create contacts "+first.Ref.ID, "update contacts "+first.Ref.ID)
}

func TestADuplicateByASecondAddressKeepsTheFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": "first@example.com", "hs_additional_emails": email})
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":0,"results":[]}`})
	r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
	wantOK(t, r, connectors.Updated)
	if got := b.sim.Objects(contactsType)[0].Properties["email"]; r.Ref.ID != id || got != "first@example.com" {
		t.Errorf("ref %s with address %s, want %s with its own", r.Ref.ID, got, id)
	}
}

func TestA409WithoutAnIDIsResolvedByEmail(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
	first := b.deliver(contactWrite(connectors.Contact{Email: email}))
	wantOK(t, first, connectors.Created)
	b.fault(sim.Fault{Method: "POST", Path: "/contacts$", Kind: sim.FaultStatus, Status: 409, Body: `{"category":"CONFLICT","message":"Contact already exists."}`})
	second := b.deliver(contactWrite(connectors.Contact{Email: email, LastName: "Lovelace"}))
	wantOK(t, second, connectors.Updated)
	if second.Ref != first.Ref {
		t.Errorf("ref: got %v, want %v", second.Ref, first.Ref)
	}
}

// phantom lets a create fail as if the contact existed, though HubSpot shows it nowhere.
func (b *bench) phantom(message string) {
	b.t.Helper()
	b.fault(sim.Fault{Method: "POST", Path: "/contacts$", Kind: sim.FaultStatus, Status: 409, Body: `{"category":"CONFLICT","message":"` + message + `"}`})
}

func TestA409ForAContactThatIsNowhereIsLeftToHubSpotToDecide(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{"no id": "exists", "gone id": "Contact already exists. Existing ID: 99999"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.phantom(message)
			r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
			wantOK(t, r, connectors.Created)
			b.wantLog("create contacts " + r.Ref.ID)
			if got := b.sim.Objects(contactsType)[0].Properties; got["email"] != email || got["firstname"] != "Ada" {
				t.Errorf("contact: got %v", got)
			}
		})
	}
}

func TestAnUpsertLeavesTheFirstAddressOfAContactAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": "first@example.com", "hs_additional_emails": email})
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":0,"results":[]}`})
	b.phantom("exists")
	b.fault(sim.Fault{Method: "GET", Path: "/contacts/", Kind: sim.FaultStatus, Status: 404, Body: `{"category":"OBJECT_NOT_FOUND"}`})
	r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
	wantOK(t, r, connectors.Updated)
	if got := b.sim.Objects(contactsType)[0].Properties; r.Ref.ID != id || got["email"] != "first@example.com" || got["firstname"] != "Ada" {
		t.Errorf("ref %s, contact %v; want %s with its own first address", r.Ref.ID, got, id)
	}
}

func TestAContactThatIsNowhereAndHasNothingToSetIsTriedLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.phantom("exists")
	wantError(t, b.deliver(contactWrite(connectors.Contact{Email: email})).Err, connectors.ClassRetry, "contact_moving")
	b.account.Settings.Contacts = connectors.ContactsCreateOnly // an upsert could change one that exists
	b.phantom("exists")
	wantError(t, b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})).Err, connectors.ClassRetry, "contact_moving")
	b.wantLog()
}

func TestTheAnswerToAnUpsertIsReadWhateverItsStatus(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		status     int
		class      connectors.Class
		code       string
	}{
		{"complete without a result", `{"status":"COMPLETE","results":[]}`, 200, connectors.ClassInDoubt, "crm_answer_unreadable"},
		{"a result without an id", `{"status":"COMPLETE","results":[{"new":true}]}`, 200, connectors.ClassInDoubt, "crm_answer_unreadable"},
		{"an error of the input", `{"results":[],"numErrors":1,"errors":[{"category":"VALIDATION_ERROR","message":"Error creating CONTACT.","context":{"properties":["hs_legal_basis"]}}]}`,
			207, connectors.ClassRejected, "required_property_missing"},
		{"an error under 200", `{"results":[],"errors":[{"category":"OBJECT_NOT_FOUND"}]}`, 200, connectors.ClassRejected, "record_not_found"},
		{"a conflict of the input", `{"results":[],"errors":[{"category":"CONFLICT"}]}`, 207, connectors.ClassRetry, "contact_moving"},
		{"a conflict", `{"category":"CONFLICT"}`, 409, connectors.ClassRetry, "contact_moving"},
		{"a refusal", `{"category":"VALIDATION_ERROR"}`, 400, connectors.ClassRejected, "validation_failed"},
		{"a failure", `{}`, 502, connectors.ClassInDoubt, "crm_unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.phantom("exists")
			b.fault(sim.Fault{Path: "/batch/upsert$", Kind: sim.FaultStatus, Status: tc.status, Body: tc.body})
			wantError(t, b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})).Err, tc.class, tc.code)
		})
	}
}

func TestASearchThatContradictsItselfIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": email})
	b.sim.SetBehaviour(simhubspot.Behaviour{PhantomSearchEvery: 1})
	r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
	wantOK(t, r, connectors.Updated)
	b.wantLog("update contacts " + id)
	b.wantCalls("POST /crm/v3/objects/contacts", 0)
}

func TestAMatchForAnotherAddressIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":1,"results":[{"id":"7","properties":{"email":"x@example.com","hs_additional_emails":null}},{"id":""}]}`})
	r := b.deliver(contactWrite(connectors.Contact{Email: email}))
	wantOK(t, r, connectors.Created)
}

func TestAKnownContactWhoseAddressChangedIsStillUpdated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": "new@example.com"})
	w := contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})
	w.ContactRef = connectors.Ref{Type: contactsType, ID: id}
	wantOK(t, b.deliver(w), connectors.Updated)
	w.Contact = &connectors.Contact{Email: email}
	wantOK(t, b.deliver(w), connectors.Unchanged)
	b.wantLog("update contacts " + id)
}

func TestAKnownContactThatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]connectors.Contact{"with values": {Email: email, FirstName: "Ada"}, "email alone": {Email: email}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			id := b.sim.SeedContact(map[string]string{"email": email})
			b.sim.Archive(contactsType, id)
			w := contactWrite(c)
			w.ContactRef = connectors.Ref{Type: contactsType, ID: id}
			r := b.deliver(w)
			wantOK(t, r, connectors.Created)
			b.wantLog("create contacts " + r.Ref.ID)
		})
	}
}

func TestARecordThatIsShownAsArchivedIsGone(t *testing.T) {
	t.Parallel()
	const archived = `{"id":"99999","archived":true,"properties":{"email":"` + email + `"}}`
	for name, f := range map[string]sim.Fault{
		"by the search": {Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":1,"results":[` + archived + `]}`},
		"by its id":     {Method: "GET", Path: "/contacts/99999$", Kind: sim.FaultStatus, Status: 200, Body: archived},
	} {
		b := newBench(t)
		b.fault(f)
		w := contactWrite(connectors.Contact{Email: email})
		w.ContactRef.ID = "99999"
		if r := b.deliver(w); r.Err != nil || r.Outcome != connectors.Created {
			t.Errorf("%s: got %+v, want a new contact", name, r)
		}
	}
}

func TestAContactThatTheIndexStillShowsButIsGoneIsCreatedAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 200, Body: `{"total":1,"results":[{"id":"99999","properties":{"email":"` + email + `"}}]}`})
	r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}))
	wantOK(t, r, connectors.Created)
	b.wantLog("create contacts " + r.Ref.ID)
}

func TestAMergedContactAnswersWithItsNewID(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := b.sim.SeedContact(map[string]string{"email": "old@example.com"})
	other := b.sim.SeedContact(map[string]string{"email": "other@example.com"})
	merged, err := b.sim.Merge(old, other)
	if err != nil {
		t.Fatal(err)
	}
	w := contactWrite(connectors.Contact{Email: email})
	w.ContactRef = connectors.Ref{Type: contactsType, ID: old}
	for _, w.Contact = range []*connectors.Contact{{Email: email}, {Email: email, FirstName: "Ada"}} {
		if r := b.deliver(w); r.Ref.ID != merged || noteCodes(r) != "contact_merged" {
			t.Errorf("got %+v, want %s and a note of the merge", r, merged)
		}
	}
	task := b.deliver(taskWrite(func(w *connectors.Write) { w.ContactRef = connectors.Ref{Type: contactsType, ID: other} }))
	wantOK(t, task, connectors.Created)
	if got := b.sim.Objects(tasksType)[0].Associations; len(got) != 1 || got[0].To != "contacts/"+merged || noteCodes(task) != "contact_merged" {
		t.Errorf("task: got %+v with notes %q, want it tied to %s and a note of the merge", got, noteCodes(task), merged)
	}
}

func TestWhatHubSpotRefusesInAContactIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := wantError(t, b.deliver(contactWrite(connectors.Contact{Email: "ada@@example"})).Err, connectors.ClassRejected, "contact_email_invalid")
	if e.Status != 400 || e.RequestID == "" || !strings.Contains(e.Cause, "ada@@example") {
		t.Errorf("error: got %+v", e)
	}
	b.sim.SetBehaviour(simhubspot.Behaviour{RequiredContactProperties: []string{"hs_legal_basis"}, RequiredOnEveryVersion: true})
	e = wantError(t, b.deliver(contactWrite(connectors.Contact{Email: email})).Err, connectors.ClassRejected, "required_property_missing")
	if !strings.Contains(e.Action, "hs_legal_basis") {
		t.Errorf("action: got %q, want the property in it", e.Action)
	}
	wantError(t, b.deliver(contactWrite(connectors.Contact{Email: " "})).Err, connectors.ClassRejected, "contact_email_missing")
	b.wantLog()
}

func TestOnlyTheCreateOfAContactCanBeInDoubt(t *testing.T) {
	t.Parallel()
	const (
		search = "/contacts/search$"
		create = "/contacts$"
		update = `/contacts/\d+$`
	)
	for _, tc := range []struct {
		name  string
		fault sim.Fault
		seed  bool
		class connectors.Class
		code  string
	}{
		{"search fails", sim.Fault{Path: search, Kind: sim.FaultStatus, Status: 500, Times: -1}, false, connectors.ClassRetry, "crm_unavailable"},
		{"search is cut", sim.Fault{Path: search, Kind: sim.FaultCutAfter, Times: -1}, false, connectors.ClassRetry, "crm_answer_lost"},
		{"search makes no sense", sim.Fault{Path: search, Kind: sim.FaultStatus, Status: 200, Body: "<html>"}, false, connectors.ClassRetry, "crm_answer_unreadable"},
		{"update fails", sim.Fault{Path: update, Kind: sim.FaultStatusAfter, Status: 502, Times: -1}, true, connectors.ClassRetry, "crm_unavailable"},
		{"update is cut", sim.Fault{Path: update, Kind: sim.FaultCutAfter, Times: -1}, true, connectors.ClassRetry, "crm_answer_lost"},
		{"update has no id", sim.Fault{Path: update, Kind: sim.FaultStatusAfter, Status: 200, Body: "{}"}, true, connectors.ClassRetry, "crm_answer_unreadable"},
		{"update is locked", sim.Fault{Path: update, Kind: sim.FaultStatus, Status: 423}, true, connectors.ClassRetry, "record_locked"},
		{"create fails", sim.Fault{Path: create, Kind: sim.FaultStatusAfter, Status: 500}, false, connectors.ClassInDoubt, "crm_unavailable"},
		{"create is cut", sim.Fault{Path: create, Kind: sim.FaultCutAfter}, false, connectors.ClassInDoubt, "crm_answer_lost"},
		{"create is truncated", sim.Fault{Path: create, Kind: sim.FaultTruncate}, false, connectors.ClassInDoubt, "crm_answer_lost"},
		{"create has no id", sim.Fault{Path: create, Kind: sim.FaultStatusAfter, Status: 201, Body: `{"id":""}`}, false, connectors.ClassInDoubt, "crm_answer_unreadable"},
		{"create is redirected", sim.Fault{Path: create, Kind: sim.FaultStatus, Status: 302, Headers: map[string]string{"Location": "/"}}, false, connectors.ClassInDoubt, "crm_redirected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if tc.seed {
				b.sim.SeedContact(map[string]string{"email": email})
			}
			b.fault(tc.fault)
			wantError(t, b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})).Err, tc.class, tc.code)
			b.sim.Core().Faults.Clear()
			if r := b.deliver(contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})); r.Err != nil {
				t.Fatalf("the second time: %v", r.Err)
			}
			creates := 0
			for _, line := range b.log() {
				if strings.HasPrefix(line, "create ") {
					creates++
				}
			}
			if got, most := creates+map[bool]int{true: 1}[tc.seed], 1; got != most {
				t.Errorf("contacts: got %d, want %d", got, most)
			}
		})
	}
}

func TestNoIdempotencyHeaderIsSent(t *testing.T) {
	t.Parallel()
	var seen http.Header
	s := newScripted(t, Config{}, func(w http.ResponseWriter, _ string, _ int) { reply(w, 200, `{"total":0,"results":[],"id":"1"}`) })
	s.http = doer(func(call connectors.Call) { seen = call.Header }, s.http)
	r := s.Deliver(t.Context(), s.account, []connectors.Write{contactWrite(connectors.Contact{Email: email})})
	if r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	for name := range seen {
		if strings.Contains(strings.ToLower(name), "idempotency") {
			t.Errorf("header %s was sent; Go's client would then repeat a create", name)
		}
	}
}
