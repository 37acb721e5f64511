package store_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

// after is how many seconds after its last change the row's column lies; -1 if it is null.
func (b *bench) after(column string, id uuid.UUID) int {
	b.t.Helper()
	return value[int](b, `select coalesce(round(extract(epoch from `+column+` - updated_at)), -1)::int from crm_write_log where id = $1`, id)
}

func TestASettlementMovesTheRowAndRecordsTheAttempt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact(ada)))
	s := became(b.claimOne(c.ID), store.Succeeded)
	s.StartedAt, s.EndedAt = time.UnixMilli(1000), time.UnixMilli(2000)
	s.Notes, s.Calls, s.HTTPStatus, s.RequestID = json.RawMessage(`["n"]`), json.RawMessage(`[{"m": "POST"}]`), 201, "req1"
	b.settle(s)
	w := b.wantStatus(s.ID, store.Succeeded)
	if w.CRMObjectID != s.CRMObjectID || w.CRMObjectType != "contact" || w.Outcome != "created" || string(w.Notes) != `["n"]` || w.SettledAt == nil {
		t.Errorf("the row is %+v", w)
	}
	if lease := b.after("lease_until", s.ID); lease != -1 {
		t.Errorf("the lease still runs for %d s", lease)
	}
	attempts, err := b.Attempts(t.Context(), s.ID)
	if err != nil || len(attempts) != 1 {
		t.Fatalf("%d attempts, %v; want 1", len(attempts), err)
	}
	if a := attempts[0]; a.Attempt != 1 || a.Kind != "send" || !a.StartedAt.Equal(s.StartedAt) || !a.EndedAt.Equal(s.EndedAt) || a.Outcome != s.Result ||
		a.HTTPStatus != 201 || a.RequestID != "req1" || a.CRMObjectID != s.CRMObjectID || string(a.Calls) != `[{"m": "POST"}]` {
		t.Errorf("the attempt is %+v", a)
	}
	if moved, err := b.Settle(t.Context(), nil); moved != 0 || err != nil {
		t.Errorf("settling nothing: %d, %v", moved, err)
	}
}

func TestASettlementOfAnOldAttemptChangesNothingButIsRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", contact(ada)))
	old := b.claimOne(c.ID)
	b.settle(became(old, store.InDoubt))
	current := b.claimDoubtful(c.ID, 1)[0]
	late := became(old, store.Succeeded)
	late.CRMObjectID = "late"
	if moved, err := b.Settle(t.Context(), []store.Settlement{late}); err != nil || moved != 0 {
		t.Errorf("moved %d, %v; want 0", moved, err)
	}
	if w := b.wantStatus(old.ID, store.Reconciling); w.CRMObjectID != "" || w.Attempt != current.Attempt {
		t.Errorf("the row became %+v", w)
	}
	attempts, err := b.Attempts(t.Context(), old.ID)
	if err != nil || len(attempts) != 2 || attempts[1].Attempt != 1 || attempts[1].CRMObjectID != "late" {
		t.Errorf("attempts %+v, %v; want the late one as evidence", attempts, err)
	}
	again := became(current, store.Succeeded)
	b.settle(again)
	if moved, err := b.Settle(t.Context(), []store.Settlement{again}); err != nil || moved != 0 {
		t.Errorf("a second time: moved %d, %v; want 0", moved, err)
	}
}

func TestTheArithmeticOfWaitingAndDoubt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	id := b.append(b.outcome("e1", contact(ada)))[0].ID
	soon := func() { b.exec(`update crm_write_log set next_attempt_at = now()`) }
	want := func(step string, failures, emptyReads, nextIn, reconcileIn int) {
		t.Helper()
		w := b.row(id)
		if w.Failures != failures || w.EmptyReads != emptyReads || b.after("next_attempt_at", id) != nextIn || b.after("reconcile_at", id) != reconcileIn {
			t.Errorf("%s: failures %d, empty reads %d, next in %d s, reconcile in %d s; want %d, %d, %d, %d", step, w.Failures, w.EmptyReads,
				b.after("next_attempt_at", id), b.after("reconcile_at", id), failures, emptyReads, nextIn, reconcileIn)
		}
	}
	step := func(c store.Claimed, status string, change func(*store.Settlement)) {
		t.Helper()
		s := became(c, status)
		change(&s)
		b.settle(s)
	}
	step(b.claimOne(c.ID), store.Queued, func(s *store.Settlement) { s.RetryIn, s.Failed = 90, true })
	want("not executed, counted", 1, 0, 90, -1)
	soon()
	step(b.claimOne(c.ID), store.Queued, func(s *store.Settlement) { s.RetryIn = 5 })
	want("not executed, not counted", 1, 0, 5, -1)
	soon()
	step(b.claimOne(c.ID), store.InDoubt, func(s *store.Settlement) { s.RetryIn, s.Failed, s.BeginsDoubt, s.DoubtFor = 5, true, true, 660 })
	want("doubt begins", 2, 0, 5, 660)
	b.exec(`update crm_write_log set updated_at = '2026-01-01', reconcile_at = '2026-01-01'`)
	for i := range 2 {
		soon()
		step(b.claimDoubtful(c.ID, 1)[0], store.InDoubt, func(s *store.Settlement) { s.RetryIn, s.EmptyRead = 60, true })
		if got := b.row(id); got.EmptyReads != i+1 || got.ReconcileAt == nil || got.ReconcileAt.Year() != 2026 || got.ReconcileAt.Month() != 1 {
			t.Errorf("look %d: empty reads %d, reconcile at %v", i, got.EmptyReads, got.ReconcileAt)
		}
	}
	soon()
	step(b.claimDoubtful(c.ID, 1)[0], store.Queued, func(s *store.Settlement) { s.EmptyRead = true })
	want("proven absent", 2, 3, 0, -1)
	step(b.claimOne(c.ID), store.InDoubt, func(s *store.Settlement) { s.BeginsDoubt, s.DoubtFor = true, 60 })
	want("doubt begins anew", 2, 0, 0, 60)
	step(b.claimDoubtful(c.ID, 1)[0], store.Succeeded, func(*store.Settlement) {})
	want("found", 2, 0, 0, -1)
}

