package supabase_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim/judges"

	"github.com/google/uuid"
)

// blocks are the pieces of code of a page, by their language.
func blocks(t *testing.T, page string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, m := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		all[m[1]] = append(all[m[1]], m[2])
	}
	return all
}

// guided runs a piece of code of the guide and gives what it prints.
func (s *service) guided(workspace uuid.UUID, dir, program string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SERVICE="+s.url, "SERVICE_KEY="+secretKey, "WORKSPACE="+workspace.String(), "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// installed is where a program is. Where it is not, the test is skipped, and fails when CI=true.
func installed(t *testing.T, program string) string {
	t.Helper()
	at, err := exec.LookPath(program)
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("CI needs %s: apt-get install %[1]s", program)
	case err != nil:
		t.Skipf("no %s", program)
	}
	return at
}

func TestEachPieceOfTheGuideDoesWhatItSays(t *testing.T) {
	t.Parallel()
	code := blocks(t, "api-guide.md")
	if len(code["sh"]) != 3 || len(code["js"]) != 1 || len(code["go"]) != 1 || len(code["python"]) != 1 {
		t.Fatalf("the guide has %d, %d, %d and %d pieces", len(code["sh"]), len(code["js"]), len(code["go"]), len(code["python"]))
	}
	s := start(t, options{})
	workspace := uuid.New()
	s.connectAs(workspace, "hubspot", "apikey", secretKey)
	wants := func(t *testing.T, out string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(out, word) {
				t.Errorf("it prints %q, without %q", out, word)
			}
		}
	}
	t.Run("curl", func(t *testing.T) {
		installed(t, "curl")
		wants(t, s.guided(workspace, t.TempDir(), "sh", "-ec", code["sh"][0]), `"status":"succeeded"`, `"object_type":"task"`)
		wants(t, s.guided(workspace, t.TempDir(), "sh", "-ec", code["sh"][1]), "contact.email")
		wants(t, s.guided(workspace, t.TempDir(), "sh", "-ec", code["sh"][2]), `"attempts":[{`)
	})
	t.Run("Go", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(code["go"][0]), 0o600); err != nil {
			t.Fatal(err)
		}
		wants(t, s.guided(workspace, filepath.Dir(file), "go", "run", file), `"status":"succeeded"`)
	})
	t.Run("Python", func(t *testing.T) {
		wants(t, s.guided(workspace, t.TempDir(), installed(t, "python3"), "-c", code["python"][0]), "hubspot contact succeeded")
	})
	t.Run("supabase-js", func(t *testing.T) {
		judges.Need(t, "clients")
		file := filepath.Join("clients", "guide-"+uuid.NewString()+".mjs") // beside the packages that it imports
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(code["js"][0], "'@supabase/supabase-js'", "'supabase-js-newest'")), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(file) })
		wants(t, s.guided(workspace, "clients", node22(t), filepath.Base(file)), "hubspot contact succeeded")
	})
}
