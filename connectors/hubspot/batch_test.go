package hubspot

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

const (
	readContacts   = "POST /crm/v3/objects/contacts/batch/read"
	createContacts = "POST /crm/v3/objects/contacts/batch/create"
	updateContacts = "POST /crm/v3/objects/contacts/batch/update"
	createTasks    = "POST /crm/v3/objects/tasks/batch/create"
	createNotes    = "POST /crm/v3/objects/notes/batch/create"
)

func personOf(n int) string { return fmt.Sprintf("p%d@example.com", n) }

// markerOf is a marker of its own for each n below 1,000.
func markerOf(n int) string { return fmt.Sprintf("%s%03d", strings.Repeat("m", 23), n) }

func contactsOf(n int) []connectors.Write {
	var out []connectors.Write
	for i := range n {
		out = append(out, contactWrite(connectors.Contact{Email: personOf(i), FirstName: "Ada", Phone: fmt.Sprint(i)}))
	}
	return out
}

// tasksOf are n tasks, each of the person of the same number.
func tasksOf(n int) []connectors.Write {
	var out []connectors.Write
	for i := range n {
		out = append(out, taskWrite(func(w *connectors.Write) {
			w.Email, w.Marker, w.Task.Subject = personOf(i), markerOf(i), fmt.Sprint("task ", i)
		}))
	}
	return out
}

func (b *bench) deliverAll(writes []connectors.Write) []connectors.Result {
	b.t.Helper()
	results := b.Deliver(context.Background(), b.account, writes)
	if len(results) != len(writes) {
		b.t.Fatalf("results: got %d, want %d", len(results), len(writes))
	}
	return results
}

func (b *bench) propertiesOf(typ, id string) map[string]string {
	b.t.Helper()
	for _, o := range b.sim.Objects(typ) {
		if o.ID == id {
			return o.Properties
		}
	}
	b.t.Fatalf("no %s %s", typ, id)
	return nil
}

// calls is how many calls of the CRM API were made.
func (b *bench) calls() int { return b.sim.Core().Calls.API() }

func TestAListTakesOneCallForEachKind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	writes := append(contactsOf(5), tasksOf(5)...)
	for i := range 5 {
		writes = append(writes, rollupWrite(func(w *connectors.Write) { w.Email, w.Marker, w.DealID = personOf(i), markerOf(100+i), "9001" }))
	}
	results := b.deliverAll(writes)
	for i, r := range results {
		wantOK(t, r, connectors.Created)
		if len(r.Calls) == 0 || len(r.Limits) == 0 {
			t.Errorf("write %d: calls %v, limits %v; want both", i, r.Calls, r.Limits)
		}
	}
	for _, call := range []string{readContacts, createContacts, createTasks, createNotes} {
		b.wantCalls(call, 1)
	}
	if n := b.calls(); n != 7 { // and the labels of three pairs
		t.Errorf("%d calls; all: %v", n, b.sim.Core().Calls.Snapshot())
	}
	for i := range 5 {
		if got, want := b.tiedTo(results[5+i].Ref), "contacts/"+results[i].Ref.ID+"(204)"; got != want {
			t.Errorf("task %d is tied to %s, want %s", i, got, want)
		}
		if got, want := b.tiedTo(results[10+i].Ref), "contacts/"+results[i].Ref.ID+"(202) deals/9001(214)"; got != want {
			t.Errorf("rollup %d is tied to %s, want %s", i, got, want)
		}
	}
}

func TestAListLargerThanABatchGoesInSeveral(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, r := range b.deliverAll(contactsOf(120)) {
		wantOK(t, r, connectors.Created)
	}
	b.wantCalls(readContacts, 2)
	b.wantCalls(createContacts, 2)
}

func TestAListWritesToContactsWhereTheyAreNow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ids := make([]string, 6)
	for i := range ids {
		ids[i] = b.sim.SeedContact(map[string]string{"email": personOf(i), "firstname": "Old"})
	}
	second := b.sim.SeedContact(map[string]string{"email": "first@example.com", "hs_additional_emails": personOf(6)})
	merged, err := b.sim.Merge(ids[0], ids[1])
	if err != nil {
		t.Fatal(err)
	}
	b.sim.Archive(contactsType, ids[2])
	writes := contactsOf(7)
	known := func(i int, id string) {
		writes[i].ContactRef, writes[i].ContactKnown = connectors.Ref{Type: contactsType, ID: id}, true
	}
	known(1, ids[1]) // merged since
	known(2, ids[2]) // deleted since
	known(3, ids[3])
	results := b.deliverAll(append(writes[1:], contactWrite(connectors.Contact{Email: strings.ToUpper(personOf(4)), FirstName: "Augusta"}),
		contactWrite(connectors.Contact{Email: "first@example.com", FirstName: "Ada"})))
	for i, want := range []string{merged, "", ids[3], ids[4], ids[5], second, ids[4], second} {
		if i == 1 {
			wantOK(t, results[i], connectors.Created)
			continue
		}
		if wantOK(t, results[i], connectors.Updated); results[i].Ref.ID != want {
			t.Errorf("write %d went to %s, want %s", i, results[i].Ref.ID, want)
		}
	}
	if noteCodes(results[0]) != "contact_merged" {
		t.Errorf("notes of the merged one: %+v", results[0].Notes)
	}
	b.wantCalls(updateContacts, 1)
	for _, e := range b.sim.Core().Log.Entries(0) {
		if _, sent := e.Fields["email"]; sent && e.Op == sim.OpUpdate {
			t.Errorf("an update set the address: %+v", e)
		}
	}
	if got := b.propertiesOf(contactsType, ids[4])["firstname"]; got != "Augusta" {
		t.Errorf("two writes of one contact: first name %s, want that of the later", got)
	}
}

func TestOneBadInputHarmsNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	writes := append(contactsOf(4), tasksOf(4)...)
	writes[1].Contact.Email = "not@an@address"
	writes[5].Email = writes[1].Contact.Email
	writes[6].DealID = "123" // there is none
	writes[7].Task.DueAt = writes[7].SendBy
	results := b.deliverAll(writes)
	for i, r := range results {
		switch i {
		case 1:
			wantError(t, r.Err, connectors.ClassRejected, "contact_email_invalid")
		case 7:
			wantError(t, r.Err, connectors.ClassRejected, "task_due_missing")
		default:
			wantOK(t, r, connectors.Created)
		}
	}
	if noteCodes(results[6]) != "association_dropped" || b.tiedTo(results[6].Ref) != "contacts/"+results[2].Ref.ID+"(204)" {
		t.Errorf("the task of a deal that is gone: %+v, tied to %s", results[6].Notes, b.tiedTo(results[6].Ref))
	}
	b.wantCalls(createContacts, 1)
	b.wantCalls(createTasks, 1)
}

func TestABatchThatIsRefusedAsAWholeGoesInHalves(t *testing.T) {
	t.Parallel()
	for status, refusal := range map[int]string{
		400: `{"status":"error","message":"Invalid input","category":"VALIDATION_ERROR"}`,
		409: `{"status":"error","message":"Contact already exists. Existing ID: 501","category":"CONFLICT"}`,
	} {
		b := newBench(t)
		b.fault(sim.Fault{Path: "/contacts/batch/create$", Kind: sim.FaultStatus, Status: status, Body: refusal, Times: 2})
		for _, r := range b.deliverAll(contactsOf(8)) {
			wantOK(t, r, connectors.Created)
		}
		b.wantCalls(createContacts, 5) // 8 and 4 refused, then 2, 2 and 4
		b.wantCalls("POST /crm/v3/objects/contacts", 0)
		if n := len(b.sim.Objects(contactsType)); n != 8 {
			t.Errorf("%d: %d contacts, want 8", status, n)
		}
	}
}

func TestAListOfWhichHubSpotKnowsNobodyIsCreated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/contacts/batch/read$", Kind: sim.FaultStatus, Status: 404, Body: `{"status":"error","message":"resource not found"}`})
	for _, r := range b.deliverAll(contactsOf(3)) {
		wantOK(t, r, connectors.Created)
	}
	b.wantCalls(createContacts, 1)
}

func TestAddressesThatCannotBeLookedUpTogetherGoByThemselves(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": personOf(1)})
	b.fault(sim.Fault{Path: "/contacts/batch/read$", Kind: sim.FaultStatus, Status: 400, Body: `{"status":"error","message":"Invalid input","category":"VALIDATION_ERROR"}`})
	results := b.deliverAll(contactsOf(3))
	wantOK(t, results[0], connectors.Created)
	if wantOK(t, results[1], connectors.Updated); results[1].Ref.ID != id {
		t.Errorf("went to %s, want %s", results[1].Ref.ID, id)
	}
	wantOK(t, results[2], connectors.Created)
	b.wantCalls(createContacts, 0)
}

func TestAnAddressThatWasTakenMeanwhileIsUpdated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": personOf(0)})
	b.fault(sim.Fault{Path: "/contacts/batch/read$", Kind: sim.FaultStatus, Status: 207, Body: `{"status":"COMPLETE","results":[],"numErrors":3}`})
	results := b.deliverAll(contactsOf(3))
	if wantOK(t, results[0], connectors.Updated); results[0].Ref.ID != id {
		t.Errorf("went to %s, want %s", results[0].Ref.ID, id)
	}
	wantOK(t, results[1], connectors.Created)
	wantOK(t, results[2], connectors.Created)
}

func TestResultsFindTheirInputsWhateverTheirOrder(t *testing.T) {
	t.Parallel()
	for _, omit := range []bool{false, true} {
		b := newBench(t)
		b.sim.SetBehaviour(simhubspot.Behaviour{OmitTraceIDs: omit, ReverseBatchResults: true})
		results := b.deliverAll(append(contactsOf(4), tasksOf(4)...))
		for i := range 4 {
			wantOK(t, results[i], connectors.Created)
			if got := b.propertiesOf(contactsType, results[i].Ref.ID)["email"]; got != personOf(i) {
				t.Errorf("omitted %t: contact %d became %s", omit, i, got)
			}
			wantOK(t, results[4+i], connectors.Created)
			if got := b.propertiesOf(tasksType, results[4+i].Ref.ID)["hs_task_subject"]; got != fmt.Sprint("task ", i) {
				t.Errorf("omitted %t: task %d became %s", omit, i, got)
			}
		}
	}
}

