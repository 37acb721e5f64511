package salesforce

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

// marker is the n-th of a test's markers.
func marker(n int) string { return fmt.Sprintf("marker%020d", n) }

// outcomes are n new people with a task each, in the order in which the log claims them: all people first.
func outcomes(n int, address string) (people, tasks []connectors.Write) {
	for i := range n {
		email := fmt.Sprintf(address, i)
		c := contactWrite(connectors.Contact{Email: email, FirstName: "Ada", LastName: fmt.Sprintf("Byron %d", i), Phone: "+1555"})
		c.Marker, c.NotBefore = marker(i), time.Now().Add(-10*time.Minute)
		people = append(people, c)
		tasks = append(tasks, markedTask(func(w *connectors.Write) { w.Marker, w.Email = marker(10_000+i), email }))
	}
	return people, tasks
}

// calls counts the API calls of what it runs.
func (o *org) calls(run func()) int {
	before := o.Core().Calls.API()
	run()
	return o.Core().Calls.API() - before
}

func TestManyOutcomesTakeAHandfulOfCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		org  simsalesforce.Behaviour
		most int // for 200 people and 200 tasks
	}{"read": {simsalesforce.Behaviour{}, 3}, "enforced": {withField, 4}} {
		o := newMarkedOrg(t, c.org)
		people, tasks := outcomes(200, "person-%d@example.com")
		n := o.calls(func() {
			made := o.deliver(people...)
			for i := range tasks {
				tasks[i].ContactRef = made[i].Ref
			}
			o.deliver(tasks...)
		})
		if n > c.most {
			t.Errorf("%s: %d calls for 200 outcomes, want at most %d", name, n, c.most)
		}
		leads := o.Records("Lead")
		if len(leads) != 200 || o.live("Task") != 200 {
			t.Fatalf("%s: %d leads and %d tasks", name, len(leads), o.live("Task"))
		}
		for i, r := range o.Records("Task") {
			if r.Fields["WhoId"] != leads[i].ID || !strings.HasSuffix(r.Fields["Description"].(string), "Ref: "+marker(10_000+i)) ||
				(r.Fields[markerField] == marker(10_000+i)) != c.org.HasExternalID || leads[i].Fields["LastName"] != fmt.Sprintf("Byron %d", i) {
				t.Fatalf("%s: task %d is %v of %v", name, i, r.Fields, leads[i].Fields)
			}
		}
		for _, w := range []connectors.Write{people[7], tasks[7]} {
			if f := o.find(w); f.Ref.ID == "" || !f.Complete {
				t.Errorf("%s: %s 7 is not found: %+v", name, w.Object, f)
			}
		}
		// Once more: everybody is there, and nothing is sent but the looks.
		before := len(o.Core().Log.Entries(0))
		if r := o.deliver(people...); r[3].Outcome != connectors.Unchanged || r[3].Ref.ID != leads[3].ID {
			t.Errorf("%s: again: %+v", name, r[3])
		}
		if c.org.HasExternalID {
			o.deliver(tasks...)
		}
		if n := len(o.Core().Log.Entries(0)) - before; n != 0 {
			t.Errorf("%s: again: %d changes", name, n)
		}
	}
}

func TestLongAddressesAreLookedUpInPiecesOfAllowedLength(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	address := "o'neil+" + strings.Repeat("ü", 50) + "-%03d@example.com"
	people, _ := outcomes(200, address)
	o.seedContact(fmt.Sprintf(address, 199))
	for i := range 150 {
		o.seedLead(fmt.Sprintf(address, i))
	}
	for i, r := range o.deliver(people...) {
		if want := map[bool]connectors.Outcome{true: connectors.Updated, false: connectors.Created}[i < 150 || i == 199]; r.Outcome != want {
			t.Fatalf("person %d: %+v", i, r)
		}
	}
	if o.live("Lead") != 199 {
		t.Errorf("%d leads, want those that were there and one for each address that was not", o.live("Lead"))
	}
}

