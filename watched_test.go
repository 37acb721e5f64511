package crmconnectors_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	makesASimulator = regexp.MustCompile(`\bsim(?:hubspot|salesforce)\.New\(`)
	watchesItsLog   = regexp.MustCompile(`\bsimtest\.Log\(`)
	ownLog          = regexp.MustCompile(`\bsim\.NewOpLog\(|\bsim(?:hubspot|salesforce)\.Config\{\}`)
)

// Every test of the service that has a CRM has one whose log is judged when the test ends, see simtest.Log.
func TestEverySimulatorOfATestIsWatched(t *testing.T) {
	t.Parallel()
	unwatched, files, err := checkWatched(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Errorf("%d test files have a simulator, want 5 or more", files)
	}
	for _, name := range unwatched {
		t.Errorf("%s makes a simulator whose log is not simtest.Log(t)", name)
	}
}

func TestAnUnwatchedSimulatorIsFound(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]int{
		"s := simhubspot.New(simhubspot.Config{Log: simtest.Log(t)})":                      0,
		"s := simhubspot.New(simhubspot.Config{Log: sim.NewOpLog()})":                      1,
		"s := simsalesforce.New(simsalesforce.Config{})":                                   1,
		"l := simtest.Log(t)\na := simhubspot.New(simhubspot.Config{})":                    1,
		"l := simtest.Log(t)\na := simhubspot.New(simhubspot.Config{Log: sim.NewOpLog()})": 1,
	} {
		unwatched, _, err := checkWatched(fstest.MapFS{"handlers/a_test.go": {Data: []byte(source)}, "sim/simhubspot/a_test.go": {Data: []byte(source)}})
		if err != nil || len(unwatched) != want {
			t.Errorf("%s: got %v, %v; want %d", source, unwatched, err, want)
		}
	}
}

// checkWatched gives the test files that make a simulator with another log, and the number of those that make one. The simulators' own
// tests do to them what no client should.
func checkWatched(tree fs.FS) (unwatched []string, files int, err error) {
	err = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (name == "sim" || e.Name() == "node_modules" || len(name) > 1 && strings.HasPrefix(e.Name(), ".")):
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go") || path.Dir(name) == ".":
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil || !makesASimulator.Match(text) {
			return err
		}
		files++
		if !watchesItsLog.Match(text) || ownLog.Match(text) {
			unwatched = append(unwatched, name)
		}
		return nil
	})
	return unwatched, files, err
}
