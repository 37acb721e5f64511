package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

// find looks for a write by itself, and holds that against what comes of it among others.
func (b *bench) find(w connectors.Write) connectors.Finding {
	b.t.Helper()
	f := b.findAlone(w)
	other := w
	other.ID, other.Marker = "other", "othermarkerothermarkerothe"
	among := b.FindAll(context.Background(), b.account, []connectors.Write{other, w})[1]
	got, want := among.Finding, f
	got.Calls, want.Calls = nil, nil
	if among.Err != nil || !reflect.DeepEqual(got, want) {
		b.t.Errorf("found %+v, %v among others and %+v alone", got, among.Err, want)
	}
	return f
}

func (b *bench) findAlone(w connectors.Write) connectors.Finding {
	b.t.Helper()
	f, err := b.Find(context.Background(), b.account, w)
	if err != nil {
		b.t.Fatalf("find %s: %v", w.Object, err)
	}
	return f
}

// seedMarked puts a task that carries the marker into the portal, tied to these.
func (b *bench) seedMarked(props map[string]string, to ...link) string {
	b.t.Helper()
	props["hs_timestamp"] = "2026-11-25T14:00:00Z"
	body := newRecord{Properties: props}
	for _, l := range to {
		body.Associations = append(body.Associations, association{To: target{ID: l.id}, Types: []associationType{{hubspotDefined, documentedType(tasksType, l.typ)}}})
	}
	s := &session{Connector: b.Connector, account: b.account, doer: b.http}
	rec, _, failed := s.one(b.t.Context(), http.MethodPost, b.paths.objects(tasksType), connectors.Once, body)
	if failed != nil {
		b.t.Fatal(failed)
	}
	return string(rec.ID)
}

func TestAnActivityIsFoundInWhatItsContactOrDealHas(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *Config) { c.Version = version })
			b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
			contact := connectors.Ref{Type: contactsType, ID: b.sim.SeedContact(map[string]string{"email": email})}
			for _, how := range []func(*connectors.Write){
				func(w *connectors.Write) { w.ContactRef = contact },
				func(w *connectors.Write) { w.Email = email },
				func(w *connectors.Write) { w.DealID = "9001" },
				func(w *connectors.Write) { w.ContactRef, w.DealID = contact, "9001" },
			} {
				for _, w := range marked(how) {
					w.Marker = fmt.Sprintf("%026d", len(b.log()))
					if f := b.find(w); f.Ref.ID != "" || f.Tier != connectors.TierRead {
						t.Errorf("before: got %+v, want nothing, by reading", f)
					}
					want := b.deliver(w).Ref
					f := b.find(w)
					if f.Ref != want || !f.Complete || len(f.Copies) != 0 || f.Tier != connectors.TierRead || len(f.Calls) == 0 {
						t.Errorf("got %+v, want %v, complete, by reading", f, want)
					}
				}
			}
		})
	}
}

func TestAnActivityAmongManyIsFoundInChunks(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := link{contactsType, b.sim.SeedContact(map[string]string{"email": email})}
	w := taskWrite(func(w *connectors.Write) { w.ContactRef.ID, w.Marker = contact.id, marker })
	want := b.seedMarked(map[string]string{"hs_task_body": reference(marker)}, contact)
	for range 230 {
		b.seedMarked(map[string]string{"hs_task_subject": "Another"}, contact)
	}
	var first []string
	pages := 0
	b.http = doer(func(call connectors.Call) {
		switch {
		case strings.HasSuffix(call.Route, "/batch/read"):
			first = append(first, strings.Split(strings.SplitN(string(call.Body), `{"id":"`, 2)[1], `"`)[0])
			if n := strings.Count(string(call.Body), `"id"`); n > maxInputs {
				t.Errorf("a batch of %d, want %d at most", n, maxInputs)
			}
		case strings.Contains(call.Route, "/associations/"):
			pages++
		}
	}, doerFunc(func(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
		call.URL = strings.Replace(call.URL, "?limit=500", "?limit=90", 1) // as if there were thousands
		return newClient(t).Do(ctx, call)
	}))
	if f := b.findAlone(w); f.Ref.ID != want || !f.Complete {
		t.Errorf("got %+v, want %s", f, want)
	}
	if len(first) != 3 || !slices.IsSortedFunc(first, func(x, y string) int { return compareIDs(y, x) }) || pages != 3 {
		t.Errorf("chunks begin with %v over %d pages, want three, newest first, over three", first, pages)
	}
}

