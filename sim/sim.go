// Package sim plays the two CRMs for dev, demo, tests and benchmarks.
//
//	client ──► Server.Handler
//	             │  /__sim/…      control API: faults, operation log, calls, clock
//	             └► calls counted ─► faults (before) ─► the CRM's own handler ─► faults (after)
//	                                                      │
//	                                                      └► OpLog: one line for each object created or changed
//
// A simulator answers in the CRM's own shapes, from memory, and imports nothing of the
// service: what it says about what was written is independent of what the service
// believes. The operation log is the oracle of all tests: an object counts as written when, and
// only when, the log has its line, whatever answer the client saw.
//
// The CRMs themselves are in the subfolders simhubspot and simsalesforce; this folder holds what
// they share.
package sim

import (
	"net/http"
	"sync"
	"time"
)

// Core is what both simulators are built on. The zero value is not usable: see NewCore.
type Core struct {
	CRM    string // "hubspot" or "salesforce", as it stands in the operation log
	Log    *OpLog
	Faults *Faults
	Calls  *Calls
	Clock  *Clock
}

// NewCore makes the shared parts of one simulator that writes to log.
func NewCore(crm string, log *OpLog) *Core {
	return &Core{CRM: crm, Log: log, Faults: &Faults{}, Calls: &Calls{}, Clock: &Clock{}}
}

// Handler serves the control API under /__sim/ and the CRM's API, counted and with faults,
// everywhere else. extra adds a simulator's own control routes (patterns as for http.ServeMux,
// below /__sim/); it may be nil.
func (c *Core) Handler(api http.Handler, extra func(*http.ServeMux)) http.Handler {
	mux := http.NewServeMux()
	c.control(mux)
	if extra != nil {
		extra(mux)
	}
	mux.Handle("/", c.Calls.count(c.Faults.wrap(api)))
	return mux
}

// Clock is the simulator's time: the machine's, moved forward by Advance. Safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
}

// Now is the simulator's present, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset).UTC()
}

// Advance moves the simulator's present forward, so that tokens expire and limits refill.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}
