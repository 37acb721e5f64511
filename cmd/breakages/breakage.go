package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"crm-connectors/cmd/overlay"
)

type edit = overlay.Edit

// in is a change of one place of a file.
func in(file, before, after string) []edit { return []edit{{In: file, Old: before, New: after}} }

// breakage is a build that is wrong in one way.
type breakage struct {
	item   string // of the checklist: 01 to 34, a letter of the clients' assertions, or one of those below; T01 to T29: a threat
	folder string // where the test of a threat is
	broken string // what the build does; unique in its item
	edits  []edit
}

// Tests besides those of the checklist.
const (
	browser = "browser"
	tenants = "tenants"
)

// clientsTest runs the assertions a to g, each a test of Node's.
const clientsTest = "TestPublishedClientsOfSupabaseGetWhatTheyExpect"

// breakages are all of them, in the order of their pages.
func breakages() []breakage {
	var all []breakage
	for _, p := range pages() {
		all = append(all, p.breakages...)
	}
	return all
}

// checklist are the items of what Supabase's callers rely on, in its order.
func checklist() []breakage {
	return slices.Concat(routing(), identity(), bodies(), oauth(), callers(), postgres(), clients())
}

// isLetter says whether an item is one of the clients' assertions.
func isLetter(item string) bool { return len(item) == 1 }

// threat is the number of the threat that an item is.
func threat(item string) (number string, is bool) { return strings.CutPrefix(item, "T") }

// pattern is the -run of the item's test, and folder where it is.
func (b breakage) pattern() (pattern, folder string) {
	if number, is := threat(b.item); is {
		return "^(Test|Fuzz)Threat" + number + "_", "./" + b.folder
	}
	switch {
	case b.item == "05": // it makes the service panic and wait, which the built program cannot be asked to
		return "^TestSupabase05_", "./api"
	case b.item == browser:
		return "^TestAPersonConnectsFromAPageOfAnotherOrigin$", "./supabase"
	case b.item == tenants:
		return "^TestNoRowCrossesBetweenWorkspacesThatShareTwoConnections$", "./supabase"
	case isLetter(b.item):
		return "^" + clientsTest + "$", "./supabase"
	}
	return "^TestSupabase" + b.item + "_", "./supabase"
}

// seen says whether the output of a failed run is that of this item: all assertions of the clients are one test of Go's.
func (b breakage) seen(out []byte) bool {
	pattern, _ := b.pattern()
	failed := `(?m)^--- FAIL: ` + strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	if isLetter(b.item) {
		failed = `(?m)^\s*not ok \d+ - \S+: ` + b.item + `\. `
	}
	return regexp.MustCompile(failed).Match(out)
}

// comment is the line that stands above the item's test.
func (b breakage) comment() string {
	if isLetter(b.item) {
		return fmt.Sprintf("// Broken by, for %s: %s.", b.item, b.broken)
	}
	return fmt.Sprintf("// Broken by: %s.", b.broken)
}
