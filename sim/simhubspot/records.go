package simhubspot

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crm-connectors/sim"
)

// ref names a record: kind name and id.
type ref struct{ kind, id string }

func (r ref) String() string { return r.kind + "/" + r.id }

// record is one object of the portal. Guarded by Sim.mu.
type record struct {
	ref
	props      map[string]string // never holds ""
	created    time.Time
	updated    time.Time
	archivedAt time.Time             // zero: alive
	versions   []version             // what the search index may know, oldest first
	links      map[ref][]linkedLabel // both directions of an association are stored
}

func (r *record) archived() bool { return !r.archivedAt.IsZero() }

// version is a state of the record and from when on the search index knows it.
type version struct {
	from  time.Time
	props map[string]string
}

// uniqueKey is a value that at most one record of a kind may have.
type uniqueKey struct{ kind, property, value string }

var errNotLogged = errors.New("operation log")

// find is the living record of that id; a merged contact's old id finds nothing.
func (s *Sim) find(k *kind, id string) *record {
	if rec := s.records[k.name][id]; rec != nil && !rec.archived() {
		return rec
	}
	return nil
}

// follow is find, and an old id leads to the contact it was merged into.
func (s *Sim) follow(k *kind, id string) *record {
	if k.name == contacts {
		for s.merged[id] != "" {
			id = s.merged[id]
		}
	}
	return s.find(k, id)
}

// uniqueKeys are the values by which a record with these properties claims to be the only one.
// A contact's additional addresses claim like its primary one.
func (s *Sim) uniqueKeys(kindName string, props map[string]string) []uniqueKey {
	var keys []uniqueKey
	if kindName == contacts {
		for _, e := range append([]string{props["email"]}, strings.Split(props["hs_additional_emails"], ";")...) {
			if e != "" {
				keys = append(keys, uniqueKey{contacts, "email", e})
			}
		}
	}
	for name, p := range s.properties[kindName] {
		if p.HasUniqueValue && props[name] != "" {
			keys = append(keys, uniqueKey{kindName, name, props[name]})
		}
	}
	return keys
}

// byUnique finds a record by a property that identifies it, a living one or one that was deleted; the error refuses a property
// that does not.
func (s *Sim) byUnique(k *kind, property, value string, archived bool) (*record, *apiError) {
	p := s.properties[k.name][property]
	isEmail := k.name == contacts && property == "email"
	if !isEmail && (p == nil || !p.HasUniqueValue) {
		return nil, invalid("Property %s of %s does not have unique values and cannot be used as idProperty", property, k.typeID)
	}
	if isEmail {
		value = strings.ToLower(value)
	}
	if !archived {
		return s.find(k, s.unique[uniqueKey{k.name, property, value}]), nil
	}
	for _, id := range sortedKeys(s.records[k.name]) {
		rec := s.records[k.name][id]
		if rec.archived() && rec.props[property] == value && s.merged[id] == "" {
			return rec, nil
		}
	}
	return nil, nil
}

func (s *Sim) nextID(kindName string) string {
	for {
		s.lastID[kindName]++
		id := strconv.FormatInt(s.lastID[kindName], 10)
		if s.records[kindName][id] == nil {
			return id
		}
	}
}

// setProps replaces what the record holds and keeps the indexes true. The search knows it from
// indexed on; the zero time is at once.
func (s *Sim) setProps(rec *record, props map[string]string, indexed time.Time) {
	for _, key := range s.uniqueKeys(rec.kind, rec.props) {
		delete(s.unique, key)
	}
	rec.props = props
	for _, key := range s.uniqueKeys(rec.kind, props) {
		s.unique[key] = rec.id
		if key.property == "email" && !slices.Contains(s.everEmail[key.value], rec.id) {
			s.everEmail[key.value] = append(s.everEmail[key.value], rec.id)
		}
	}
	rec.versions = append(rec.versions, version{indexed, props})
	now := s.core.Clock.Now()
	for len(rec.versions) > 1 && !rec.versions[1].from.After(now) {
		rec.versions = rec.versions[1:]
	}
}

// insert stores a new record; props are as the portal stores them and are not changed again.
func (s *Sim) insert(r ref, props map[string]string, indexed time.Time) *record {
	now := s.core.Clock.Now()
	rec := &record{ref: r, created: now, updated: now, links: map[ref][]linkedLabel{}}
	s.records[r.kind][r.id] = rec
	s.setProps(rec, props, indexed)
	return rec
}

func (s *Sim) archive(rec *record) {
	rec.archivedAt = s.core.Clock.Now()
	for _, key := range s.uniqueKeys(rec.kind, rec.props) {
		if key.property == "email" || !s.behaviour.ArchivedKeepValues {
			delete(s.unique, key)
		}
	}
}

// log records one operation; the caller changes the state only if it succeeds.
func (s *Sim) log(op sim.Op, r ref, fields map[string]string, to []string) error {
	return s.enter(sim.Entry{Op: op, Fields: fields, To: to}, r)
}

func (s *Sim) enter(e sim.Entry, r ref) error {
	e.At, e.CRM, e.Account = s.core.Clock.Now(), s.core.CRM, strconv.Itoa(hubID)
	e.Object, e.ID, e.Fields = r.kind, r.id, maps.Clone(e.Fields)
	if err := s.core.Log.Append(e); err != nil {
		return errors.Join(errNotLogged, err)
	}
	return nil
}

// before is what a record holds of the properties that an update sets.
func before(props, given map[string]string) map[string]string {
	out := map[string]string{}
	for name := range given {
		if v := props[name]; v != "" {
			out[name] = v
		}
	}
	return out
}
