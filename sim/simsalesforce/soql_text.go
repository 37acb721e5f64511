package simsalesforce

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Wildcards in a LIKE pattern, beside ordinary characters.
const (
	anyText int32 = -1 // %
	oneChar int32 = -2 // _
)

// unescape reads the text of a string literal. A backslash must begin one of the escapes that the
// language has; \_ and \% exist only in LIKE, where an unescaped _ or % is a wildcard.
func unescape(src string, t token, like bool) (string, []int32, *refusal) {
	var out strings.Builder
	var pattern []int32
	add := func(r rune) {
		out.WriteRune(r)
		if like {
			pattern = append(pattern, r)
		}
	}
	for i := 0; i < len(t.text); {
		r, size := utf8.DecodeRuneInString(t.text[i:])
		i += size
		switch {
		case r == '\\':
			r, width := escaped(t.text[i:], like)
			if width == 0 {
				return "", nil, malformed(src, t.pos+i, "invalid string literal '"+t.text+"'. Illegal character sequence in string literal.")
			}
			add(r)
			i += width
		case like && r == '%':
			pattern = append(pattern, anyText)
		case like && r == '_':
			pattern = append(pattern, oneChar)
		default:
			add(r)
		}
	}
	return out.String(), pattern, nil
}

// escaped reads what follows a backslash; width 0 says that it is no escape.
func escaped(s string, like bool) (r rune, width int) {
	if s == "" {
		return 0, 0
	}
	switch s[0] {
	case 'n', 'N':
		return '\n', 1
	case 'r', 'R':
		return '\r', 1
	case 't', 'T':
		return '\t', 1
	case 'b', 'B':
		return '\b', 1
	case 'f', 'F':
		return '\f', 1
	case '"', '\'', '\\':
		return rune(s[0]), 1
	case '_', '%':
		if like {
			return rune(s[0]), 1
		}
	case 'u':
		if len(s) >= 5 {
			if n, err := strconv.ParseUint(s[1:5], 16, 16); err == nil {
				return rune(n), 5
			}
		}
	}
	return 0, 0
}

// like matches a text with a pattern, without regard to case.
func like(text string, pattern []int32) bool {
	s := []rune(fold(text))
	i, j, star, resume := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == anyText:
			star, resume = j, i
			j++
		case j < len(pattern) && (pattern[j] == oneChar || foldRune(pattern[j]) == s[i]):
			i++
			j++
		case star >= 0:
			resume++
			i, j = resume, star+1
		default:
			return false
		}
	}
	for j < len(pattern) && pattern[j] == anyText {
		j++
	}
	return j == len(pattern)
}

func foldRune(r rune) rune {
	out, _ := utf8.DecodeRuneInString(fold(string(r)))
	return out
}
