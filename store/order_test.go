package store_test

import (
	"slices"
	"testing"

	"crm-connectors/store"

	"github.com/google/uuid"
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
	if got := len(b.claim(other.ID, 1)); got != 1 {
		t.Errorf("the other CRM: claimed %d rows, want its first", got)
	}
}

func TestUpdatesOfOneContactComeInOneClaimOldestFirstAndNoneWithoutTheOlder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	u := b.updates(4)
	b.append(b.outcome("x", contact("bob@example.com")))
	ids := func(rows []store.Claimed) (out []uuid.UUID) {
		for _, r := range rows {
			if r.ObjectID == ada {
				out = append(out, r.ID)
			}
		}
		return out
	}
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '1 hour' where id = $1`, u[2].ID)
	first := b.claim(c.ID, 10)
	if got := ids(first); len(first) != 3 || !slices.Equal(got, []uuid.UUID{u[0].ID, u[1].ID}) {
		t.Fatalf("claimed %v, want the first two updates in order, and the other contact", got)
	}
	for _, r := range first {
		b.settle(became(r, store.Succeeded))
	}
	wantObjects(t, "while the third waits for its time", b.claim(c.ID, 10))
	b.exec(`update crm_write_log set next_attempt_at = now() where id = $1`, u[2].ID)
	if got := ids(b.claim(c.ID, 1)); !slices.Equal(got, []uuid.UUID{u[2].ID}) {
		t.Errorf("claimed %v under a limit of one, want the third", got)
	}
}

func TestANewerUpdateDoesNotComeAlongWithAnOlderOneOfWhichACopyMayStillLand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	both := b.updates(2)
	again := became(b.claim(c.ID, 1)[0], store.Queued)
	again.HoldFor = 3600
	b.settle(again)
	got := b.claim(c.ID, 10)
	if len(got) != 1 || got[0].ID != both[0].ID {
		t.Fatalf("claimed %d rows, want the older one alone: its first copy could land after both", len(got))
	}
	b.settle(became(got[0], store.Succeeded))
	wantObjects(t, "while the copy may land", b.claim(c.ID, 10))
	b.exec(`update crm_write_log set hold_until = now()`)
	if got := b.claimOne(c.ID); got.ID != both[1].ID {
		t.Errorf("claimed %s, want the newer one", got.ID)
	}
}

func TestARowThatTookDownTwoWorkersIsClaimedAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	bad := b.append(b.outcome("bad", task("bad")))[0]
	for _, name := range []string{"one", "two"} {
		b.append(b.outcome(name, task(name)))
	}
	b.exec(`update crm_write_log set reclaims = 2 where id = $1`, bad.ID)
	wantObjects(t, "first", b.claim(c.ID, 10), "bad")
	wantObjects(t, "then", b.claim(c.ID, 10), "one", "two")
	b.exec(`update crm_write_log set status = 'queued', lease_until = null, next_attempt_at = now() - interval '1 minute'`)
	b.exec(`update crm_write_log set next_attempt_at = now() where id = $1`, bad.ID)
	wantObjects(t, "the others first, without it", b.claim(c.ID, 10), "one", "two")
	wantObjects(t, "and then it alone", b.claim(c.ID, 10), "bad")
}

func TestUpdatesOfOneContactAreClaimedInSourceOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for i, want := range b.updates(3) {
		got := b.claim(c.ID, 1)
		if len(got) != 1 || got[0].ID != want.ID {
			t.Fatalf("claim %d: %d rows, want update %d alone", i, len(got), i)
		}
		status := []string{store.Succeeded, store.Failed, store.InDoubt}[i]
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
	if _, err := b.Retry(t.Context(), b.workspace, both[0].ID, "operator", b.bell.ring); err != nil {
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
