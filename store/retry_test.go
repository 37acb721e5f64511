package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"crm-connectors/store"
)

func TestAFailedContactFailsWhatDependsOnItAndItsRetryReleasesThem(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1"))
	s := became(b.claimOne(c.ID), store.Failed)
	s.ErrorCause, s.Failed = "No such property.", true
	b.settle(s)
	b.wantEnd("after the contact failed", c.ID, false, -1)
	for _, w := range writes[1:] {
		if got := b.wantStatus(w.ID, store.Failed); got.ErrorCode != store.DependencyFailed || got.ErrorAction == "" || got.SettledAt == nil {
			t.Errorf("the dependent says %q, %q", got.ErrorCode, got.ErrorAction)
		}
	}
	b.bell.heard()
	got, err := b.Retry(t.Context(), b.workspace, writes[0].ID, "operator", b.bell.ring)
	if err != nil || got.Status != store.Queued || got.Failures != 0 || got.ErrorCause != "" || got.SettledAt != nil {
		t.Fatalf("retry: %+v, %v", got, err)
	}
	if acts, err := b.Acts(t.Context(), writes[0].ID.String()); err != nil || len(acts) != 1 || acts[0].Action != "write.retry" || acts[0].Actor != "operator" {
		t.Errorf("recorded: %+v, %v", acts, err)
	}
	for _, w := range writes[1:] {
		if got := b.wantStatus(w.ID, store.Queued); got.ErrorCode != "" || got.SettledAt != nil {
			t.Errorf("released as %+v", got)
		}
	}
	if woken := b.bell.heard(); !slices.Equal(woken, []uuid.UUID{c.ID}) {
		t.Errorf("woken %v, want the connection", woken)
	}
	b.settle(became(b.claimOne(c.ID), store.Succeeded))
	wantObjects(t, "after the contact was written", b.claim(c.ID, 10), "t e1", "r e1")
}

func TestWhatJoinsAFailedContactFailsWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	first := b.append(b.outcome("e1", contact(ada)))
	b.settle(became(b.claimOne(c.ID), store.Failed))
	later := b.append(b.outcome("e1", contact(ada), task("later")))
	if later[0].ID != first[0].ID {
		t.Fatal("the contact is another row")
	}
	if w := b.wantStatus(later[1].ID, store.Failed); w.ErrorCode != store.DependencyFailed {
		t.Errorf("error code %q, want %s", w.ErrorCode, store.DependencyFailed)
	}
	b.wantEnd("after that", c.ID, false, -1)
}

func TestAContactThatFailsWhileItsConnectionIsBrokenFailsWhatIsBlocked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1"))
	row := b.claimOne(c.ID)
	b.fail(c)
	b.wantStatus(writes[1].ID, store.Blocked)
	b.settle(became(row, store.Failed))
	b.wantStatus(writes[1].ID, store.Failed)
	b.connect("hubspot", "hub1")
	b.wantEnd("after the reconnection", c.ID, false, -1)
}

func TestADependentThatIsRetriedAloneFailsWithItsContact(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1"))
	b.settle(became(b.claimOne(c.ID), store.Failed))
	got, err := b.Retry(t.Context(), b.workspace, writes[1].ID, "operator", b.bell.ring)
	if err != nil || got.Status != store.Failed || got.ErrorCode != store.DependencyFailed || got.ErrorAction == "" {
		t.Errorf("got %+v, %v; want it failed with its reason", got, err)
	}
	b.wantEnd("after that", c.ID, false, -1)
}

func TestRetryingAContactAndItsDependentAtOnceSucceeds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1"))
	for range 20 {
		b.exec(`update crm_write_log set status = 'failed', error_code = $1`, store.DependencyFailed)
		var wg sync.WaitGroup
		for _, w := range writes {
			wg.Go(func() {
				if _, err := b.Retry(t.Context(), b.workspace, w.ID, "operator", b.bell.ring); err != nil {
					t.Errorf("retry the %s: %v", w.ObjectType, err)
				}
			})
		}
		wg.Wait()
		b.wantStatus(writes[0].ID, store.Queued)
	}
}

