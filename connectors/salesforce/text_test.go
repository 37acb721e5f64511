package salesforce

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func anyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("😀𝔘é \n\t\r\x00\x1b\uFFFE\uFFFF")))).Draw(t, "text")
		if rapid.Bool().Draw(t, "broken") {
			s += "\xff\xfe" + s
		}
		return strings.Repeat(s, rapid.IntRange(1, 30).Draw(t, "times"))
	})
}

func TestTextFitsItsFieldWhateverItHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, most := anyText().Draw(t, "s"), rapid.IntRange(20, 300).Draw(t, "most")
		in := clean(s)
		got, cut := limit(in, most)
		n := len(utf16.Encode([]rune(got)))
		switch {
		case n > most:
			t.Fatalf("%d code units, want at most %d", n, most)
		case !utf8.ValidString(got):
			t.Fatalf("%q is not valid UTF-8", got)
		case cut != (len(utf16.Encode([]rune(in))) > most):
			t.Fatalf("cut = %v of %q at %d", cut, in, most)
		case cut && !strings.HasSuffix(got, "[truncated]"):
			t.Fatalf("%q was cut without a mark", got)
		case cut && !strings.HasPrefix(in, strings.TrimSuffix(got, truncatedMark)):
			t.Fatalf("%q does not begin like %q", got, in)
		case !cut && got != in:
			t.Fatalf("%q became %q without a cut", in, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
				t.Fatalf("%q still holds %U", got, r)
			}
		}
	})
}

func TestACutUsesTheRoomThereIs(t *testing.T) {
	t.Parallel()
	got, _ := limit(strings.Repeat("x", 300), maxSubject)
	if units(got) != maxSubject {
		t.Errorf("%d code units of %d used", units(got), maxSubject)
	}
	got, _ = limit(strings.Repeat("😀", 200), maxSubject)
	if units(got) < maxSubject-1 {
		t.Errorf("%d code units of %d used, want all but half an emoji", units(got), maxSubject)
	}
}

func TestLinesAreKeptInLongTextsAndJoinedInShortOnes(t *testing.T) {
	t.Parallel()
	in := "  one\r\ntwo\rthree\n\tfour\x00\x07  "
	if got, want := clean(in), "one\ntwo\nthree\n\tfour"; got != want {
		t.Errorf("clean = %q, want %q", got, want)
	}
	if got, want := oneLine(in), "one two three four"; got != want {
		t.Errorf("oneLine = %q, want %q", got, want)
	}
}
