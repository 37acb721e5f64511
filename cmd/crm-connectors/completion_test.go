package main

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// completionFor is what the program prints for a shell.
func completionFor(t *testing.T, shell string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), env{args: []string{"completion", shell}, getenv: func(string) string { return "" }, stdout: &out, stderr: &errs}); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	return out.String()
}

func TestBashCompletesCommandsTasksAndFlags(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("bash")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("CI needs bash")
	case err != nil:
		t.Skip("no bash")
	}
	script := completionFor(t, "bash")
	for typed, want := range map[string][]string{
		"":                     {"serve", "doctor", "status", "writes", "help"},
		"do":                   {"doctor"},
		"writes ":              {"list", "show", "retry", "resolve", "cancel", "--json", "--workspace"},
		"writes l":             {"list"},
		"connections list --w": {"--workspace"},
		"keys r":               {"rotate", "reencrypt"},
		"doctor --":            {"--json"},
	} {
		words := strings.Split("crm-connectors "+typed, " ")
		ask := script + "\nCOMP_WORDS=('" + strings.Join(words, "' '") + "')\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_crm_connectors\nprintf '%s\\n' \"${COMPREPLY[@]}\""
		out, err := exec.CommandContext(t.Context(), program, "-c", ask).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		given := strings.Fields(string(out))
		for _, word := range want {
			if !slices.Contains(given, word) {
				t.Errorf("after %q bash offers %v, without %s", typed, given, word)
			}
		}
		if last := words[len(words)-1]; slices.ContainsFunc(given, func(word string) bool { return !strings.HasPrefix(word, last) }) {
			t.Errorf("after %q bash offers %v", typed, given)
		}
	}
}

func TestOtherShellsTakeTheScriptAsTheirOwn(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"zsh", "fish"} {
		script := completionFor(t, shell)
		for _, c := range commands() {
			if !strings.Contains(script, " "+c.name) {
				t.Errorf("%s: %s is not completed", shell, c.name)
			}
		}
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("no %s: only the words were looked at", shell)
			continue
		}
		cmd := exec.CommandContext(t.Context(), program, "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, out)
		}
	}
}

func TestACompletionIsForAShellThatIsKnown(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := run(t.Context(), env{args: []string{"completion", "tcsh"}, getenv: func(string) string { return "" }, stdout: &out, stderr: &errs}); code != exitUsage || out.Len() > 0 {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
}
