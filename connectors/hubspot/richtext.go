package hubspot

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRichText keeps below the 65,536 characters that HubSpot allows, counted after escaping. HubSpot does not say
// whether it counts code points or UTF-16 units: the larger number is counted here.
const maxRichText = 65_536 - 536

const truncatedMark = "… [truncated]"

// lines is plain text as HTML: escaped, with <br> for each end of line.
func lines(plain string, limit int) string { return richText(plain, "", "<br>", "", limit) }

// paragraphs is plain text as HTML: escaped, an empty line between two paragraphs, <br> within one.
func paragraphs(plain string, limit int) string { return richText(plain, "<p>", "<br>", "</p>", limit) }

// richText escapes plain and cuts it, never inside an entity or tag, so that all of it with its
// closing tag has at most limit characters; a cut text says so. With an empty opening tag, every
// end of line becomes br.
func richText(plain, opening, br, closing string, limit int) string {
	plain = clean(plain)
	if plain == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(opening)
	used := len(opening)
	reserve := len(closing) + units(truncatedMark)
	end := -1 // where a cut would fall, once the text no longer fits together with the mark
	for len(plain) > 0 {
		piece, size := nextPiece(plain, opening, br, closing)
		plain = plain[size:]
		n := units(piece)
		if end < 0 && used+n+reserve > limit {
			end = b.Len()
		}
		if used+n+len(closing) > limit {
			return b.String()[:end] + truncatedMark + closing
		}
		b.WriteString(piece)
		used += n
	}
	b.WriteString(closing)
	return b.String()
}

// nextPiece is the HTML of the first rune or line end of plain, and how many bytes of plain it stands for.
func nextPiece(plain, opening, br, closing string) (string, int) {
	if opening != "" && strings.HasPrefix(plain, "\n\n") {
		rest := strings.TrimLeft(plain, "\n")
		return closing + opening, len(plain) - len(rest)
	}
	r, size := utf8.DecodeRuneInString(plain)
	switch r {
	case '\n':
		return br, size
	case '&':
		return "&amp;", size
	case '<':
		return "&lt;", size
	case '>':
		return "&gt;", size
	case '"':
		return "&#34;", size
	case '\'':
		return "&#39;", size
	}
	return plain[:size], size
}

// clean is valid UTF-8 with \n as the only line end and no other control characters, without white
// space around it.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// units is the length of s in UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}
