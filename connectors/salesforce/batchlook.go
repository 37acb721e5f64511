package salesforce

import (
	"context"
	"net/url"
	"slices"

	"crm-connectors/connectors"
)

// maxURI keeps below the 16,384 bytes that Salesforce allows for an address, of a part of a composite call too.
const maxURI = 15_000

// lookup is a query for what several items need to know, and what becomes of its records.
type lookup struct {
	query
	field    string
	values   []string
	items    map[string][]*item // whose values they are
	marker   bool               // it asks for the marker's field
	optional bool               // that it is refused means that there is nothing
	take     func(value string, records []record)
	key      func(record) string
}

// lookUp finds out, in as few calls as Salesforce allows, who the addresses belong to, who the tasks' owners are, and what earlier attempts
// have made.
func (l *list) lookUp(ctx context.Context, people, activities []*item) {
	l.askAll(ctx, l.lookups(people, activities)...)
	for _, it := range people {
		if it.open() {
			l.identify(it)
		}
	}
}

// askAll asks for all of these, five queries in a call.
func (l *list) askAll(ctx context.Context, looks ...lookup) {
	var parts []lookup
	for _, k := range looks {
		parts = append(parts, k.split(l.c.cfg.Version)...)
	}
	for chunk := range slices.Chunk(parts, maxQueries) {
		if l.stop != nil {
			return
		}
		l.ask(ctx, chunk)
	}
}

// ask makes one composite call. A query that fails concerns its own items alone.
func (l *list) ask(ctx context.Context, parts []lookup) {
	var items []*item
	qs := make([]query, len(parts))
	for i, p := range parts {
		qs[i] = p.query
		for _, v := range p.values {
			items = append(items, p.items[v]...)
		}
	}
	items = uniqueItems(items)
	var pages []page
	var failures []*connectors.Error
	err := l.shared(items, func(st *step) (err *connectors.Error) {
		if pages, failures, err = st.eachQuery(ctx, qs...); err != nil {
			return err
		}
		for i := range pages { // more than 2,000 records for 200 values
			if failures[i] == nil {
				pages[i].records, failures[i] = st.whole(ctx, pages[i], qs[i].small)
			}
		}
		return nil
	})
	if err != nil {
		giveUp(items, err)
		return
	}
	for i, p := range parts {
		l.answered(p, pages[i].records, failures[i])
	}
}

// whole is a page with all that follows it.
func (st *step) whole(ctx context.Context, p page, small bool) ([]record, *connectors.Error) {
	records, complete, err := st.rest(ctx, p, small)
	if err == nil && !complete {
		err = rejected("crm_rejected", "Salesforce has more records than the service looks through.", doMendData)
	}
	return records, err
}

func (l *list) answered(p lookup, records []record, failed *connectors.Error) {
	if _, gone := refused(failed, "INVALID_FIELD"); gone && p.marker {
		l.keyless[p.object] = true
		return
	}
	if failed != nil && p.optional && failed.Class == connectors.ClassRejected {
		records, failed = nil, nil
	}
	if failed != nil {
		for _, v := range p.values {
			giveUp(p.items[v], failed)
		}
		if stop := forAll(failed); stop != nil {
			l.stop = stop
		}
		return
	}
	byValue := map[string][]record{}
	for _, r := range records {
		byValue[emailKey(p.key(r))] = append(byValue[emailKey(p.key(r))], r)
	}
	for _, v := range p.values {
		p.take(v, byValue[emailKey(v)])
	}
}

// giveUp leaves a look that was refused to each item by itself; any other failure is the answer to all of them.
func giveUp(items []*item, err *connectors.Error) {
	if err.Class == connectors.ClassRejected {
		setAlone(items)
		return
	}
	for _, it := range items {
		if !it.done {
			it.settle(connectors.Ref{}, "", err)
		}
	}
}

func uniqueItems(items []*item) []*item {
	seen := map[*item]bool{}
	return slices.DeleteFunc(items, func(it *item) bool {
		was := seen[it]
		seen[it] = true
		return was
	})
}

// split cuts the values into queries whose addresses are short enough.
func (k lookup) split(version string) []lookup {
	base := k.query
	base.where = append(slices.Clone(k.where), oneOf(k.field, []string{""}))
	room, used := maxURI-len(base.path(version)), 0
	var out []lookup
	start := 0
	for i, v := range k.values {
		size := len(url.QueryEscape(literal(v))) + len("%2C%20")
		if used+size > room && i > start {
			out, start, used = append(out, k.of(start, i)), i, 0
		}
		used += size
	}
	if start < len(k.values) {
		out = append(out, k.of(start, len(k.values)))
	}
	return out
}

// of is the query for some of the values.
func (k lookup) of(from, to int) lookup {
	k.values = k.values[from:to]
	k.where = append(slices.Clone(k.where), oneOf(k.field, k.values))
	return k
}
