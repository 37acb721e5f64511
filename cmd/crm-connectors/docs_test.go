package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"
)

const docs = "../../docs"

// docPage is a page for people whose words are held against the program.
type docPage struct {
	t    *testing.T
	file string
	text string
}

func readPage(t *testing.T, name string) docPage {
	t.Helper()
	file := filepath.Join(docs, name)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return docPage{t, file, string(text)}
}

// pages are those of the repository for people, by their names from docs/.
func pages(t *testing.T) []docPage {
	t.Helper()
	var all []docPage
	for _, name := range []string{"README.md", "SECURITY.md", "CONTRIBUTING.md"} {
		all = append(all, readPage(t, "../"+name))
	}
	err := filepath.WalkDir(docs, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".md") {
			all = append(all, readPage(t, strings.TrimPrefix(path, docs+"/")))
		}
		return err
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

var (
	variableInText  = regexp.MustCompile(`\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b`)
	routeInText     = regexp.MustCompile("(?:/functions/v1|`(?:(GET|POST|PUT|PATCH|DELETE) )?)(/[a-z][a-z-]*(?:/[a-z{}-]+)*)")
	parameterOfPath = regexp.MustCompile(`\{[^}]*\}`)
)

// namesVariables wants every word in the form of a variable to be one that serve reads, or one of others, all of which the page names.
func (p docPage) namesVariables(others ...string) {
	p.t.Helper()
	known := slices.Clone(others)
	for _, v := range allVariables() {
		known = append(known, v.name)
	}
	for _, name := range variableInText.FindAllString(p.text, -1) {
		if !slices.Contains(known, name) {
			p.t.Errorf("%s names %s, which serve does not read", p.file, name)
		}
	}
	for _, name := range others {
		if !strings.Contains(p.text, name) {
			p.t.Errorf("%s does not name %s any more", p.file, name)
		}
	}
}

// namesRoutes wants at least that many routes, each with its method in the contract.
func (p docPage) namesRoutes(atLeast int) {
	p.t.Helper()
	spec, err := api.GetSpec()
	if err != nil {
		p.t.Fatal(err)
	}
	bare := func(path string) string { return parameterOfPath.ReplaceAllString(path, "{}") }
	known := map[string]string{} // the contract's name of a path by its bare form
	for path := range spec.Paths.Map() {
		known[bare(path)] = path
	}
	routes := routeInText.FindAllStringSubmatch(p.text, -1)
	for _, m := range routes {
		method, path := m[1], bare(m[2])
		if strings.HasPrefix(path, "/functions/v") {
			continue
		}
		begins := func(other string) bool { return strings.HasPrefix(other, path+"/") } // a gateway passes on all below it
		switch item := spec.Paths.Value(known[path]); {
		case item == nil && (method != "" || !slices.ContainsFunc(slices.Collect(maps.Keys(known)), begins)):
			p.t.Errorf("%s names %s, which the contract does not have", p.file, m[2])
		case item != nil && method != "" && item.GetOperation(method) == nil:
			p.t.Errorf("%s names %s %s, which the contract does not have", p.file, method, m[2])
		}
	}
	if len(routes) < atLeast {
		p.t.Errorf("%s names %d routes", p.file, len(routes))
	}
}
