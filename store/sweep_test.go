package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

const grace = 11 * time.Minute

// sweep insists on how many rows it takes.
func (b *bench) sweep(want int) {
	b.t.Helper()
	if got, err := b.Sweep(b.t.Context(), grace, b.bell.ring); err != nil || got != want {
		b.t.Errorf("swept %d rows, %v; want %d", got, err, want)
	}
}

// die lets every lease run out.
func (b *bench) die() {
	b.t.Helper()
	b.exec(`update crm_write_log set lease_until = now() - interval '1 second' where lease_until is not null`)
}

func TestWhatADeadWorkerWasSendingIsInDoubtAndNeverQueued(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, other := b.connect("hubspot", "hub1"), b.connect("salesforce", "org1")
	b.append(b.outcome("e1", task("t1")))
	b.append(b.outcome("e2", task("t2")))
	dead, alive := b.claim(c.ID, 10), b.claimOne(other.ID)
	b.exec(`update crm_write_log set lease_until = now() - interval '1 second', empty_reads = 2 where connection_id = $1`, c.ID)
	b.bell.heard()
	b.sweep(2)
	for _, row := range dead {
		w := b.wantStatus(row.ID, store.InDoubt)
		if w.ErrorCode != "worker_lost" || w.ErrorAction == "" || w.EmptyReads != 0 || w.Attempt != row.Attempt ||
			b.after("reconcile_at", w.ID) != int(grace.Seconds()) || b.after("next_attempt_at", w.ID) != 0 {
			t.Errorf("swept to %+v", w)
		}
	}
	b.wantStatus(alive.ID, store.Sending)
	if woken := b.bell.heard(); !slices.Equal(woken, []uuid.UUID{c.ID}) {
		t.Errorf("woken %v, want the connection once", woken)
	}
	attempts, err := b.Attempts(t.Context(), dead[0].ID)
	if err != nil || len(attempts) != 1 || attempts[0].Outcome != "abandoned" || attempts[0].Kind != "send" || attempts[0].Attempt != 1 {
		t.Errorf("attempts %+v, %v; want one abandoned", attempts, err)
	}
	wantObjects(t, "a claim for sending", b.claim(c.ID, 10))
	if moved, err := b.Settle(t.Context(), []store.Settlement{became(dead[0], store.Queued)}); err != nil || moved != 0 {
		t.Errorf("the dead worker's settlement moved %d, %v; want 0", moved, err)
	}
	b.sweep(0)
}

func TestALookThatIsAbandonedLeavesTheDoubtAsItWas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	s := became(b.claimOne(c.ID), store.InDoubt)
	s.BeginsDoubt, s.DoubtFor, s.Failed = true, 60, true
	b.settle(s)
	b.exec(`update crm_write_log set empty_reads = 1`)
	before := b.claimDoubtful(c.ID, 1)[0]
	b.die()
	b.sweep(1)
	w := b.wantStatus(s.ID, store.InDoubt)
	if w.EmptyReads != 1 || w.ReconcileAt == nil || !w.ReconcileAt.Equal(*before.ReconcileAt) {
		t.Errorf("swept to %+v, want the doubt of %+v", w, before)
	}
	attempts, err := b.Attempts(t.Context(), s.ID)
	if err != nil || len(attempts) != 2 || attempts[1].Kind != "find" || attempts[1].Outcome != "abandoned" {
		t.Errorf("attempts %+v, %v; want an abandoned find", attempts, err)
	}
}

func TestThreat24_ARowThatTookDownThreeWorkersWaitsForAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	row := b.claimOne(c.ID)
	for i := range 3 {
		b.die()
		b.sweep(1)
		if i < 2 {
			b.wantStatus(row.ID, store.InDoubt)
			b.claimDoubtful(c.ID, 1)
		}
	}
	if w := b.wantStatus(row.ID, store.NeedsReview); w.ErrorCode != "worker_lost_repeatedly" || w.ErrorAction == "" || w.SettledAt == nil {
		t.Errorf("put aside as %+v", w)
	}
}

func TestAnAbandonedRowOfABrokenConnectionIsBlocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	row := b.claimOne(c.ID)
	b.fail(c)
	b.die()
	b.sweep(1)
	b.wantStatus(row.ID, store.Blocked)
	b.connect("hubspot", "hub1")
	b.wantStatus(row.ID, store.InDoubt)
}

