package simsalesforce

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a name or a keyword, dots included
	tokenString           // text holds what stands between the quotes, still escaped
	tokenNumber           // a number, a date or a date and time
	tokenSign             // ( ) , and operators
)

type token struct {
	kind tokenKind
	text string
	pos  int
}

// is compares with a keyword or sign; keywords have no case.
func (t token) is(text string) bool {
	return (t.kind == tokenWord || t.kind == tokenSign) && strings.EqualFold(t.text, text)
}

// lex cuts a query into tokens, the last of which is tokenEnd.
func lex(src string) ([]token, *refusal) {
	var out []token
	for pos := 0; pos < len(src); {
		c := src[pos]
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			pos++
			continue
		}
		t := token{pos: pos}
		switch {
		case c == '\'':
			end := endOfString(src, pos+1)
			if end < 0 {
				return nil, malformed(src, pos, "unterminated string literal")
			}
			t.kind, t.text = tokenString, src[pos+1:end]
			pos = end + 1
		case isLetter(c):
			t.kind, t.text = tokenWord, src[pos:span(src, pos, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' })]
			pos += len(t.text)
		case isDigit(c) || ((c == '-' || c == '+') && pos+1 < len(src) && isDigit(src[pos+1])):
			t.kind, t.text = tokenNumber, src[pos:span(src, pos+1, func(c byte) bool {
				return isDigit(c) || isLetter(c) || strings.IndexByte(".:+-", c) >= 0
			})]
			pos += len(t.text)
		default:
			t.kind, t.text = tokenSign, sign(src[pos:])
			if t.text == "" {
				r, _ := utf8.DecodeRuneInString(src[pos:])
				return nil, malformed(src, pos, fmt.Sprintf("unexpected token: '%c'", r))
			}
			pos += len(t.text)
		}
		out = append(out, t)
	}
	return append(out, token{kind: tokenEnd, text: "<EOF>", pos: len(src)}), nil
}

func sign(src string) string {
	for _, s := range []string{"!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","} {
		if strings.HasPrefix(src, s) {
			return s
		}
	}
	return ""
}

func isLetter(c byte) bool { return c == '_' || (c|0x20 >= 'a' && c|0x20 <= 'z') }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func span(src string, pos int, in func(byte) bool) int {
	for pos < len(src) && in(src[pos]) {
		pos++
	}
	return pos
}

// endOfString is the position of the closing quote, or -1.
func endOfString(src string, pos int) int {
	for ; pos < len(src); pos++ {
		switch src[pos] {
		case '\\':
			pos++
		case '\'':
			return pos
		}
	}
	return -1
}

// queryError is a 400 whose message points at a place in the query.
func queryError(code, src string, pos int, message string) *refusal {
	pos = min(pos, len(src))
	from, to := max(0, pos-40), min(len(src), pos+20)
	for from > 0 && !utf8.RuneStart(src[from]) {
		from--
	}
	for to < len(src) && !utf8.RuneStart(src[to]) {
		to++
	}
	flat := strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(src[from:to])
	caret := strings.Repeat(" ", utf8.RuneCountInString(src[from:pos]))
	row := 1 + strings.Count(src[:pos], "\n")
	column := 1 + utf8.RuneCountInString(src[strings.LastIndexByte(src[:pos], '\n')+1:pos])
	return refuse(http.StatusBadRequest, code,
		fmt.Sprintf("\n%s\n%s^\nERROR at Row:%d:Column:%d\n%s", flat, caret, row, column, message))
}

// malformed names the offending text alone, as most of Salesforce's parser errors do.
func malformed(src string, pos int, message string) *refusal {
	if strings.HasPrefix(message, "unexpected token") {
		return refuse(http.StatusBadRequest, "MALFORMED_QUERY", message)
	}
	return queryError("MALFORMED_QUERY", src, pos, message)
}
