package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheDrawnLifeOfAWriteIsTheOneThatTheDatabaseAllows(t *testing.T) {
	t.Parallel()
	page := readPage(t, "architecture.md")
	var drawn []string
	for _, m := range regexp.MustCompile(`(?m)^  (\w+) --> (\w+): .+$`).FindAllStringSubmatch(page.text, -1) {
		drawn = append(drawn, m[1]+" to "+m[2])
	}
	sql, err := os.ReadFile("../../migrations/20261124000002_state_machine.sql")
	if err != nil {
		t.Fatal(err)
	}
	var allowed []string
	for _, m := range regexp.MustCompile(`when '(\w+)'\s+then array\[([^\]]+)\]`).FindAllStringSubmatch(string(sql), -1) {
		for to := range strings.SplitSeq(m[2], ",") {
			allowed = append(allowed, m[1]+" to "+strings.Trim(to, " '"))
		}
	}
	slices.Sort(drawn)
	slices.Sort(allowed)
	if len(allowed) < 20 || !slices.Equal(drawn, allowed) {
		t.Errorf("drawn:\n%s\nallowed:\n%s", strings.Join(drawn, "\n"), strings.Join(allowed, "\n"))
	}
}

func TestThePagesForBeginnersNameWhatExists(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"quick-start.md", "architecture.md", "api-guide.md"} {
		page := readPage(t, name)
		if name != "api-guide.md" { // whose calls are made by another test
			page.namesRoutes(0)
		}
		page.namesCommands()
		page.leadsSomewhere()
	}
}

// Every page of docs/ is led to from the README or from a page that is.
func TestEveryPageIsLedTo(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(docs)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		page := readPage(t, name)
		for _, m := range linkInText.FindAllStringSubmatch(page.text, -1) {
			to := strings.TrimPrefix(m[1], "docs/")
			if strings.HasSuffix(to, ".md") && !strings.Contains(to, "/") && !seen[to] {
				if _, err := os.Stat(docs + "/" + to); err == nil {
					seen[to] = true
					follow(to)
				}
			}
		}
	}
	follow("../README.md")
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md") && !seen[e.Name()] {
			t.Errorf("nothing leads to docs/%s", e.Name())
		}
	}
}
