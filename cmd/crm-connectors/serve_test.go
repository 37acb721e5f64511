package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"crm-connectors/store"
	"crm-connectors/store/storetest"
)

// serveEnv is a complete environment for serve on a free port.
func serveEnv(t *testing.T, database string) []string {
	t.Helper()
	keyset, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := os.WriteFile(file, keyset, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{asProgram + "=1", "DATABASE_URL=" + database, "TOKEN_KEYSET_FILE=" + file, "SUPABASE_SECRET_KEY=a-key-of-this-test",
		"APP_BASE_URL=https://app.example.com", "PUBLIC_URL=https://project.example.com", "HUBSPOT_CLIENT_ID=client", "HUBSPOT_CLIENT_SECRET=secret",
		"LISTEN_ADDR=127.0.0.1:0", "HOME=" + t.TempDir(), "PATH=/usr/bin:/bin"}
}

func TestServeStartsAnswersAndEndsInOrderOnSIGTERM(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "serve")
	cmd.Env = serveEnv(t, storetest.NewDatabase(t, nil))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	addr := ""
	for addr == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), `"event":"serving","addr":"`); ok {
			addr, _, _ = strings.Cut(rest, `"`)
		}
	}
	if addr == "" {
		t.Fatalf("serve did not say where it listens: %s", stderr.String())
	}
	for path, want := range map[string]int{"/readyz": 200, "/functions/v1/health": 200, "/health": 200, "/functions/v1/writes": 401, "/nothing": 404,
		"/console": 200, "/console/sign-in": 200, "/functions/v1/console": 404, "/consoles": 404} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest := ""
	for lines.Scan() {
		rest += lines.Text() + "\n"
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(rest, `"event":"stopped"`) {
		t.Errorf("after SIGTERM: %v, stderr %q, log:\n%s", err, stderr.String(), rest)
	}
}

func TestServeWithoutAnEnvironmentNamesEverythingThatIsMissingAtOnce(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := run(t.Context(), env{args: []string{"serve"}, getenv: func(string) string { return "" }, stdout: io.Discard, stderr: &stderr})
	if code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	for _, name := range []string{"DATABASE_URL", "TOKEN_KEYSET", "APP_BASE_URL", "SUPABASE_SECRET_KEY", "HUBSPOT_CLIENT_ID"} {
		if !strings.Contains(stderr.String(), name) {
			t.Errorf("%s is not named:\n%s", name, stderr.String())
		}
	}
}

func TestServeFailsAtOnceOnADatabaseThatDoesNotAnswerAndKeepsItsPassword(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	vars := map[string]string{}
	for _, v := range serveEnv(t, "postgres://crm:hush-hush@127.0.0.1:1/none?connect_timeout=2") {
		name, value, _ := strings.Cut(v, "=")
		vars[name] = value
	}
	code := run(t.Context(), env{args: []string{"serve"}, getenv: func(n string) string { return vars[n] }, stdout: io.Discard, stderr: &stderr})
	if code != exitFailed || !strings.Contains(stderr.String(), "127.0.0.1:1") || strings.Contains(stderr.String(), "hush-hush") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestMigrateSaysWhatItDidAndIsSafeToRepeat(t *testing.T) {
	t.Parallel()
	getenv := onTestDatabase(t)
	for _, want := range []string{"applied", "up to date"} {
		var out, stderr bytes.Buffer
		if code := run(t.Context(), env{args: []string{"migrate"}, getenv: getenv, stdout: &out, stderr: &stderr}); code != exitOK || !strings.Contains(out.String(), want) {
			t.Errorf("exit code %d, said %q %q; want %q", code, out.String(), stderr.String(), want)
		}
	}
	if code := run(t.Context(), env{args: []string{"migrate"}, getenv: func(string) string { return "" }, stdout: io.Discard, stderr: io.Discard}); code != exitFailed {
		t.Errorf("without a database: exit code %d", code)
	}
}

func TestTheHealthCommandTellsAnAnsweringServiceFromAMissingOne(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string {
		if name == "LISTEN_ADDR" {
			return "127.0.0.1:1"
		}
		return ""
	}
	if code := run(t.Context(), env{args: []string{"health"}, getenv: getenv, stdout: io.Discard, stderr: io.Discard}); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
}

func TestAProcessThatStopsSaysSoFirstAndGoesOnToTakeRequestsForTheDelay(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "serve")
	metrics := freeAddress(t)
	cmd.Env = append(serveEnv(t, storetest.NewDatabase(t, nil)), "SHUTDOWN_DELAY=3s", "METRICS_ADDR="+metrics)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	until := func(part string) string {
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return lines.Text()
			}
		}
		t.Fatalf("the log has no %s", part)
		return ""
	}
	get := func(url string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	serving := until(`"event":"serving"`)
	_, rest, _ := strings.Cut(serving, `"addr":"`)
	addr, _, _ := strings.Cut(rest, `"`)
	if !strings.Contains(serving, `"replica":"`) || !strings.Contains(serving, `"metrics_addr":"`+metrics) {
		t.Errorf("the line is %s", serving)
	}
	if status, body := get("http://" + metrics + "/metrics"); status != 200 || !strings.Contains(body, "\ncrm_ready 1\n") {
		t.Errorf("metrics: %d %s", status, body)
	}
	if status, _ := get("http://" + metrics + "/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("the port of the metrics has a profiler: %d", status)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(`"event":"stopping"`)
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the line comes a moment before
		status, body := get("http://" + addr + "/readyz")
		if status == http.StatusServiceUnavailable && strings.Contains(body, `"not_ready"`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz: %d %s, want 503 not_ready", status, body)
		}
	}
	if status, _ := get("http://" + addr + "/writes"); status != http.StatusUnauthorized {
		t.Errorf("a request: %d, want 401 as before", status)
	}
	if status, _ := get("http://" + addr + "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d, want 200", status)
	}
	if status, body := get("http://" + metrics + "/metrics"); status != 200 || !strings.Contains(body, "\ncrm_ready 0\n") {
		t.Errorf("metrics while it stops: %d", status)
	}
	until(`"event":"stopped"`)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
