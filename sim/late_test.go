package sim

import (
	"net/http"
	"testing"
	"time"
)

func TestARequestIsExecutedAtItsOwnTimeWhateverTheClientSees(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault          Fault
		atOnce, atLast int
		answered       bool // in time
	}{
		{fault: Fault{Kind: FaultAnswerLate, LatencyMS: 400}, atOnce: 1, atLast: 1},
		{fault: Fault{Kind: FaultAnswerLate, LatencyMS: 10}, atOnce: 1, atLast: 1, answered: true},
		{fault: Fault{Kind: FaultAnswerTwice}, atOnce: 1, atLast: 1, answered: true},
		{fault: Fault{Kind: FaultCommitLate, LatencyMS: 400}, atOnce: 0, atLast: 1},
		{fault: Fault{Kind: FaultCommitSlow, LatencyMS: 400}, atOnce: 0, atLast: 1},
		{fault: Fault{Kind: FaultCommitSlow, LatencyMS: 10}, atOnce: 1, atLast: 1, answered: true},
	} {
		t.Run(string(tc.fault.Kind), func(t *testing.T) {
			t.Parallel()
			c := NewCore("x", NewOpLog())
			url := counter(t, c)
			if err := c.Faults.Add(tc.fault); err != nil {
				t.Fatal(err)
			}
			status, _, err := post(t, url+"/things", 1, 150*time.Millisecond)
			if answered := err == nil && status == http.StatusCreated; answered != tc.answered {
				t.Errorf("answered in time: %d, %v; want %v", status, err, tc.answered)
			}
			if n := len(c.Log.Entries(0)); n != tc.atOnce {
				t.Errorf("executed %d times after the client left, want %d", n, tc.atOnce)
			}
			for deadline := time.Now().Add(3 * time.Second); c.Faults.Late() > 0 && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
			if n := len(c.Log.Entries(0)); n != tc.atLast {
				t.Errorf("executed %d times at last, want %d", n, tc.atLast)
			}
		})
	}
}
