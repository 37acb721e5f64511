package salesforce

import (
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/connectors/connectorstest"
)

func TestTheCatalogueHasEveryCodeOfThePackage(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, f := range Failures() {
		known[f.Code] = true
	}
	for code, places := range connectorstest.CodesInSource(t, ".", "..") {
		if !known[code] {
			t.Errorf("the code %s of %s is not in Failures()", code, strings.Join(places, ", "))
		}
	}
}

// What is written out by hand in the catalogue ends when its code does.
func TestTheCatalogueHasNoCodeThatThePackageLost(t *testing.T) {
	t.Parallel()
	used := connectorstest.CodesInSource(t, ".", "..")
	for _, f := range append(connectionFailures(), writeFailures()...) {
		if used[f.Code] == nil {
			t.Errorf("nothing makes an error %s", f.Code)
		}
	}
}

func TestEveryLineOfTheCatalogueReadsAsSentences(t *testing.T) {
	t.Parallel()
	seen := map[connectors.Failure]bool{}
	for _, f := range Failures() {
		if f.Code == "" || f.Class == "" || f.Source == "" || strings.ContainsAny(f.Cause+f.Action, "{}") ||
			!strings.HasSuffix(f.Cause, ".") || !strings.HasSuffix(f.Action, ".") || strings.HasSuffix(f.Cause, "..") {
			t.Errorf("%+v: want a code, a class, a source and two sentences without placeholders", f)
		}
		if seen[f] {
			t.Errorf("%s stands there twice alike", f.Code)
		}
		seen[f] = true
	}
}
