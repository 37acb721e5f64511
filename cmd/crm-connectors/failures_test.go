package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors/connectorstest"
	"crm-connectors/handlers"
)

var update = flag.Bool("update", false, "write docs/failures.md anew")

func TestTheDocumentedErrorCodesAreCurrent(t *testing.T) {
	t.Parallel()
	const path = "../../docs/failures.md"
	var now bytes.Buffer
	if err := writeCatalogue(&now, catalogue()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, now.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, now.Bytes()) {
		t.Error("docs/failures.md is not what the tables say: run go test ./cmd/crm-connectors -run ErrorCodesAreCurrent -update")
	}
}

func TestTheCatalogueComesAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if code := run(t.Context(), env{args: []string{"failures", "--json"}, getenv: os.Getenv, stdout: &out, stderr: io.Discard}); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	var sections []section
	if err := json.Unmarshal(out.Bytes(), &sections); err != nil || len(sections) != 4 {
		t.Fatalf("%d sections, %v; want 4", len(sections), err)
	}
	for _, s := range sections {
		seen := map[string]bool{}
		for _, c := range s.Codes {
			if seen[c.Code] {
				t.Errorf("%s: %s stands there twice", s.Title, c.Code)
			}
			seen[c.Code] = true
			for _, cause := range c.Causes {
				if cause.Means == "" || cause.Action == "" || cause.Source == "" || strings.Contains(cause.Means+cause.Action, "{") {
					t.Errorf("%s, %s: %+v is not complete", s.Title, c.Code, cause)
				}
			}
		}
	}
}

func TestEveryCodeOfTheHTTPAPIHasAStatusAndAnAction(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../api/api.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\tCode\w+ +Code = "(\w+)"`).FindAllSubmatch(source, -1)
	if actions := handlers.NextActions(); len(found) != len(actions) {
		t.Errorf("the contract has %d codes, the catalogue %d", len(found), len(actions))
	}
	for _, m := range found {
		code := api.ErrorCode(m[1])
		if handlers.NextActions()[code] == "" || (&api.Error{Code: code}).Text() == "" {
			t.Errorf("%s has no action or no meaning", code)
		}
	}
}

// Codes stand in SQL text as: error_code = 'x', error_code = case … then 'x' else 'y' end.
var (
	codeInSQL = regexp.MustCompile(`error_code = (?:case [^\n]*? end|'\w+')`)
	codeGiven = regexp.MustCompile(`error_code = \$\d,\s*(?:last_)?error`)
	// Or a constant goes in as a parameter.
	givenToSQL = regexp.MustCompile(`(?m)^(?:const |\t)(?:DependencyFailed|accountChanged) +=  *"(\w+)"`)
	wordInSQL  = regexp.MustCompile(`'(\w+)'`)
)

func TestTheCatalogueHasEveryCodeOfTheServiceItself(t *testing.T) {
	t.Parallel()
	used := map[string]string{}
	for _, dir := range []string{"../../delivery", "../../store", "../../connectors"} {
		if dir != "../../store" {
			for code, places := range connectorstest.CodesInSource(t, dir, "../../store", "../../connectors") {
				used[code] = strings.Join(places, ", ")
			}
			continue
		}
		for code, places := range connectorstest.CodesInSource(t, dir) {
			used[code] = strings.Join(places, ", ")
		}
		for code, place := range codesOfSQL(t, dir) {
			used[code] = place
		}
	}
	for _, code := range alarms(t) {
		used[code] = "an alarm of delivery"
	}
	known := map[string]bool{}
	for _, f := range ownFailures() {
		known[f.Code] = true
		if used[f.Code] == "" {
			t.Errorf("nothing sets the code %s", f.Code)
		}
	}
	for code, place := range used {
		if !known[code] {
			t.Errorf("the code %s of %s is not in ownFailures()", code, place)
		}
	}
}

func codesOfSQL(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	found, given := map[string]string{}, 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		given += len(codeGiven.FindAll(text, -1))
		for _, m := range givenToSQL.FindAllSubmatch(text, -1) {
			found[string(m[1])] = filepath.Base(name)
		}
		for _, setting := range codeInSQL.FindAll(text, -1) {
			for _, m := range wordInSQL.FindAllSubmatch(setting, -1) {
				found[string(m[1])] = filepath.Base(name)
			}
		}
	}
	if given != 5 { // two of the connection itself, blocked rows, rows of another account, and those of a failed contact
		t.Errorf("%d statements take an error code as a parameter, want 5: add the new one's code to givenToSQL", given)
	}
	if found["worker_lost"] == "" || found["worker_lost_repeatedly"] == "" || found["waits_for_contact"] == "" {
		t.Fatalf("found %v in the SQL; the search is broken", found)
	}
	return found
}

// alarms are the constants that delivery names them by.
func alarms(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, file := range []string{"../../delivery/find.go", "../../delivery/compare.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^\t(?:duplicateDetected|missingInCRM) += "(\w+)"`).FindAllSubmatch(text, -1) {
			out = append(out, string(m[1]))
		}
	}
	return out
}
