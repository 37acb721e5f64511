package simsalesforce

import (
	"fmt"
	"maps"
	"strings"

	"crm-connectors/sim"
)

// restore replays the log of an earlier run, so that a simulator that was killed comes back with
// what clients had written. Sign-ins and seeds are not in the log and are gone.
func (s *Sim) restore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{s: s}
	for _, e := range s.core.Log.Entries(0) {
		obj := s.adminSchema[strings.ToLower(e.Object)]
		if e.CRM != s.core.CRM || e.Account != orgID || obj == nil {
			continue
		}
		r := s.tables[obj.name].byID[e.ID]
		switch {
		case e.Op == sim.OpCreate && r == nil:
			row := typed(obj, e.Fields)
			s.derive(obj, row)
			row["CreatedDate"], row["LastModifiedDate"] = stamp(e.At), stamp(e.At)
			t.put(obj, e.ID, row)
		case e.Op == sim.OpUpdate && r != nil:
			row := maps.Clone(r.Fields)
			maps.Copy(row, typed(obj, e.Fields))
			s.derive(obj, row)
			t.set(r, row)
		case e.Op == sim.OpDelete && r != nil:
			t.remove(r)
		}
	}
}

// typed turns the texts of a log entry back into values.
func typed(obj *object, fields map[string]string) map[string]any {
	out := map[string]any{}
	for name, value := range fields {
		f, _ := obj.field(name)
		switch {
		case value == "":
			out[name] = nil
		case family(f) == "boolean":
			out[name] = value == "true"
		case family(f) == "number":
			var n float64
			_, _ = fmt.Sscan(value, &n)
			out[name] = n
			if f.kind == "int" {
				out[name] = int64(n)
			}
		default:
			out[name] = value
		}
	}
	return out
}
