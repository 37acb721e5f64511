package main

import (
	"os"
	"path/filepath"
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
	for _, name := range []string{"quick-start.md", "architecture.md", "api-guide.md", "connect-hubspot.md", "connect-salesforce.md"} {
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

// What pages call by a name with underscores is an error code, a metric, a field, a table or a word of the contract, all of which other tests hold
// against the program.
func TestEveryNameOfAnOperatorsPageExists(t *testing.T) {
	t.Parallel()
	var known strings.Builder
	for _, pattern := range []string{docs + "/failures.md", docs + "/observability.md", docs + "/benchmarks.md", "../../openapi.yaml", "../../migrations/*.sql", "failure.go", "remote.go", "variables.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Clean(file))
			if err != nil {
				t.Fatal(err)
			}
			known.Write(text)
		}
	}
	words := map[string]bool{}
	for _, word := range regexp.MustCompile(`[a-z]+(?:_[a-z0-9]+)+`).FindAllString(known.String(), -1) {
		words[word] = true
	}
	postgres := []string{"pg_replication_slots", "pg_dump", "pg_dumpall", "pool_mode", "app_metadata", "user_metadata", "raw_app_meta_data", "process_resident_memory_bytes"} // Supabase's and Prometheus' too
	names := regexp.MustCompile("`([a-z]+(?:_[a-z0-9]+)+)`")
	for _, name := range []string{"runbook.md", "console.md", "cli.md", "deployment.md", "quick-start.md", "architecture.md", "api-guide.md", "security.md", "scale.md", "connect-hubspot.md", "connect-salesforce.md"} {
		for _, m := range names.FindAllStringSubmatch(readPage(t, name).text, -1) {
			if !words[m[1]] && !slices.Contains(postgres, m[1]) {
				t.Errorf("%s names %s, which is nowhere", name, m[1])
			}
		}
	}
}
