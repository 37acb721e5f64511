package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The verdicts of a row.
const (
	noticed    = "fails"
	notNoticed = "**passes**"
	notRun     = "not run"
)

// key is a breakage's row without its verdict.
func (b breakage) key() string { return fmt.Sprintf("| %s | %s |", b.item, b.broken) }

// readPage gives the verdicts of the page by their rows' keys.
func readPage(page string) (map[string]string, error) {
	text, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			known["|"+cells[1]+"|"+cells[2]+"|"] = strings.TrimSpace(cells[3])
		}
	}
	return known, nil
}

func pageOf(verdicts map[string]string) string {
	var b strings.Builder
	all := breakages()
	failing := len(slices.DeleteFunc(slices.Clone(all), func(b breakage) bool { return verdicts[b.key()] != noticed }))
	fmt.Fprintf(&b, intro, len(all), failing)
	b.WriteString("| item | the broken build | its test |\n| --- | --- | --- |\n")
	for _, one := range all {
		verdict := verdicts[one.key()]
		if verdict == "" {
			verdict = notRun
		}
		fmt.Fprintf(&b, "%s %s |\n", one.key(), verdict)
	}
	return b.String()
}

const intro = `# What the tests with Supabase's callers are worth

A test that cannot fail proves nothing. So the service is broken on purpose, in one place at a time, and the test of that item has to fail.
Items 01 to 34 are the tests TestSupabase01 to TestSupabase34, a to g the assertions of the published clients in
supabase/clients/clients.test.mjs, "browser" is the flow in Chromium and "tenants" the workspaces that share a pool of two.

This page is written by the command that does it:

    go run ./cmd/breakages                     # all, half an hour on two busy cores
    go run ./cmd/breakages --only redirect     # some; the other rows stay as they are

A test holds this page and the comments above the tests to the list in the command's source.

%d broken builds; of %d the test fails.

`
