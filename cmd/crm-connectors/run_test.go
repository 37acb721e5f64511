package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/debug"
	"strings"
	"testing"
)

func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = run(t.Context(), env{args: args, getenv: func(string) string { return "" }, stdout: &out, stderr: &errs})
	return code, out.String(), errs.String()
}

func TestTheExitCodeAndTheStreamTellRightFromWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args             []string
		code             int
		inStdout, inErrs string
	}{
		"no command":        {nil, exitUsage, "", "Usage: crm-connectors COMMAND"},
		"help":              {[]string{"--help"}, exitOK, "help config", ""},
		"help as a command": {[]string{"help"}, exitOK, "Look after it", ""},
		"help of a command": {[]string{"help", "failures"}, exitOK, "--json", ""},
		"-h of a command":   {[]string{"failures", "-h"}, exitOK, "--json", ""},
		"help of config":    {[]string{"help", "config"}, exitOK, "TOKEN_KEYSET", ""},
		"help of nothing":   {[]string{"help", "vresion"}, exitUsage, "", `did you mean "version"?`},
		"slip":              {[]string{"vresion"}, exitUsage, "", `did you mean "version"?`},
		"beginning":         {[]string{"ver"}, exitUsage, "", `did you mean "version"?`},
		"nothing like it":   {[]string{"frobnicate"}, exitUsage, "", `no command "frobnicate"`},
		"unknown flag":      {[]string{"failures", "--loud"}, exitUsage, "", "crm-connectors help failures"},
		"stray argument":    {[]string{"version", "now"}, exitUsage, "", `unexpected argument "now"`},
		"version":           {[]string{"version"}, exitOK, "crm-connectors ", ""},
		"version as a flag": {[]string{"--version"}, exitOK, "crm-connectors ", ""},
		"failure of a run":  {[]string{"migrate"}, exitFailed, "", "DATABASE_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, tc.args...)
			if code != tc.code || !strings.Contains(stdout, tc.inStdout) || !strings.Contains(stderr, tc.inErrs) {
				t.Errorf("got code %d, stdout %q, stderr %q; want %d, %q, %q", code, stdout, stderr, tc.code, tc.inStdout, tc.inErrs)
			}
			if tc.code == exitOK && stderr != "" {
				t.Errorf("stderr = %q, want nothing", stderr)
			}
		})
	}
}

func TestEveryCommandIsListedWithItsGroupAndHasAnExample(t *testing.T) {
	t.Parallel()
	_, list, _ := call(t, "--help")
	for _, c := range commands() {
		if !strings.Contains(list, "  "+c.name+" ") || !strings.Contains(list, c.summary) {
			t.Errorf("%s is not in the list; is its group known?", c.name)
		}
		if firstExample(c) == "" {
			t.Errorf("%s has no example that begins with two spaces and the program's name", c.name)
		}
		if strings.HasSuffix(c.summary, ".") || len(c.summary) > 90 {
			t.Errorf("%s: the summary %q is not a short line without a full stop", c.name, c.summary)
		}
	}
}

func TestTheVersionComesFromTheLinkerElseFromTheToolchain(t *testing.T) {
	t.Parallel()
	record := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.time", Value: "2026-11-23T00:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	for want, got := range map[string]build{
		"devel": buildOf(build{}, nil),
		"devel (0123456789ab, 2026-11-23T00:00:00Z, modified)": buildOf(build{}, record),
		"v1.2.0 (fedcba, 2026-11-24)":                          buildOf(build{Version: "v1.2.0", Commit: "fedcba", Date: "2026-11-24"}, record),
	} {
		if got.String() != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHealthAsksTheServerAtThePort(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(status)
	}))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(name, value string) error {
		return checkHealth(t.Context(), env{stdout: io.Discard, getenv: func(n string) string {
			return map[string]string{name: value}[n]
		}})
	}
	if err := errors.Join(ask("PORT", u.Port()), ask("LISTEN_ADDR", "0.0.0.0:"+u.Port())); err != nil {
		t.Errorf("a ready server: %v", err)
	}
	status = http.StatusServiceUnavailable
	if err := ask("PORT", u.Port()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a server that is not ready: %v, want an error with 503", err)
	}
	if err := ask("LISTEN_ADDR", "no port"); err == nil {
		t.Error("an address without a port is accepted")
	}
}
