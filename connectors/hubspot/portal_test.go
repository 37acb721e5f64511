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

const (
	searchContacts = "POST /crm/v3/objects/contacts/search"
	createContact  = "POST /crm/v3/objects/contacts"
	oneContact     = "/crm/v3/objects/contacts/{id}"
)

// statusOf is what the CRM answered to the calls of a route.
func statusOf(r connectors.Result, method, tail string) []int {
	var out []int
	for _, c := range r.Calls {
		if c.Method == method && strings.HasSuffix(c.Route, tail) {
			out = append(out, c.Status)
		}
	}
	return out
}

func ada() connectors.Contact { return connectors.Contact{Email: email, Phone: "+15555550123"} }

func TestTheIDIn409SparesALookup(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{PhantomSearchEvery: 0, SearchLag: time.Hour})
	s := &session{Connector: b.Connector, account: b.account, doer: b.http}
	if _, _, failed := s.one(t.Context(), http.MethodPost, b.paths.objects(contactsType), connectors.Once, newRecord{Properties: map[string]string{"email": email}}); failed != nil {
		t.Fatal(failed)
	}
	wantOK(t, b.deliver(contactWrite(ada())), connectors.Updated)
	b.wantCalls("GET "+oneContact, 0)
	b.wantCalls("PATCH "+oneContact, 1)
}

func TestAnAddressThatIsNotTheFirstIsFoundByTheSearch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SeedContact(map[string]string{"email": "first@example.com", "hs_additional_emails": email})
	wantOK(t, b.deliver(contactWrite(ada())), connectors.Updated)
	b.wantCalls(createContact, 0)
}

func TestAChangedAddressThatTheIndexDoesNotHaveYetIsItsContact(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": "old@example.com"})
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
	person := &session{Connector: b.Connector, account: b.account, doer: b.http}
	if _, _, failed := person.one(t.Context(), http.MethodPatch, b.paths.record(contactsType, id), connectors.Idempotent,
		newRecord{Properties: map[string]string{"firstname": "Ada"}}); failed != nil {
		t.Fatal(failed)
	}
	found, failed := person.findContact(t.Context(), "old@example.com")
	if failed != nil || found == nil || found.Properties["firstname"] != "" {
		t.Errorf("found %+v, %v; want the contact as it was before", found, failed)
	}
	r := b.deliver(contactWrite(connectors.Contact{Email: "old@example.com", LastName: "Byron"}))
	wantOK(t, r, connectors.Updated)
	if p := b.propertiesOf(contactsType, id); p["firstname"] != "Ada" || p["lastname"] != "Byron" {
		t.Errorf("got %v, want both changes", p)
	}
}

func TestTheAddressOfAContactThatWasMergedAwayLeadsToWhatItBecame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.sim.SeedContact(map[string]string{"email": "first@example.com"})
	second := b.sim.SeedContact(map[string]string{"email": email})
	id, err := b.sim.Merge(first, second)
	if err != nil {
		t.Fatal(err)
	}
	if r := b.deliver(contactWrite(ada())); r.Err != nil || r.Ref.ID != id {
		t.Errorf("got %+v %v, want the merged contact %s", r.Ref, r.Err, id)
	}
	if p := b.propertiesOf(contactsType, id); p["email"] != "first@example.com" || p["phone"] != ada().Phone {
		t.Errorf("got %v, want the first address and the phone", p)
	}
}

func TestADeletedContactIsNeitherFoundNorWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.Archive(contactsType, b.sim.SeedContact(map[string]string{"email": email}))
	wantOK(t, b.deliver(contactWrite(ada())), connectors.Created)
	b.wantCalls("PATCH "+oneContact, 0)
}

func TestAListKnowsAContactThatWasMergedSinceByItsNewID(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.sim.SeedContact(map[string]string{"email": "first@example.com"})
	second := b.sim.SeedContact(map[string]string{"email": email})
	third := b.sim.SeedContact(map[string]string{"email": "third@example.com"})
	id, err := b.sim.Merge(first, second)
	if err != nil {
		t.Fatal(err)
	}
	known := func(c connectors.Contact, id string) connectors.Write {
		w := contactWrite(c)
		w.ContactRef, w.ContactKnown = connectors.Ref{Type: contactsType, ID: id}, true
		return w
	}
	results := b.deliverAll([]connectors.Write{known(ada(), second), known(connectors.Contact{Email: "third@example.com", Phone: "1"}, third)})
	if results[0].Err != nil || results[0].Ref.ID != id || noteCodes(results[0]) != "contact_merged" {
		t.Errorf("got %+v %v with notes %s, want %s and a note of the merge", results[0].Ref, results[0].Err, noteCodes(results[0]), id)
	}
	wantOK(t, results[1], connectors.Updated)
}

func TestATakenMarkerIsKnownWhicheverStatusThePortalGivesIt(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict} {
		b := newBench(t)
		b.enforce()
		b.sim.SetBehaviour(simhubspot.Behaviour{TakenValueStatus: status})
		w := marked()[0]
		first := b.deliver(w)
		wantOK(t, first, connectors.Created)
		again := b.deliver(w)
		if again.Err != nil || again.Ref != first.Ref {
			t.Errorf("%d: got %+v %v, want the first record %+v", status, again.Ref, again.Err, first.Ref)
		}
		if got := statusOf(again, http.MethodPost, "/tasks"); len(got) != 1 || got[0] != status {
			t.Errorf("the portal answered %v, want %d", got, status)
		}
	}
}

func TestALinkThatIsGoneIsKnownWhicheverStatusThePortalGivesIt(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound} {
		b := newBench(t)
		b.sim.SetBehaviour(simhubspot.Behaviour{MissingTargetStatus: status})
		r := b.deliver(taskWrite(func(w *connectors.Write) { w.DealID = "999999" }))
		wantOK(t, r, connectors.Created)
		if got := statusOf(r, http.MethodPost, "/tasks"); noteCodes(r) != "association_dropped" || len(got) != 2 || got[0] != status {
			t.Errorf("notes %s, answers %v; want the link dropped after %d", noteCodes(r), got, status)
		}
	}
}

func TestARecordWhoseDealIsGoneIsLookedForInTheIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	deal := b.sim.SeedDeal(map[string]string{"dealname": "Gone"})
	w := marked(func(w *connectors.Write) { w.DealID = deal })[0]
	made := b.deliver(w)
	wantOK(t, made, connectors.Created)
	b.sim.Archive(dealsType, deal)
	if f := b.find(w); f.Ref != made.Ref || f.Tier != connectors.TierSearch {
		t.Errorf("found %+v, want %+v by the search", f, made.Ref)
	}
}

func TestADeactivatedOwnerIsNoOwner(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.sim.Seed(simhubspot.SeedData{Owners: []simhubspot.Owner{
		{ID: "77", Type: "PERSON", Email: "left@example.com", Archived: true}, {ID: "78", Type: "PERSON", Email: "stays@example.com"}}}); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{"left@example.com": "", "stays@example.com": "78"} {
		r := b.deliver(taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = address }))
		wantOK(t, r, connectors.Created)
		if got := b.propertiesOf(tasksType, r.Ref.ID)[ownerProperty]; got != want {
			t.Errorf("owner of %s: got %q, want %q", address, got, want)
		}
	}
}

const ownerProperty = "hubspot_owner_id"

func TestACreateThatWasCutBeforeItArrivedIsInDoubtAndNothingWasMade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Method: http.MethodPost, Path: "/tasks$", Kind: sim.FaultCut})
	wantError(t, b.deliver(taskWrite()).Err, connectors.ClassInDoubt, "crm_answer_lost")
	b.wantLog()
}
