package overlay

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnEditChangesItsPlaceAloneOrSaysThatItIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	source := "package a\n\nconst (\n\tone = 1 * two // first\n\ttwo = 2\n)\n\nvar twice = two + two\n"
	if err := os.WriteFile(filepath.Join(dir, "a.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	changed, err := Apply(dir, []Edit{{In: ".", Const: "one", New: "7"}, {In: "a.go", Old: "twice", New: "double"}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(strings.Replace(source, "1 * two", "7", 1), "twice", "double", 1)
	if got := string(changed[filepath.Join(dir, "a.go")]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, e := range []Edit{{In: ".", Const: "three", New: "3"}, {In: "a.go", Old: "two + two + two"}, {In: "a.go", Old: "two"}, {In: "b.go", Old: "x"}} {
		if _, err := Apply(dir, []Edit{e}); !errors.Is(err, ErrAbsent) {
			t.Errorf("%+v: got %v, want that it is gone", e, err)
		}
		e.Optional = true
		if _, err := Apply(dir, []Edit{e}); err != nil {
			t.Errorf("optional %+v: %v", e, err)
		}
	}
}
