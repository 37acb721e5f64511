package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

// failWith settles the rows that a claim gives as failed with a code.
func (b *bench) failWith(c store.Connection, code string) []store.Claimed {
	b.t.Helper()
	rows := b.claim(c.ID, 100)
	for _, r := range rows {
		s := became(r, store.Failed)
		s.ErrorCode = code
		b.settle(s)
	}
	return rows
}

func (b *bench) retryAll(f store.FailedFilter, limit int) (taken int) {
	b.t.Helper()
	if f.Until.IsZero() {
		f.Until = time.Now().Add(time.Minute)
	}
	for {
		n, err := b.RetryFailed(b.t.Context(), f, limit, "operator", b.bell.ring)
		if err != nil {
			b.t.Fatal(err)
		}
		if n == 0 {
			return taken
		}
		if taken += n; taken > 1000 {
			b.t.Fatal("it takes the same rows again and again")
		}
	}
}

func TestWhatFailedForOneReasonIsRetriedTogetherWithWhatFollowsItAndNothingElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, other := b.connect("hubspot", "1"), b.connectIn(uuid.New(), "2")
	var mine []store.Write
	for _, event := range []string{"e1", "e2", "e3"} {
		mine = append(mine, b.append(b.outcome(event, contact(event+"@example.com"), task("t "+event)))...)
	}
	o := b.outcome("x", contact(ada))
	o.WorkspaceID = other.WorkspaceID
	theirs := b.append(o)
	b.failWith(c, "property_missing")
	b.failWith(other, "property_missing")
	b.append(b.outcome("e4", contact("e4@example.com")))
	elsewise := b.failWith(c, "contact_invalid")
	b.append(b.outcome("e5", contact("e5@example.com")))
	doubt := became(b.claimOne(c.ID), store.NeedsReview)
	doubt.ErrorCode = "property_missing"
	b.settle(doubt)
	b.bell.heard()

	f := store.FailedFilter{ConnectionID: c.ID, ErrorCode: "property_missing", Until: time.Now().Add(time.Minute)}
	counts, err := b.CountFailed(t.Context(), f, 2)
	if err != nil || len(counts) != 1 || counts[0].Count != 3 || counts[0].ConnectionID != c.ID {
		t.Fatalf("%+v, %v: want three of one connection", counts, err)
	}
	if n := b.retryAll(f, 2); n != 3 {
		t.Errorf("%d were retried, want three contacts", n)
	}
	for _, w := range mine {
		b.wantStatus(w.ID, store.Queued)
	}
	b.wantStatus(theirs[0].ID, store.Failed)
	b.wantStatus(elsewise[0].ID, store.Failed)
	b.wantStatus(doubt.ID, store.NeedsReview)
	if woken := b.bell.heard(); len(woken) != 2 || woken[0] != c.ID {
		t.Errorf("woken: %v, want the connection for each part", woken)
	}
	acts, err := b.Acts(t.Context(), c.ID.String())
	if err != nil || len(acts) != 2 || acts[0].Action != "writes.retry" || acts[0].Actor != "operator" {
		t.Errorf("%+v, %v", acts, err)
	}
}

func TestWhatFailsAgainIsNotRetriedTwiceByOneWord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	b.append(b.outcome("e1", contact(ada)))
	b.failWith(c, "contact_invalid")
	until := value[time.Time](b, `select now()`)
	if n := b.retryAll(store.FailedFilter{Until: until}, 10); n != 1 {
		t.Fatalf("%d were retried", n)
	}
	b.failWith(c, "contact_invalid")
	if n := b.retryAll(store.FailedFilter{Until: until}, 10); n != 0 {
		t.Errorf("%d were retried again", n)
	}
}

func TestNothingOfAConnectionThatIsNotConnectedOrOfAnotherAccountIsRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	b.append(b.outcome("e1", contact(ada)))
	w := b.failWith(c, "contact_invalid")[0]
	b.fail(c)
	counts, err := b.CountFailed(t.Context(), store.FailedFilter{Until: time.Now().Add(time.Minute)}, 10)
	if err != nil || len(counts) != 1 || counts[0].Status != store.ConnectionError {
		t.Errorf("%+v, %v: want it counted as waiting for its connection", counts, err)
	}
	if n := b.retryAll(store.FailedFilter{}, 10); n != 0 {
		t.Errorf("%d of a connection in error", n)
	}
	b.connect("hubspot", "another")
	if n := b.retryAll(store.FailedFilter{}, 10); n != 0 {
		t.Errorf("%d of another account", n)
	}
	b.wantStatus(w.ID, store.Failed)
}

func TestATaskWhoseContactIsStillFailedWaitsForItsContactToBeRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "1")
	writes := b.append(b.outcome("e1", contact(ada), task("t")))
	b.failWith(c, "contact_invalid")
	b.exec(`update crm_write_log set error_code = 'task_invalid' where id = $1`, writes[1].ID)
	if n := b.retryAll(store.FailedFilter{ErrorCode: "task_invalid"}, 10); n != 0 {
		t.Errorf("%d were retried, to fail at once", n)
	}
	if w := b.wantStatus(writes[1].ID, store.Failed); w.ErrorCode != "task_invalid" {
		t.Errorf("it now says %s", w.ErrorCode)
	}
	if n := b.retryAll(store.FailedFilter{}, 1); n != 2 {
		t.Errorf("%d were retried, want the contact and then its task", n)
	}
	b.wantStatus(writes[0].ID, store.Queued)
	b.wantStatus(writes[1].ID, store.Queued)
}

func TestAConnectionThatBreaksWhileItIsChosenKeepsNoOtherFromBeingRetried(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.connect("hubspot", "1"), b.connectIn(uuid.New(), "2")
	b.append(b.outcome("e1", contact(ada)))
	o := b.outcome("e2", contact(ada))
	o.WorkspaceID = second.WorkspaceID
	b.append(o)
	b.failWith(first, "contact_invalid")
	b.failWith(second, "contact_invalid")
	chosen, other := first, second
	if other.ID.String() < chosen.ID.String() {
		chosen, other = other, chosen
	}
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `update crm_connections set status = 'error' where id = $1`, chosen.ID); err != nil {
		t.Fatal(err)
	}
	taken := make(chan int)
	go func() {
		n, err := b.RetryFailed(t.Context(), store.FailedFilter{Until: time.Now().Add(time.Minute)}, 10, "operator", b.bell.ring)
		if err != nil {
			t.Error(err)
		}
		taken <- n
	}()
	b.lockWaiter()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := <-taken; n != 1 {
		t.Errorf("%d were retried, want that of the other connection", n)
	}
	if woken := b.bell.heard(); len(woken) == 0 || woken[len(woken)-1] != other.ID {
		t.Errorf("woken: %v", woken)
	}
}
