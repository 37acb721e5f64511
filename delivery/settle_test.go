package delivery

import (
	"errors"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

func bare(t *testing.T) *Engine {
	t.Helper()
	e := &Engine{}
	e.cfg.defaults()
	return e
}

func TestEveryClassHasOneDecision(t *testing.T) {
	t.Parallel()
	e := bare(t)
	now := time.Now()
	for _, tc := range []struct {
		name           string
		class          connectors.Class
		pause          bool
		retryAfter     time.Duration
		failures       int
		status         string
		countsFailure  bool
		minWait, limit time.Duration
	}{
		{"a first failure waits up to half a minute", connectors.ClassRetry, false, 0, 0, store.Queued, true, time.Second, 31 * time.Second},
		{"the CRM's own wait is honoured", connectors.ClassRetry, false, 5 * time.Minute, 0, store.Queued, true, 5 * time.Minute, 5 * time.Minute},
		{"the eighth failure is the last", connectors.ClassRetry, false, 0, 7, store.Failed, true, 0, 0},
		{"a pause is not the row's fault", connectors.ClassRetry, true, time.Minute, 7, store.Queued, false, time.Minute, time.Minute},
		{"a refusal is final", connectors.ClassRejected, false, 0, 0, store.Failed, false, 0, 0},
		{"doubt is looked into", connectors.ClassInDoubt, false, 0, 0, store.InDoubt, true, 5 * time.Second, 5 * time.Second},
		{"doubt is looked into even after the last failure", connectors.ClassInDoubt, false, 0, 7, store.InDoubt, true, 5 * time.Second, 5 * time.Second},
		{"what is not understood is doubt", "unheard of", false, 0, 0, store.InDoubt, true, 5 * time.Second, 5 * time.Second},
		{"a dead grant keeps the row", connectors.ClassNeedsReconnect, false, 0, 7, store.Queued, false, 0, 0},
		{"our own fault keeps the row", connectors.ClassMisconfigured, false, 0, 7, store.Queued, false, 15 * time.Minute, 15 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := store.Claimed{Write: store.Write{Failures: tc.failures, Attempt: 3}}
			r := connectors.Result{Err: &connectors.Error{Class: tc.class, Code: "x", Cause: "c", Action: "a", Pause: tc.pause, RetryAfter: tc.retryAfter}}
			s := e.settlement(c, r, now, now)
			wait := time.Duration(s.RetryIn * float64(time.Second)).Round(time.Millisecond)
			if s.Status != tc.status || s.Failed != tc.countsFailure || wait < tc.minWait || wait > tc.limit {
				t.Errorf("got %s, failed %v, wait %s; want %s, %v, %s to %s", s.Status, s.Failed, wait, tc.status, tc.countsFailure, tc.minWait, tc.limit)
			}
			if s.ErrorCode != "x" || s.ErrorCause != "c" || s.ErrorAction == "" || s.Attempt != 3 {
				t.Errorf("settlement %+v lost what the CRM said", s)
			}
		})
	}
}

func TestBackoffGrowsToADayWithFullJitter(t *testing.T) {
	t.Parallel()
	total := time.Duration(0)
	for n := 1; n < maxFailures; n++ {
		var sum time.Duration
		lowest := maxBackoff
		const samples = 2000
		for range samples {
			d := backoff(n)
			if d < time.Second || d > maxBackoff+time.Second {
				t.Fatalf("backoff(%d) = %s", n, d)
			}
			sum, lowest = sum+d, min(lowest, d)
		}
		mean := sum / samples
		if lowest > mean/2 {
			t.Errorf("backoff(%d): lowest %s of mean %s; want full jitter", n, lowest, mean)
		}
		total += mean
	}
	if total < 16*time.Hour || total > 36*time.Hour {
		t.Errorf("eight tries take %s on average, want about a day", total)
	}
}

func TestWhatAnAnswerAboutADoubtfulRowMeans(t *testing.T) {
	t.Parallel()
	e := bare(t)
	now := time.Now()
	past, future := now.Add(-time.Second), now.Add(5*time.Minute)
	ref := connectors.Ref{Type: "contacts", ID: "1"}
	for _, tc := range []struct {
		name      string
		row       store.Write
		finding   connectors.Finding
		err       error
		status    string
		emptyRead bool
		wait      time.Duration
	}{
		{"found whole", store.Write{ReconcileAt: &future}, connectors.Finding{Ref: ref, Complete: true}, nil, store.Succeeded, false, 0},
		{"found in part", store.Write{}, connectors.Finding{Ref: ref}, nil, store.Queued, false, 0},
		{"absent where the CRM refuses a second copy", store.Write{ReconcileAt: &future}, connectors.Finding{Tier: connectors.TierEnforced}, nil, store.Queued, false, 0},
		{"absent there, after the last failure", store.Write{Failures: 8}, connectors.Finding{Tier: connectors.TierEnforced}, nil, store.Failed, false, 0},
		{"not found before the last moment of a late commit", store.Write{ReconcileAt: &future, EmptyReads: 5}, connectors.Finding{}, nil, store.InDoubt, true, 150 * time.Second},
		{"not found for the first time after it", store.Write{ReconcileAt: &past}, connectors.Finding{}, nil, store.InDoubt, true, time.Minute},
		{"not found again after it", store.Write{ReconcileAt: &past, EmptyReads: 1}, connectors.Finding{}, nil, store.Queued, true, 0},
		{"not to be looked for", store.Write{}, connectors.Finding{}, connectors.ErrCannotFind, store.NeedsReview, false, 0},
		{"not found by an index that may lag", store.Write{ReconcileAt: &past, EmptyReads: 1}, connectors.Finding{Tier: connectors.TierSearch}, nil, store.InDoubt, true, 119500 * time.Millisecond},
		{"nothing tells our records from others", store.Write{ReconcileAt: &past, EmptyReads: 1}, connectors.Finding{Tier: connectors.TierNone}, nil, store.NeedsReview, false, 0},
		{"not found after a person did not find it", store.Write{ReconcileAt: &future, AbsentBy: "ops"}, connectors.Finding{Tier: connectors.TierRead}, nil, store.Queued, false, 0},
		{"not to be looked for, but a person did", store.Write{AbsentBy: "ops"}, connectors.Finding{}, connectors.ErrCannotFind, store.Queued, false, 0},
		{"found after a person did not find it", store.Write{AbsentBy: "ops"}, connectors.Finding{Ref: ref, Complete: true}, nil, store.Succeeded, false, 0},
		{"the look failed", store.Write{ReconcileAt: &past, EmptyReads: 1}, connectors.Finding{}, errors.New("cut"), store.InDoubt, false, time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := e.foundOrNot(store.Claimed{Write: tc.row}, tc.finding, tc.err, now)
			if s.Status != tc.status || s.EmptyRead != tc.emptyRead || s.RetryIn != tc.wait.Seconds() {
				t.Errorf("got %s, empty read %v, wait %vs; want %s, %v, %s", s.Status, s.EmptyRead, s.RetryIn, tc.status, tc.emptyRead, tc.wait)
			}
		})
	}
}
