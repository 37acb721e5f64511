// Package build makes the service's binary as the harness needs it, and leaves every file of the product as it is.
//
//	source + Compressed() (waits made short) + one Mutant, if any ──► overlay files ──► go build -overlay ──► binary
//	River's module + its own waits made short ──► a copy ──► go build -modfile with a replace
//
// The product reads its own waits from the environment; what is left are waits that no operator should set (a call's timeout,
// a pause after a refusal) and those inside River. They are changed here by name, and a name that is gone is an error, so
// that a run never measures something else than it says.
package build

import (
	"context"
	"fmt"
	"os/exec"

	"crm-connectors/cmd/overlay"
)

// river is the module whose waits are changed in a copy.
const river = "github.com/riverqueue/river"

// Plain builds ./cmd/crm-connectors of root as it is into the file out.
func Plain(ctx context.Context, root, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", out, "./cmd/crm-connectors")
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}

// Binary builds ./cmd/crm-connectors of root with edits into the file out. work is a folder of the caller for what the build needs;
// it may be shared by builds that follow one another.
func Binary(ctx context.Context, root, work, out string, edits []overlay.Edit) error {
	modfile, err := copyRiver(ctx, root, work)
	if err != nil {
		return err
	}
	changed, err := overlay.Apply(root, edits)
	if err != nil {
		return err
	}
	file, err := overlay.Write(work, changed)
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-modfile", modfile, "-overlay", file, "-o", out, "./cmd/crm-connectors"}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}
