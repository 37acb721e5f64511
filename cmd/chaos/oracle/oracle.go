// Package oracle judges what became of an outcome by what the CRM did, never by what the service believes.
//
//	operation log (each line forced to disk before the CRM answers) ──► Log ──┐
//	what was sent (Want) ─────────────────────────────────────────────────────┼──► Judge ──► Finding
//	the service's rows (Row), whose word counts for flags alone ──────────────┘
//
// A record counts as made when, and only when, the log has its line. An answer that was lost is no evidence of anything.
package oracle

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"crm-connectors/sim"
)

// Log reads an operation log that is still being written. It is safe for concurrent use.
type Log struct {
	path string

	mu      sync.Mutex
	offset  int64
	entries []sim.Entry
}

// NewLog reads the file at path, which may not be there yet.
func NewLog(path string) *Log { return &Log{path: path} }

// Entries are all from the place after on; Len is the place of the next.
func (l *Log) Entries(after int) ([]sim.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.read(); err != nil {
		return nil, err
	}
	return slices.Clone(l.entries[min(after, len(l.entries)):]), nil
}

// Len is how many entries there are now.
func (l *Log) Len() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.read()
	return len(l.entries), err
}

// read takes the whole lines that were added.
func (l *Log) read() error {
	f, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("operation log: %w", err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(l.offset, io.SeekStart); err != nil {
		return fmt.Errorf("operation log: %w", err)
	}
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil // half a line is read again
		}
		var e sim.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("operation log: %w", err)
		}
		l.offset += int64(len(line))
		l.entries = append(l.entries, e)
	}
}

// Want is one record that an outcome must make or change, exactly once.
type Want struct {
	Object  string   // of the service's row: contact, task, rollup
	Types   []string // the CRM's types of record that it may be
	Tag     string   // a text that this record has and no other
	Known   string   // the record is there already, under this id: it must be changed and none made; empty: it must be made
	Changes string   // a text that an update of Known must have set; empty: none is needed
	Last    string   // a text that begins such values: of all that were set, that of Changes must be the last; empty: any order
	Called  bool     // a person called it off: it need not be there
	Contact *Want    // the person that it must be linked to
}

// Row is the service's word about one write.
type Row struct {
	Write               string // its id
	Object, Status, ID  string
	Code, Cause, Action string
	Alarm               string
	Connection          string // status
	ConnectionCause     string
}

// Fate is what became of a record that was wanted.
type Fate string

// The fates. Delivered is the only good one; Flagged waits for a person with its cause, which is no fault.
const (
	Delivered Fate = "delivered"
	Duplicate Fate = "duplicate" // made more than once
	Lost      Fate = "lost"      // accepted, not in the CRM as it should be, and nobody is told
	Flagged   Fate = "flagged"
	Stuck     Fate = "stuck" // neither after the bound
)

// Finding is a judgement.
type Finding struct {
	Fate    Fate
	Why     string
	Alarmed bool // of a duplicate: the service raised its alarm by itself
}

// Judge compares what was wanted with what happened.
func Judge(w Want, rows []Row, entries []sim.Entry) Finding {
	made := w.IDs(entries)
	row, known := find(rows, w.Object)
	switch {
	case len(made) > w.Most():
		return Finding{Duplicate, fmt.Sprintf("%s %s: %d records were made: %s; the row is %s", w.Object, w.Tag, len(made), strings.Join(made, ", "), row.Status),
			row.Alarm != ""}
	case !known:
		return Finding{Fate: Lost, Why: fmt.Sprintf("%s %s: it was accepted and has no row", w.Object, w.Tag)}
	}
	switch row.Status {
	case "succeeded":
		return w.judgeSuccess(row, made, entries)
	case "cancelled":
		if w.Called {
			return Finding{Fate: Flagged, Why: fmt.Sprintf("%s %s: a person cancelled it", w.Object, w.Tag)}
		}
		return Finding{Fate: Lost, Why: fmt.Sprintf("%s %s: nobody cancelled it, and it is", w.Object, w.Tag)}
	case "failed", "needs_review":
		return flagged(w, row, row.Cause)
	case "blocked":
		return flagged(w, row, cmp.Or(row.ConnectionCause, row.Cause))
	case "dry_run":
		return Finding{Fate: Lost, Why: fmt.Sprintf("%s %s: the row is %s", w.Object, w.Tag, row.Status)}
	}
	if row.Code == "waits_for_contact" {
		return flagged(w, row, row.Cause)
	}
	return Finding{Fate: Stuck, Why: fmt.Sprintf("%s %s: the row is %s (%s)", w.Object, w.Tag, row.Status, row.Cause)}
}

