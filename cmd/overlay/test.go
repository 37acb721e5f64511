package overlay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// notBuilt is said where the source does not compile: by go test itself, or by a test that builds a program.
var notBuilt = regexp.MustCompile(`\[(build|setup) failed\]|go build: exit status`)

// Test runs `go test` with args on the module at root as edits make it, and gives what it said: see Run.
func Test(ctx context.Context, root, work string, edits []Edit, args ...string) (out []byte, failed bool, err error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-vet=off"}, args...)...)
	cmd.Dir = root
	return Run(cmd, root, work, edits)
}

// Run runs tests, by go test or as a program that it has built, with edits on the module at root that also hold for the programs that a
// test builds. failed says that a test failed. A source that does not compile is an error, and so is an edit without a place. What is written
// goes below work.
func Run(cmd *exec.Cmd, root, work string, edits []Edit) (out []byte, failed bool, err error) {
	changed, err := Apply(root, edits)
	if err != nil {
		return nil, false, err
	}
	file, err := Write(work, changed)
	if err != nil {
		return nil, false, err
	}
	cmd.Env = append(os.Environ(), append(cmd.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" -overlay="+file))...)
	out, err = cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return out, false, nil
	case !errors.As(err, &exit) || !exit.Exited() || notBuilt.Match(out):
		return out, false, fmt.Errorf("the tests did not run: %w\n%s", err, out)
	}
	return out, true, nil
}