func TestOfSeveralTheOldestIsTheRecordAndTheRestAreCopies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := link{contactsType, b.sim.SeedContact(map[string]string{"email": email})}
	w := taskWrite(func(w *connectors.Write) { w.ContactRef.ID, w.Marker = contact.id, marker })
	one := b.seedMarked(map[string]string{"hs_task_body": reference(marker)}, contact)
	two := b.seedMarked(map[string]string{"hs_task_body": "x " + marker}, contact)
	three := b.seedMarked(map[string]string{"hs_task_body": reference(marker)}, contact)
	f := b.find(w)
	if f.Ref.ID != one || fmt.Sprint(f.Copies) != fmt.Sprintf("[{tasks %s} {tasks %s}]", two, three) {
		t.Errorf("got %+v, want %s with copies %s and %s", f, one, two, three)
	}
	b.sim.Archive(tasksType, one)
	b.sim.Archive(tasksType, three)
	if f = b.find(w); f.Ref.ID != two || len(f.Copies) != 0 {
		t.Errorf("got %+v, want %s alone: somebody has cleaned up", f, two)
	}
	w.NotBefore = time.Now().Add(time.Hour)
	if f = b.find(w); f.Ref.ID != "" {
		t.Errorf("got %+v, want nothing: a record that is older than the write is not of it", f)
	}
}

func TestARecordThatIsDeletedDuringTheLookIsFoundInTheBin(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]string{"before it is read": "/batch/read", "before it is read whole": "/tasks/{id}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			contact := link{contactsType, b.sim.SeedContact(map[string]string{"email": email})}
			w := taskWrite(func(w *connectors.Write) { w.ContactRef.ID, w.Marker = contact.id, marker })
			id := b.seedMarked(map[string]string{"hs_task_body": reference(marker)}, contact)
			b.http = doer(func(call connectors.Call) {
				if strings.HasSuffix(call.Route, when) {
					b.sim.Archive(tasksType, id)
				}
			}, b.http)
			if f := b.findAlone(w); f.Ref.ID != id || !f.Complete {
				t.Errorf("got %+v, want %s, complete: it was made once and is not made again", f, id)
			}
		})
	}
}

func TestACopyThatSomebodyDeletedIsNoCopy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := link{contactsType, b.sim.SeedContact(map[string]string{"email": email})}
	w := taskWrite(func(w *connectors.Write) { w.ContactRef.ID, w.Marker = contact.id, marker })
	gone := b.seedMarked(map[string]string{"hs_task_body": reference(marker)}, contact)
	kept := b.seedMarked(map[string]string{"hs_task_body": reference(marker)}, contact)
	b.http = doer(func(call connectors.Call) {
		if strings.HasSuffix(call.Route, "/batch/read") { // it is listed still, and shown in the bin
			b.sim.Archive(tasksType, gone)
		}
	}, b.http)
	if f := b.find(w); f.Ref.ID != kept || len(f.Copies) != 0 {
		t.Errorf("got %+v, want %s alone", f, kept)
	}
}

func TestAnActivityIsFoundByItsPropertyAlsoInTheBin(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		b := newBench(t, func(c *Config) { c.Version = version })
		b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
		b.enforce()
		for _, w := range marked() { // tied to nothing
			if f := b.find(w); f.Ref.ID != "" || f.Tier != connectors.TierEnforced {
				t.Errorf("%s: before: got %+v, want nothing, enforced", version, f)
			}
			want := b.deliver(w).Ref
			for range 2 {
				if f := b.find(w); f.Ref != want || !f.Complete || f.Tier != connectors.TierEnforced {
					t.Errorf("%s: got %+v, want %v, complete, enforced", version, f, want)
				}
				b.sim.Archive(want.Type, want.ID)
			}
		}
	}
}

func TestARecordFromBeforeThePropertyIsFoundInItsText(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := taskWrite(func(w *connectors.Write) { w.DealID, w.Marker = "9001", marker })
	want := b.deliver(w).Ref
	b.enforce()
	if f := b.find(w); f.Ref != want || f.Tier != connectors.TierRead {
		t.Errorf("got %+v, want %v by reading", f, want)
	}
}

func TestWhatLacksAnAssociationIsFoundIncomplete(t *testing.T) {
	t.Parallel()
	for _, enforced := range []bool{false, true} {
		b := newBench(t)
		if enforced {
			b.enforce()
		}
		contact := b.sim.SeedContact(map[string]string{"email": email})
		for _, w := range marked(func(w *connectors.Write) { w.ContactRef.ID = contact }) {
			b.deliver(w)
			if f := b.find(w); !f.Complete {
				t.Errorf("got %+v, want it complete", f)
			}
			w.DealID = "9001"
			if f := b.find(w); f.Ref.ID == "" || f.Complete {
				t.Errorf("got %+v, want it without its deal", f)
			}
			w.DealID = "424242" // gone: nothing that could be completed
			if f := b.find(w); !f.Complete {
				t.Errorf("got %+v, want it complete as far as the deal exists", f)
			}
		}
	}
}

