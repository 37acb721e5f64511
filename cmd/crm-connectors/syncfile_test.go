//go:build !production

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func outcomesFile(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "outcomes.ndjson")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAFileOfOutcomesIsHandedInOnceThoughAnswersAreLost(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	line := func(n int, email string) string {
		return fmt.Sprintf(`{"workspace_id":%q,"source_event_id":"file-%d","contact":{"email":%q}}`, s.workspace, n, email)
	}
	file := outcomesFile(t, line(1, "a1@example.com"), line(2, "no address"), "", "not json", line(3, "a3@example.com"), line(4, "a4@example.com"), line(5, "a5@example.com"))

	s.says(exitOK, []string{"1 lines: 1 planned, 0 refused"}, "sync", "--crm", "hubspot", "--dry-run", "--file", outcomesFile(t, line(1, "a1@example.com")))

	direct, err := url.Parse(s.serviceURL)
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int64
	through := httputil.NewSingleHostReverseProxy(direct)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch calls.Add(1) {
		case 1: // taken in, and the answer is lost
			through.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			through.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	s.serviceURL = proxy.URL
	s.says(exitFailed, []string{"7 lines: 4 accepted, 2 refused", "line 2", "contact.email", "line 4", "no JSON object"}, "sync", "--file", file, "--crm", "hubspot", "--batch", "2")
	code, out, _ := s.asOperator("sync", "--file", file, "--crm", "hubspot", "--json") // again
	var report syncReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed || report.Accepted != 4 || len(report.Refused) != 2 {
		t.Errorf("exit code %d: %s", code, out)
	}
	s.serviceURL = direct.String()
	var writes int
	if err := s.service.pool.QueryRow(t.Context(), `select count(*) from crm_write_log where source_event_id like 'file-%'`).Scan(&writes); err != nil || writes != 4 {
		t.Errorf("%d writes, want four: %v", writes, err)
	}
}

func TestAFileThatCannotBeHandedInSaysWhy(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	s.says(exitUsage, []string{"--file is missing"}, "sync", "--crm", "hubspot")
	s.says(exitUsage, []string{"--crm must be"}, "sync", "--file", "x")
	s.says(exitUsage, []string{"--batch must be"}, "sync", "--file", "x", "--crm", "hubspot", "--batch", "0")
	s.says(exitFailed, []string{"cannot be read"}, "sync", "--file", filepath.Join(t.TempDir(), "none"), "--crm", "hubspot")
	s.says(exitFailed, []string{"line 1 cannot be read"}, "sync", "--crm", "hubspot", "--file", outcomesFile(t, strings.Repeat("x", longestLine+1)))
}
