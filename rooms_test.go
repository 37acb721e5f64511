package crmconnectors_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "crm-connectors"

// rule says what one room may import of ours. Below a room, all folders belong to it, but for those that
// have a rule of their own.
type rule struct {
	room    string
	imports []string // rooms; "*" is all
	never   []string // packages of the standard library that its production code does without
	tests   []string // rooms that its tests may import besides, to stand up the real thing
}

// rules is the table of who may import whom: a room's own folders always, and nothing else of ours but this.
func rules() []rule {
	crm := []string{"connectors"}
	return []rule{
		{room: "api"},
		{room: "cmd", imports: []string{"*"}},
		{room: "connectors"},
		{room: "connectors/connectorstest", imports: crm},
		{room: "connectors/hubspot", imports: crm},
		{room: "connectors/salesforce", imports: crm},
		{room: "console", imports: []string{"handlers"},
			tests: []string{"api", "connectors", "connectors/hubspot", "connectors/salesforce", "delivery", "store"}},
		{room: "delivery", imports: []string{"connectors", "store"}},
		{room: "handlers", imports: []string{"api", "connectors", "store", "delivery", "notify"}, never: []string{"net/http"},
			tests: []string{"connectors/hubspot", "connectors/salesforce"}},
		{room: "migrations"},
		{room: "notify", imports: []string{"connectors", "store"}},
		{room: "sim"},
		{room: "telemetry", imports: []string{"api", "connectors", "delivery", "handlers", "notify", "store"}},
		{room: "supabase", tests: []string{"store", "store/pgdev", "migrations"}},
		{room: "store", imports: []string{"migrations"}},
		{room: "store/pgdev"},
		{room: "store/storetest", imports: []string{"store", "store/pgdev", "migrations"}},
	}
}

// forTests are rooms that exist for tests: any test may import them.
func forTests() []string { return []string{"sim", "store/storetest", "connectors/connectorstest"} }

// onlyForTests are those of them that production code, cmd included, may not import.
func onlyForTests() []string { return []string{"store/storetest", "connectors/connectorstest"} }

func TestEveryRoomImportsOnlyWhatItMay(t *testing.T) {
	t.Parallel()
	problems, files, err := checkImports(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no Go file was found")
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func TestABrokenImportRuleIsFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, imports string
		want          string // part of the problem; empty: none
	}{
		"store meets connectors":           {"store/a.go", module + "/connectors", "may import migrations"},
		"connectors meets store":           {"connectors/a.go", module + "/store", "may import nothing of ours"},
		"a CRM meets another":              {"connectors/hubspot/a.go", module + "/connectors/salesforce", "may import connectors"},
		"the contract knows a CRM":         {"connectors/a.go", module + "/connectors/hubspot", "nothing of ours"},
		"delivery knows a CRM":             {"delivery/a.go", module + "/connectors/hubspot", "may import connectors, store"},
		"delivery meets handlers":          {"delivery/a.go", module + "/handlers", "may import connectors, store"},
		"handlers meet the console":        {"handlers/a.go", module + "/console", "may import api"},
		"handlers speak HTTP":              {"handlers/a.go", "net/http", "does without net/http"},
		"api meets handlers":               {"api/a.gen.go", module + "/handlers", "nothing of ours"},
		"a simulator knows the service":    {"sim/simhubspot/a.go", module + "/connectors", "nothing of ours"},
		"a simulator's test does":          {"sim/simhubspot/a_test.go", module + "/store", "nothing of ours"},
		"pgdev knows the store":            {"store/pgdev/a.go", module + "/store", "nothing of ours"},
		"the store needs pgdev":            {"store/a.go", module + "/store/pgdev", "may import migrations"},
		"the program needs test tools":     {"cmd/crm-connectors/a.go", module + "/store/storetest", "is for tests alone"},
		"the migrations need the store":    {"migrations/a.go", module + "/store", "nothing of ours"},
		"the console skips handlers":       {"console/a.go", module + "/store", "may import handlers"},
		"somebody imports the program":     {"delivery/a.go", module + "/cmd/crm-connectors", "may import connectors, store"},
		"handlers know a CRM":              {"handlers/a.go", module + "/connectors/hubspot", "may import api"},
		"a test reaches too far":           {"connectors/hubspot/a_test.go", module + "/store", "may import connectors"},
		"a room that nobody planned":       {"util/a.go", "fmt", "no such room"},
		"delivery knows who watches":       {"delivery/a.go", module + "/telemetry", "may import connectors, store"},
		"a file beside the rooms":          {"a.go", module + "/store", "no such room"},
		"an import of no room":             {"delivery/a.go", module + "/util", "may import connectors, store"},
		"an alias and a blank are imports": {"sim/a.go", module + "/api", "nothing of ours"},

		"the standard library":        {"sim/a.go", "net/http", ""},
		"a module of others":          {"store/a.go", "github.com/jackc/pgx/v5", ""},
		"a folder of the same room":   {"sim/simhubspot/a.go", module + "/sim", ""},
		"delivery uses the contract":  {"delivery/a.go", module + "/connectors", ""},
		"a CRM uses the contract":     {"connectors/hubspot/a.go", module + "/connectors", ""},
		"the program wires all":       {"cmd/crm-connectors/a.go", module + "/connectors/hubspot", ""},
		"a test uses a simulator":     {"connectors/hubspot/a_test.go", module + "/sim/simhubspot", ""},
		"a test uses a database":      {"delivery/a_test.go", module + "/store/storetest", ""},
		"a test uses what it tests":   {"store/storetest/a_test.go", module + "/store/storetest", ""},
		"a test stands up a real CRM": {"handlers/a_test.go", module + "/connectors/hubspot", ""},
		"handlers' tests speak HTTP":  {"handlers/a_test.go", "net/http", ""},
		"files of tests do not count": {"store/testdata/a.go", module + "/connectors", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := "package a\n\nimport _ " + strconv.Quote(tc.imports) + "\n"
			problems, _, err := checkImports(fstest.MapFS{tc.file: {Data: []byte(source)}})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(problems, "\n")
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if tc.want != "" && !strings.Contains(got, tc.file) {
				t.Errorf("the problem %q does not name the file %s", got, tc.file)
			}
		})
	}
}