func TestSeveralOutcomesOfOnePersonTakeEffectInOrder(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	write := func(c connectors.Contact) connectors.Write { return contactWrite(c) }
	results := o.deliver(
		write(connectors.Contact{Email: "ada@example.com", FirstName: "Ada", Phone: "1"}),
		write(connectors.Contact{Email: "grace@example.com", FirstName: "Grace"}),
		write(connectors.Contact{Email: "ADA@example.com ", LastName: "Byron", Phone: "2"}),
		write(connectors.Contact{Email: "ada@example.com", Phone: "3", JobTitle: "Countess"}),
		taskWrite(func(w *connectors.Write) { w.Email = "Ada@example.com" }), taskWrite(func(w *connectors.Write) { w.Email = "grace@example.com" }))
	ada := results[0].Ref
	if results[2].Ref != ada || results[3].Ref != ada || results[0].Outcome != connectors.Created || results[2].Outcome != connectors.Updated || results[1].Ref == ada {
		t.Errorf("results %+v", results)
	}
	for field, want := range map[string]string{"Email": "ada@example.com", "FirstName": "Ada", "LastName": "Byron", "Phone": "3", "Title": "Countess"} {
		if got := o.field("Lead", ada.ID, field); got != want {
			t.Errorf("%s = %q, want %q", field, got, want)
		}
	}
	if tasks := o.Records("Task"); tasks[0].Fields["WhoId"] != ada.ID || tasks[1].Fields["WhoId"] != results[1].Ref.ID {
		t.Errorf("tasks %+v", tasks)
	}
	o.wantEntries("create Lead, create Lead, create Task, create Task")
}

func TestAListFindsEveryKindOfPerson(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	lead, contact := o.seedLead("lead@example.com"), o.seedContact("contact@example.com")
	old := o.seedLead("old@example.com")
	became, err := o.ConvertLead(old)
	if err != nil {
		t.Fatal(err)
	}
	o.seedContact("two@example.com")
	o.seedContact("two@example.com")
	known, moved := o.seedLead("known@example.com"), o.seedLead("moved@example.com")
	if err := o.Delete("Lead", moved); err != nil {
		t.Fatal(err)
	}
	person := func(email string, known ...string) connectors.Write {
		return contactWrite(connectors.Contact{Email: email, FirstName: "Now", Company: "Example"})
	}
	writes := []connectors.Write{person("LEAD@example.com"), person("contact@example.com"), person("old@example.com"), person("two@example.com"),
		person("known@example.com"), person("moved@example.com"), person("new@example.com"), person(""), person("not an address")}
	writes[4].ContactKnown, writes[4].ContactRef = true, ref("Lead", known)
	writes[5].ContactKnown, writes[5].ContactRef = true, ref("Lead", moved)
	r := o.c.Deliver(t.Context(), o.account, writes)
	for i, want := range []connectors.Ref{ref("Lead", lead), ref("Contact", contact), ref("Contact", became.ContactID), {}, ref("Lead", known)} {
		if r[i].Err != nil || want.ID != "" && r[i].Ref != want || r[i].Outcome != connectors.Updated {
			t.Errorf("%s: %+v %v, want %v", writes[i].Contact.Email, r[i], r[i].Err, want)
		}
	}
	if noteCodes(r[3].Notes) != "several_matches" {
		t.Errorf("two of one address: notes %v", r[3].Notes)
	}
	for _, i := range []int{5, 6} {
		if r[i].Err != nil || r[i].Outcome != connectors.Created {
			t.Errorf("%s: %+v %v, want a new lead", writes[i].Contact.Email, r[i], r[i].Err)
		}
	}
	wantClass(t, r[7].Err, reject, "email_missing")
	wantClass(t, r[8].Err, reject, "email_invalid")
	if o.field("Lead", lead, "Company") != "Example" || o.field("Lead", known, "FirstName") != "Now" || o.field("Contact", contact, "FirstName") != "Now" {
		t.Error("somebody was not written")
	}
}

func TestABadRecordCostsItsNeighboursNothing(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	people, tasks := outcomes(40, "person-%d@example.com")
	people[3].Contact.Email = "nonsense" // refused for good
	tasks[5].DealID = noDeal             // mended: written without it
	tasks[6].ContactRef = ref("Contact", "003ak00000NoNoN")
	all := append(people, tasks...)
	results := o.c.Deliver(t.Context(), o.account, all)
	for i, r := range results {
		if (r.Err != nil) != (i == 3) {
			t.Errorf("write %d: %v", i, r.Err)
		}
	}
	wantClass(t, results[3].Err, reject, "email_invalid")
	if noteCodes(results[45].Notes) != "association_dropped association_dropped" || results[46].Ref.ID == "" {
		t.Errorf("mended: %+v, %+v", results[45], results[46])
	}
	if o.live("Lead") != 39 || o.live("Task") != 40 {
		t.Errorf("%d leads and %d tasks, want 39 and 40", o.live("Lead"), o.live("Task"))
	}
}

