package simsalesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// binder looks the names of a statement up in one object and checks that values fit fields.
type binder struct {
	st  *statement
	obj *object
}

func noColumn(field, object string) string {
	return fmt.Sprintf("No such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' "+
		"after the custom field name. Please reference your WSDL or the describe call for the appropriate names.", field, object)
}

func (b binder) field(name token) (field, *refusal) {
	f, known := b.obj.field(name.text)
	switch {
	case known:
		return f, nil
	case strings.Contains(name.text, "."):
		path, _, _ := strings.Cut(name.text, ".")
		return f, queryError("INVALID_FIELD", b.st.src, name.pos, fmt.Sprintf("Didn't understand relationship '%s' in field path. "+
			"If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. "+
			"Please reference your WSDL or the describe call for the appropriate names.", path))
	}
	return f, refuse(http.StatusBadRequest, "INVALID_FIELD", noColumn(name.text, b.obj.name))
}

// filter compiles a condition.
func (b binder) filter(n *node) (func(*Record) bool, *refusal) {
	if n == nil {
		return func(*Record) bool { return true }, nil
	}
	if len(n.kids) == 0 {
		return b.comparison(n)
	}
	kids := make([]func(*Record) bool, 0, len(n.kids))
	for _, k := range n.kids {
		f, no := b.filter(k)
		if no != nil {
			return nil, no
		}
		kids = append(kids, f)
	}
	switch n.op {
	case "not":
		return func(r *Record) bool { return !kids[0](r) }, nil
	case "and":
		return func(r *Record) bool {
			return !slices.ContainsFunc(kids, func(f func(*Record) bool) bool { return !f(r) })
		}, nil
	}
	return func(r *Record) bool {
		return slices.ContainsFunc(kids, func(f func(*Record) bool) bool { return f(r) })
	}, nil
}

func (b binder) comparison(n *node) (func(*Record) bool, *refusal) {
	f, no := b.field(n.field)
	if no != nil {
		return nil, no
	}
	if !f.filterable {
		return nil, queryError("INVALID_FIELD", b.st.src, n.field.pos, fmt.Sprintf("field '%s' can not be filtered in a query call", f.name))
	}
	if no := b.checkOperator(n, f); no != nil {
		return nil, no
	}
	for i := range n.values {
		if no := b.checkValue(n, f, &n.values[i]); no != nil {
			return nil, no
		}
	}
	switch n.op {
	case "in", "=":
		return func(r *Record) bool { return equalsAny(f, r, n.values) }, nil
	case "not in", "!=":
		return func(r *Record) bool { return !equalsAny(f, r, n.values) }, nil
	case "like":
		return func(r *Record) bool {
			s, isText := r.Fields[f.name].(string)
			return isText && like(s, n.values[0].pattern)
		}, nil
	}
	return func(r *Record) bool {
		if r.Fields[f.name] == nil || n.values[0].kind == "null" {
			return false
		}
		c := compare(r.Fields[f.name], n.values[0].value())
		return (c < 0 && n.op[0] == '<') || (c > 0 && n.op[0] == '>') || (c == 0 && len(n.op) == 2)
	}, nil
}

func (b binder) checkOperator(n *node, f field) *refusal {
	isID, ordered := f.kind == "id" || f.kind == "reference", n.op[0] == '<' || n.op[0] == '>'
	if (ordered && (f.kind == "boolean" || isID)) || (n.op == "like" && family(f) != "string") || (n.op == "like" && isID) {
		return queryError("INVALID_QUERY_FILTER_OPERATOR", b.st.src, n.field.pos, fmt.Sprintf("invalid operator on %s field", f.kind))
	}
	return nil
}

// family is the kind of literal that a field compares with.
func family(f field) string {
	switch f.kind {
	case "boolean", "date", "datetime":
		return f.kind
	case "int", "currency":
		return "number"
	}
	return "string"
}

func (b binder) checkValue(n *node, f field, v *literal) *refusal {
	if v.kind == "null" {
		return nil
	}
	if want := family(f); v.kind != want {
		quotes := "should not be enclosed in quotes"
		if want == "string" {
			quotes = "should be enclosed in quotes"
		}
		return queryError("INVALID_FIELD", b.st.src, n.field.pos,
			fmt.Sprintf("value of filter criterion for field '%s' must be of type %s and %s", f.name, f.kind, quotes))
	}
	if f.kind == "id" || f.kind == "reference" {
		full, isID := normaliseID(v.text)
		if !isID {
			return queryError("INVALID_QUERY_FILTER_OPERATOR", b.st.src, n.field.pos, "invalid ID field: "+v.text)
		}
		v.text = full
	}
	return nil
}

func (v literal) value() any {
	switch v.kind {
	case "null":
		return nil
	case "boolean":
		return v.truth
	case "number":
		return v.number
	}
	return v.text
}

func equalsAny(f field, r *Record, values []literal) bool {
	have := r.Fields[f.name]
	return slices.ContainsFunc(values, func(v literal) bool {
		want := v.value()
		if have == nil || want == nil {
			return have == nil && want == nil
		}
		return compare(have, want) == 0 // ids too: 18 characters are safe without case
	})
}

// compare orders two values of one field that are not nil.
func compare(a, b any) int {
	switch x := a.(type) {
	case bool:
		y, _ := b.(bool)
		return number(x) - number(y)
	case string:
		y, _ := b.(string)
		return strings.Compare(fold(x), fold(y))
	}
	x, y := asFloat(a), asFloat(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func asFloat(v any) float64 {
	switch n := v.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}
