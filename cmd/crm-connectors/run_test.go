package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"
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
		"no command":         {nil, exitUsage, "", "Usage: crm-connectors COMMAND"},
		"help":               {[]string{"--help"}, exitOK, "help config", ""},
		"help as a command":  {[]string{"help"}, exitOK, "Try it", ""},
		"help of a command":  {[]string{"help", "sim"}, exitOK, "--hubspot-listen ADDR", ""},
		"-h of a command":    {[]string{"sim", "-h"}, exitOK, "sim-hubspot-client", ""},
		"help of config":     {[]string{"help", "config"}, exitOK, "TOKEN_KEYSET", ""},
		"help of nothing":    {[]string{"help", "smi"}, exitUsage, "", `did you mean "sim"?`},
		"slip":               {[]string{"vresion"}, exitUsage, "", `did you mean "version"?`},
		"beginning":          {[]string{"ver"}, exitUsage, "", `did you mean "version"?`},
		"nothing like it":    {[]string{"frobnicate"}, exitUsage, "", `no command "frobnicate"`},
		"unknown flag":       {[]string{"sim", "--loud"}, exitUsage, "", "crm-connectors help sim"},
		"stray argument":     {[]string{"version", "now"}, exitUsage, "", `unexpected argument "now"`},
		"version":            {[]string{"version"}, exitOK, "crm-connectors ", ""},
		"version as a flag":  {[]string{"--version"}, exitOK, "crm-connectors ", ""},
		"failure of a run":   {[]string{"sim", "--hubspot-listen", "256.0.0.1:1"}, exitFailed, "", "listen for HubSpot"},
		"failure of its log": {[]string{"sim", "--oplog", "/nowhere/at/all"}, exitFailed, "", "operation log"},
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

func TestTheSimulatorsServeUntilTheyAreToldToStop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, env{args: []string{"sim", "--hubspot-listen", "127.0.0.1:0", "--salesforce-listen", "127.0.0.1:0",
			"--oplog", filepath.Join(t.TempDir(), "operations.ndjson")}, stdout: w, stderr: io.Discard})
	}()
	text := make([]byte, 0, 256)
	for urls := regexp.MustCompile(`http://\S+\n`); ; {
		chunk := make([]byte, 256)
		n, err := out.Read(chunk)
		if text = append(text, chunk[:n]...); err != nil {
			t.Fatalf("read the addresses: %v", err)
		}
		found := urls.FindAllString(string(text), -1)
		if len(found) < 2 {
			continue
		}
		for _, u := range found {
			get(t, strings.TrimSpace(u)+"/__sim/health")
		}
		break
	}
	cancel()
	select {
	case code := <-ended:
		if code != exitOK {
			t.Errorf("exit code %d after the signal, want 0", code)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the simulators do not stop")
	}
}

func get(t *testing.T, url string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s, %v", url, res.Status, err)
	}
}

func TestWhenOneSimulatorCannotListenNeitherRuns(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	code, _, stderr := call(t, "sim", "--hubspot-listen", "127.0.0.1:0", "--salesforce-listen", l.Addr().String())
	if code != exitFailed || !strings.Contains(stderr, "listen for Salesforce") {
		t.Errorf("code %d, stderr %q; want 1 and the cause", code, stderr)
	}
}
