package simsalesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	pageSize   = 2000
	maxCursors = 100
)

// cursors keep the rest of long results until they are fetched. Old ones are forgotten.
type cursors struct {
	rows  map[string][]any
	order []string
	n     int64
}

func (c *cursors) keep(rows []any) string {
	if c.rows == nil {
		c.rows = map[string][]any{}
	}
	c.n++
	id := makeID("01g", c.n)
	c.rows[id], c.order = rows, append(c.order, id)
	if len(c.order) > maxCursors {
		delete(c.rows, c.order[0])
		c.order = c.order[1:]
	}
	return id
}

// runQuery is GET /query?q=… and the further pages at /query/<cursor>-<offset>.
func (c *call) runQuery(path []string, deletedToo bool) reply {
	if len(path) == 1 {
		return c.nextPage(path[0])
	}
	if len(path) > 1 {
		return notFound().reply()
	}
	st, no := parseQuery(c.query.Get("q"))
	if no != nil {
		return no.reply()
	}
	obj := c.s.schema[strings.ToLower(st.from.text)]
	if obj == nil {
		return queryError("INVALID_TYPE", st.src, st.from.pos, fmt.Sprintf("sObject type '%s' is not supported. If you are attempting to use "+
			"a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the "+
			"appropriate names.", st.from.text)).reply()
	}
	rows, no := c.selectRows(binder{st, obj}, deletedToo)
	if no != nil {
		return no.reply()
	}
	if st.count {
		return ok(map[string]any{"totalSize": len(rows), "done": true, "records": []any{}})
	}
	out, no := c.render(binder{st, obj}, rows)
	if no != nil {
		return no.reply()
	}
	return ok(c.page(out, "", 0))
}

// selectRows filters, orders and cuts.
func (c *call) selectRows(b binder, deletedToo bool) ([]*Record, *refusal) {
	match, no := b.filter(b.st.where)
	if no != nil {
		return nil, no
	}
	tab := c.s.tables[b.obj.name]
	from, narrowed := b.candidates(tab, b.st.where)
	if !narrowed {
		from = tab.rows
	}
	var rows []*Record
	for _, r := range from {
		if (deletedToo || !r.Deleted && !r.is("IsArchived")) && match(r) {
			rows = append(rows, r)
		}
	}
	if no := b.sort(rows); no != nil {
		return nil, no
	}
	rows = rows[min(b.st.offset, len(rows)):]
	if b.st.limit >= 0 {
		rows = rows[:min(b.st.limit, len(rows))]
	}
	return rows, nil
}

// candidates narrows a query by an index: rows that can match, in order of creation. It runs
// after filter, which has brought the ids in the literals to 18 characters.
func (b binder) candidates(tab *table, n *node) (rows []*Record, narrowed bool) {
	switch {
	case n == nil:
		return nil, false
	case n.op == "and":
		for _, k := range n.kids {
			if some, can := b.candidates(tab, k); can && (!narrowed || len(some) < len(rows)) {
				rows, narrowed = some, true
			}
		}
		return rows, narrowed
	case n.op != "=" && n.op != "in":
		return nil, false
	}
	f, _ := b.obj.field(n.field.text)
	for _, v := range n.values {
		var some []*Record
		can := v.kind == "string"
		if can && f.kind == "id" {
			some = slices.DeleteFunc([]*Record{tab.byID[v.text]}, func(r *Record) bool { return r == nil })
		} else if can {
			some, can = tab.find(f.name, v.text)
		}
		if !can {
			return nil, false
		}
		rows = append(rows, some...)
	}
	slices.SortFunc(rows, func(x, y *Record) int { return int(x.seq - y.seq) })
	return slices.Compact(rows), true
}

func (b binder) sort(rows []*Record) *refusal {
	type key struct {
		orderKey
		name string
	}
	var keys []key
	for _, k := range b.st.order {
		f, no := b.field(k.name)
		if no != nil {
			return no
		}
		if !f.filterable {
			return queryError("INVALID_FIELD", b.st.src, k.name.pos, fmt.Sprintf("field '%s' can not be sorted in a query call", f.name))
		}
		keys = append(keys, key{k, f.name})
	}
	slices.SortStableFunc(rows, func(x, y *Record) int {
		for _, k := range keys {
			if c := k.compare(x.Fields[k.name], y.Fields[k.name]); c != 0 {
				return c
			}
		}
		return 0
	})
	return nil
}

// compare puts nulls first, whatever the direction, unless the query says NULLS LAST.
func (k orderKey) compare(a, b any) int {
	if a == nil || b == nil {
		c := number(b == nil) - number(a == nil)
		if k.nullsLast {
			return -c
		}
		return c
	}
	if k.desc {
		return compare(b, a)
	}
	return compare(a, b)
}

func (c *call) render(b binder, rows []*Record) ([]any, *refusal) {
	var fields []string
	for _, name := range b.st.fields {
		f, no := b.field(name)
		if no != nil {
			return nil, no
		}
		if slices.Contains(fields, f.name) {
			return nil, malformed(b.st.src, name.pos, "duplicate field selected: "+f.name)
		}
		fields = append(fields, f.name)
	}
	out := make([]any, 0, len(rows))
	for _, r := range rows {
		row := map[string]any{"attributes": c.attributes(r)}
		for _, f := range fields {
			row[f] = r.Fields[f]
		}
		out = append(out, row)
	}
	return out, nil
}

// page answers with the rows from offset on, as many as fit. cursor is empty on the first page.
func (c *call) page(rows []any, cursor string, offset int) map[string]any {
	size := pageSize
	if _, wish, found := strings.Cut(c.header.Get("Sforce-Query-Options"), "batchSize="); found {
		if n, err := strconv.Atoi(strings.TrimSpace(wish)); err == nil {
			size = min(max(n, 200), pageSize)
		}
	}
	end := min(offset+size, len(rows))
	out := map[string]any{"totalSize": len(rows), "done": end == len(rows), "records": rows[offset:end]}
	if end < len(rows) {
		if cursor == "" {
			cursor = c.s.cursors.keep(rows)
		}
		out["nextRecordsUrl"] = fmt.Sprintf("%s/query/%s-%d", c.base(), cursor, end)
	}
	return out
}

func (c *call) nextPage(locator string) reply {
	cursor, at, _ := strings.Cut(locator, "-")
	rows, known := c.s.cursors.rows[cursor]
	offset, err := strconv.Atoi(at)
	if !known || err != nil || offset < 0 || offset > len(rows) {
		return refuse(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator").reply()
	}
	return ok(c.page(rows, cursor, offset))
}
