package main

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// ownRooms are the folders that are about a CRM, and those that the page on adding one does not speak of.
func ownRooms() []string {
	return []string{"sim", "connectors/hubspot", "connectors/salesforce", "docs", "testdata", "node_modules"}
}

var (
	nameOfACRM  = regexp.MustCompile(`(?i)hubspot|salesforce`)
	codeInText  = regexp.MustCompile("`([^`\\s]+)`")
	nameOfGo    = regexp.MustCompile(`^\*?(connectors|connectorstest|sim|simtest)\.([A-Z]\w+)$`)
	pathInText  = regexp.MustCompile(`^\.?[\w-]+/[\w./-]+$|^[\w.-]+\.(?:go|yaml|yml)$`)
	placeholder = regexp.MustCompile(`NAME`)
)

// namingACRM are the files of the service and its tools that name a CRM elsewhere than in a comment of Go; tests, pages and generated code apart.
func namingACRM(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root+"/")
		switch {
		case err != nil:
			return err
		case e.IsDir() && path != root && (slices.Contains(ownRooms(), name) || slices.Contains(ownRooms(), e.Name()) || strings.HasPrefix(name, ".") && name != ".ci"):
			return fs.SkipDir
		case e.IsDir() || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(filepath.Ext(strings.TrimSuffix(name, filepath.Ext(name))), ".gen") || strings.HasSuffix(name, ".md"):
			return nil
		}
		text, err := os.ReadFile(filepath.Clean(path))
		if err == nil && (strings.HasSuffix(name, ".go") && namesInCode(text) || !strings.HasSuffix(name, ".go") && nameOfACRM.Match(text)) {
			all = append(all, name)
		}
		return err
	})
	if err != nil || len(all) < 50 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	return all
}

func namesInCode(text []byte) bool {
	fset := token.NewFileSet()
	var s scanner.Scanner
	s.Init(fset.AddFile("", fset.Base(), len(text)), text, nil, 0)
	for {
		_, what, literal := s.Scan()
		if what == token.EOF {
			return false
		}
		if (what == token.IDENT || what == token.STRING) && nameOfACRM.MatchString(literal) {
			return true
		}
	}
}

func TestThePageOnAddingACRMNamesEveryFileThatNamesOne(t *testing.T) {
	t.Parallel()
	page, naming := readPage(t, "add-a-crm.md"), namingACRM(t)
	var listed []string
	for _, m := range codeInText.FindAllStringSubmatch(page.text, -1) {
		listed = append(listed, m[1])
	}
	tools := []string{"cmd/mutate/", "cmd/chaos/", "cmd/breakages/", "cmd/bench/"} // whole
	for _, name := range naming {
		inATool := func(tool string) bool { return strings.HasPrefix(name, tool) && slices.Contains(listed, tool) }
		if !slices.Contains(listed, name) && !slices.ContainsFunc(tools, inATool) {
			t.Errorf("%s names a CRM and is not on the page", name)
		}
	}
	_, places, _ := strings.Cut(page.text, "\n## 5. ")
	places, _, _ = strings.Cut(places, "\nTools and checks:")
	for _, m := range codeInText.FindAllStringSubmatch(places, -1) {
		if info, err := os.Stat(filepath.Join(root, m[1])); err == nil && !info.IsDir() && !strings.HasPrefix(m[1], "docs/") && !slices.Contains(naming, m[1]) {
			t.Errorf("%s is on the page and names no CRM", m[1])
		}
	}
}

func TestThePageOnAddingACRMNamesFilesAndGoThatExist(t *testing.T) {
	t.Parallel()
	folders := map[string]string{"connectors": "connectors", "connectorstest": "connectors/connectorstest", "sim": "sim", "simtest": "sim/simtest"}
	seen := 0
	for _, m := range codeInText.FindAllStringSubmatch(readPage(t, "add-a-crm.md").text, -1) {
		word := m[1]
		if name := nameOfGo.FindStringSubmatch(word); name != nil {
			seen++
			if !declares(t, folders[name[1]], name[2]) {
				t.Errorf("%s is declared nowhere", word)
			}
			continue
		}
		if placeholder.MatchString(word) || !pathInText.MatchString(word) || word == "testdata/answers.json" {
			continue
		}
		seen++
		if _, err := os.Stat(filepath.Join(root, word)); err != nil {
			t.Errorf("the page names a file that is not there: %v", err)
		}
	}
	if seen < 80 {
		t.Errorf("only %d names were seen", seen)
	}
}

// declares says whether a package's own files declare the name.
func declares(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v", folder, err)
	}
	declared := regexp.MustCompile(`(?m)^(?:func|type|var|const|\t) ?` + name + `\b(?:[ (\[]|$)`)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		if declared.Match(text) {
			return true
		}
	}
	return false
}
