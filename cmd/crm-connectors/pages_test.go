//go:build !production

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

// Of all pages: each command, flag, route, link and name in them exists. What a page says of one thing is held by that thing's own test.

var (
	linkInText    = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)]*))?\)`)
	headingInText = regexp.MustCompile(`(?m)^#+ (.+)$`)
	commandInText = regexp.MustCompile(`(?:crm-connectors|go run \./cmd/([a-z-]+))((?: [A-Za-z0-9./{}_:"'-]+)*)`)
	keysInText    = regexp.MustCompile("(?:crm-connectors |`)keys ([a-z]+(?: [a-z]+)*)")
	callInText    = regexp.MustCompile(`(?:\b(GET|POST|PUT|PATCH|DELETE) )?(?:https?://[\w.:-]+|\$SERVICE)?/functions/v1((?:/[a-z$%{][A-Za-z{}$-]*)+)`)
	flagInSource  = regexp.MustCompile(`\bfs\.\w+\((?:&[\w.]+, )?"([a-z-]+)"`)
)

// flags are those of each command, and of each program beside it by its folder's name.
func flags(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, c := range completions(t.Context()) {
		all[program+" "+c.name] = c.words
	}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		if name == program || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = append(all[name], "")
		for _, m := range flagInSource.FindAllSubmatch(text, -1) {
			all[name] = append(all[name], "--"+string(m[1]))
		}
	}
	return all
}

func TestThePagesNameCommandsAndFlagsThatExist(t *testing.T) {
	t.Parallel()
	known, seen := flags(t), 0
	for _, p := range pages(t) {
		for _, m := range commandInText.FindAllStringSubmatch(p.text, -1) {
			name, words := m[1], strings.Fields(m[2])
			if name == "" || name == program {
				if len(words) == 0 || !regexp.MustCompile(`^[a-z]+$`).MatchString(words[0]) || words[0] == "help" {
					continue // the program itself
				}
				name, words = program+" "+words[0], words[1:]
			}
			if _, there := known[name]; !there {
				t.Errorf("%s names %q, which does not exist", p.file, name)
				continue
			}
			for _, word := range words {
				if strings.HasPrefix(word, "--") {
					if seen++; !slices.Contains(known[name], word) {
						t.Errorf("%s names %s %s, which does not exist", p.file, name, word)
					}
				}
			}
		}
		for _, m := range keysInText.FindAllStringSubmatch(p.text, -1) {
			known := func(k keysTask) bool { return strings.HasPrefix(k.words+" ", m[1]+" ") } // 'keys rotate' is all of its steps
			if !slices.ContainsFunc(keysTasks(), known) {
				t.Errorf("%s names 'keys %s', which does not exist", p.file, m[1])
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d flags were seen", seen)
	}
}

func TestThePagesNameRoutesThatExist(t *testing.T) {
	t.Parallel()
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range pages(t) {
		for _, m := range callInText.FindAllStringSubmatch(p.text, -1) {
			method, steps := m[1], strings.Split(m[2], "/")
			fits := func(path string) bool {
				want := strings.Split(path, "/")
				if len(want) != len(steps) {
					return false
				}
				for n := range want {
					if want[n] != steps[n] && !strings.HasPrefix(want[n], "{") && !strings.ContainsAny(steps[n], "{$") {
						return false
					}
				}
				return method == "" || spec.Paths.Value(path).GetOperation(method) != nil
			}
			found := false
			for path := range spec.Paths.Map() {
				found = found || fits(path) || method == "" && strings.HasPrefix(path, m[2]+"/") // a gateway passes on all below it
			}
			if seen++; !found {
				t.Errorf("%s names %s %s, which the contract does not have", p.file, method, m[2])
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d routes were seen", seen)
	}
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	text := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(text, " ", "-")
}

func TestEveryLinkOfAPageLeadsSomewhere(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, p := range pages(t) {
		for _, m := range linkInText.FindAllStringSubmatch(p.text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			seen++
			to := filepath.Join(filepath.Dir(p.file), m[1])
			if m[1] == "" {
				to = p.file
			}
			text := ""
			if info, err := os.Stat(to); err != nil {
				t.Errorf("%s leads to a file that is not there: %v", p.file, err)
				continue
			} else if !info.IsDir() {
				read, err := os.ReadFile(filepath.Clean(to))
				if err != nil {
					t.Fatal(err)
				}
				text = string(read)
			}
			isThere := func(h []string) bool { return anchor(h[1]) == m[2] }
			if m[2] != "" && !slices.ContainsFunc(headingInText.FindAllStringSubmatch(text, -1), isThere) {
				t.Errorf("%s leads to %s, which has no heading for #%s", p.file, to, m[2])
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d links were seen", seen)
	}
}

// Every page of docs/ is led to from the README or from a page that is.
func TestEveryPageIsLedTo(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(docs)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		page := readPage(t, name)
		for _, m := range linkInText.FindAllStringSubmatch(page.text, -1) {
			to := strings.TrimPrefix(m[1], "docs/")
			if strings.HasSuffix(to, ".md") && !strings.Contains(to, "/") && !seen[to] {
				if _, err := os.Stat(docs + "/" + to); err == nil {
					seen[to] = true
					follow(to)
				}
			}
		}
	}
	follow("../README.md")
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md") && !seen[e.Name()] {
			t.Errorf("nothing leads to docs/%s", e.Name())
		}
	}
}

// wordsOfTheProgram are those with underscores of the contract, the schema and the code. What pages call by such a name is an error code, a metric, a
// field, a table or an event of the log; that it is called what it is, other tests hold.
func wordsOfTheProgram(t *testing.T) map[string]bool {
	t.Helper()
	word, words := regexp.MustCompile(`[a-z]+(?:_[a-z0-9]+)+`), map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (slices.Contains([]string{"node_modules", "docs", "testdata"}, e.Name()) || len(e.Name()) > 2 && strings.HasPrefix(e.Name(), ".")):
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go") || !slices.Contains([]string{".go", ".sql", ".yaml"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(filepath.Clean(path))
		for _, found := range word.FindAll(text, -1) {
			words[string(found)] = true
		}
		return err
	})
	if err != nil || len(words) < 500 {
		t.Fatalf("%d words, %v", len(words), err)
	}
	return words
}

func TestEveryNameOfAPageExists(t *testing.T) {
	t.Parallel()
	words := wordsOfTheProgram(t)
	others := []string{"pg_dump", "process_resident_memory_bytes", "strip_path", // Postgres', Prometheus', Kong's
		"contact_" + connectors.ContactDeleted} // put together as the log is written
	names := regexp.MustCompile("`([a-z]+(?:_[a-z0-9]+)+)`")
	for _, p := range pages(t) {
		for _, m := range names.FindAllStringSubmatch(p.text, -1) {
			if !words[m[1]] && !slices.Contains(others, m[1]) {
				t.Errorf("%s names %s, which is nowhere", p.file, m[1])
			}
		}
	}
}
