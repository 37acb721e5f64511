package hubspot

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPlainTextIsWrittenAsHTML(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, lines, paragraphs string }{
		{"empty", "", "", ""},
		{"white space alone", " \r\n\t", "", ""},
		{"one line", "Hello", "Hello", "<p>Hello</p>"},
		{"markup", `<b>"R&D" isn't</b>`, "&lt;b&gt;&#34;R&amp;D&#34; isn&#39;t&lt;/b&gt;", "<p>&lt;b&gt;&#34;R&amp;D&#34; isn&#39;t&lt;/b&gt;</p>"},
		{"line ends", "a\nb\r\nc\rd", "a<br>b<br>c<br>d", "<p>a<br>b<br>c<br>d</p>"},
		{"paragraphs", "a\n\nb\n\n\nc", "a<br><br>b<br><br><br>c", "<p>a</p><p>b</p><p>c</p>"},
		{"control characters", "a\x00b\x1bc", "abc", "<p>abc</p>"},
		{"broken UTF-8", "a\xffb", "a\uFFFDb", "<p>a\uFFFDb</p>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := lines(tc.in, maxRichText); got != tc.lines {
				t.Errorf("lines: got %q, want %q", got, tc.lines)
			}
			if got := paragraphs(tc.in, maxRichText); got != tc.paragraphs {
				t.Errorf("paragraphs: got %q, want %q", got, tc.paragraphs)
			}
		})
	}
}

func TestATextThatIsTooLongIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in    string
		limit int
		want  string
	}{
		{strings.Repeat("a", 20), 20, "aaaaaaaaaaaaaaaaaaaa"},
		{strings.Repeat("a", 21), 20, "aaaaaaa" + truncatedMark},
		{"aaaaaa" + strings.Repeat("&", 10), 20, "aaaaaa" + truncatedMark},
		{strings.Repeat("😀", 11), 20, "😀😀😀" + truncatedMark},
	} {
		if got := richText(tc.in, "", "<br>", "", tc.limit); got != tc.want {
			t.Errorf("richText(%q, %d): got %q, want %q", tc.in, tc.limit, got, tc.want)
		}
	}
	got := paragraphs(strings.Repeat("long & winding\n\n", 10_000), maxRichText)
	if units(got) > 65_536 || !strings.HasSuffix(got, truncatedMark+"</p>") {
		t.Errorf("a long note: got %d characters ending in %q", units(got), got[len(got)-40:])
	}
}

func TestRichTextStaysInItsLimitAndIsSafe(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`<br>|<p>|</p>`)
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.StringMatching(`([<>&"'a-c 😀]|\n|\r\n){0,80}`)).Draw(t, "text")
		limit := rapid.IntRange(40, 200).Draw(t, "limit")
		opening, closing := "", ""
		if rapid.Bool().Draw(t, "paragraphs") {
			opening, closing = "<p>", "</p>"
		}
		out := richText(in, opening, "<br>", closing, limit)
		if n := units(out); n > limit {
			t.Fatalf("got %d characters, want at most %d: %q", n, limit, out)
		}
		text := tags.ReplaceAllString(out, "")
		if strings.ContainsAny(text, `<>"'`) {
			t.Fatalf("unescaped: %q", out)
		}
		if strings.Count(out, "<p>") != strings.Count(out, "</p>") {
			t.Fatalf("tags are not closed: %q", out)
		}
		want := strings.ReplaceAll(clean(in), "\n", "")
		got := html.UnescapeString(text)
		if cut, ok := strings.CutSuffix(got, truncatedMark); ok && !strings.HasSuffix(want, truncatedMark) {
			if !strings.HasPrefix(want, cut) || units(out) < limit-12-units(truncatedMark)-len(closing) {
				t.Fatalf("cut: got %q of %q, limit %d", cut, want, limit)
			}
		} else if got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
