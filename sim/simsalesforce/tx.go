package simsalesforce

import (
	"fmt"
	"maps"
	"strconv"

	"crm-connectors/sim"
)

// tx is the change of one request. Its operation log lines are appended in commit, which the
// request's handler calls before it lets go of the simulator's lock.
type tx struct {
	s       *Sim
	undo    []func()
	entries []sim.Entry
}

// mark is a savepoint.
type mark struct{ undo, entries int }

func (t *tx) mark() mark { return mark{len(t.undo), len(t.entries)} }

func (t *tx) rollback(to mark) {
	for i := len(t.undo) - 1; i >= to.undo; i-- {
		t.undo[i]()
	}
	t.undo, t.entries = t.undo[:to.undo], t.entries[:to.entries]
}

// commit writes the log. If the log cannot be written the change is taken back, so that the org
// never holds what the log does not.
func (t *tx) commit() error {
	for _, e := range t.entries {
		if err := t.s.core.Log.Append(e); err != nil {
			t.rollback(mark{})
			return fmt.Errorf("commit: %w", err)
		}
	}
	t.undo, t.entries = nil, nil
	return nil
}

// insert makes a row with the next free id.
func (t *tx) insert(obj *object, fields map[string]any) *Record {
	tab := t.s.tables[obj.name]
	var id string
	for taken := true; taken; {
		tab.next++
		id = makeID(obj.prefix, tab.next)
		_, taken = tab.byID[id]
	}
	return t.put(obj, id, fields)
}

func (t *tx) put(obj *object, id string, fields map[string]any) *Record {
	tab := t.s.tables[obj.name]
	t.s.seq++
	now := stamp(t.s.core.Clock.Now())
	r := &Record{ID: id, Object: obj.name, seq: t.s.seq, Fields: map[string]any{
		"Id": id, "IsDeleted": false, "CreatedDate": now, "CreatedById": UserID,
		"LastModifiedDate": now, "LastModifiedById": UserID, "SystemModstamp": now,
	}}
	maps.Copy(r.Fields, fields)
	r.Deleted = r.is("IsDeleted")
	tab.add(r)
	t.undo = append(t.undo, func() { tab.drop(r) })
	return r
}

// set changes fields of a row and its times.
func (t *tx) set(r *Record, fields map[string]any) {
	now := stamp(t.s.core.Clock.Now())
	all := map[string]any{"LastModifiedDate": now, "LastModifiedById": UserID, "SystemModstamp": now}
	maps.Copy(all, fields)
	tab := t.s.tables[r.Object]
	for name, value := range all {
		old := r.Fields[name]
		if old == value {
			continue
		}
		tab.set(r, name, value)
		t.undo = append(t.undo, func() { tab.set(r, name, old) })
	}
}

func (t *tx) remove(r *Record) {
	t.set(r, map[string]any{"IsDeleted": true})
	r.Deleted = true
	t.undo = append(t.undo, func() { r.Deleted = false })
}

// record adds the line that the operation log gets at commit. was is the row before an update.
func (t *tx) record(op sim.Op, r *Record, sent, was map[string]any) {
	e := sim.Entry{
		At: t.s.core.Clock.Now(), CRM: t.s.core.CRM, Account: orgID, Op: op, Object: r.Object, ID: r.ID,
		Fields: texts(sent), Was: map[string]string{},
	}
	for name := range sent {
		if v := asText(was[name]); v != "" {
			e.Was[name] = v
		}
	}
	for _, name := range []string{"WhoId", "WhatId"} {
		if id := r.str(name); id != "" {
			e.To = append(e.To, name+"/"+id)
		}
	}
	t.entries = append(t.entries, e)
}

// texts are values as the log has them.
func texts(sent map[string]any) map[string]string {
	if len(sent) == 0 {
		return nil
	}
	out := make(map[string]string, len(sent))
	for name, v := range sent {
		out[name] = asText(v)
	}
	return out
}

func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}
