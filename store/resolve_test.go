package store_test

import (
	"errors"
	"strings"
	"testing"

	"crm-connectors/store"

	"github.com/google/uuid"
)

func (b *bench) resolve(id uuid.UUID, r store.Resolution) store.Write {
	b.t.Helper()
	r.Actor = "ops@example.com"
	w, err := b.Resolve(b.t.Context(), b.workspace, id, r, b.bell.ring)
	if err != nil {
		b.t.Fatalf("resolve %s: %v", r.How, err)
	}
	return w
}

func TestThreat28_ARecordThatAPersonFoundIsReadBeforeItCountsAsWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", task("t")))[0]
	b.settle(became(b.claimOne(c.ID), store.NeedsReview))
	b.bell.heard()
	got := b.resolve(w.ID, store.Resolution{How: store.ResolveFound, CRMObjectType: "tasks", CRMObjectID: "77"})
	if got.Status != store.Queued || got.CRMObjectID != "77" || got.SettledAt != nil || got.ErrorCode != "" || len(b.bell.heard()) != 1 {
		t.Errorf("resolved as %+v, want queued with the record, and the delivery woken", got)
	}
	if again := b.claimOne(c.ID); again.CRMObjectID != "77" {
		t.Errorf("claimed with record %q, want 77", again.CRMObjectID)
	}
}

func TestTheWordThatTheCRMDoesNotHaveItIsHeldAgainstOneMoreLook(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", task("t")))[0]
	b.settle(became(b.claimOne(c.ID), store.NeedsReview))
	got := b.resolve(w.ID, store.Resolution{How: store.ResolveRetry})
	if got.Status != store.InDoubt || got.AbsentBy != "ops@example.com" {
		t.Errorf("resolved as %s, absent by %q; want in doubt by the person's word", got.Status, got.AbsentBy)
	}
	acts, err := b.Acts(t.Context(), w.ID.String())
	if err != nil || len(acts) != 1 || acts[0].Actor != "ops@example.com" || acts[0].Action != "write.resolve" {
		t.Errorf("acts %+v, %v; want the one that resolved it", acts, err)
	}
}

func TestACancelledWriteFailsWhatDependsOnItAndIsNeverResolvedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1"))
	b.settle(became(b.claimOne(c.ID), store.NeedsReview))
	b.resolve(writes[0].ID, store.Resolution{How: store.ResolveCancel})
	b.wantStatus(writes[0].ID, store.Cancelled)
	for _, w := range writes[1:] {
		got := b.wantStatus(w.ID, store.Failed)
		if got.ErrorCode != store.DependencyFailed || !strings.Contains(got.ErrorCause, "cancelled") || strings.Contains(got.ErrorAction, "retry") {
			t.Errorf("the dependent says %q, %q, %q; want that the contact was cancelled, and no retry that cannot be", got.ErrorCode, got.ErrorCause, got.ErrorAction)
		}
	}
	var no *store.NotResolvableError
	if _, err := b.Resolve(t.Context(), b.workspace, writes[0].ID, store.Resolution{How: store.ResolveRetry, Actor: "x"}, b.bell.ring); !errors.As(err, &no) {
		t.Errorf("got %v, want NotResolvableError", err)
	}
}

func TestAWordIsTakenOnlyWhereItCanBeVerified(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	w := b.append(b.outcome("e1", task("t")))[0]
	try := func(how string, want bool) {
		t.Helper()
		_, err := b.Resolve(t.Context(), b.workspace, w.ID, store.Resolution{How: how, Actor: "x"}, b.bell.ring)
		var no *store.NotResolvableError
		if want != (err == nil) || err != nil && !errors.As(err, &no) {
			t.Errorf("%s: got %v, want it taken: %v", how, err, want)
		}
	}
	try(store.ResolveFound, false) // queued: the service is at it
	b.claimOne(c.ID)
	for _, how := range []string{store.ResolveFound, store.ResolveRetry, store.ResolveCancel} {
		try(how, false) // a worker holds it
	}
	b.exec(`update crm_write_log set status = 'needs_review', lease_until = null`)
	b.exec(`update crm_connections set status = 'error'`)
	try(store.ResolveRetry, false)
	b.exec(`update crm_connections set status = 'connected', account_id = 'another'`)
	try(store.ResolveFound, false)
	try("guess", false)
	try(store.ResolveCancel, true)
	if _, err := b.Resolve(t.Context(), uuid.New(), w.ID, store.Resolution{How: store.ResolveCancel, Actor: "x"}, b.bell.ring); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another workspace: got %v, want ErrNotFound", err)
	}
}