func TestWhatABatchDoesNotAnswerForIsInDoubtAndFound(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]sim.Fault{
		"cut":               {Kind: sim.FaultCutAfter},
		"half an answer":    {Kind: sim.FaultTruncate},
		"failed after":      {Kind: sim.FaultStatusAfter, Status: 502, Body: "<html>"},
		"not JSON":          {Kind: sim.FaultStatusAfter, Status: 201, Body: "<html>"},
		"without results":   {Kind: sim.FaultStatusAfter, Status: 201, Body: `{"status":"COMPLETE","results":[]}`},
		"results of nobody": {Kind: sim.FaultStatusAfter, Status: 201, Body: `{"status":"COMPLETE","results":[{"id":"1"},{"id":""},{}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			ids := map[string]string{}
			for i := range 3 {
				ids[personOf(i)] = b.sim.SeedContact(map[string]string{"email": personOf(i)})
			}
			f.Path = "/tasks/batch/create$"
			b.fault(f)
			writes := tasksOf(3)
			for i := range writes {
				writes[i].ContactRef = connectors.Ref{Type: contactsType, ID: ids[writes[i].Email]}
			}
			for i, r := range b.deliverAll(writes) {
				if r.Err == nil || r.Err.Class != connectors.ClassInDoubt {
					t.Errorf("task %d: %+v, want in doubt", i, r)
				}
			}
			b.wantCalls(createTasks, 1)
			for i, w := range writes {
				if found := b.find(w); found.Ref.ID == "" || !found.Complete || len(found.Copies) != 0 {
					t.Errorf("task %d: found %+v", i, found)
				}
			}
			if n := len(b.sim.Objects(tasksType)); n != 3 {
				t.Errorf("%d tasks, want 3", n)
			}
		})
	}
}

func TestALimitThatABatchMeetsStopsTheRest(t *testing.T) {
	t.Parallel()
	const daily = `{"status":"error","message":"You have reached your daily limit.","errorType":"RATE_LIMIT","policyName":"DAILY"}`
	for path, made := range map[string]int{"/contacts/batch/read$": 0, "/contacts/batch/create$": 0, "/tasks/batch/create$": 3} {
		b := newBench(t)
		b.fault(sim.Fault{Path: path, Kind: sim.FaultStatus, Status: 429, Body: daily})
		for i, r := range b.deliverAll(append(contactsOf(3), tasksOf(3)...)) {
			if i < made {
				wantOK(t, r, connectors.Created)
				continue
			}
			if wantError(t, r.Err, connectors.ClassRetry, "crm_daily_limit"); !r.Err.Pause {
				t.Errorf("%s: write %d does not pause the connection", path, i)
			}
		}
		if n := len(b.sim.Objects(contactsType)) + len(b.sim.Objects(tasksType)); n != made {
			t.Errorf("%s: %d records, want %d", path, n, made)
		}
	}
}

func TestATaskInAListWaitsForAContactThatMayStillCome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/contacts/batch/create$", Kind: sim.FaultStatus, Status: 503})
	results := b.deliverAll(append(contactsOf(2), tasksOf(2)...))
	for i, r := range results {
		if i < 2 {
			wantError(t, r.Err, connectors.ClassInDoubt, "crm_unavailable")
			continue
		}
		wantError(t, r.Err, connectors.ClassRetry, "contact_pending")
	}
	b.wantLog()
}

func TestAListIsWrittenAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.account.Settings.FieldDefaults = map[connectors.Object]map[string]any{
		connectors.ObjectContact: {"city": "Turin"}, connectors.ObjectTask: {"hs_task_type": "CALL"}}
	b.account.Settings.TaskStatus = "WAITING"
	there := b.sim.SeedContact(map[string]string{"email": personOf(0)})
	for _, r := range b.deliverAll(append(contactsOf(3), tasksOf(3)...)) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for _, o := range b.sim.Objects(contactsType) {
		if got := o.Properties["city"]; (got == "Turin") == (o.ID == there) {
			t.Errorf("contact %s lives in %q", o.ID, got)
		}
	}
	for _, o := range b.sim.Objects(tasksType) {
		if o.Properties["hs_task_type"] != "CALL" || o.Properties["hs_task_status"] != "WAITING" {
			t.Errorf("task %v", o.Properties)
		}
	}
	b.account.Settings = connectors.Settings{Contacts: connectors.ContactsUpdateOnly}
	b2 := contactsOf(2)
	b2[1].Contact.Email = "new@example.com"
	results := b.deliverAll(b2)
	wantOK(t, results[0], connectors.Updated)
	wantError(t, results[1].Err, connectors.ClassRejected, connectors.CodeContactCreationOff)
}
