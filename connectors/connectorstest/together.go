package connectorstest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

const (
	inDoubt  = 100
	fewCalls = 12
)

// together are looks for many writes at once, for connectors that have them: each must come to what a look for it alone comes to.
func together() map[string]func(*testing.T, Bench) {
	tests := map[string]func(*testing.T, Bench){
		"contacts in doubt are looked for together as each by itself, in a few calls": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			var all, there []connectors.Write
			for i := range inDoubt {
				w := contact(fmt.Sprintf("person%d@example.com", i))
				w.ID, w.NotBefore = fmt.Sprint("w", i), time.Now().Add(-time.Minute)
				w.Marker = marker(i)
				all = append(all, w)
				if i%2 == 0 {
					there = append(there, w)
				}
			}
			allThere(t, b, account, there)
			for i := range all { // half of those that are there lack something
				if i%4 == 0 {
					changed := *all[i].Contact
					changed.Phone = "+15555550199"
					all[i].Contact = &changed
				}
			}
			compareLooks(t, b, account, all)
		},
	}
	for _, object := range []connectors.Object{connectors.ObjectTask, connectors.ObjectRollup} {
		for name, enforce := range map[string]bool{"": false, ", where the CRM enforces markers,": true} {
			tests[fmt.Sprintf("%ss in doubt%s are looked for together as each by itself, in a few calls", object, name)] = func(t *testing.T, b Bench) {
				account := signIn(t, b)
				if enforce {
					account = enforced(t, b, account)
				}
				all := activitiesInDoubt(t, b, account, object)
				var there []connectors.Write
				for i, w := range all {
					if i%2 == 0 {
						there = append(there, w)
					}
				}
				allThere(t, b, account, there)
				if !enforce {
					mustDeliver(t, b, account, all[0]) // a second time
				}
				looks := compareLooks(t, b, account, all)
				if got := len(looks[0].Copies) > 0; got == enforce {
					t.Errorf("the first has copies %v, want one where nothing forbids it", looks[0].Copies)
				}
			}
		}
	}
	return tests
}

// activitiesInDoubt are tasks or rollups of four contacts, some of which belong to a deal.
func activitiesInDoubt(t *testing.T, b Bench, account connectors.Account, object connectors.Object) []connectors.Write {
	t.Helper()
	var refs []connectors.Ref
	for i := range 4 {
		refs = append(refs, mustDeliver(t, b, account, contact(fmt.Sprintf("person%d@example.com", i))).Ref)
	}
	var all []connectors.Write
	for i := range inDoubt {
		deal := ""
		if i%3 == 0 {
			deal = b.DealID
		}
		w := task(refs[i%4], fmt.Sprintf("person%d@example.com", i%4), deal)
		if object == connectors.ObjectRollup {
			w = rollup(refs[i%4], w.Email, deal)
		}
		w.ID, w.Marker, w.NotBefore = fmt.Sprint("w", i), marker(i), time.Now().Add(-time.Minute)
		all = append(all, w)
	}
	return all
}

func marker(i int) string { return strings.Repeat("a", 22) + fmt.Sprintf("z%03d", i) }

func allThere(t *testing.T, b Bench, account connectors.Account, writes []connectors.Write) {
	t.Helper()
	for i, r := range b.Connector.Deliver(t.Context(), account, writes) {
		if r.Err != nil {
			t.Fatalf("deliver %s: %v", writes[i].ID, r.Err)
		}
	}
}

// compareLooks looks for writes together and one by one, of which every second is there.
func compareLooks(t *testing.T, b Bench, account connectors.Account, writes []connectors.Write) []connectors.Sighting {
	t.Helper()
	finder, ok := b.Connector.(connectors.BatchFinder)
	if !ok {
		t.Skip("the connector looks for one write at a time")
	}
	before, made := b.Writes(), b.Calls()
	looks := finder.FindAll(t.Context(), account, writes)
	calls := b.Calls() - made
	if len(looks) != len(writes) {
		t.Fatalf("FindAll of %d writes gave %d answers", len(writes), len(looks))
	}
	for i, got := range looks {
		want, err := b.Connector.Find(t.Context(), account, writes[i])
		if got.Err != nil || err != nil {
			t.Fatalf("%s: together %v, alone %v", writes[i].ID, got.Err, err)
		}
		if len(got.Calls) == 0 {
			t.Errorf("%s: the look recorded no call", writes[i].ID)
		}
		got.Calls, want.Calls = nil, nil
		if !reflect.DeepEqual(got.Finding, want) || (i%2 == 0) != (got.Ref.ID != "") {
			t.Errorf("%s: together %+v, alone %+v; every second is there", writes[i].ID, got.Finding, want)
		}
	}
	single := b.Calls() - made - calls
	t.Logf("%d writes in doubt: %d calls together, %d one by one", len(writes), calls, single)
	if calls > fewCalls {
		t.Errorf("the look together took %d calls, want at most %d", calls, fewCalls)
	}
	if got := b.Writes(); got != before {
		t.Errorf("the looks made %d changes", got-before)
	}
	return looks
}
