package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
)

func TestWhoAsksForJSONIsToldOfFailuresInJSONOnStandardErrorAlone(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	refused := answer(http.StatusTooManyRequests, `{"error":"e","code":"rate_limited","message":"Not so fast","msg":"m","request_id":"r-1"}`)
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("{"))
	}))
	t.Cleanup(cut.Close)
	for name, tc := range map[string]struct {
		url, line, code string
		exit            int
		says            []string // message, cause, next action
	}{
		"refused":         {refused, "status --json", "rate_limited", exitFailed, []string{"Not so fast", "Too many requests", "Retry-After"}},
		"a gateway":       {answer(http.StatusBadGateway, "<html>"), "status --json", codeUnreadable, exitFailed, []string{"HTTP 502", "", remoteURLVariable}},
		"no JSON":         {answer(http.StatusOK, "hello"), "status -json", codeUnreadable, exitFailed, []string{"no JSON", "no JSON", "See whether"}},
		"not its shape":   {answer(http.StatusOK, `{"connections": 1}`), "connections show 0f6c2f5e-37c1-4a51-8f0e-8a3a55f1b7d1 --workspace 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f --json", codeUnreadable, exitFailed, []string{"not this service's", "", "this release"}},
		"nobody listens":  {"http://127.0.0.1:1", "status --json", codeUnreachable, exitFailed, []string{"does not answer: ", "does not answer", "repeating the command is safe"}},
		"cut":             {cut.URL, "status --json", codeCut, exitFailed, []string{"was cut: ", "was cut", "repeating the command is safe"}},
		"no address":      {"", "status --json", codeNotSetUp, exitFailed, []string{remoteURLVariable + " is not set", "", "Set it"}},
		"an unknown flag": {refused, "status --json --loud", codeUsage, exitUsage, []string{"-loud", "called wrongly", "help status"}},
		"no such command": {refused, "statsu --json", codeUsage, exitUsage, []string{`did you mean "status"?`, "", "--help"}},
		"none of its ids": {refused, "writes show x --json", codeUsage, exitUsage, []string{"is not the id", "", "--help"}},
		"another failure": {refused, "failures --json=1 extra", codeUsage, exitUsage, []string{"unexpected argument", "", "help failures"}},
		"no such connection": {answer(http.StatusOK, `{"connections": []}`), "connections show 0f6c2f5e-37c1-4a51-8f0e-8a3a55f1b7d1 --workspace 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f --json",
			string(api.CodeConnectionNotFound), exitFailed, []string{"has no connection", "", "connections list --workspace"}},
	} {
		var out, errs strings.Builder
		vars := map[string]string{remoteURLVariable: tc.url, remoteKeyVariable: "the-key"}
		exit := run(t.Context(), env{args: strings.Fields(tc.line), getenv: func(n string) string { return vars[n] }, stdout: &out, stderr: &errs})
		var f failure
		if err := json.Unmarshal([]byte(errs.String()), &f); err != nil || exit != tc.exit || out.String() != "" {
			t.Errorf("%s: exit code %d, want %d; %v: %q, %q", name, exit, tc.exit, err, errs.String(), out.String())
			continue
		}
		if f.Code != tc.code || !strings.Contains(f.Message, tc.says[0]) || f.Cause == "" || !strings.Contains(f.Cause, tc.says[1]) || !strings.Contains(f.NextAction, tc.says[2]) {
			t.Errorf("%s: %+v", name, f)
		}
		if (f.RequestID == "r-1") != (name == "refused") {
			t.Errorf("%s: request %q", name, f.RequestID)
		}
	}
	for _, line := range []string{"status --loud", "status --json=false --loud", "status json --loud"} {
		if _, _, errs := call(t, strings.Fields(line)...); json.Valid([]byte(errs)) || !strings.HasPrefix(errs, program+": ") {
			t.Errorf("%s is answered %q", line, errs)
		}
	}
	if f := failureOf(http.ErrServerClosed); f.Code != codeFailed || f.Cause == "" || f.NextAction == "" {
		t.Errorf("what nobody has foreseen is %+v", f)
	}
}

func TestStatusShowsWhatRestsAndWhatIsMoreThanWasCounted(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	used, most := int64(12600), int64(15000)
	var b strings.Builder
	writeOverview(&b, api.Overview{At: at, Oldest: &at, InDoubt: api.BoundedCount{Count: 20000, More: true},
		Connections: []api.HealthCount{{Health: api.HealthCountHealthPaused, Total: 1, ByCrm: map[string]int{"salesforce": 1}}},
		Waiting:     []api.WaitingReason{{Status: api.WriteStatusQueued, Count: 20000, More: true, Oldest: at}},
		Allowances:  []api.Allowance{{AccountId: "00D\x1b", Crm: "salesforce", Used: &used, Max: &most, PausedUntil: &at}, {AccountId: "1", Crm: "hubspot"}}})
	for _, want := range []string{"paused", "salesforce 1", "since 2026-11-23 09:00:00Z", "20000+ in doubt", "20000+", "its turn has not come yet", "12600 of 15000", "RESTS UNTIL"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("status does not say %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("a terminal would obey the name of an account")
	}
	b.Reset()
	writeOverview(&b, api.Overview{})
	if !strings.Contains(b.String(), "nothing waits") || strings.Contains(b.String(), "NOT WRITTEN") {
		t.Errorf("of nothing status says %s", b.String())
	}
}
