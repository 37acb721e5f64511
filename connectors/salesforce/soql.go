package salesforce

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// query is SOQL in the making. Names come from this package's constants; values go in through a
// condition, and so through literal.
type query struct {
	object string
	fields []string
	where  []condition
	order  string
	limit  int
}

// condition is one side of an AND. equals, isTrue and isFalse are the ways to make one.
type condition string

func equals(field, value string) condition { return condition(field + " = " + literal(value)) }

func isTrue(field string) condition { return condition(field + " = true") }

func isFalse(field string) condition { return condition(field + " = false") }

// String is the query as Salesforce reads it.
func (q query) String() string {
	var b strings.Builder
	b.WriteString("SELECT " + strings.Join(q.fields, ", ") + " FROM " + q.object)
	for i, c := range q.where {
		b.WriteString([2]string{" WHERE ", " AND "}[min(i, 1)])
		b.WriteString(string(c))
	}
	if q.order != "" {
		b.WriteString(" ORDER BY " + q.order)
	}
	if q.limit > 0 {
		b.WriteString(" LIMIT " + strconv.Itoa(q.limit))
	}
	return b.String()
}

// path is the query as a path below the instance. Spaces become %20, for a "+" is not
// everywhere read as one.
func (q query) path(version string) string {
	return "/services/data/" + version + "/query?q=" + strings.ReplaceAll(url.QueryEscape(q.String()), "+", "%20")
}

// literal quotes a value. It is the one place where text becomes SOQL. Only ' and \ end or bend a
// literal; control characters are escaped too, in the ways that the SOQL reference lists.
func literal(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case r == '\\' || r == '\'':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