func TestWhereTheContactIsGoneTheRestIsUsed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		lose func(b *bench, contact string)
		deal string
		tier connectors.Tier
	}{
		{"deal left", func(b *bench, c string) { b.sim.Archive(contactsType, c) }, "9001", connectors.TierRead},
		{"nothing left", func(b *bench, c string) { b.sim.Archive(contactsType, c) }, "", connectors.TierSearch},
		{"a successor with the email", func(b *bench, c string) {
			b.sim.Archive(contactsType, c)
			b.sim.SeedContact(map[string]string{"email": email})
		}, "", connectors.TierSearch},
		{"merged", func(b *bench, c string) {
			if _, err := b.sim.Merge(c, b.sim.SeedContact(map[string]string{"email": "two@example.com"})); err != nil {
				b.t.Fatal(err)
			}
		}, "", connectors.TierRead},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			contact := b.sim.SeedContact(map[string]string{"email": email})
			for _, w := range marked(func(w *connectors.Write) { w.ContactRef.ID, w.Email, w.DealID = contact, email, tc.deal }) {
				b.deliver(w)
			}
			tc.lose(b, contact)
			for _, w := range marked(func(w *connectors.Write) { w.ContactRef.ID, w.Email, w.DealID = contact, email, tc.deal }) {
				if f := b.find(w); f.Ref.ID == "" || f.Tier != tc.tier {
					t.Errorf("got %+v, want it found, tier %s", f, tc.tier)
				}
				w.Marker = other
				if f := b.find(w); f.Ref.ID != "" || f.Tier != tc.tier {
					t.Errorf("another: got %+v, want nothing, tier %s", f, tc.tier)
				}
			}
		})
	}
}

func TestWithoutContactAndDealTheIndexIsAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Minute})
	for _, w := range marked() {
		want := b.deliver(w).Ref
		if f := b.find(w); f.Ref.ID != "" || f.Tier != connectors.TierSearch {
			t.Errorf("at once: got %+v, want nothing, by the index", f)
		}
		b.sim.Core().Clock.Advance(2 * time.Minute)
		if f := b.find(w); f.Ref != want || !f.Complete || f.Tier != connectors.TierSearch {
			t.Errorf("later: got %+v, want %v", f, want)
		}
	}
	b.sim.SetBehaviour(simhubspot.Behaviour{PhantomSearchEvery: 1})
	_, err := b.Find(t.Context(), b.account, marked()[0])
	wantError(t, err, connectors.ClassRetry, "crm_answer_partial")
}

func TestALookThatIsNotAnsweredWholeSaysNothing(t *testing.T) {
	t.Parallel()
	partial := `{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"category":"INTERNAL_ERROR","message":"internal error"}]}`
	for _, tc := range []struct {
		name  string
		fault sim.Fault
		class connectors.Class
		code  string
	}{
		{"contact", sim.Fault{Method: "GET", Path: `/contacts/\d+$`, Kind: sim.FaultStatus, Status: 500, Times: -1}, connectors.ClassRetry, "crm_unavailable"},
		{"associations", sim.Fault{Path: "/associations/", Kind: sim.FaultStatus, Status: 500, Times: -1}, connectors.ClassRetry, "crm_unavailable"},
		{"forbidden", sim.Fault{Path: "/associations/", Kind: sim.FaultStatus, Status: 403, Body: `{"category":"FORBIDDEN"}`, Times: -1}, connectors.ClassRejected, "permission_missing"},
		{"batch", sim.Fault{Path: "/batch/read", Kind: sim.FaultStatus, Status: 429, Body: `{"policyName":"TEN_SECONDLY_ROLLING"}`}, connectors.ClassRetry, "crm_rate_limited"},
		{"a part of the batch", sim.Fault{Path: "/batch/read", Kind: sim.FaultStatus, Status: 207, Body: partial}, connectors.ClassRetry, "crm_answer_partial"},
		{"property", sim.Fault{Method: "GET", Path: "/tasks/" + marker, Kind: sim.FaultStatus, Status: 502, Times: -1}, connectors.ClassRetry, "crm_unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if tc.name == "property" {
				b.enforce()
			}
			w := taskWrite(func(w *connectors.Write) { w.Marker = marker })
			w.ContactRef.ID = b.sim.SeedContact(map[string]string{"email": email})
			b.seedMarked(map[string]string{"hs_task_subject": "Another"}, link{contactsType, w.ContactRef.ID})
			b.fault(tc.fault)
			f, err := b.Find(t.Context(), b.account, w)
			wantError(t, err, tc.class, tc.code)
			if f.Ref.ID != "" || len(f.Calls) == 0 {
				t.Errorf("finding: got %+v, want none, with the calls that were made", f)
			}
		})
	}
}
