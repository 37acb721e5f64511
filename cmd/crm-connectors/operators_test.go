//go:build !production

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/handlers"
	"crm-connectors/sim"
)

// asOperator runs the program as an operator would, with the service's address and a key in a file.
func (s *stage) asOperator(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(s.key+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), os.Args[0], args...)
	// GOCOVERDIR: a test binary that counts its coverage complains on standard error without it.
	cmd.Env = []string{asProgram + "=1", "GOCOVERDIR=" + s.t.TempDir(), remoteURLVariable + "=" + s.serviceURL, remoteKeyFileVariable + "=" + file}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	if strings.Contains(out.String()+errs.String(), s.key) {
		s.t.Errorf("%v prints the key", args)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// says wants an exit code and words in what is printed.
func (s *stage) says(code int, words []string, args ...string) string {
	s.t.Helper()
	got, out, errs := s.asOperator(args...)
	for _, word := range words {
		if !strings.Contains(out+errs, word) {
			s.t.Errorf("%v does not say %q:\n%s%s", args, word, out, errs)
		}
	}
	if got != code || (code == exitOK) != (errs == "") {
		s.t.Errorf("%v: exit code %d, want %d:\n%s%s", args, got, code, out, errs)
	}
	return out
}

func TestAnOperatorMendsWritesAndConnectionsFromATerminal(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	workspace := s.workspace.String()
	s.fault(sim.Fault{Method: http.MethodPost, Path: "^/crm/v3/objects/contacts", Kind: sim.FaultStatus, Status: http.StatusBadRequest, Times: -1,
		Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"status":"error","message":"not like this","category":"VALIDATION_ERROR"}`})
	s.sync("/sync/hubspot", map[string]any{"source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com"}})
	s.until("failed", 1)

	var list api.WriteList
	if err := json.Unmarshal([]byte(s.says(exitOK, nil, "writes", "list", "--workspace", workspace, "--status", "failed", "--json")), &list); err != nil || len(list.Writes) == 0 {
		t.Fatalf("%v: %d failed writes", err, len(list.Writes))
	}
	failed := list.Writes[0]
	id := failed.Id.String()
	s.says(exitOK, []string{"STATUS", id, failed.Error.Code}, "writes", "list", "--workspace", workspace, "--code", failed.Error.Code)
	s.says(exitOK, []string{"no writes"}, "writes", "list", "--workspace", workspace, "--status", "needs_review")
	s.says(exitOK, []string{id, "failed", failed.Error.Code, "to do", "POST "}, "writes", "show", id)
	s.says(exitUsage, []string{"nothing was done", "--yes"}, "writes", "cancel", id)
	s.says(exitOK, []string{"CONNECTIONS", "writing", "hubspot 1, salesforce 1", "1 failed", "NOT WRITTEN", failed.Error.Code, printable(failed.Error.Action)}, "status")
	var overview api.Overview
	if err := json.Unmarshal([]byte(s.says(exitOK, nil, "status", "--json")), &overview); err != nil || len(overview.Connections) != 6 || len(overview.Minutes) != 60 {
		t.Fatalf("%v: %+v", err, overview)
	}
	s.says(exitOK, []string{"queued"}, "writes", "retry", id)
	s.until("failed", 1)
	s.says(exitUsage, []string{"1 write", "nothing was done", "--yes"}, "writes", "retry", "--all", "--code", failed.Error.Code)
	s.says(exitUsage, []string{"--all needs"}, "writes", "retry", "--all", "--yes")
	s.says(exitUsage, []string{"--connection must be an id"}, "writes", "retry", "--all", "--connection", "x")
	s.says(exitOK, []string{"1 write due again"}, "writes", "retry", "--all", "--code", failed.Error.Code, "--workspace", workspace, "--yes")
	s.until("failed", 1)
	var retried api.RetriedWrites
	if err := json.Unmarshal([]byte(s.says(exitOK, nil, "writes", "retry", "--all", "--code", "none_such", "--yes", "--json")), &retried); err != nil || retried.Retried != 0 || !retried.Done {
		t.Errorf("%v: %+v", err, retried)
	}
	s.says(exitOK, []string{"cancelled"}, "writes", "cancel", id, "--yes")
	s.says(exitFailed, []string{"What to do: ", "Request "}, "writes", "retry", id)

	var connections api.ConnectionList
	if err := json.Unmarshal([]byte(s.says(exitOK, nil, "connections", "list", "--workspace", workspace, "--json")), &connections); err != nil || len(connections.Connections) != 2 {
		t.Fatalf("%v: %d connections", err, len(connections.Connections))
	}
	one := connections.Connections[0].Id.String()
	s.says(exitOK, []string{"CRM", one, "connected"}, "connections", "list", "--workspace", workspace)
	s.says(exitOK, []string{one, "connected"}, "connections", "show", one, "--workspace", workspace)
	s.says(exitOK, []string{one, "connected"}, "connections", "test", one, "--workspace", workspace)
	s.says(exitFailed, []string{"has no connection", "What to do"}, "connections", "show", workspace, "--workspace", workspace)
	s.says(exitUsage, []string{"nothing was done", "--yes"}, "connections", "disconnect", one, "--workspace", workspace)
	s.says(exitOK, []string{"connected"}, "connections", "show", one, "--workspace", workspace)
	s.says(exitOK, []string{"disconnected"}, "connections", "disconnect", one, "--workspace", workspace, "--yes")
	s.says(exitOK, []string{one, "disconnected"}, "connections", "show", one, "--workspace", workspace)
}

func TestTheKeyGoesNowhereButToTheServiceThatIsNamed(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 8)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.Header.Get("apikey") }))
	t.Cleanup(other.Close)
	named := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(named.Close)
	id := "0f6c2f5e-37c1-4a51-8f0e-8a3a55f1b7d1"
	for name, tc := range map[string]struct {
		vars map[string]string
		want string
	}{
		"a redirect":       {map[string]string{remoteURLVariable: named.URL, remoteKeyVariable: "the-key"}, "HTTP 307"},
		"no address":       {map[string]string{remoteKeyVariable: "the-key"}, remoteURLVariable + " is not set"},
		"a key in it":      {map[string]string{remoteURLVariable: "https://x:the-key@project.example.com"}, remoteKeyVariable},
		"no key":           {map[string]string{remoteURLVariable: other.URL}, "there is no key"},
		"two keys":         {map[string]string{remoteURLVariable: other.URL, remoteKeyVariable: "the-key", remoteKeyFileVariable: "f"}, "both"},
		"more than a key":  {map[string]string{remoteURLVariable: other.URL, remoteKeyVariable: "the-key\nx"}, "the key alone"},
		"no such file":     {map[string]string{remoteURLVariable: other.URL, remoteKeyFileVariable: "/nowhere"}, remoteKeyFileVariable},
		"another's answer": {map[string]string{remoteURLVariable: other.URL, remoteKeyVariable: "the-key"}, "no JSON"},
		"nobody listens":   {map[string]string{remoteURLVariable: "http://127.0.0.1:1", remoteKeyVariable: "the-key"}, "does not answer"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), env{args: []string{"writes", "show", id}, getenv: func(n string) string { return tc.vars[n] }, stdout: &out, stderr: &errs})
		if code != exitFailed || !strings.Contains(errs.String(), tc.want) || strings.Contains(out.String()+errs.String(), "the-key") {
			t.Errorf("%s: exit code %d, %q; want %q and no key", name, code, errs.String(), tc.want)
		}
	}
	if len(reached) != 1 { // by "another's answer", and not by the redirect
		t.Errorf("the other server was reached %d times, want once", len(reached))
	}
}

func TestTheCommandsForOperatorsSayHowTheyAreCalled(t *testing.T) {
	t.Parallel()
	id := "0f6c2f5e-37c1-4a51-8f0e-8a3a55f1b7d1"
	for line, want := range map[string]string{
		"writes": "say what to do", "connections": "say what to do", "writes show": "which write", "writes show x": "is not the id", "connections test -json": "which connection",
		"writes list": "--workspace must be", "connections list": "--workspace must be", "writes resolve " + id: "--how must be",
		"writes resolve " + id + " --how found": "--crm-object-id", "writes resolve " + id + " --how retry --crm-object-id 1": "--crm-object-id",
	} {
		if code, _, errs := call(t, strings.Fields(line)...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %q; want %q", line, code, errs, want)
		}
	}
	for _, line := range []string{"help writes", "writes show -h", "connections test --help", "writes -h"} {
		if code, out, _ := call(t, strings.Fields(line)...); code != exitOK || !strings.Contains(out, remoteURLVariable) || !strings.Contains(out, "--json") {
			t.Errorf("%s: exit code %d, %q", line, code, out)
		}
	}
	for _, line := range []string{"help status", "status -h"} {
		if code, out, _ := call(t, strings.Fields(line)...); code != exitOK || !strings.Contains(out, remoteURLVariable) || !strings.Contains(out, "--json") {
			t.Errorf("%s: exit code %d, %q", line, code, out)
		}
	}
	if got := printable("a\x1b[31mb\nc"); got != "a [31mb c" {
		t.Errorf("a terminal would obey %q", got)
	}
}

func TestThePageOfTheCommandLineNamesWhatExists(t *testing.T) {
	t.Parallel()
	page := readPage(t, "cli.md")
	page.namesVariables(remoteURLVariable, remoteKeyVariable, remoteKeyFileVariable)
	page.namesRoutes(9)
	for _, code := range []string{codeUsage, codeNotSetUp, codeUnreachable, codeCut, codeUnreadable, codeFailed} {
		if !strings.Contains(page.text, "`"+code+"`") {
			t.Errorf("the page does not explain the code %s", code)
		}
	}
	_, example, _ := strings.Cut(page.text, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	var f failure
	if err := json.Unmarshal([]byte(example), &f); err != nil {
		t.Fatalf("the page's failure is %v: %s", err, example)
	}
	now := failureOf(&remoteError{Code: f.Code, Message: f.Message, Action: handlers.NextActions()[api.ErrorCode(f.Code)], RequestID: f.RequestID})
	if f != now || f.RequestID == "" {
		t.Errorf("the page's failure is %+v; it would be %+v", f, now)
	}
}