func TestEveryRoomOfTheTableIsThere(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		for _, name := range r.imports {
			if name != "*" && !slices.ContainsFunc(rules(), func(o rule) bool { return o.room == name }) {
				t.Errorf("%s may import %s, which is no room", r.room, name)
			}
		}
	}
	for _, name := range slices.Concat(forTests(), onlyForTests()) {
		if r, ok := roomOf(name); !ok || r.room != name {
			t.Errorf("%s is no room", name)
		}
	}
}

// checkImports reads the imports of every Go file, generated ones too, and returns what breaks a rule and the
// number of files read.
func checkImports(tree fs.FS) (problems []string, files int, err error) {
	err = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			base := e.Name()
			if base == "testdata" || base == "node_modules" || base != "." && strings.HasPrefix(base, ".") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		files++
		found, err := checkFile(tree, name)
		problems = append(problems, found...)
		return err
	})
	return problems, files, err
}

func checkFile(tree fs.FS, name string) ([]string, error) {
	source, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	test := strings.HasSuffix(name, "_test.go")
	from, ok := roomOf(path.Dir(name))
	if !ok {
		if test && path.Dir(name) == "." && len(file.Imports) > 0 {
			from = rule{room: "."} // tests of the module as a whole import nothing of ours
		} else {
			return []string{fmt.Sprintf("%s: no such room: the table in rooms_test.go has none for %s", name, path.Dir(name))}, nil
		}
	}
	var problems []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if why := from.forbids(imported, test); why != "" {
			problems = append(problems, fmt.Sprintf("%s imports %s, but %s", name, imported, why))
		}
	}
	return problems, nil
}

// forbids says why the room may not import the package; empty when it may.
func (r rule) forbids(imported string, test bool) string {
	if slices.Contains(r.never, imported) && !test {
		return r.room + " does without " + imported
	}
	inside, ours := strings.CutPrefix(imported, module+"/")
	if !ours && imported != module {
		return ""
	}
	to, known := roomOf(inside)
	switch {
	case known && to.room == r.room:
		return ""
	case known && test && (slices.Contains(r.tests, to.room) || slices.Contains(forTests(), to.room) && r.room != "sim"):
		return ""
	case known && !test && slices.Contains(onlyForTests(), to.room):
		return to.room + " is for tests alone"
	case known && (slices.Contains(r.imports, "*") || slices.Contains(r.imports, to.room)):
		return ""
	case len(r.imports) == 0:
		return r.room + " may import nothing of ours"
	default:
		return r.room + " may import " + strings.Join(r.imports, ", ") + " and nothing else of ours"
	}
}

// roomOf is the rule of the room that a folder belongs to: the longest name that fits.
func roomOf(dir string) (rule, bool) {
	var best rule
	for _, r := range rules() {
		if (dir == r.room || strings.HasPrefix(dir, r.room+"/")) && len(r.room) > len(best.room) {
			best = r
		}
	}
	return best, best.room != ""
}
