// Package overlay builds the product with small changes to its source and leaves every file of the product as it is.
//
//	edits ──► Apply: the changed text of each file ──► Write: a file for go build -overlay or go test -overlay
//
// A place that an edit names and that is gone is an error, so that a run never measures something else than it says.
package overlay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// Edit changes one place of the source: the constant Const of the folder In, or the text Old of the file In, which must stand there
// exactly once.
type Edit struct {
	In       string // a folder for a constant, a file for a text; from the root of its module
	Const    string
	Old, New string
	Optional bool // nothing is wrong if it is not there
}

// ErrAbsent says that an edit has no place any more.
var ErrAbsent = errors.New("not found")

// Root is the folder of the module that holds dir.
func Root(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod above %s: run this inside the repository", dir)
		}
	}
}

// Write puts changed texts, as Apply gives them, below work and gives the path of the file that -overlay takes.
func Write(work string, changed map[string][]byte) (string, error) {
	dir, err := os.MkdirTemp(work, "overlay-")
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range changed {
		at := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(at, text, 0o600); err != nil {
			return "", err
		}
		replace[name] = at
	}
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	at := filepath.Join(dir, "overlay.json")
	return at, os.WriteFile(at, raw, 0o600)
}

// Apply gives the changed text of every file that edits touch, by absolute path.
func Apply(root string, edits []Edit) (map[string][]byte, error) {
	changed := map[string][]byte{}
	var all error
	for _, e := range edits {
		err := e.apply(root, changed)
		if errors.Is(err, ErrAbsent) && e.Optional {
			continue
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("%s %s: %w", e.In, e.Const, err))
		}
	}
	return changed, all
}

func (e Edit) apply(root string, changed map[string][]byte) error {
	at := filepath.Join(root, e.In)
	if e.Const != "" {
		return e.applyConst(at, changed)
	}
	text, err := current(at, changed)
	if err != nil {
		return err
	}
	if n := bytes.Count(text, []byte(e.Old)); n != 1 {
		return fmt.Errorf("%w: the text %q stands there %d times, not once", ErrAbsent, e.Old, n)
	}
	changed[at] = bytes.Replace(text, []byte(e.Old), []byte(e.New), 1)
	return nil
}

func current(file string, changed map[string][]byte) ([]byte, error) {
	if text, ok := changed[file]; ok {
		return text, nil
	}
	text, err := os.ReadFile(filepath.Clean(file))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	return text, err
}

// applyConst gives a constant of a folder another value.
func (e Edit) applyConst(dir string, changed map[string][]byte) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := current(file, changed)
		if err != nil {
			return err
		}
		from, to, found, err := placeOf(text, e.Const)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if found {
			changed[file] = append(append(append([]byte{}, text[:from]...), e.New...), text[to:]...)
			return nil
		}
	}
	return fmt.Errorf("%w: no such constant", ErrAbsent)
}

// placeOf is where the value of a constant of the package stands in text.
func placeOf(text []byte, name string) (from, to int, found bool, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, parser.SkipObjectResolution)
	if err != nil {
		return 0, 0, false, err
	}
	for _, d := range file.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, s := range group.Specs {
			v := s.(*ast.ValueSpec)
			for i, n := range v.Names {
				if n.Name == name && i < len(v.Values) {
					return set.Position(v.Values[i].Pos()).Offset, set.Position(v.Values[i].End()).Offset, true, nil
				}
			}
		}
	}
	return 0, 0, false, nil
}
