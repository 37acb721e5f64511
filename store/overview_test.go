package store_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

func TestHealthsCountEveryConnectionOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.everyHealth()
	b.connectIn(uuid.New(), "second")
	b.connect("salesforce", "org1")
	got, err := b.Healths(t.Context())
	want := []store.HealthCount{{"hubspot", "disconnected", 1}, {"hubspot", "error", 1}, {"hubspot", "paused", 1}, {"hubspot", "trouble", 1},
		{"hubspot", "writing", 2}, {"salesforce", "writing", 1}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestWaitingWritesAreGroupedByReasonAndAPersonsWorkComesFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	rows := append(b.append(b.outcome("e1")), b.append(b.outcome("e2", contact("b@example.com"), task("t2")))...)
	for i, id := range []uuid.UUID{rows[0].ID, rows[1].ID} {
		b.exec(`update crm_write_log set status = 'failed', error_code = 'refused', error_cause = 'It was refused.', error_action = 'Mend it.',
			created_at = now() - make_interval(hours => $2) where id = $1`, id, i+1)
	}
	b.exec(`update crm_write_log set status = 'needs_review', error_code = 'fate_unknown' where id = $1`, rows[2].ID)
	b.exec(`update crm_write_log set status = 'succeeded' where id = $1`, rows[4].ID)
	got, err := b.WaitingWrites(t.Context())
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v; want three reasons", got, err)
	}
	if w := got[0]; w.Status != store.NeedsReview || w.Code != "fate_unknown" || w.Count != 1 {
		t.Errorf("first comes %+v", w)
	}
	if w := got[1]; w.Status != store.Failed || w.Code != "refused" || w.Cause != "It was refused." || w.Action != "Mend it." || w.Count != 2 || w.More ||
		time.Since(w.Oldest).Round(time.Hour) != 2*time.Hour {
		t.Errorf("then comes %+v", w)
	}
	if w := got[2]; w.Status != store.Queued || w.Code != "" || w.Count != 1 {
		t.Errorf("last comes %+v", w)
	}
}

func TestSettledWritesAreCountedByMinute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "hub1")
	rows := append(b.append(b.outcome("e1")), b.append(b.outcome("e2", contact("b@example.com"), task("t2"), rollup("r2")))...)
	for i, to := range []struct{ status, ago string }{{"succeeded", "10 minutes"}, {"succeeded", "10 minutes"}, {"failed", "10 minutes"},
		{"needs_review", "9 minutes"}, {"succeeded", "2 hours"}} {
		b.exec(`update crm_write_log set status = $2, settled_at = date_trunc('minute', now()) - $3::interval + interval '30 seconds' where id = $1`,
			rows[i].ID, to.status, to.ago)
	}
	now := value[time.Time](b, `select date_trunc('minute', now())`)
	got, err := b.SettledByMinute(t.Context(), now.Add(-time.Hour))
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v; want three", got, err)
	}
	for i, want := range []store.MinuteCount{{Status: "failed", Count: 1}, {Status: "succeeded", Count: 2}, {Status: "needs_review", Count: 1}} {
		if got[i].Status != want.Status || got[i].Count != want.Count {
			t.Errorf("number %d is %+v, want %+v", i, got[i], want)
		}
	}
	if first, last := got[0].Minute, got[2].Minute; !first.Equal(got[1].Minute) || last.Sub(first) != time.Minute {
		t.Errorf("the minutes are %s and %s", first, last)
	}
}

func TestAllowancesShowWhoRestsAndWhoHasUsedMuchOfADay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	connect := func(account, limits string) store.Connection {
		t.Helper()
		c := b.connectIn(uuid.New(), account)
		if err := b.SaveLimits(t.Context(), c.ID, account, json.RawMessage(limits)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	connect("much", `[{"name": "burst", "used": 1, "max": 10}, {"name": "daily", "used": 90, "max": 100}]`)
	connect("most", `[{"name": "daily", "used": 99, "max": 100}]`)
	connect("little", `[{"name": "daily", "used": 10, "max": 100}]`)
	rests, stale := connect("rests", `[]`), connect("stale", `[{"name": "daily", "used": 100, "max": 100}]`)
	if err := b.Rest(t.Context(), rests.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	b.exec(`update crm_connections set limits_at = now() - interval '25 hours' where id = $1`, stale.ID)
	got, err := b.Allowances(t.Context(), 0.8, 10)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v; want three", got, err)
	}
	for i, want := range []struct {
		account   string
		used, max int64
	}{{"rests", 0, 0}, {"most", 99, 100}, {"much", 90, 100}} {
		if a := got[i]; a.AccountID != want.account || a.Used != want.used || a.Max != want.max {
			t.Errorf("number %d is %s with %d of %d, want %+v", i, a.AccountID, a.Used, a.Max, want)
		}
	}
}