func TestACallThatIsRefusedAsAWholeIsCutInHalves(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	_, tasks := outcomes(16, "person-%d@example.com")
	for i := range tasks {
		tasks[i].Email = ""
	}
	o.fault(sim.Fault{Path: "/composite/sobjects$", Kind: sim.FaultStatus, Status: 400, Times: 3, Body: items("JSON_PARSER_ERROR: x")})
	n := o.calls(func() { o.deliver(tasks...) })
	if o.live("Task") != 16 || n > 10 {
		t.Errorf("%d tasks in %d calls", o.live("Task"), n)
	}
}

func TestAListWhoseAnswerIsLostIsInDoubtAndFoundWhole(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]simsalesforce.Behaviour{"read": {}, "enforced": withField} {
		for _, kind := range []sim.Fault{{Kind: sim.FaultCutAfter}, {Kind: sim.FaultTruncate}, {Kind: sim.FaultStatusAfter, Status: 503},
			{Kind: sim.FaultStatusAfter, Status: 200, Body: "[]"}, {Kind: sim.FaultStatusAfter, Status: 200, Body: "<html>"}} {
			o := newMarkedOrg(t, b)
			people, tasks := outcomes(5, "person-%d@example.com")
			for _, writes := range [][]connectors.Write{people, tasks} {
				kind.Path = "/composite/sobjects"
				o.fault(kind)
				for i, r := range o.c.Deliver(t.Context(), o.account, writes) {
					if r.Err == nil || r.Err.Class != inDoubt || len(r.Calls) == 0 {
						t.Fatalf("%s: %s: %s %d: %+v %v", name, kind.Kind, writes[i].Object, i, r, r.Err)
					}
					if f := o.find(writes[i]); f.Ref.ID == "" || !f.Complete || len(f.Copies) != 0 {
						t.Errorf("%s: %s: %s %d: found %+v", name, kind.Kind, writes[i].Object, i, f)
					}
				}
			}
			if o.live("Lead") != 5 || o.live("Task") != 5 {
				t.Errorf("%s: %s: %d leads, %d tasks", name, kind.Kind, o.live("Lead"), o.live("Task"))
			}
		}
	}
}

func TestAListOfUpdatesWhoseAnswerIsLostMayLand(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	people, _ := outcomes(3, "person-%d@example.com")
	for i := range people {
		o.seedLead(fmt.Sprintf("person-%d@example.com", i))
	}
	o.fault(sim.Fault{Path: "/composite/sobjects$", Kind: sim.FaultCutAfter})
	for _, r := range o.c.Deliver(t.Context(), o.account, people) {
		if wantClass(t, r.Err, retry, "answer_lost"); !r.MayLand {
			t.Error("nothing holds back a newer update")
		}
	}
	o.deliver(people...)
	o.wantEntries("update Lead, update Lead, update Lead")
}

func TestANewerChangeOfAListWaitsForAnOlderOneWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, found := range []bool{false, true} {
		o := newMarkedOrg(t, simsalesforce.Behaviour{})
		lead := o.seedLead("king@example.com")
		people := []connectors.Write{contactWrite(connectors.Contact{Email: "king@example.com", Phone: "1"}), contactWrite(connectors.Contact{Email: "King@example.com", Phone: "2"})}
		if found {
			people[0].Found, people[1].Found = ref("Lead", lead), ref("Lead", lead)
		}
		o.fault(sim.Fault{Method: "PATCH", Kind: sim.FaultCommitLate, LatencyMS: 50, Times: 3})
		results := o.c.Deliver(t.Context(), o.account, people)
		if !results[0].MayLand {
			t.Errorf("found %v: the older one cannot land any more: %+v", found, results[0])
		}
		wantClass(t, results[1].Err, retry, "waits_for_older")
		if phone := o.field("Lead", lead, "Phone"); phone == "2" {
			t.Errorf("found %v: the newer one was written", found)
		}
	}
}

func TestALookThatFailsWritesNothingAndConcernsAllOfTheList(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	people, tasks := outcomes(3, "person-%d@example.com")
	o.fault(sim.Fault{Path: "/composite$", Kind: sim.FaultStatus, Status: 503, Times: 3})
	for i, r := range o.c.Deliver(t.Context(), o.account, append(people, tasks...)) {
		if r.Err == nil || r.Err.Class != retry {
			t.Errorf("write %d: %+v %v", i, r, r.Err)
		}
	}
	o.wantEntries("")
}

