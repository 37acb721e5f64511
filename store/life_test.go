package store_test

import (
	"strings"
	"testing"
	"time"

	"crm-connectors/store"
)

func TestTheDatabaseAllowsNoStepThatIsNotOfAWritesLife(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1", task("t")))
	refused := func(what, sql string) {
		t.Helper()
		if _, err := b.pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "23514") {
			t.Errorf("%s: got %v, want it refused", what, err)
		}
	}
	refused("from queued to in doubt", `update crm_write_log set status = 'in_doubt'`)
	refused("from queued to succeeded", `update crm_write_log set status = 'succeeded'`)
	claimed := b.claimOne(c.ID)
	refused("an attempt that goes back", `update crm_write_log set attempt = attempt - 1`)
	b.settle(became(claimed, store.InDoubt))
	refused("from in doubt to queued", `update crm_write_log set status = 'queued'`)
	refused("from in doubt to sending", `update crm_write_log set status = 'sending', lease_until = now()`)
	b.exec(`update crm_write_log set status = 'succeeded'`)
	refused("from succeeded to anything", `update crm_write_log set status = 'queued'`)
}

func TestTwoCreatesNeverAdoptOneRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	writes := b.append(b.outcome("e1", task("one")))
	writes = append(writes, b.append(b.outcome("e2", task("two")))...)
	claimed := b.claim(c.ID, 10)
	first, second := became(claimed[0], store.Succeeded), became(claimed[1], store.Succeeded)
	first.CRMObjectID, second.CRMObjectID = "77", "77"
	b.settle(first, second)
	b.wantStatus(writes[0].ID, store.Succeeded)
	if got := b.wantStatus(writes[1].ID, store.NeedsReview); got.ErrorCode != store.RecordTaken || got.CRMObjectID != "" || got.ErrorAction == "" {
		t.Errorf("the second says %q and has record %q", got.ErrorCode, got.CRMObjectID)
	}
}

func TestANewerUpdateWaitsForWhatMayStillLandOfAnOlderOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	updates := b.updates(2)
	s := became(b.claimOne(c.ID), store.Queued)
	s.HoldFor = time.Hour.Seconds()
	b.settle(s)
	again := b.claimOne(c.ID) // its own repeat brings the same values
	if again.ID != updates[0].ID {
		t.Fatalf("claimed %s, want the first update again", again.ID)
	}
	b.settle(became(again, store.Succeeded))
	if got := b.claim(c.ID, 10); len(got) != 0 {
		t.Fatalf("%d rows were claimed while a copy of the older update may still land", len(got))
	}
	b.exec(`update crm_write_log set hold_until = now()`)
	if got := b.claimOne(c.ID); got.ID != updates[1].ID {
		t.Errorf("claimed %s, want the second update", got.ID)
	}
}
