package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"
)

// counter is a CRM of one route that stores something each time it is asked.
func counter(t *testing.T, c *Core) string {
	t.Helper()
	srv := httptest.NewServer(c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if err := c.Log.Append(Entry{CRM: c.CRM, Op: OpCreate, Object: "thing"}); err != nil {
			t.Error(err)
		}
		WriteJSON(w, http.StatusCreated, map[string]string{"id": "0123456789"})
	}), nil))
	t.Cleanup(srv.Close)
	return srv.URL
}

func post(t *testing.T, url string, body any, wait time.Duration) (int, string, error) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func TestEachFaultSpoilsTheAnswerAndExecutesOrNotAsItSays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault    Fault
		executed int
		status   int // 0: no complete answer
	}{
		{Fault{Kind: FaultStatus, Status: 503}, 0, 503},
		{Fault{Kind: FaultCut}, 0, 0},
		{Fault{Kind: FaultHang}, 0, 0},
		{Fault{Kind: FaultDelay, LatencyMS: 50}, 1, 201},
		{Fault{Kind: FaultStatusAfter, Status: 502}, 1, 502},
		{Fault{Kind: FaultCutAfter}, 1, 0},
		{Fault{Kind: FaultHangAfter}, 1, 0},
		{Fault{Kind: FaultTruncate}, 1, 0},
	} {
		t.Run(string(tc.fault.Kind), func(t *testing.T) {
			t.Parallel()
			c := NewCore("x", NewOpLog())
			url := counter(t, c)
			if err := c.Faults.Add(tc.fault); err != nil {
				t.Fatal(err)
			}
			status, _, err := post(t, url+"/things", 1, 500*time.Millisecond)
			if (err != nil) != (tc.status == 0) || (err == nil && status != tc.status) {
				t.Errorf("status %d, %v; want %d", status, err, tc.status)
			}
			if n := len(c.Log.Entries(0)); n != tc.executed || c.Faults.Fired() != 1 {
				t.Errorf("executed %d times, want %d; %d faults fired", n, tc.executed, c.Faults.Fired())
			}
			if status, _, err := post(t, url+"/things", 1, 5*time.Second); err != nil || status != http.StatusCreated {
				t.Errorf("the request after the fault: %d, %v", status, err)
			}
		})
	}
}

func TestFaultsMatchByMethodAndPathAfterSoManyForSoMany(t *testing.T) {
	t.Parallel()
	c := NewCore("x", NewOpLog())
	url := counter(t, c)
	status, body, err := post(t, url+"/__sim/faults", Fault{Method: "POST", Path: "^/b$", Kind: FaultStatus, Status: 500, After: 1, Times: 2}, time.Second)
	if err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s %v", status, body, err)
	}
	var got []int
	for _, path := range []string{"/a", "/b", "/b", "/b", "/b"} {
		status, _, err := post(t, url+path, 1, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	for i, want := range []int{201, 201, 500, 500, 201} {
		if got[i] != want {
			t.Errorf("answers %v, want 201 201 500 500 201", got)
			break
		}
	}
	for _, bad := range []Fault{{Kind: "unheard of"}, {Kind: FaultStatus, Status: 99}, {Kind: FaultCut, Path: "("}} {
		if status, _, err := post(t, url+"/__sim/faults", bad, time.Second); err != nil || status != http.StatusBadRequest {
			t.Errorf("%+v: %d, %v; want 400", bad, status, err)
		}
	}
}

func TestCallsAreCountedByShapeAndControlAndSignInAreFree(t *testing.T) {
	t.Parallel()
	c := NewCore("x", NewOpLog())
	url := counter(t, c)
	for _, path := range []string{"/things/501", "/things/502", "/things/ada@example.com", "/oauth/token", "/"} {
		if _, _, err := post(t, url+path, 1, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Calls.Snapshot()["POST /things/{id}"]; n != 3 || c.Calls.API() != 3 {
		t.Errorf("%d calls of the shape, %d in all; want 3 and 3: %v", n, c.Calls.API(), c.Calls.Snapshot())
	}
}

func TestTheClockMovesForwardOnRequest(t *testing.T) {
	t.Parallel()
	c := NewCore("x", NewOpLog())
	url := counter(t, c)
	if status, _, err := post(t, url+"/__sim/clock?advance=31m", nil, time.Second); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v", status, err)
	}
	if ahead := time.Until(c.Clock.Now()); ahead < 30*time.Minute || ahead > 32*time.Minute {
		t.Errorf("the clock is %s ahead, want 31m", ahead)
	}
	if status, _, err := post(t, url+"/__sim/clock?advance=-1m", nil, time.Second); err != nil || status != http.StatusBadRequest {
		t.Errorf("back in time: %d %v", status, err)
	}
}

func TestAnOperationLogOnDiskIsReadAgainAndRefusesWritesOnceClosed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ops.ndjson")
	l, err := OpenOpLog(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := l.Append(Entry{Op: OpCreate, Object: "tasks", ID: "1", Fields: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(Entry{}); err == nil {
		t.Error("a closed log took an entry")
	}
	again, err := OpenOpLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if got := again.Entries(1); len(got) != 2 || got[0].Seq != 2 || got[0].Fields["a"] != "b" {
		t.Errorf("entries after the first: %+v", got)
	}
}
