package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The verdicts of a row.
const (
	noticed    = "fails"
	notNoticed = "**passes**"
	notRun     = "not run"
)

// page is where verdicts stand.
type page struct {
	file, intro string
	breakages   []breakage
}

func pages() []page {
	return []page{{"supabase-tests.md", introChecklist, checklist()}, {"security-tests.md", introThreats, slices.Concat(threats(), threatsToIntake(), threatsToDelivery())}}
}

func (p page) path(root string) string { return filepath.Join(root, "docs", p.file) }

// readPages gives the verdicts of all pages by their rows' keys.
func readPages(root string) (map[string]string, error) {
	known := map[string]string{}
	for _, p := range pages() {
		if err := p.read(root, known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

func writePages(root string, verdicts map[string]string) error {
	var all error
	for _, p := range pages() {
		all = errors.Join(all, os.WriteFile(p.path(root), []byte(p.text(verdicts)), 0o644)) // a page of the repository, for everybody to read
	}
	return all
}

// key is a breakage's row without its verdict.
func (b breakage) key() string { return fmt.Sprintf("| %s | %s |", b.item, b.broken) }

func (p page) read(root string, known map[string]string) error {
	text, err := os.ReadFile(p.path(root))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			known["|"+cells[1]+"|"+cells[2]+"|"] = strings.TrimSpace(cells[3])
		}
	}
	return nil
}

func (p page) text(verdicts map[string]string) string {
	var b strings.Builder
	failing := len(slices.DeleteFunc(slices.Clone(p.breakages), func(b breakage) bool { return verdicts[b.key()] != noticed }))
	fmt.Fprintf(&b, p.intro, len(p.breakages), failing)
	b.WriteString("| item | the broken build | its test |\n| --- | --- | --- |\n")
	for _, one := range p.breakages {
		verdict := verdicts[one.key()]
		if verdict == "" {
			verdict = notRun
		}
		fmt.Fprintf(&b, "%s %s |\n", one.key(), verdict)
	}
	return b.String()
}

const introChecklist = `# What the tests with Supabase's callers are worth

A test that cannot fail proves nothing. So the service is broken on purpose, in one place at a time, and the test of that item has to fail.
Items 01 to 34 are the tests TestSupabase01 to TestSupabase34, a to g the assertions of the published clients in
supabase/clients/clients.test.mjs, "browser" is the flow in Chromium and "tenants" the workspaces that share a pool of two.

This page is written by the command that does it:

    go run ./cmd/breakages                     # all, half an hour on two busy cores
    go run ./cmd/breakages --only redirect     # some; the other rows stay as they are

A test holds this page and the comments above the tests to the list in the command's source.

%d broken builds; of %d the test fails.

`

const introThreats = `# What the tests of the threats are worth

For each threat of [security.md](security.md) what stands against it is taken away, in one place at a time, and the tests that play the attack have to notice:
T01 are TestThreat01_ and FuzzThreat01_ with its committed inputs, and so on.

This page is written by the command that does it:

    go run ./cmd/breakages --only "T07 "       # one threat; the other rows stay as they are
    go run ./cmd/breakages --missed            # what does not stand here as failing; after a merge it needs no more than the rows of both sides

A test holds this page to the list in the command's source, and that list to the tests.

%d broken builds; of %d the test fails.

`
