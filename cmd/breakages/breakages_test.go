package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm-connectors/cmd/overlay"
)

func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := overlay.Root(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestEveryBreakageHasItsPlaceAndEveryItemABreakage(t *testing.T) {
	t.Parallel()
	root := repository(t)
	left := map[string]bool{browser: true, tenants: true}
	for n := 1; n <= 34; n++ {
		left[fmt.Sprintf("%02d", n)] = true
	}
	for _, letter := range "abcdefg" {
		left[string(letter)] = true
	}
	for n := 1; n <= 29; n++ { // the rows of docs/security.md
		left[fmt.Sprintf("T%02d", n)] = true
	}
	seen := map[string]bool{}
	for _, b := range breakages() {
		if seen[b.key()] || b.broken == "" || len(b.edits) == 0 || strings.Contains(b.broken, "|") {
			t.Errorf("%s: %q needs edits and words of its own, without bars", b.item, b.broken)
		}
		seen[b.key()] = true
		delete(left, b.item)
		if _, err := overlay.Apply(root, b.edits); err != nil {
			t.Errorf("%s, %s: %v", b.item, b.broken, err)
		}
	}
	if len(left) > 0 {
		t.Errorf("items without a broken build: %v", left)
	}
}

func TestThePagesHaveEveryBreakageAndNoneThatATestMisses(t *testing.T) {
	t.Parallel()
	root := repository(t)
	known, err := readPages(root)
	if err != nil {
		t.Fatal(err)
	}
	failing := map[string]bool{}
	for _, b := range breakages() {
		verdict := known[b.key()]
		failing[b.item] = failing[b.item] || verdict == noticed
		if verdict == notNoticed {
			t.Errorf("%s: no test misses that %s", b.item, b.broken)
		}
	}
	for item, seen := range failing {
		if !seen {
			t.Errorf("%s: its test was not seen to fail; go run ./cmd/breakages --only %q", item, item+" ")
		}
	}
	for _, p := range pages() {
		if text, err := os.ReadFile(p.path(root)); err != nil || string(text) != p.text(known) {
			t.Errorf("%s is not as the command writes it: %v", p.file, err)
		}
	}
}

// The lines above each test of the checklist are the breakages of its item, in their order.
func TestTheCommentsAboveTheTestsAreTheBreakages(t *testing.T) {
	t.Parallel()
	root := repository(t)
	want := map[string][]string{}
	for _, b := range checklist() {
		pattern, _ := b.pattern()
		want[pattern] = append(want[pattern], b.comment())
	}
	var tests []string
	for _, folder := range []string{"supabase", "api"} {
		files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Clean(file))
			if err != nil {
				t.Fatal(err)
			}
			tests = append(tests, regexp.MustCompile(`(?m)(?:^//.*\n)*^func Test\w+`).FindAllString(string(text), -1)...)
		}
	}
	for pattern, lines := range want {
		at := slices.IndexFunc(tests, func(test string) bool {
			return regexp.MustCompile(pattern).MatchString(test[strings.LastIndex(test, "func ")+len("func "):])
		})
		if at < 0 {
			t.Errorf("there is no test %s", pattern)
			continue
		}
		var got []string
		for line := range strings.Lines(tests[at]) {
			if strings.HasPrefix(line, "// Broken by") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		if !slices.Equal(got, lines) {
			t.Errorf("above %s stands\n%s\nwant\n%s", pattern, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
}

func TestABrokenBuildIsNoticedOnlyByTheTestOfItsItem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		item, out string
		want      bool
	}{
		{"04", "--- FAIL: TestSupabase04_APreflight (1.2s)\n", true},
		{"04", "--- FAIL: TestSupabase05_Else (1.2s)\n", false},
		{"b", "    not ok 2 - supabase-js-newest: b. without a session nobody is let in\n--- FAIL: " + clientsTest + "\n", true},
		{"b", "    not ok 2 - supabase-js-newest: c. a service\n--- FAIL: " + clientsTest + "\n", false},
		{browser, "--- FAIL: TestAPersonConnectsFromAPageOfAnotherOrigin (2s)\n", true},
		{"T06", "--- FAIL: FuzzThreat06_RedirectTargets (0.01s)\n", true},
		{"T06", "    --- FAIL: TestThreat06_X/y (0s)\n--- FAIL: TestThreat07_X (1s)\n", false},
	} {
		if got := (breakage{item: c.item}).seen([]byte(c.out)); got != c.want {
			t.Errorf("%s: %v of %q", c.item, got, c.out)
		}
	}
}
