package build

import (
	"os"
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
	if _, err := overlay.Apply(root(t), Compressed()); err != nil {
		t.Error(err)
	}
}
