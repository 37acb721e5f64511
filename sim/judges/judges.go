// Package judges holds software of others against the simulators: the clients that HubSpot's and Salesforce's
// users run, and a parser of SOQL. A simulator that suits its authors alone proves little; one that a published
// client can sign in to, write to and read from has the CRM's own shapes.
//
//	go test ─► Need: node, npm, `npm ci` of package-lock.json ─► node_modules
//	        ├► crm-connectors sim (its own process) ◄── node --test: hubspot.test.mjs, salesforce.test.mjs
//	        │        └► operation log ──────────────────► is what the tests say they wrote
//	        └► soql.mjs: one SOQL query a line in, what the parser read a line out
//
// The tests are run by `go test ./sim/judges`. By hand: start the simulators, then `npm test` with SIM_HUBSPOT,
// SIM_SALESFORCE (their URLs) and SIM_OPLOG (a fresh file) in the environment.
package judges

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// oldestNode is the oldest major version of Node that has a stable test runner and loads all the packages.
const oldestNode = 20

// ErrUnavailable says that this machine cannot run the judges: no Node, or no way to fetch the packages.
var ErrUnavailable = errors.New("the judges cannot run here")

// TB is what Need uses of a test.
type TB interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
	Skip(args ...any)
}

// Need installs the judges' packages into dir, which is this folder as the test sees it. Where that is not
// possible the test is skipped with the reason, or fails when CI=true: there the judges have to judge.
func Need(t TB, dir string) {
	t.Helper()
	err := install(t.Context(), dir)
	switch {
	case errors.Is(err, ErrUnavailable) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// install runs npm ci unless what package-lock.json asks for is there. It is safe to call from several processes
// at once, for the tests of two packages need it.
func install(ctx context.Context, dir string) error {
	if err := checkNode(ctx); err != nil {
		return err
	}
	lock, err := os.Open(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("judges: %w", err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("judges: wait for another npm ci: %w", err)
	}
	want, err := fingerprint(dir)
	if err != nil {
		return err
	}
	stamp := filepath.Join(dir, "node_modules", ".installed")
	if got, err := os.ReadFile(stamp); err == nil && string(got) == want {
		return nil
	}
	if err := npmCI(ctx, dir); err != nil {
		return err
	}
	// npm ci begins by removing node_modules, so a stamp is there only after a complete installation.
	if err := os.WriteFile(stamp, []byte(want), 0o600); err != nil {
		return fmt.Errorf("judges: %w", err)
	}
	return nil
}

func checkNode(ctx context.Context) error {
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return fmt.Errorf("%w: node --version: %w", ErrUnavailable, err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		return fmt.Errorf("%w: node is %s, want %d or newer", ErrUnavailable, strings.TrimSpace(string(out)), oldestNode)
	}
	return nil
}

func fingerprint(dir string) (string, error) {
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("judges: %w", err)
		}
		_, _ = sum.Write(text) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// offline are the causes by which npm says that it did not reach the registry.
var offline = regexp.MustCompile(`\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b`)

func npmCI(ctx context.Context, dir string) error {
	// No package needs its install script, so none gets to run one.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case offline.Match(out):
		return fmt.Errorf("%w: npm ci did not reach the registry:\n%s", ErrUnavailable, out)
	default:
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
}
