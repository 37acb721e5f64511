package judges_test

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim/judges"
)

// atLeast is the number of tests that the clients' files hold at the least: a run that found fewer did not judge.
const atLeast = 38

func TestPublishedClientsSignInWriteAndReadAgainstTheSimulators(t *testing.T) {
	t.Parallel()
	noteSources(t)
	judges.Need(t, ".")
	opLog := filepath.Join(t.TempDir(), "operations.ndjson")
	urls := startSimulators(t, opLog)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=tap", "hubspot.test.mjs", "salesforce.test.mjs")
	cmd.Env = append(os.Environ(), "SIM_HUBSPOT="+urls["HubSpot"], "SIM_SALESFORCE="+urls["Salesforce"], "SIM_OPLOG="+opLog)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	passed := counted(out, "pass")
	t.Logf("%d tests passed, %d failed", passed, counted(out, "fail"))
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
	if passed < atLeast {
		t.Errorf("%d tests passed, want %d or more\n%s", passed, atLeast, out)
	}
}

// startSimulators runs the program as its users do and gives the URLs it prints, by CRM.
func startSimulators(t *testing.T, opLog string) map[string]string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "crm-connectors")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/crm-connectors")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "sim", "--hubspot-listen", "127.0.0.1:0", "--salesforce-listen", "127.0.0.1:0",
		"--oplog", opLog, "--auto-consent")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatalf("start the simulators: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	urls := map[string]string{}
	lines := bufio.NewScanner(stdout)
	for len(urls) < 2 && lines.Scan() {
		if name, url, found := strings.Cut(lines.Text(), " "); found {
			urls[name] = strings.TrimSpace(url)
		}
	}
	if urls["HubSpot"] == "" || urls["Salesforce"] == "" {
		t.Fatalf("the simulators printed %v and ended or stopped: %v", urls, lines.Err())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return urls
}

var summary = regexp.MustCompile(`(?m)^# (pass|fail) (\d+)$`)

func counted(tap []byte, what string) int {
	for _, m := range summary.FindAllStringSubmatch(string(tap), -1) {
		if n, err := strconv.Atoi(m[2]); err == nil && m[1] == what {
			return n
		}
	}
	return 0
}

// noteSources reads what the result depends on. go test remembers a result by the files that the test itself
// opened, and would otherwise not notice a change in a simulator or in a Node test.
func noteSources(t *testing.T) {
	t.Helper()
	for _, root := range []string{"..", "../../cmd"} {
		err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case e.IsDir() && e.Name() == "node_modules":
				return fs.SkipDir
			case e.Type().IsRegular():
				_, err = os.ReadFile(name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
