package supabase_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim"
	"crm-connectors/sim/judges"

	"github.com/google/uuid"
)

// clientTests are the tests that clients.test.mjs has: eight for each of two releases of supabase-js.
const clientTests = 16

// Broken by, for a: a publishable key beside a person's token hides the person.
// Broken by, for b: the code of a failure is in the body alone.
// Broken by, for c: the service_role key counts as nobody.
// Broken by, for d: the header Idempotency-Key does not stand for a missing event.
// Broken by, for e: a wrong method is a path that does not exist.
// Broken by, for f: a success of the service's own is text/plain.
// Broken by, for g: the header x-region, which the SDK sends, is not allowed.
func TestPublishedClientsOfSupabaseGetWhatTheyExpect(t *testing.T) {
	t.Parallel()
	judges.Need(t, "clients")
	node := node22(t)
	s, killed := start(t, options{}), start(t, options{})
	_ = killed.process.Process.Kill()
	if err := <-killed.ended; err == nil {
		t.Error("the service that was killed ended as if it had been asked to")
	}
	user, workspace := uuid.NewString(), uuid.New()
	s.member(user, workspace)
	s.connectAs(workspace, "hubspot", "apikey", secretKey)
	if err := s.hub.Core().Faults.Add(sim.Fault{Path: "/crm/", Kind: sim.FaultDelay, LatencyMS: 400, Times: -1}); err != nil {
		t.Fatal(err)
	}
	hub := s.begin("hubspot", &workspace, "", "apikey", secretKey)
	given := encode(t, map[string]any{"url": s.url, "killed": killed.url, "publishable": publishableKey, "secret": secretKey, "serviceRole": projectKey(t, "service_role"),
		"token": hs256(t, user), "workspace": workspace, "other": uuid.New(), "hubspot": hub[:strings.Index(hub, "/oauth/")]})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--test", "--test-reporter=tap", "clients.test.mjs")
	cmd.Dir = "clients"
	cmd.Env = append(os.Environ(), "SERVICE="+given)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
	if passed := regexp.MustCompile(`(?m)^# pass (\d+)$`).FindSubmatch(out); passed == nil || string(passed[1]) != "16" {
		t.Errorf("want %d tests passed:\n%s", clientTests, out)
	}
	for _, release := range []string{"supabase-js-newest", "supabase-js-2-109"} {
		s.eventually("the service sees that "+release+" gave up", func() bool {
			return regexp.MustCompile(`"request_id":"given-up-` + release + `".*"client_gone":true`).MatchString(s.log.text())
		})
	}
}

// node22 is the Node that the newest client wants, which npm has brought beside it.
func node22(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	program, err := filepath.Abs(filepath.Join("clients", "node_modules", "node-"+runtime.GOOS+"-"+arch, "bin", "node"))
	if err == nil && isFile(program) {
		return program
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("CI needs Node 22 in %s", program)
	}
	t.Skip("npm has no Node 22 for this machine")
	return ""
}

// runNode runs main.mjs of a folder until the test ends, with the address to listen on and that of the service.
func runNode(t *testing.T, dir, listen, service string) {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI needs Node")
		}
		t.Skip("no Node")
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "main.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LISTEN_PORT="+listen[strings.LastIndex(listen, ":")+1:], "CRM_CONNECTORS_URL="+service)
	said := &record{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(30 * time.Second); !strings.Contains(said.text(), "listening"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("Node does not listen: %s", said.text())
		}
	}
}
