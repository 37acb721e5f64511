package hubspot

import (
	"fmt"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim"
)

// tiedTo is what a record is tied to, with the ids of the types.
func (b *bench) tiedTo(r connectors.Ref) string {
	var out []string
	for _, o := range b.sim.Objects(r.Type) {
		for _, a := range o.Associations {
			if o.ID == r.ID {
				out = append(out, fmt.Sprintf("%s(%d)", a.To, a.TypeID))
			}
		}
	}
	return strings.Join(out, " ")
}

func TestWhatWasFoundIsTiedToWhatItLacksAndNotMadeAgain(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		b := newBench(t, func(c *Config) { c.Version = version })
		contact := b.sim.SeedContact(map[string]string{"email": email})
		for i, w := range marked() {
			w.Found = b.deliver(w).Ref
			w.ContactRef.ID, w.DealID = contact, "9001"
			for _, want := range []connectors.Outcome{connectors.Updated, connectors.Unchanged} {
				r := b.deliver(w)
				wantOK(t, r, want)
				if r.Ref != w.Found || len(r.Notes) != 0 {
					t.Errorf("%s: got %+v, want %v", version, r, w.Found)
				}
			}
			want := fmt.Sprintf("contacts/%s(%d) deals/9001(%d)", contact, []int{204, 202}[i], []int{216, 214}[i])
			if got := b.tiedTo(w.Found); got != want || len(b.sim.Objects(w.Found.Type)) != 1 {
				t.Errorf("%s: tied to %q, want %q", version, got, want)
			}
		}
	}
}

func TestWhatWasFoundIsNotTiedToWhatIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	contact := b.sim.SeedContact(map[string]string{"email": email})
	w := marked(func(w *connectors.Write) { w.ContactRef.ID = contact })[0]
	w.Found = b.deliver(w).Ref
	w.DealID = "424242"
	r := b.deliver(w)
	wantOK(t, r, connectors.Unchanged)
	if noteCodes(r) != "association_dropped" {
		t.Errorf("notes: got %+v", r.Notes)
	}
}

func TestWhatWasFoundAndDeletedSinceIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, w := range marked() {
		w.Found = b.deliver(w).Ref
		b.sim.Archive(w.Found.Type, w.Found.ID)
		before := len(b.log())
		wantError(t, b.deliver(w).Err, connectors.ClassRejected, "record_deleted")
		if got := len(b.log()); got != before {
			t.Errorf("%s: %d changes, want none", w.Object, got-before)
		}
	}
}

func TestACompletionThatFailsIsDoneAgainLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := marked()[0]
	w.Found = b.deliver(w).Ref
	w.DealID = "9001"
	b.fault(sim.Fault{Method: "PUT", Kind: sim.FaultCutAfter})
	r := b.deliver(w)
	wantError(t, r.Err, connectors.ClassRetry, "crm_answer_lost")
	if !r.MayLand {
		t.Error("the association may still land, and the result does not say so")
	}
	wantOK(t, b.deliver(w), connectors.Unchanged)
	for _, path := range []string{`/tasks/\d+$`, "/contacts/", "/deals/"} {
		w.Email, w.DealID = email, "9002"
		b.fault(sim.Fault{Method: "GET", Path: path, Kind: sim.FaultStatus, Status: 500, Times: -1})
		wantError(t, b.deliver(w).Err, connectors.ClassRetry, "crm_unavailable")
		b.sim.Core().Faults.Clear()
	}
}

func TestAContactThatWasFoundIsUpdatedThere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.sim.SeedContact(map[string]string{"email": "new@example.com"})
	w := contactWrite(connectors.Contact{Email: email, FirstName: "Ada"})
	w.Found = connectors.Ref{Type: contactsType, ID: id}
	w.ContactRef = connectors.Ref{Type: contactsType, ID: "99999"}
	wantOK(t, b.deliver(w), connectors.Updated)
	b.wantLog("update contacts " + id)
}

func TestAPlanOfACompletionShowsTheAssociations(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := marked()[0]
	w.Found = b.deliver(w).Ref
	w.DealID = "9001"
	plans := b.Plan(t.Context(), b.account, []connectors.Write{w})
	if p := plans[0]; p.Err != nil || p.Ref != w.Found || len(p.Calls) != 1 || p.Calls[0].Method != "PUT" ||
		p.Calls[0].Path != "/crm/v4/objects/tasks/"+w.Found.ID+"/associations/default/deals/9001" {
		t.Errorf("got %+v", p)
	}
	if got := b.tiedTo(w.Found); got != "" {
		t.Errorf("tied to %q by a plan", got)
	}
}