func TestWhatWaitsForThePersonOfItsListWaits(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	people, tasks := outcomes(3, "person-%d@example.com")
	o.fault(sim.Fault{Path: "/composite/sobjects$", Kind: sim.FaultCutAfter})
	results := o.c.Deliver(t.Context(), o.account, append(people, tasks...))
	for _, r := range results[3:] {
		wantClass(t, r.Err, retry, "waits_for_contact")
	}
	if o.live("Task") != 0 {
		t.Errorf("%d tasks", o.live("Task"))
	}
}

func TestADailyLimitStopsTheRestOfTheList(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	people, tasks := outcomes(3, "person-%d@example.com")
	for i := range tasks {
		tasks[i].Email = ""
	}
	o.fault(sim.Fault{Path: "/composite/sobjects$", Kind: sim.FaultStatus, Status: 403, Body: items("REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.")})
	n := o.calls(func() {
		for i, r := range o.c.Deliver(t.Context(), o.account, append(people, tasks...)) {
			if r.Err == nil || !r.Err.Pause {
				t.Errorf("write %d: %v", i, r.Err)
			}
		}
	})
	if n != 2 {
		t.Errorf("%d calls, want the look and the call that was refused", n)
	}
}

func TestAListWithoutTheFieldThatWasProbedIsMarkedInTheTexts(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	o.SetBehaviour(simsalesforce.Behaviour{})
	people, tasks := outcomes(4, "person-%d@example.com")
	n := o.calls(func() {
		for i, r := range o.deliver(append(people, tasks...)...) {
			if noteCodes(r.Notes) != "marker_field_missing" {
				t.Errorf("write %d: notes %v", i, r.Notes)
			}
		}
	})
	if n != 3 || o.live("Lead") != 4 || o.live("Task") != 4 {
		t.Errorf("%d calls, %d leads, %d tasks", n, o.live("Lead"), o.live("Task"))
	}
	for _, w := range append(people, tasks...) {
		if f := o.find(w); f.Ref.ID == "" || f.Tier != connectors.TierRead {
			t.Errorf("found %+v", f)
		}
	}
}

func TestAListKeepsWhatPeopleChangedSinceItsFirstAttempt(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, withField)
	people, tasks := outcomes(3, "person-%d@example.com")
	all := append(people, tasks...)
	first := o.deliver(all...)
	o.asRep(first[0].Ref, map[string]any{"LastName": "King", "Email": "king@example.com"})
	o.asRep(first[1].Ref, map[string]any{"Phone": "0"})
	o.asRep(first[3].Ref, map[string]any{"Status": "Completed"})
	if err := o.Delete("Task", first[4].Ref.ID); err != nil {
		t.Fatal(err)
	}
	before := o.entries()
	again := o.deliver(all...)
	for i := range all {
		if again[i].Ref != first[i].Ref || again[i].Outcome != connectors.Unchanged {
			t.Errorf("write %d: %+v, want %v unchanged", i, again[i], first[i].Ref)
		}
	}
	if noteCodes(again[4].Notes) != "record_deleted" {
		t.Errorf("notes %v", again[4].Notes)
	}
	o.wantEntries(before)
}

func TestADuplicateRuleAndSettingsHoldInAListToo(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{DuplicateRule: true})
	people, _ := outcomes(3, "person-%d@example.com")
	o.account.Settings.NoNewLeads = true
	lead := o.seedLead("person-1@example.com")
	for i, r := range o.c.Deliver(t.Context(), o.account, people) {
		if i == 1 && (r.Err != nil || r.Ref.ID != lead) {
			t.Errorf("who exists: %+v %v", r, r.Err)
		}
		if i != 1 {
			wantClass(t, r.Err, reject, connectors.CodeLeadCreationOff)
		}
	}
	o.account.Settings = connectors.Settings{Contacts: connectors.ContactsCreateOnly, FieldDefaults: map[connectors.Object]map[string]any{
		connectors.ObjectContact: {"Rating": "Hot"}, connectors.ObjectTask: {"Priority": "Low"}}}
	again := o.deliver(people...)
	if again[1].Outcome != connectors.Unchanged || o.field("Lead", again[0].Ref.ID, "Rating") != "Hot" || o.field("Lead", lead, "Rating") != "" {
		t.Errorf("create only: %+v", again)
	}
}

