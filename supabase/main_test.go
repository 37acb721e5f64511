package supabase_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"crm-connectors/store/storetest"
)

// built is the program under test, built once: everything here talks to it over HTTP, as Supabase's clients do.
var built = sync.OnceValues(func() (string, error) {
	file := filepath.Join(folder, "crm-connectors")
	if out, err := exec.Command("go", "build", "-o", file, "../cmd/crm-connectors").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return file, nil
})

// folder is kept until the last test has ended.
var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "crm-connectors-supabase-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Chmod(folder, 0o755) // pgbouncer runs as another account
	code := storetest.Run(m)
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

const items = 34

func TestEveryItemOfTheChecklistHasItsTest(t *testing.T) {
	t.Parallel()
	found := map[int]int{}
	for _, pattern := range []string{"*_test.go", "../api/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)((?:^//.*\n)*)^func TestSupabase(\d\d)_`).FindAllStringSubmatch(string(source), -1) {
				n, _ := strconv.Atoi(m[2])
				found[n]++
				if !strings.Contains(m[1], "// Broken by: ") {
					t.Errorf("%s: TestSupabase%s does not say which broken build it was seen to fail on", file, m[2])
				}
			}
		}
	}
	for n := 1; n <= items; n++ {
		if found[n] != 1 {
			t.Errorf("item %d has %d tests, want 1", n, found[n])
		}
		delete(found, n)
	}
	if len(found) > 0 {
		t.Errorf("tests of items that the list does not have: %v", found)
	}
}
