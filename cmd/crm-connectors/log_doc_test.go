package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logged are the fields and events that the source writes.
type logged struct{ fields, events []string }

var (
	fieldName = regexp.MustCompile(`^[a-z][a-z_]*$`)
	setters   = []string{"Str", "Strs", "Stringer", "Int", "Int64", "Dur", "Bool", "Float64", "AnErr", "RawJSON", "Bytes", "Time", "Times", "Any", "Interface", "Object", "Array", "Dict", "Uint", "Uint64", "Uint32", "Int32", "Float32", "Hex", "Errs", "IPAddr"}
)

// gather reads a function that writes a line: what it sets by name, also by way of a list of names.
func (l *logged) gather(f *ast.FuncDecl) {
	text := func(e ast.Expr) (string, bool) {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(lit.Value)
		return s, err == nil && fieldName.MatchString(s)
	}
	var fields, events []string
	writes := false
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			writes = writes || sel.Sel.Name == "Msg" || sel.Sel.Name == "Logger"
			if name, ok := text(first(n.Args)); ok && slices.Contains(setters, sel.Sel.Name) {
				fields = append(fields, name)
				if event, ok := text(n.Args[len(n.Args)-1]); ok && name == "event" {
					events = append(events, event)
				}
			}
		case *ast.CompositeLit:
			if name, ok := text(first(n.Elts)); ok && len(n.Elts) == 2 {
				fields = append(fields, name)
			}
		}
		return true
	})
	if writes {
		l.fields, l.events = append(l.fields, fields...), append(l.events, events...)
	}
}

func first(list []ast.Expr) ast.Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// inTheSource are the lines of the service, without those of the simulators and of what is for developers.
func inTheSource(t *testing.T) logged {
	t.Helper()
	l := logged{fields: []string{"level", "time", "message", "error"}}
	for _, room := range []string{"api", "cmd/crm-connectors", "console", "delivery", "handlers", "notify", "telemetry", "store", "migrations", "connectors"} {
		err := fs.WalkDir(os.DirFS("../.."), room, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".gen.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path.Join("../..", name), nil, 0)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return strings.Contains(i.Path.Value, "zerolog") }) &&
				!strings.HasPrefix(name, "delivery/") && !strings.HasPrefix(name, "handlers/") && !strings.HasPrefix(name, "notify/") && !strings.HasPrefix(name, "api/") && !strings.HasPrefix(name, "cmd/") {
				return nil
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					l.gather(f)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Those whose names are made at run time.
	l.events = append(l.events, "contact_deleted", "contact_merged", "duplicate_detected", "missing_in_crm", "retired", "content_erased")
	return l
}

// rows are the names in the first column of the table below a heading.
func (p docPage) rows(heading string) []string {
	p.t.Helper()
	_, section, found := strings.Cut(p.text, "\n### "+heading+"\n")
	if !found {
		p.t.Fatalf("%s has no %s", p.file, heading)
	}
	section, _, _ = strings.Cut(section, "\n#")
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| \\S").FindAllStringSubmatch(section, -1) {
		names = append(names, m[1])
	}
	return names
}

func TestThePageOfTheLogNamesTheFieldsAndEventsThatAreWrittenAndNoOthers(t *testing.T) {
	t.Parallel()
	p, source := readPage(t, "observability.md"), inTheSource(t)
	for what, pair := range map[string][2][]string{"Fields": {p.rows("Fields"), source.fields}, "Events": {p.rows("Events"), source.events}} {
		page, code := pair[0], pair[1]
		if len(page) < 20 {
			t.Errorf("%s: %d rows were read", what, len(page))
		}
		for _, name := range page {
			if !slices.Contains(code, name) {
				t.Errorf("%s: the page has %s, which nothing writes", what, name)
			}
		}
		slices.Sort(code)
		for _, name := range slices.Compact(code) {
			if !slices.Contains(page, name) {
				t.Errorf("%s: the page does not have %s", what, name)
			}
		}
	}
}

func TestThePageOfObservabilityNamesVariablesThatServeReads(t *testing.T) {
	t.Parallel()
	p := readPage(t, "observability.md")
	p.namesVariables("OTEL_RESOURCE_ATTRIBUTES", "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_BSP_SCHEDULE_DELAY")
	r := readPage(t, "runbook.md")
	r.namesVariables()
	r.namesRoutes(5)
}
