package simsalesforce

import (
	"regexp"
	"strconv"
	"time"
)

// maxLiteral is the length of a string in a condition, in bytes of the query.
const maxLiteral = 4_000

// literal is a value in a condition, read as the language says and not yet as its field wants it.
type literal struct {
	kind    string // string, number, boolean, date, datetime, null
	pos     int
	text    string  // string: unescaped; date, datetime: in the form of stored values
	pattern []int32 // of LIKE
	number  float64
	truth   bool
}

var dateTimeShape = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T`)

func (p *parser) literal(like bool) (literal, *refusal) {
	t := p.peek()
	v := literal{pos: t.pos}
	switch {
	case t.kind == tokenString:
		p.next()
		v.kind = "string"
		if len(t.text) > maxLiteral {
			return v, malformed(p.src, t.pos, "string literal is longer than 4000 characters")
		}
		var no *refusal
		v.text, v.pattern, no = unescape(p.src, t, like)
		return v, no
	case t.is("null"):
		v.kind = "null"
	case t.is("true"), t.is("false"):
		v.kind, v.truth = "boolean", t.is("true")
	case t.kind == tokenNumber:
		if !v.scan(t.text) {
			return v, p.unexpected()
		}
	default:
		return v, p.unexpected()
	}
	p.next()
	return v, nil
}

// scan reads a number, a date or a date and time.
func (v *literal) scan(s string) bool {
	if t, err := time.Parse(dateLayout, s); err == nil {
		v.kind, v.text = "date", t.Format(dateLayout)
		return true
	}
	if dateTimeShape.MatchString(s) {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999-0700"} {
			if t, err := time.Parse(layout, s); err == nil {
				v.kind, v.text = "datetime", t.UTC().Format(timeLayout)
				return true
			}
		}
		return false
	}
	n, err := strconv.ParseFloat(s, 64)
	v.kind, v.number = "number", n
	return err == nil
}
