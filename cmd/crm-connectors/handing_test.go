//go:build !production

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
)

// handed is a file on its way to a service that answers as the test says, without its waits.
func handed(t *testing.T, answer func(n int, outcomes []json.RawMessage, w http.ResponseWriter)) (h *handing, waits *[]time.Duration) {
	t.Helper()
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Outcomes []json.RawMessage }
		raw, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Error(err)
		}
		n++
		answer(n, body.Outcomes, w)
	}))
	t.Cleanup(srv.Close)
	waits = &[]time.Duration{}
	return &handing{remote: &remote{base: srv.URL, key: "key", http: srv.Client()}, path: "/sync/hubspot/batch", query: url.Values{}, size: 500, bar: newBar(io.Discard, 0, "outcomes"),
		pause: func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil }}, waits
}

func takeAll(outcomes []json.RawMessage, w http.ResponseWriter) {
	_ = json.NewEncoder(w).Encode(api.BatchResult{Results: make([]api.BatchItem, len(outcomes))})
}

func TestABatchThatTheServiceCannotTakeIsSentAgainAndGivenUpAfterEightTries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		away  int // how often it is
		taken int
	}{"away for a while": {7, 2}, "away for good": {100, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			h, waits := handed(t, func(n int, outcomes []json.RawMessage, w http.ResponseWriter) {
				if calls = n; n <= tc.away {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				takeAll(outcomes, w)
			})
			err := h.all(t.Context(), strings.NewReader("{}\n{}\n"))
			if (err == nil) != (tc.taken > 0) || h.report.Accepted != tc.taken || calls != 8 || len(*waits) != 7 {
				t.Errorf("%v; %+v after %d calls and %v", err, h.report, calls, *waits)
			}
			if (*waits)[0] != time.Second || (*waits)[6] != 30*time.Second {
				t.Errorf("the waits are %v", *waits)
			}
		})
	}
}

func TestBatchesAreCutByBytesToo(t *testing.T) {
	t.Parallel()
	var sizes []int
	h, _ := handed(t, func(_ int, outcomes []json.RawMessage, w http.ResponseWriter) {
		sizes = append(sizes, len(outcomes))
		takeAll(outcomes, w)
	})
	line := fmt.Sprintf(`{"x":%q}`+"\n", strings.Repeat("<", 900_000)) // JSON writes each as six characters
	if err := h.all(t.Context(), strings.NewReader(strings.Repeat(line, 12))); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(sizes) != "[5 5 2]" || h.report.Accepted != 12 {
		t.Errorf("batches of %v", sizes)
	}
}

func TestWhatWasRefusedIsToldAlthoughTheFileBrokeOff(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer srv.Close()
	var out, errs strings.Builder
	e := env{args: []string{"--crm", "hubspot", "--file", outcomesFile(t, "no json", "{}")}, stdout: &out, stderr: &errs,
		getenv: func(name string) string {
			return map[string]string{remoteURLVariable: srv.URL, remoteKeyVariable: "key"}[name]
		}}
	err := runSync(t.Context(), syncCommand(), e)
	if err == nil || !strings.Contains(err.Error(), "after 2 lines, of which 0 were taken") || !strings.Contains(out.String(), "line 1") {
		t.Errorf("%v: %s", err, &out)
	}
}
