package store_test

import (
	"testing"
	"time"

	"crm-connectors/store"
)

func TestOldSettledWritesGoWithTheirAttemptsAndWhatWaitsStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	old := b.append(b.outcome("old", contact(ada), task("t1"), task("t2")))
	settled := b.claimOne(c.ID)
	b.settle(became(settled, store.Succeeded))
	for _, r := range b.claim(c.ID, 1) {
		b.settle(became(r, store.Succeeded))
	}
	waits := b.append(b.outcome("waits", task("waits")))[0]
	b.exec(`update crm_write_log set created_at = now() - interval '100 days', settled_at = settled_at - interval '99 days'`)
	young := b.append(b.outcome("young", task("young")))[0]
	b.exec(`update crm_write_log set status = 'cancelled', settled_at = now() where id = $1`, young.ID)

	retire := func(keep time.Duration) int64 {
		t.Helper()
		n, err := b.Retire(t.Context(), keep, 10)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := retire(200 * 24 * time.Hour); n != 0 {
		t.Errorf("%d writes went that are not old enough", n)
	}
	if n := retire(90 * 24 * time.Hour); n != 1 {
		t.Errorf("%d writes went, want the task alone: another still needs the contact", n)
	}
	b.exec(`update crm_write_log set status = 'cancelled', settled_at = now() - interval '99 days' where id = $1`, old[2].ID)
	retire(90 * 24 * time.Hour)
	if n := retire(90 * 24 * time.Hour); n != 1 {
		t.Errorf("%d writes went, want the contact", n)
	}
	if left := value[int](b, `select count(*) from crm_write_attempts`); left != 0 {
		t.Errorf("%d attempts are left", left)
	}
	b.wantStatus(waits.ID, store.Queued)
	b.wantStatus(young.ID, store.Cancelled)
}

func TestContentThatIsOldEnoughIsErasedAndTheKeyIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	first := b.outcome("old", contact(ada))
	old := b.append(first)[0]
	b.settle(became(b.claimOne(c.ID), store.Succeeded))
	waits := b.append(b.outcome("waits", contact("b@example.com")))[0]
	b.exec(`update crm_write_log set settled_at = settled_at - interval '9 days', created_at = now() - interval '9 days'`)
	for _, want := range []struct {
		keep time.Duration
		n    int64
	}{{10 * 24 * time.Hour, 0}, {8 * 24 * time.Hour, 1}, {8 * 24 * time.Hour, 0}} {
		if n, err := b.EraseContent(t.Context(), want.keep, 10); err != nil || n != want.n {
			t.Errorf("kept %s: erased %d, %v; want %d", want.keep, n, err, want.n)
		}
	}
	if got := value[string](b, `select payload_json::text from crm_write_log where id = $1`, old.ID); got != `{"email": null}` {
		t.Errorf("the content is %s, want the name of the field alone", got)
	}
	if got := value[string](b, `select payload_json::text from crm_write_log where id = $1`, waits.ID); got != `{"email": "b@example.com"}` {
		t.Errorf("what waits has the content %s", got)
	}
	if again := b.append(first)[0]; again.ID != old.ID || again.Status != store.Succeeded {
		t.Errorf("a repeat is %+v, want the write that was made", again)
	}
}
