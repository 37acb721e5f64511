package connectorstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// CodesInSource reads a package's Go source, tests apart, and gives every error code that it puts on a failure, with the
// places where it does: in a literal of Error, in an assignment to a field Code or ErrorCode, and in a call of a function of the
// package that takes a parameter named code and gives an error. others are the folders of packages whose constants it uses.
// A code that is computed in a way that this does not follow fails the test, for the catalogue could then miss it.
func CodesInSource(t *testing.T, dir string, others ...string) map[string][]string {
	t.Helper()
	s := source{t: t, fset: token.NewFileSet(), consts: map[string]string{}, makers: map[string]int{}, found: map[string][]string{}}
	for _, other := range others {
		for _, f := range s.parse(other) {
			s.constants(f)
		}
	}
	files := s.parse(dir)
	for _, f := range files {
		s.constants(f)
		s.constructors(f)
	}
	for _, f := range files {
		ast.Inspect(f, s.visit)
	}
	if len(s.found) == 0 {
		t.Fatalf("%s: no error code found; the search is broken", dir)
	}
	return s.found
}

type source struct {
	t      *testing.T
	fset   *token.FileSet
	consts map[string]string
	makers map[string]int // functions that make an error, and which argument is its code
	found  map[string][]string
}

func (s *source) parse(dir string) []*ast.File {
	s.t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		s.t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(s.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			s.t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func (s *source) constants(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
			for i, name := range spec.Names {
				if text, ok := literal(spec.Values[i]); ok {
					s.consts[name.Name] = text
				}
			}
		}
		return true
	})
}

func (s *source) constructors(f *ast.File) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Type.Results == nil || !slices.ContainsFunc(fn.Type.Results.List, func(r *ast.Field) bool { return isError(r.Type) }) {
			continue
		}
		at := 0
		for _, p := range fn.Type.Params.List {
			for _, name := range p.Names {
				if name.Name == "code" {
					s.makers[fn.Name.Name] = at
				}
				at++
			}
		}
	}
}

// isError: error, Error, connectors.Error or a pointer to one of them.
func isError(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return isError(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name == "Error"
	case *ast.Ident:
		return e.Name == "error" || e.Name == "Error"
	}
	return false
}

func (s *source) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CompositeLit:
		for _, el := range n.Elts {
			if kv, ok := el.(*ast.KeyValueExpr); ok && isError(n.Type) && isCode(kv.Key) {
				s.note(kv.Value)
			}
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if sel, ok := left.(*ast.SelectorExpr); ok && isCode(sel.Sel) && len(n.Lhs) == len(n.Rhs) {
				s.note(n.Rhs[i])
			}
		}
	case *ast.CallExpr:
		if name, ok := n.Fun.(*ast.Ident); ok {
			if at, ok := s.makers[name.Name]; ok && at < len(n.Args) {
				s.note(n.Args[at])
			}
		}
	}
	return true
}

func isCode(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && (name.Name == "Code" || name.Name == "ErrorCode")
}

// note takes a literal or a constant. Another plain name or field carries a code that was noted where it was made.
func (s *source) note(e ast.Expr) {
	at := s.fset.Position(e.Pos())
	place := filepath.Base(at.Filename) + ":" + strconv.Itoa(at.Line)
	text, ok := literal(e)
	switch e := e.(type) {
	case *ast.Ident:
		text, ok = s.consts[e.Name], true
	case *ast.SelectorExpr:
		text, ok = s.consts[e.Sel.Name], true
	}
	if !ok {
		s.t.Errorf("%s: this error code is computed: write it out, or give it to a function as its parameter code", place)
	}
	if text != "" && !slices.Contains(s.found[text], place) {
		s.found[text] = append(s.found[text], place)
	}
}

func literal(e ast.Expr) (string, bool) {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		text, err := strconv.Unquote(lit.Value)
		return text, err == nil
	}
	return "", false
}
