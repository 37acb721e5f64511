package connectorstest

import (
	"fmt"
	"testing"

	"crm-connectors/connectors"
)

const (
	oneMarker     = "aaaabbbbccccddddeeeeffff22"
	anotherMarker = "gggghhhhiiiijjjjkkkkllll33"
)

// marked is a task or rollup of a contact that the CRM holds, under a marker.
func marked(t *testing.T, b Bench, account connectors.Account, object connectors.Object, marker string) connectors.Write {
	t.Helper()
	c := mustDeliver(t, b, account, contact("ada@example.com"))
	w := task(c.Ref, "ada@example.com", b.DealID)
	if object == connectors.ObjectRollup {
		w = rollup(c.Ref, "ada@example.com", b.DealID)
	}
	w.Marker = marker
	return w
}

// enforced is account where the CRM refuses a second record of a marker.
func enforced(t *testing.T, b Bench, account connectors.Account) connectors.Account {
	t.Helper()
	b.Enforce(t)
	caps, err := b.Connector.Provision(t.Context(), account)
	if err != nil {
		t.Fatalf("provision: %v", err)
	}
	for _, object := range []connectors.Object{connectors.ObjectTask, connectors.ObjectRollup} {
		if got := caps.Of(object).Tier; got != connectors.TierEnforced {
			t.Fatalf("a %s has tier %s after provisioning, want enforced", object, got)
		}
	}
	account.Capabilities = caps
	return account
}

func find(t *testing.T, b Bench, account connectors.Account, w connectors.Write) connectors.Finding {
	t.Helper()
	f, err := b.Connector.Find(t.Context(), account, w)
	if err != nil {
		t.Fatalf("find %s: %v", w.Object, err)
	}
	return f
}

func marking() map[string]func(*testing.T, Bench) {
	tests := map[string]func(*testing.T, Bench){
		"a probe names a tier for every object and changes nothing": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			before := b.Writes()
			caps, err := b.Connector.Probe(t.Context(), account)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
				if got := caps.Of(object).Tier; got == connectors.TierNone || got == "" {
					t.Errorf("a %s has tier %q, want a way to find it", object, got)
				}
			}
			if got := b.Writes(); got != before {
				t.Errorf("the probe made %d changes in the CRM", got-before)
			}
		},
	}
	for _, object := range []connectors.Object{connectors.ObjectTask, connectors.ObjectRollup} {
		for _, kind := range after {
			tests[fmt.Sprintf("a %s whose create ended with %s is found by its marker, whole", object, kind)] = func(t *testing.T, b Bench) {
				account := signIn(t, b)
				w := marked(t, b, account, object, oneMarker)
				b.Fault(t, OnCreate, object, kind)
				_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, w)), connectors.ClassInDoubt)
				f := find(t, b, account, w)
				if want := wantCount(t, b, object, 1)[0].ID; f.Ref.ID != want || !f.Complete || len(f.Copies) != 0 {
					t.Errorf("found %+v, want %s whole and alone", f, want)
				}
			}
			tests[fmt.Sprintf("where the CRM enforces markers, a %s whose create ended with %s is found, and sending it again makes no second one", object, kind)] = func(t *testing.T, b Bench) {
				account := enforced(t, b, signIn(t, b))
				w := marked(t, b, account, object, oneMarker)
				b.Fault(t, OnCreate, object, kind)
				_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, w)), connectors.ClassInDoubt)
				f := find(t, b, account, w)
				r := mustDeliver(t, b, account, w)
				if want := wantCount(t, b, object, 1)[0].ID; f.Ref.ID != want || !f.Complete || f.Tier != connectors.TierEnforced || r.Ref.ID != want {
					t.Errorf("found %+v and delivered %+v, want %s, enforced", f, r.Ref, want)
				}
			}
		}
		tests[fmt.Sprintf("a %s that was not executed is not found", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			w := marked(t, b, account, object, oneMarker)
			b.Fault(t, OnCreate, object, Unavailable)
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, w)), connectors.ClassInDoubt)
			if f := find(t, b, account, w); f.Ref.ID != "" || f.Tier == connectors.TierEnforced {
				t.Errorf("found %+v, want nothing, by a tier that enforces nothing", f)
			}
		}
		tests[fmt.Sprintf("a %s of another marker with the same words is another one", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			w := marked(t, b, account, object, oneMarker)
			mustDeliver(t, b, account, w)
			w.Marker = anotherMarker
			if f := find(t, b, account, w); f.Ref.ID != "" {
				t.Errorf("found %+v, want nothing", f)
			}
		}
		tests[fmt.Sprintf("a %s that is there twice is found with its copy, the oldest first", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			w := marked(t, b, account, object, oneMarker)
			first, second := mustDeliver(t, b, account, w), mustDeliver(t, b, account, w)
			if f := find(t, b, account, w); f.Ref != first.Ref || len(f.Copies) != 1 || f.Copies[0] != second.Ref {
				t.Errorf("found %+v, want %v and its copy %v", f, first.Ref, second.Ref)
			}
		}
		tests[fmt.Sprintf("a %s that was found is completed and not created again", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			w := marked(t, b, account, object, oneMarker)
			w.Found = mustDeliver(t, b, account, w).Ref
			if r := mustDeliver(t, b, account, w); r.Ref != w.Found {
				t.Errorf("delivered %v, want %v", r.Ref, w.Found)
			}
			wantCount(t, b, object, 1)
		}
		tests[fmt.Sprintf("a look for a %s changes nothing", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			w := marked(t, b, account, object, oneMarker)
			mustDeliver(t, b, account, w)
			before := b.Writes()
			f := find(t, b, account, w)
			if got := b.Writes(); got != before || len(f.Calls) == 0 {
				t.Errorf("the look made %d changes and recorded %d calls, want none and some", got-before, len(f.Calls))
			}
		}
	}
	return tests
}
