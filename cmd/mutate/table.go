package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

const (
	notCaught = "**not caught**"
	notMissed = "not missed"
	notRun    = "not run"
)

// verdict is the last cell of a behaviour's row.
func (r result) verdict() string {
	switch {
	case len(r.caught) > 0:
		return few(r.caught)
	case len(r.wrongs) > 0:
		return fmt.Sprintf("%s, but a connector that %s is: %s", notMissed, r.wrong, few(r.wrongs))
	}
	return notCaught
}

// few names the first tests and counts the others.
func few(names []string) string {
	const most = 2
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// row is a line of the table.
type row struct{ crm, name, off, verdict string }

func (r row) String() string { return fmt.Sprintf("| %s | %s | %s |", r.name, r.off, r.verdict) }

// verdicts are those of a page, by the rest of their rows.
func verdicts(page string) (map[row]string, error) {
	text, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	known := map[row]string{}
	for _, r := range readRows(string(text)) {
		known[row{crm: r.crm, name: r.name, off: r.off}] = r.verdict
	}
	return known, nil
}

// row is the behaviour's, without a verdict.
func (b behaviour) row() row { return row{crm: b.crm, name: b.name, off: b.off} }

// unseen are the behaviours that no test of the page misses, or that it has not seen.
func unseen(page string, chosen []behaviour) ([]behaviour, error) {
	known, err := verdicts(page)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(chosen, func(b behaviour) bool {
		return !slices.Contains([]string{"", notRun, notCaught}, known[b.row()])
	}), nil
}

// rewrite puts results into the page; the rows of behaviours that were not run stay as they are.
func rewrite(page string, found []result) error {
	known, err := verdicts(page)
	if err != nil {
		return err
	}
	for _, f := range found {
		known[f.row()] = f.verdict()
	}
	var rows []row
	for _, b := range behaviours() {
		r := b.row()
		if r.verdict = known[r]; r.verdict == "" {
			r.verdict = notRun
		}
		rows = append(rows, r)
	}
	return os.WriteFile(page, []byte(pageOf(rows)), 0o644) // a page of the repository, for everybody to read
}

// readRows takes the rows out of a page.
func readRows(page string) []row {
	var out []row
	crm := ""
	for _, line := range strings.Split(page, "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			crm = strings.ToLower(title)
		}
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| what the CRM does") {
			continue
		}
		out = append(out, row{crm, strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])})
	}
	return out
}

// tally counts the rows of a CRM by how they ended.
func tally(rows []row, crm string) (all, caught, checks int) {
	for _, r := range rows {
		switch {
		case r.crm != crm:
			continue
		case strings.HasPrefix(r.verdict, notMissed):
			checks++
		case r.verdict != notCaught && r.verdict != notRun:
			caught++
		}
		all++
	}
	return all, caught, checks
}

func pageOf(rows []row) string {
	var b strings.Builder
	b.WriteString(intro)
	for _, crm := range []struct{ name, title string }{{hubspot, "HubSpot"}, {salesforce, "Salesforce"}} {
		all, caught, checks := tally(rows, crm.name)
		fmt.Fprintf(&b, "\n## %s\n\n%d behaviours. Switched off, %d of them make a test fail. Of the others, %d are checks that a wrong connector meets.\n\n",
			crm.title, all, caught, checks)
		b.WriteString("| what the CRM does | switched off | tests that fail |\n| --- | --- | --- |\n")
		for _, r := range rows {
			if r.crm == crm.name {
				b.WriteString(r.String() + "\n")
			}
		}
	}
	return b.String()
}

const intro = `# What the simulators' behaviours are worth

A simulator is faithful enough when a connector that is wrong about the CRM fails on it. So each behaviour of the simulators is switched
off, one at a time, and the connector's tests run against what is left: a test has to notice.

This page is written by the command that does it:

    go run ./cmd/mutate                                # all, about half an hour on two cores
    go run ./cmd/mutate --crm hubspot --only 'lag'     # some; the other rows stay as they are

The tests stop at the first failure, so the names are those of the tests that happened to be first. Some behaviours are checks of what a client
sends. A connector that sends what it should does not miss them when they are off; there the connector is made wrong instead, and has to
fail with the check on ("not missed, but a connector that … is: …"). A test holds this page to the list of behaviours, and the list to
the simulators' source.
`
