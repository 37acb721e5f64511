package simsalesforce

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Layouts of dates and times in answers. Record times have whole seconds, as in a real org.
const (
	timeLayout = "2006-01-02T15:04:05.000-0700"
	dateLayout = "2006-01-02"
)

// Record is one row of an object. Field values are nil, string, bool, int64 or float64; dates and
// times are strings in the form of the API's answers.
type Record struct {
	ID      string         `json:"id"`
	Object  string         `json:"object"`
	Fields  map[string]any `json:"fields"`
	Deleted bool           `json:"deleted"`

	seq int64
}

func (r *Record) str(field string) string {
	v, _ := r.Fields[field].(string)
	return v
}

func (r *Record) is(field string) bool {
	v, _ := r.Fields[field].(bool)
	return v
}

// table holds the rows of one object in the order of their creation, with indexes on the fields
// that clients look records up by.
type table struct {
	rows  []*Record
	byID  map[string]*Record
	index map[string]map[string][]*Record // field, then folded value
	next  int64
}

// indexed are the fields worth an index: equality on them is what keeps a backlog's queries from
// reading every row.
var indexed = []string{"Email", "WhoId", "WhatId", "Subject", ExternalIDField}

func newTable() *table {
	t := &table{byID: map[string]*Record{}, index: map[string]map[string][]*Record{}}
	for _, f := range indexed {
		t.index[f] = map[string][]*Record{}
	}
	return t
}

// fold is how strings compare in queries and unique fields: without regard to case.
func fold(s string) string { return strings.ToLower(s) }

func (t *table) add(r *Record) {
	t.rows = append(t.rows, r)
	t.byID[r.ID] = r
	for _, f := range indexed {
		if v := r.str(f); v != "" {
			t.index[f][fold(v)] = append(t.index[f][fold(v)], r)
		}
	}
}

// drop takes back the newest row: a rolled-back create.
func (t *table) drop(r *Record) {
	t.rows = slices.DeleteFunc(t.rows, func(x *Record) bool { return x == r })
	delete(t.byID, r.ID)
	for _, f := range indexed {
		t.unindex(f, r.str(f), r)
	}
}

func (t *table) unindex(field, value string, r *Record) {
	rest := slices.DeleteFunc(t.index[field][fold(value)], func(x *Record) bool { return x == r })
	if len(rest) == 0 {
		delete(t.index[field], fold(value))
		return
	}
	t.index[field][fold(value)] = rest
}

// set changes one field of a row and keeps the indexes true.
func (t *table) set(r *Record, field string, value any) {
	old := r.str(field)
	r.Fields[field] = value
	if idx, ok := t.index[field]; ok && old != r.str(field) {
		if old != "" {
			t.unindex(field, old, r)
		}
		if v := r.str(field); v != "" {
			idx[fold(v)] = append(idx[fold(v)], r)
		}
	}
}

// find gives the rows, deleted ones too, whose field has the value, in order of creation. ok is
// false when the field has no index.
func (t *table) find(field, value string) (rows []*Record, ok bool) {
	idx, ok := t.index[field]
	if !ok {
		return nil, false
	}
	rows = slices.Clone(idx[fold(value)])
	slices.SortFunc(rows, func(a, b *Record) int { return int(a.seq - b.seq) })
	return rows, true
}

// live gives the rows that are not deleted and whose field has the value.
func (t *table) live(field, value string) []*Record {
	rows, ok := t.find(field, value)
	if !ok {
		for _, r := range t.rows {
			if fold(r.str(field)) == fold(value) {
				rows = append(rows, r)
			}
		}
	}
	return slices.DeleteFunc(rows, func(r *Record) bool { return r.Deleted })
}

func copyRecord(r *Record) Record {
	return Record{ID: r.ID, Object: r.Object, Fields: maps.Clone(r.Fields), Deleted: r.Deleted}
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(timeLayout) }

func parseStamp(s string) time.Time {
	t, _ := time.Parse(timeLayout, s) // only stamp's own output gets here
	return t
}
