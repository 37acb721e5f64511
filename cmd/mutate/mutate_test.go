package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crm-connectors/cmd/overlay"
)

func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := overlay.Root(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestEveryBehaviourStillHasItsPlaceAndAName(t *testing.T) {
	t.Parallel()
	root := repository(t)
	seen := map[string]bool{}
	for _, b := range behaviours() {
		if id := b.crm + ": " + b.name; b.name == "" || b.off == "" || seen[id] || strings.Contains(b.name+b.off+b.wrong, "|") {
			t.Errorf("%q (%s) needs a name of its own and words for what is switched off, without bars", b.name, b.crm)
		}
		seen[b.crm+": "+b.name] = true
		if len(b.sim) == 0 || (b.wrong == "") != (len(b.connector) == 0) {
			t.Errorf("%s, %s: edits are missing", b.crm, b.name)
		}
		for _, edits := range [][]overlay.Edit{b.sim, b.connector} {
			if _, err := overlay.Apply(root, edits); err != nil {
				t.Errorf("%s, %s: %v", b.crm, b.name, err)
			}
		}
	}
}

// All changes together compile, in as few builds as have no two changes of one place.
func TestEveryChangeCompiles(t *testing.T) {
	t.Parallel()
	root := repository(t)
	left := slices.DeleteFunc(behaviours(), func(b behaviour) bool { return false })
	for rounds := 0; len(left) > 0; rounds++ {
		if rounds > 8 {
			t.Fatalf("%d changes are left after %d builds", len(left), rounds)
		}
		var edits []overlay.Edit
		left = slices.DeleteFunc(left, func(b behaviour) bool {
			more := slices.Concat(edits, b.sim, b.connector)
			if _, err := overlay.Apply(root, more); err != nil {
				return false
			}
			edits = more
			return true
		})
		if err := compile(t.Context(), root, t.TempDir(), edits); err != nil {
			t.Fatal(err)
		}
	}
}

func compile(ctx context.Context, root, work string, edits []overlay.Edit) error {
	changed, err := overlay.Apply(root, edits)
	if err != nil {
		return err
	}
	file, err := overlay.Write(work, changed)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", file, "./sim/...", "./connectors/...")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(strings.ReplaceAll(string(out), filepath.Dir(file), "")))
	}
	return nil
}