func TestRetryingAContactLeavesDependentsThatFailedByThemselves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1"))
	b.exec(`update crm_write_log set status = 'failed', error_code = 'bad_value'`)
	if _, err := b.Retry(t.Context(), b.workspace, writes[0].ID, "operator", b.bell.ring); err != nil {
		t.Fatal(err)
	}
	b.wantStatus(writes[1].ID, store.Failed)
}

func TestRetryPullsAWaitingRowForward(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact(ada)))[0]
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '1 hour', failures = 4`)
	if _, err := b.Retry(t.Context(), uuid.Nil, w.ID, "operator", b.bell.ring); err != nil {
		t.Fatal(err)
	}
	if got := b.claimOne(c.ID); got.Failures != 0 {
		t.Errorf("failures %d, want 0", got.Failures)
	}
}

func TestThreat28_RetryRefusesWhatMayHaveBeenWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact(ada)))[0]
	refused := func(what, connection string) {
		t.Helper()
		before := b.row(w.ID)
		_, err := b.Retry(t.Context(), b.workspace, w.ID, "operator", b.bell.ring)
		var not *store.NotRetriableError
		if !errors.As(err, &not) || not.Status != before.Status || not.ConnectionStatus != connection || not.Error() == "" {
			t.Errorf("%s: got %v, want not retriable", what, err)
		}
		if after := b.row(w.ID); after.Status != before.Status || after.NextAttemptAt != before.NextAttemptAt {
			t.Errorf("%s: the row changed to %+v", what, after)
		}
	}
	b.bell.heard()
	for _, status := range []string{store.Succeeded, store.InDoubt, store.NeedsReview, store.Sending, store.Reconciling, store.Cancelled} {
		b.exec(`update crm_write_log set status = $1, lease_until = case when $1 in ('sending', 'reconciling') then now() end`, status)
		refused(status, store.ConnectionConnected)
	}
	b.exec(`update crm_write_log set status = 'failed', lease_until = null`)
	b.fail(c)
	refused("a connection in error", store.ConnectionError)
	if err := b.Disconnect(t.Context(), b.workspace, "hubspot"); err != nil {
		t.Fatal(err)
	}
	refused("a disconnected connection", store.ConnectionDisconnected)
	b.connect("hubspot", "hub2")
	refused("another account", "connected to another account")
	if woken := b.bell.heard(); len(woken) != 0 {
		t.Errorf("woken %v, want nobody", woken)
	}
}

func TestRetryDoesNotFindAForeignOrUnknownRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact(ada)))[0]
	b.exec(`update crm_write_log set status = 'failed'`)
	for what, ids := range map[string][2]uuid.UUID{"foreign": {uuid.New(), w.ID}, "unknown": {b.workspace, uuid.New()}} {
		if _, err := b.Retry(t.Context(), ids[0], ids[1], "operator", b.bell.ring); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", what, err)
		}
	}
	b.wantStatus(w.ID, store.Failed)
}

func TestRetryWaitsForWhoHoldsTheConnectionWithoutHoldingTheRow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", contact(ada)))[0]
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `select from crm_connections where id = $1 for update`, c.ID); err != nil {
		t.Fatal(err)
	}
	retried := make(chan error, 1)
	go func() {
		_, err := b.Retry(t.Context(), b.workspace, w.ID, "operator", b.bell.ring)
		retried <- err
	}()
	b.lockWaiter()
	if _, err := tx.Exec(t.Context(), `update crm_write_log set error_cause = 'x' where connection_id = $1`, c.ID); err != nil {
		t.Fatalf("the holder of the connection cannot have its rows: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-retried; err != nil {
		t.Error(err)
	}
}
