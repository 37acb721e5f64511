package store_test

import (
	"testing"

	"crm-connectors/store"
)

// updates appends n updates of one contact.
func (b *bench) updates(n int) []store.Write {
	b.t.Helper()
	var out []store.Write
	for i := range n {
		out = append(out, b.append(b.outcome(string(rune('a'+i)), contact(ada)))[0])
	}
	return out
}

func TestANewerUpdateWaitsForTheOlderOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, other := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	older := b.updates(2)[0]
	next := func(what string, want int) {
		t.Helper()
		if got := b.claim(c.ID, 10); len(got) != want {
			t.Errorf("%s: claimed %d rows, want %d", what, len(got), want)
		}
	}
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '1 minute' where id = $1`, older.ID)
	next("while the older one is queued for later", 0)
	for _, status := range []string{store.Sending, store.Reconciling} {
		b.exec(`update crm_write_log set status = $2, lease_until = now() where id = $1`, older.ID, status)
		next("while the older one is "+status, 0)
	}
	b.exec(`update crm_write_log set status = 'in_doubt', lease_until = null where id = $1`, older.ID)
	next("while the older one is in doubt", 0)
	b.exec(`update crm_write_log set status = 'succeeded' where id = $1`, older.ID)
	next("when the older one is done", 1)
	if got := len(b.claim(other.ID, 10)); got != 1 {
		t.Errorf("the other CRM: claimed %d rows, want its first", got)
	}
}

func TestUpdatesOfOneContactAreClaimedInSourceOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for i, want := range b.updates(4) {
		got := b.claim(c.ID, 10)
		if len(got) != 1 || got[0].ID != want.ID {
			t.Fatalf("claim %d: %d rows, want update %d alone", i, len(got), i)
		}
		status := []string{store.Succeeded, store.Failed, store.NeedsReview, store.Cancelled}[i]
		b.settle(became(got[0], status))
	}
}

func TestAnOldUpdateThatIsRetriedWaitsForANewerOneOnItsWay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	both := b.updates(2)
	b.settle(became(b.claimOne(c.ID), store.Failed))
	newer := b.claimOne(c.ID)
	if _, err := b.Retry(t.Context(), b.workspace, both[0].ID, b.bell.ring); err != nil {
		t.Fatal(err)
	}
	wantObjects(t, "while the newer one is sent", b.claim(c.ID, 10))
	b.settle(became(newer, store.InDoubt))
	wantObjects(t, "while the newer one is in doubt", b.claim(c.ID, 10))
	b.settle(became(b.claimDoubtful(c.ID, 1)[0], store.Succeeded))
	if got := b.claimOne(c.ID); got.ID != both[0].ID {
		t.Errorf("claimed %s, want the retried one", got.ID)
	}
}

func TestAnUpdateProvenAbsentGoesBeforeTheOnesThatWaitedForIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	both := b.updates(2)
	b.settle(became(b.claimOne(c.ID), store.InDoubt))
	b.settle(became(b.claimDoubtful(c.ID, 1)[0], store.Queued))
	if got := b.claimOne(c.ID); got.ID != both[0].ID || got.Attempt != 3 {
		t.Errorf("claimed %s in attempt %d, want the older one in attempt 3", got.ID, got.Attempt)
	}
}
