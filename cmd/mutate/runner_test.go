package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crm-connectors/cmd/overlay"
)

// tiny is a module with a simulator that answers 2 and a connector whose tests want it.
func tiny(t *testing.T) *runner {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":            "module tiny\n\ngo 1.24\n",
		"sim/hub/hub.go":    "package hub\n\nfunc Answer() int { return 2 }\n\nfunc Check(n int) bool { return n < 10 }\n",
		"connectors/con.go": "package connectors\n\nfunc Sent() int { return 1 }\n",
		"connectors/hubspot/hub_test.go": `package hubspot

import (
	"testing"

	"tiny/connectors"
	"tiny/sim/hub"
)

func TestTheAnswerIsTwo(t *testing.T) {
	if hub.Answer() != 2 {
		t.Fatal("it is not")
	}
}

func TestWhatIsSentIsTaken(t *testing.T) {
	if !hub.Check(connectors.Sent()) {
		t.Fatal("it is not")
	}
}
`,
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return &runner{root: root, work: t.TempDir(), out: io.Discard, at: time.Now()}
}

func TestARunTellsWhichTestsMissABehaviour(t *testing.T) {
	t.Parallel()
	r := tiny(t)
	err := r.all(t.Context(), []behaviour{
		{crm: hubspot, name: "the answer is two", sim: in("sim/hub/hub.go", "return 2", "return 3")},
		{crm: hubspot, name: "ten is too many", sim: in("sim/hub/hub.go", "n < 10", "true"),
			wrong: "sends more", connector: in("connectors/con.go", "return 1", "return 11")},
		{crm: hubspot, name: "nobody looks", sim: in("sim/hub/hub.go", "n < 10", "n < 11")},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.found {
		got = append(got, f.verdict())
	}
	want := "TestTheAnswerIsTwo; not missed, but a connector that sends more is: TestWhatIsSentIsTaken; " + notCaught
	if all := strings.Join(got, "; "); all != want {
		t.Errorf("got  %s\nwant %s", all, want)
	}
}

func TestAChangeThatHasNoPlaceOrDoesNotCompileIsAnErrorAndNoCatch(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]overlay.Edit{
		"no place": in("sim/hub/hub.go", "return 7", "return 8"),
		"no Go":    in("sim/hub/hub.go", "return 2", "return two"),
	} {
		r := tiny(t)
		if err := r.all(t.Context(), []behaviour{{crm: hubspot, name: name, sim: edits}}, 1); err == nil || len(r.found) != 0 {
			t.Errorf("%s: got %v and %d results, want an error", name, err, len(r.found))
		}
	}
}

func TestAPageKeepsTheRowsThatWereNotRun(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "simulators.md")
	all := behaviours()
	one, two := result{behaviour: all[0], caught: []string{"TestOne"}}, result{behaviour: all[1]}
	for _, found := range [][]result{{one}, {two}} {
		if err := rewrite(page, found); err != nil {
			t.Fatal(err)
		}
	}
	known, err := verdicts(page)
	if err != nil || known[all[0].row()] != "TestOne" || known[all[1].row()] != notCaught || known[all[2].row()] != notRun {
		t.Errorf("got %q, %q, %q, %v; want the test, not caught, not run", known[all[0].row()], known[all[1].row()], known[all[2].row()], err)
	}
	left, err := unseen(page, behaviours())
	if err != nil || len(left) != len(all)-1 || left[0].name != all[1].name {
		t.Errorf("%d are left, %v; want all but the first", len(left), err)
	}
}
