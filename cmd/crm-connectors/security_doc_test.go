package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// threats is how many rows the table of threats has.
const threats = 29

// namesOfTests are those of all tests and fuzz targets of the repository.
func namesOfTests(t *testing.T) []string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	var names []string
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestThePagesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	there := namesOfTests(t)
	if len(there) < 500 {
		t.Fatalf("only %d tests were found", len(there))
	}
	for _, page := range pages(t) {
		for _, named := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z0-9]\w+`).FindAllString(page.text, -1) {
			begins := func(name string) bool { return strings.HasPrefix(name, named) } // a beginning stands for all that have it
			if !strings.HasSuffix(named, "_") && !slices.ContainsFunc(there, begins) {
				t.Errorf("%s names %s, which does not exist", page.file, named)
			}
		}
	}
}

func TestThePageOnSecurityHasEveryThreatWithAllOfItsTests(t *testing.T) {
	t.Parallel()
	page := readPage(t, "security.md")
	rows := map[int]string{}
	for n := 1; n <= threats; n++ {
		start := fmt.Sprintf("\n| %d | ", n)
		_, row, found := strings.Cut(page.text, start)
		if !found {
			t.Errorf("the table has no row %d", n)
			continue
		}
		rows[n], _, _ = strings.Cut(row, "\n")
	}
	numbered := regexp.MustCompile(`^(?:Test|Fuzz)Threat(\d\d)_`)
	tested := map[int]bool{}
	for _, name := range namesOfTests(t) {
		m := numbered.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		var n int
		_, _ = fmt.Sscan(strings.TrimLeft(m[1], "0"), &n)
		tested[n] = true
		if !strings.Contains(rows[n], "`"+name+"`") {
			t.Errorf("row %d of the table does not name %s", n, name)
		}
	}
	for n := range rows {
		if !tested[n] {
			t.Errorf("row %d has no test", n)
		}
	}
}

func TestThePagesOnSecurityNameVariablesRoutesCommandsAndFilesThatExist(t *testing.T) {
	t.Parallel()
	for name, routes := range map[string]int{"security.md": 8, "marketplace.md": 4, "../SECURITY.md": 0} {
		page := readPage(t, name)
		page.namesVariables()
		page.namesRoutes(routes)
	}
}

func TestThePageOnSecurityNamesEveryTableAndSealedColumn(t *testing.T) {
	t.Parallel()
	page := readPage(t, "security.md")
	migrations, err := filepath.Glob("../../migrations/*.sql")
	if err != nil || len(migrations) == 0 {
		t.Fatalf("%d migrations, %v", len(migrations), err)
	}
	made := regexp.MustCompile(`(?m)^(?:create table (?:if not exists )?(\w+) \(|\s+(?:add column )?(\w+_ciphertext)\s+text not null)`)
	found := 0
	for _, file := range migrations {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made.FindAllStringSubmatch(string(text), -1) {
			found++
			if what := m[1] + m[2]; !strings.Contains(page.text, "`"+what+"`") {
				t.Errorf("the page does not say how %s of %s is protected", what, filepath.Base(file))
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d tables and columns were found", found)
	}
}