// Settled says that a row will not go on by itself.
func (r Row) Settled() bool {
	switch r.Status {
	case "succeeded", "failed", "needs_review", "cancelled", "dry_run":
		return true
	case "blocked":
		return r.Connection != "connected"
	}
	return r.Code == "waits_for_contact"
}

func flagged(w Want, row Row, cause string) Finding {
	if cause == "" {
		return Finding{Fate: Lost, Why: fmt.Sprintf("%s %s: the row is %s without a cause", w.Object, w.Tag, row.Status)}
	}
	return Finding{Fate: Flagged, Why: fmt.Sprintf("%s %s: %s, %s: %s", w.Object, w.Tag, row.Status, row.Code, cause)}
}

// judgeSuccess holds a row that says succeeded against the CRM.
func (w Want) judgeSuccess(row Row, made []string, entries []sim.Entry) Finding {
	lost := func(format string, args ...any) Finding {
		return Finding{Fate: Lost, Why: fmt.Sprintf("%s %s: the row says succeeded, but ", w.Object, w.Tag) + fmt.Sprintf(format, args...)}
	}
	id := w.Known
	if id == "" {
		if len(made) == 0 {
			return lost("the CRM made no record")
		}
		id = made[0]
	}
	if row.ID != id {
		return lost("with record %q; the CRM has %s", row.ID, id)
	}
	if w.Changes != "" && !slices.ContainsFunc(entries, func(e sim.Entry) bool {
		return e.Op == sim.OpUpdate && e.ID == id && holds(e, w.Changes)
	}) {
		return lost("record %s was never given %q", id, w.Changes)
	}
	if last := w.last(id, entries); w.Last != "" && !strings.Contains(last, w.Changes) {
		return lost("record %s ends with %q, want %q", id, last, w.Changes)
	}
	if w.Contact == nil {
		return Finding{Fate: Delivered}
	}
	person := w.Contact.Known
	if people := w.Contact.IDs(entries); person == "" && len(people) > 0 {
		person = people[0]
	}
	if !slices.ContainsFunc(entries, func(e sim.Entry) bool {
		return e.ID == id && slices.ContainsFunc(e.To, func(to string) bool { return person != "" && strings.HasSuffix(to, "/"+person) })
	}) {
		return lost("record %s is not linked to the person %s", id, person)
	}
	return Finding{Fate: Delivered}
}

// last is the last value beginning with w.Last that the record was given.
func (w Want) last(id string, entries []sim.Entry) string {
	last := ""
	for _, e := range entries {
		for _, v := range e.Fields {
			if e.ID == id && w.Last != "" && strings.HasPrefix(v, w.Last) {
				last = v
			}
		}
	}
	return last
}

// Most is how many records may be created for w.
func (w Want) Most() int {
	if w.Known != "" {
		return 0
	}
	return 1
}

// Made counts the records that were ever created for w.
func (w Want) Made(entries []sim.Entry) int { return len(w.IDs(entries)) }

// IDs are those of all records that were ever created for w.
func (w Want) IDs(entries []sim.Entry) []string {
	var ids []string
	for _, e := range entries {
		if e.Op == sim.OpCreate && slices.Contains(w.Types, e.Object) && holds(e, w.Tag) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func holds(e sim.Entry, text string) bool {
	for _, v := range e.Fields {
		if strings.Contains(v, text) {
			return true
		}
	}
	return false
}

func find(rows []Row, object string) (Row, bool) {
	for _, r := range rows {
		if r.Object == object {
			return r, true
		}
	}
	return Row{}, false
}
