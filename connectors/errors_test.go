package connectors

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestForeignTextIsQuotedOnOneLineAndCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		got := Quote(rapid.String().Draw(t, "text"))
		if n := len([]rune(got)); n > quoteLimit+1 {
			t.Fatalf("%d characters", n)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
	})
	if got, want := Quote("a\r\nb\x1b[31m\u202ec\td"), "a b[31mc d"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsNotUnderstoodIsInDoubt(t *testing.T) {
	t.Parallel()
	if AsError(nil) != nil {
		t.Error("nil became an error")
	}
	beneath := errors.New("strange")
	if e := AsError(beneath); e.Class != ClassInDoubt || !errors.Is(e, beneath) {
		t.Errorf("got %+v", e)
	}
	known := &Error{Class: ClassRejected, Code: "x", Cause: "y"}
	if e := AsError(fmt.Errorf("wrapped: %w", known)); e != known || !strings.Contains(e.Error(), "x: y") {
		t.Errorf("got %+v, want the wrapped error itself", e)
	}
}