func TestASettlementWithoutAnIDKeepsTheOneThatIsKnown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	s := became(b.claimOne(c.ID), store.InDoubt)
	s.CRMObjectType, s.CRMObjectID = "tasks", "77"
	b.settle(s)
	b.settle(became(b.claimDoubtful(c.ID, 1)[0], store.InDoubt))
	if w := b.row(s.ID); w.CRMObjectID != "77" || w.CRMObjectType != "tasks" {
		t.Errorf("the row knows %q %q, want tasks 77", w.CRMObjectType, w.CRMObjectID)
	}
}

func TestARowThatWouldWaitOnABrokenConnectionIsBlocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for _, id := range []string{"1", "2", "3"} {
		b.append(b.outcome(id, task(id)))
	}
	rows := b.claim(c.ID, 3)
	b.fail(c)
	b.settle(became(rows[0], store.Queued), became(rows[1], store.InDoubt), became(rows[2], store.Succeeded))
	b.wantStatus(rows[0].ID, store.Blocked)
	b.wantStatus(rows[1].ID, store.Blocked)
	b.wantStatus(rows[2].ID, store.Succeeded)
	b.connect("hubspot", "hub1")
	b.wantStatus(rows[0].ID, store.Queued)
	b.wantStatus(rows[1].ID, store.InDoubt)
}

func TestASettlementThatMeetsAFailingConnectionSeesItFail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	row := b.claimOne(c.ID)
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `update crm_connections set status = 'error' where id = $1`, c.ID); err != nil {
		t.Fatal(err)
	}
	settled := make(chan error, 1)
	go func() {
		_, err := b.Settle(t.Context(), []store.Settlement{became(row, store.Queued)})
		settled <- err
	}()
	b.lockWaiter()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-settled; err != nil {
		t.Fatal(err)
	}
	b.wantStatus(row.ID, store.Blocked)
}

func TestARowNeverWaitsForAnotherAccountThanItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	for _, id := range []string{"1", "2", "3"} {
		b.append(b.outcome(id, task(id)))
	}
	rows := b.claim(c.ID, 3)
	b.connect("hubspot", "hub2")
	b.settle(became(rows[0], store.Queued), became(rows[1], store.Succeeded))
	if w := b.wantStatus(rows[0].ID, store.NeedsReview); w.ErrorCode != "account_changed" || w.SettledAt == nil {
		t.Errorf("the row says %q", w.ErrorCode)
	}
	b.wantStatus(rows[1].ID, store.Succeeded)
	b.exec(`update crm_write_log set lease_until = now() - interval '1 second' where id = $1`, rows[2].ID)
	b.sweep(1)
	if w := b.wantStatus(rows[2].ID, store.NeedsReview); w.ErrorCode != "account_changed" {
		t.Errorf("the swept row says %q", w.ErrorCode)
	}
}

func TestAWrittenContactIsRememberedForLaterClaims(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.updates(2)
	first := b.claimOne(c.ID)
	if first.ContactID != "" {
		t.Errorf("before: contact %q, want none", first.ContactID)
	}
	s := became(first, store.Succeeded)
	s.CRMObjectID = "101"
	b.settle(s)
	second := b.claimOne(c.ID)
	if second.ContactID != "101" || second.ContactType != "contact" {
		t.Errorf("after: contact %q %q, want contact 101", second.ContactType, second.ContactID)
	}
	s = became(second, store.Succeeded)
	s.CRMObjectType, s.CRMObjectID = "lead", "102"
	b.settle(s)
	b.append(b.outcome("e3", contact(ada)))
	if third := b.claimOne(c.ID); third.ContactID != "102" || third.ContactType != "lead" {
		t.Errorf("after a change: contact %q %q, want lead 102", third.ContactType, third.ContactID)
	}
	b.connect("hubspot", "hub2")
	b.append(b.outcome("e4", contact(ada)))
	b.exec(`update crm_write_log set status = 'cancelled', lease_until = null where crm_account_id = 'hub1'`)
	if other := b.claimOne(c.ID); other.ContactID != "" {
		t.Errorf("in another account: contact %q, want none", other.ContactID)
	}
}