func TestTheOwnersOfAListAreAskedForInOneCall(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	_, tasks := outcomes(20, "person-%d@example.com")
	for i := range tasks {
		tasks[i].Email, tasks[i].Task.OwnerEmail = "", []string{"Sales@example.com", "ops@example.com", "nobody@example.com"}[i%3]
	}
	var results []connectors.Result
	if n := o.calls(func() { results = o.deliver(tasks...) }); n != 2 {
		t.Errorf("%d calls, want two", n)
	}
	for i, r := range results {
		want := []string{simsalesforce.OtherUserID, simsalesforce.UserID, simsalesforce.UserID}[i%3]
		if o.field("Task", r.Ref.ID, "OwnerId") != want || (noteCodes(r.Notes) == "owner_not_found") != (i%3 == 2) {
			t.Errorf("task %d: owner %s, notes %v", i, o.field("Task", r.Ref.ID, "OwnerId"), r.Notes)
		}
	}
}

func TestAListWithoutSightOfTheUsersBelongsToTheConnectedOne(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{HiddenFields: []string{"User.Email"}})
	_, tasks := outcomes(3, "person-%d@example.com")
	for i := range tasks {
		tasks[i].Email, tasks[i].Task.OwnerEmail = "", "sales@example.com"
	}
	n := o.calls(func() {
		for _, r := range o.deliver(tasks...) {
			if noteCodes(r.Notes) != "owner_not_found" {
				t.Errorf("notes %v", r.Notes)
			}
		}
	})
	if n != 2 {
		t.Errorf("%d calls, want two", n)
	}
}

func TestTwoAddressesOfOneLeadAreWrittenInTheirOrder(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	lead := o.seedLead("ada@example.com")
	var writes []connectors.Write
	for i, email := range []string{"ada@example.com", "grace@example.com", "king@example.com"} {
		w := contactWrite(connectors.Contact{Email: email, Phone: fmt.Sprint(i)})
		w.ContactKnown, w.ContactRef = true, ref("Lead", lead)
		writes = append(writes, w)
	}
	o.deliver(writes...)
	if got := o.field("Lead", lead, "Phone"); got != "2" {
		t.Errorf("phone %q, want that of the last", got)
	}
	o.wantEntries("update Lead, update Lead, update Lead")
}

func TestOneOfEachKindGoesByTheSingleCalls(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	people, tasks := outcomes(1, "person-%d@example.com")
	o.deliver(people[0], tasks[0], rollupWrite(func(w *connectors.Write) { w.Email = people[0].Contact.Email }))
	got := o.Core().Calls.Snapshot()
	for call, want := range map[string]int{"POST /services/data/v66.0/composite": 1, "POST /services/data/v66.0/sobjects/Lead": 1, "POST /services/data/v66.0/sobjects/Task": 2} {
		if got[call] != want {
			t.Errorf("%d times %s, want %d: %v", got[call], call, want, got)
		}
	}
}

func TestWhatAnEarlierAttemptFoundGoesByItselfInItsOrder(t *testing.T) {
	t.Parallel()
	o := newMarkedOrg(t, simsalesforce.Behaviour{})
	lead := o.seedLead("king@example.com") // as somebody has changed it
	people := []connectors.Write{contactWrite(connectors.Contact{Email: "ada@example.com", Phone: "1"}),
		contactWrite(connectors.Contact{Email: "Ada@example.com", Phone: "2"}), contactWrite(ada), contactWrite(connectors.Contact{Email: "grace@example.com"})}
	people[0].Found = ref("Lead", lead)
	people[1].Found = ref("Lead", lead)
	people[2].Contact.Email = "bea@example.com"
	o.deliver(people...)
	if got := o.field("Lead", lead, "Phone"); got != "2" || o.live("Lead") != 3 {
		t.Errorf("phone %q, want the later one; %d leads, want three", got, o.live("Lead"))
	}
}

func TestAddressesAreCutIntoAsFewQueriesAsFit(t *testing.T) {
	t.Parallel()
	k := lookup{query: query{object: typeLead, fields: []string{"Id"}}, field: "Email"}
	for i := range 1000 {
		k.values = append(k.values, fmt.Sprintf("%s%d'@example.com", strings.Repeat("x", i%60), i))
	}
	parts := k.split("v66.0")
	var all []string
	for i, p := range parts {
		if n := len(p.path("v66.0")); n > maxURI || i < len(parts)-1 && n < maxURI-300 {
			t.Errorf("part %d has %d bytes", i, n)
		}
		all = append(all, p.values...)
	}
	if !slices.Equal(all, k.values) {
		t.Errorf("%d values of %d", len(all), len(k.values))
	}
	k.values = nil
	if len(k.split("v66.0")) != 0 {
		t.Error("a query for nothing")
	}
}