func TestASweepLeavesAConnectionThatADrainIsEnding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	b.claimOne(c.ID)
	b.die()
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `select from crm_connections where id = $1 for update`, c.ID); err != nil {
		t.Fatal(err)
	}
	b.sweep(0)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.sweep(1)
}

func TestASweepWhoseWakeFailsTakesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	row := b.claimOne(c.ID)
	b.die()
	b.bell.err = errors.New("no")
	if _, err := b.Sweep(t.Context(), grace, b.bell.ring); !errors.Is(err, b.bell.err) {
		t.Errorf("got %v, want the wake's error", err)
	}
	b.wantStatus(row.ID, store.Sending)
}

func TestForgottenWorkIsWokenAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	woken := func(what string, want ...uuid.UUID) {
		t.Helper()
		b.bell.heard()
		n, err := b.WakeDue(t.Context(), time.Minute, b.bell.ring)
		if got := b.bell.heard(); err != nil || n != len(want) || !slices.Equal(got, want) {
			t.Errorf("%s: woken %v (%d), %v; want %v", what, got, n, err, want)
		}
	}
	writes := b.append(b.outcome("e1"))
	woken("just appended")
	b.exec(`update crm_write_log set next_attempt_at = now() - interval '2 minutes'`)
	woken("due for long", c.ID)
	b.exec(`update crm_connections set paused_until = now() + interval '1 second'`)
	woken("paused")
	b.exec(`update crm_connections set paused_until = now() - interval '2 minutes'`)
	woken("paused long ago", c.ID)
	b.exec(`update crm_write_log set status = 'in_doubt' where id = $1`, writes[0].ID)
	woken("in doubt for long", c.ID)
	b.exec(`update crm_write_log set status = 'needs_review' where id = $1`, writes[0].ID)
	woken("dependents of a contact that waits for a person")
	b.exec(`update crm_write_log set status = 'queued' where id = $1`, writes[0].ID)
	b.exec(`update crm_connections set status = 'error'`)
	woken("in error")
}

func TestOldDoubtIsHandedToAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	old, young := b.append(b.outcome("e1", task("old")))[0], b.append(b.outcome("e2", task("young")))[0]
	queued := b.append(b.outcome("e3", task("queued")))[0]
	b.exec(`update crm_write_log set reconcile_at = now() - interval '25 hours'`)
	b.exec(`update crm_write_log set reconcile_at = now() - interval '23 hours' where id = $1`, young.ID)
	b.exec(`update crm_write_log set status = 'in_doubt' where id <> $1`, queued.ID)
	if n, err := b.ParkOldDoubt(t.Context(), 24*time.Hour); err != nil || n != 1 {
		t.Errorf("parked %d, %v; want 1", n, err)
	}
	if w := b.wantStatus(old.ID, store.NeedsReview); w.ErrorAction == "" || w.SettledAt == nil {
		t.Errorf("parked as %+v", w)
	}
	b.wantStatus(young.ID, store.InDoubt)
	b.wantStatus(queued.ID, store.Queued)
}

func TestAWriteWhoseContactWaitsForAPersonSaysSo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	rows := b.append(b.outcome("e1"))
	if n, err := b.ExplainWaiting(t.Context()); err != nil || n != 0 {
		t.Errorf("%d rows explained, %v; want none while the contact is under way", n, err)
	}
	b.exec(`update crm_write_log set status = 'needs_review' where id = $1`, rows[0].ID)
	for _, want := range []int64{2, 0} {
		if n, err := b.ExplainWaiting(t.Context()); err != nil || n != want {
			t.Errorf("%d rows explained, %v; want %d", n, err, want)
		}
	}
	w, err := b.Write(t.Context(), b.workspace, rows[1].ID)
	if err != nil || w.Status != store.Queued || w.ErrorCode != "waits_for_contact" || w.ErrorCause == "" || w.ErrorAction == "" {
		t.Errorf("got %s %q %q %q, %v", w.Status, w.ErrorCode, w.ErrorCause, w.ErrorAction, err)
	}
}
