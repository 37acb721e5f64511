package build

import (
	"os"
	"slices"
	"testing"

	"crm-connectors/cmd/overlay"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	r, err := overlay.Root(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryWaitThatIsMadeShortIsStillInTheSource(t *testing.T) {
	t.Parallel()
	if _, err := overlay.Apply(root(t), slices.Concat(Compressed(), Daily(), Unlimited())); err != nil {
		t.Error(err)
	}
}

func TestEveryMutantStillHasItsPlace(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range append(Mutants(), Mutant{Name: "blind", Edits: Blind()}) {
		if seen[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name] = true
		if _, err := overlay.Apply(root(t), append(Compressed(), m.Edits...)); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
