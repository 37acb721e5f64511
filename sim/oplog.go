package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Op is what happened to an object.
type Op string

// The operations that the log knows.
const (
	OpCreate    Op = "create"
	OpUpdate    Op = "update"
	OpDelete    Op = "delete"
	OpAssociate Op = "associate"
)

// Entry is one line of the operation log: one object created or changed in the simulated CRM.
type Entry struct {
	Seq     int64             `json:"seq"`
	At      time.Time         `json:"at"`
	CRM     string            `json:"crm"`
	Account string            `json:"account"` // hub id or org id
	Op      Op                `json:"op"`
	Object  string            `json:"object"` // the CRM's own name: contacts, tasks, Lead, Task
	ID      string            `json:"id"`
	Fields  map[string]string `json:"fields,omitempty"` // what the request set, as text
	Was     map[string]string `json:"was,omitempty"`    // update: what those of them held before that were not empty
	To      []string          `json:"to,omitempty"`     // associated records, "contacts/501" or "WhoId/003…"
}

// OpLog is append only and safe for concurrent use. With a file, each entry is on disk (fsync)
// before Append returns, so that it survives the simulator being killed.
type OpLog struct {
	mu      sync.Mutex
	entries []Entry
	file    *os.File
	closed  bool
}

// NewOpLog makes a log that lives in memory.
func NewOpLog() *OpLog { return &OpLog{} }

// OpenOpLog opens or makes the NDJSON file at path and reads what it holds. The caller closes it.
func OpenOpLog(path string) (*OpLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open operation log: %w", err)
	}
	l := &OpLog{file: f}
	dec := json.NewDecoder(f)
	for {
		var e Entry
		switch err := dec.Decode(&e); err {
		case nil:
			l.entries = append(l.entries, e)
			continue
		case io.EOF:
			return l, nil
		default:
			_ = f.Close()
			return nil, fmt.Errorf("read operation log %s: %w", path, err)
		}
	}
}

// Append numbers the entry and stores it. Call it in the same critical section that changes the
// object, so that the log's order is the order of the changes.
func (l *OpLog) Append(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("the operation log is closed")
	}
	e.Seq = int64(len(l.entries)) + 1
	if l.file != nil {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode operation: %w", err)
		}
		if _, err := l.file.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write operation log: %w", err)
		}
		if err := l.file.Sync(); err != nil {
			return fmt.Errorf("sync operation log: %w", err)
		}
	}
	l.entries = append(l.entries, e)
	return nil
}

// Entries is a copy of all entries after seq, oldest first; 0 gives all.
func (l *OpLog) Entries(after int64) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	if after < 0 || after >= int64(len(l.entries)) {
		return nil
	}
	return append([]Entry(nil), l.entries[after:]...)
}

// Close closes the file, if there is one.
func (l *OpLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file, l.closed = nil, true
	return err
}
