package store_test

import (
	"testing"
	"time"
)

func TestTokenCallsAreBookedOneGapApartAndNotTooFarAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const gap, horizon = 10 * time.Second, 35 * time.Second
	var last time.Duration
	for i := range 4 {
		wait, ok, err := b.BookTokenCall(t.Context(), "hubspot", gap, horizon)
		if err != nil || !ok {
			t.Fatalf("call %d: %v %v", i, ok, err)
		}
		if want := time.Duration(i) * gap; wait > want || wait < want-5*time.Second {
			t.Errorf("call %d waits %s, want about %s", i, wait, want)
		}
		if wait < last {
			t.Errorf("call %d waits %s, less than the one before it", i, wait)
		}
		last = wait
	}
	if _, ok, err := b.BookTokenCall(t.Context(), "hubspot", gap, horizon); ok || err != nil {
		t.Errorf("a call beyond the horizon was booked: %v %v", ok, err)
	}
	if wait, ok, err := b.BookTokenCall(t.Context(), "salesforce", gap, horizon); !ok || err != nil || wait != 0 {
		t.Errorf("the other CRM's first call waits %s, %v %v; want not at all", wait, ok, err)
	}
}

func TestARefreshInDoubtIsRememberedUntilOneSucceeds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	if err := b.NoteRefreshDoubt(t.Context(), c.ID, c.TokenGeneration+1); err != nil {
		t.Fatal(err)
	}
	if got := b.connection(c.ID); got.RefreshInDoubtAt != nil {
		t.Error("the doubt of another generation was noted")
	}
	if err := b.NoteRefreshDoubt(t.Context(), c.ID, c.TokenGeneration); err != nil {
		t.Fatal(err)
	}
	got := b.connection(c.ID)
	if got.RefreshInDoubtAt == nil {
		t.Fatal("the doubt was not noted")
	}
	if ok, err := b.TakeRefreshLease(t.Context(), c.ID, c.TokenGeneration, time.Minute); !ok || err != nil {
		t.Errorf("the lease was not given back: %v %v", ok, err)
	}
}
