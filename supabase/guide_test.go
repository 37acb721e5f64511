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
	out, err := s.piece(workspace, dir, program, args...)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return out
}

func (s *service) piece(workspace uuid.UUID, dir, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SERVICE="+s.url, "SERVICE_KEY="+secretKey, "WORKSPACE="+workspace.String(), "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	return string(out), err
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

// language is how pieces of one language are run.
type language struct {
	name    string
	changed [2]string // a word of the first piece, and another in its place that makes the outcome another one
	batched []string  // what the second piece prints
	run     func(t *testing.T, piece string) (dir, program string, args []string)
}

func languages() []language {
	write := func(t *testing.T, file, piece string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(piece), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []language{
		{name: "go", changed: [2]string{"Noether", "Nother"}, batched: []string{"0 accepted", "1 refused contact.email", "lise@example.com succeeded 1 tries"},
			run: func(t *testing.T, piece string) (string, string, []string) {
				dir := t.TempDir()
				write(t, filepath.Join(dir, "main.go"), piece)
				return dir, "go", []string{"run", "main.go"}
			}},
		{name: "python", changed: [2]string{"Kowalewskaja", "Krukowskaja"}, batched: []string{"0 accepted", "1 refused contact.email", "contact rosalind@example.com succeeded 1 tries"},
			run: func(t *testing.T, piece string) (string, string, []string) {
				return t.TempDir(), installed(t, "python3"), []string{"-c", piece}
			}},
		{name: "js", changed: [2]string{"Somerville", "Fairfax"}, batched: []string{"0 accepted", "1 refused contact.email", "contact hedy@example.com succeeded 1 tries"},
			run: func(t *testing.T, piece string) (string, string, []string) {
				judges.Need(t, "clients")
				file := "guide-" + uuid.NewString() + ".mjs" // beside the packages that it imports
				write(t, filepath.Join("clients", file), strings.ReplaceAll(piece, "'@supabase/supabase-js'", "'supabase-js-newest'"))
				t.Cleanup(func() { _ = os.Remove(filepath.Join("clients", file)) })
				return "clients", node22(t), []string{file}
			}},
	}
}

func wants(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(out, word) {
			t.Errorf("it prints %q, without %q", out, word)
		}
	}
}

func TestEachPieceOfTheGuideDoesWhatItSays(t *testing.T) {
	t.Parallel()
	code := blocks(t, "api-guide.md")
	if len(code["sh"]) != 4 || len(code["js"]) != 2 || len(code["go"]) != 2 || len(code["python"]) != 2 {
		t.Fatalf("the guide has %d, %d, %d and %d pieces", len(code["sh"]), len(code["js"]), len(code["go"]), len(code["python"]))
	}
	s := start(t, options{})
	workspace := uuid.New()
	s.connectAs(workspace, "hubspot", "apikey", secretKey)
	t.Run("curl", func(t *testing.T) {
		installed(t, "curl")
		wants(t, s.guided(workspace, t.TempDir(), "sh", "-ec", code["sh"][0]), `"status":"succeeded"`, `"object_type":"task"`)
		wants(t, s.guided(workspace, t.TempDir(), "sh", "-ec", code["sh"][1]), "contact.email")
		wants(t, s.guided(workspace, t.TempDir(), "sh", "-ec", code["sh"][2]), `"attempts":[{`)
		wants(t, s.guided(workspace, t.TempDir(), "sh", "-ec", code["sh"][3]), "\n409\n", "idempotency_conflict", "stored_payload_hash", "sent_payload_hash")
	})
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			for n, piece := range code[l.name] {
				dir, program, args := l.run(t, piece)
				out := s.guided(workspace, dir, program, args...)
				if n == 0 {
					wants(t, out, "contact", "succeeded")
				} else {
					wants(t, out, l.batched...)
				}
			}
			dir, program, args := l.run(t, strings.Replace(code[l.name][0], l.changed[0], l.changed[1], 1))
			out, err := s.piece(workspace, dir, program, args...)
			if err == nil {
				t.Errorf("another content under the same id is no failure: %s", out)
			}
			wants(t, out, "idempotency_conflict", "request_id")
		})
	}
}

// The pieces that repeat wait as long as they are told.
func TestAPieceOfTheGuideThatIsSentAwayComesBackLater(t *testing.T) {
	t.Parallel()
	code := blocks(t, "api-guide.md")
	s := start(t, options{env: []string{"RATE_LIMIT_SERVICE=20"}})
	workspace := uuid.New()
	s.connectAs(workspace, "hubspot", "apikey", secretKey)
	for _, l := range languages()[:2] { // supabase-js repeats nothing by itself
		t.Run(l.name, func(t *testing.T) {
			dir, program, args := l.run(t, code[l.name][0])
			if l.name == "go" { // built beforehand: the wait is over soon
				s.guided(workspace, dir, program, "build", "-o", "piece", "main.go")
				program, args = filepath.Join(dir, "piece"), nil
			}
			for range 5 { // on a busy machine the wait may be over before the piece begins
				s.useUp(workspace)
				before := strings.Count(s.log.text(), `"status":429`)
				wants(t, s.guided(workspace, dir, program, args...), "contact", "succeeded")
				if strings.Count(s.log.text(), `"status":429`) > before {
					return
				}
			}
			t.Error("the piece was never sent away")
		})
	}
}

// useUp asks until the key is told to wait.
func (s *service) useUp(workspace uuid.UUID) {
	s.t.Helper()
	r := reply{status: 200}
	for n := 0; r.status == 200 && n < 50; n++ {
		r = s.asService("GET", "/functions/v1/writes?workspace_id="+workspace.String(), nil)
	}
	s.refused(r, 429, "rate_limited")
	if r.header.Get("Retry-After") == "" {
		s.t.Error("nobody says how long to wait")
	}
}
