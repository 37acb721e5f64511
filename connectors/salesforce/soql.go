package salesforce

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// query is SOQL in the making. Names come from this package's constants; values go in through a
// condition, and so through literal.
type query struct {
	object string
	fields []string
	where  []condition
	order  string
	limit  int
	all    bool // deleted and archived records too
	small  bool // in small pages
}

// condition is one side of an AND. The functions below are the ways to make one.
type condition string

func equals(field, value string) condition { return condition(field + " = " + literal(value)) }

func isTrue(field string) condition { return condition(field + " = true") }

func isFalse(field string) condition { return condition(field + " = false") }

func isNull(field string) condition { return condition(field + " = null") }

func notNull(field string) condition { return condition(field + " != null") }

// oneOf needs at least one value: SOQL has no empty list.
func oneOf(field string, values []string) condition {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = literal(v)
	}
	return condition(field + " IN (" + strings.Join(list, ", ") + ")")
}

func anyOf(conditions ...condition) condition {
	list := make([]string, len(conditions))
	for i, c := range conditions {
		list[i] = string(c)
	}
	return condition("(" + strings.Join(list, " OR ") + ")")
}

// since is what is not older than t. Salesforce keeps whole seconds.
func since(field string, t time.Time) condition {
	return condition(field + " >= " + t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z"))
}

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
	return "/services/data/" + version + q.below()
}

// below is path without its beginning.
func (q query) below() string {
	return q.resource() + "?q=" + strings.ReplaceAll(url.QueryEscape(q.String()), "+", "%20")
}

func (q query) resource() string {
	if q.all {
		return "/queryAll"
	}
	return "/query"
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
