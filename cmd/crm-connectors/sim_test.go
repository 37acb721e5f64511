//go:build !production

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

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

func TestSimulatorsThatCannotRunSayWhy(t *testing.T) {
	t.Parallel()
	for why, args := range map[string][]string{
		"listen for HubSpot": {"sim", "--hubspot-listen", "256.0.0.1:1"},
		"operation log":      {"sim", "--oplog", "/nowhere/at/all"},
	} {
		if code, _, stderr := call(t, args...); code != exitFailed || !strings.Contains(stderr, why) {
			t.Errorf("%v: code %d, stderr %q; want 1 and %q", args, code, stderr, why)
		}
	}
	if code, stdout, _ := call(t, "help", "sim"); code != exitOK || !strings.Contains(stdout, "--hubspot-listen ADDR") {
		t.Errorf("its help: code %d, %q", code, stdout)
	}
}
