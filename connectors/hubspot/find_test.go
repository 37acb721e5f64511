package hubspot

import (
	"errors"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestAContactIsFoundPastTheSearchIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
	b.fault(sim.Fault{Path: "/contacts$", Kind: sim.FaultCutAfter})
	w := contactWrite(connectors.Contact{Email: email, FirstName: " Ada ", Company: "Example"})
	wantError(t, b.deliver(w).Err, connectors.ClassInDoubt, "crm_answer_lost")
	got, err := b.Find(t.Context(), b.account, w)
	if err != nil || got.Ref.ID == "" || got.Ref.Type != contactsType || !got.Complete || got.Tier != connectors.TierEnforced {
		t.Errorf("got %+v, %v; want it found and complete", got, err)
	}
	w.Contact.Phone = "+15555550123"
	if got, err = b.Find(t.Context(), b.account, w); err != nil || got.Ref.ID == "" || got.Complete {
		t.Errorf("got %+v, %v; want it found and not complete", got, err)
	}
	got, err = b.Find(t.Context(), b.account, contactWrite(connectors.Contact{Email: "nobody@example.com"}))
	if err != nil || got.Ref.ID != "" || got.Tier != connectors.TierEnforced {
		t.Errorf("got %+v, %v; want nothing, enforced", got, err)
	}
}

func TestWhatCannotBeFoundIsNotLookedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, w := range []connectors.Write{taskWrite(), rollupWrite(), {Object: connectors.ObjectContact}} {
		if _, err := b.Find(t.Context(), b.account, w); !errors.Is(err, connectors.ErrCannotFind) {
			t.Errorf("%s: got %v, want ErrCannotFind", w.Object, err)
		}
	}
	_, err := b.Find(t.Context(), b.account, contactWrite(connectors.Contact{}))
	wantError(t, err, connectors.ClassRejected, "contact_email_missing")
	if n := b.sim.Core().Calls.API(); n != 0 {
		t.Errorf("calls: got %d, want none", n)
	}
}

func TestAFailedLookSaysNothingOfTheWrite(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.ExpireAccessTokens()
	got, err := b.Find(t.Context(), b.account, contactWrite(connectors.Contact{Email: email}))
	wantError(t, err, connectors.ClassNeedsAuth, "access_token_expired")
	if got.Ref.ID != "" || got.Tier != "" || len(got.Copies) != 0 {
		t.Errorf("finding: got %+v, want none", got)
	}
}
