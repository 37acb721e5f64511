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
