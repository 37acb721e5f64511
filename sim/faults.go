package sim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The kinds of fault. "before" kinds never reach the CRM's handler: nothing is executed. "after"
// kinds execute the request first and then spoil the answer.
const (
	FaultStatus      FaultKind = "status"       // before: answer Status, Headers, Body
	FaultCut         FaultKind = "cut"          // before: close the connection without an answer
	FaultHang        FaultKind = "hang"         // before: say nothing until the client goes away
	FaultDelay       FaultKind = "delay"        // answer properly, LatencyMS late
	FaultStatusAfter FaultKind = "status_after" // after: execute, then answer Status, Headers, Body
	FaultCutAfter    FaultKind = "cut_after"    // after: execute, then close without an answer
	FaultHangAfter   FaultKind = "hang_after"   // after: execute, then say nothing
	FaultTruncate    FaultKind = "truncate"     // after: execute, send the head and half of the body, close
	FaultAnswerLate  FaultKind = "answer_late"  // after: execute at once, answer LatencyMS late
	FaultAnswerTwice FaultKind = "answer_twice" // after: execute once, send the same answer twice, close
	FaultCommitLate  FaultKind = "commit_late"  // close without an answer at once, execute LatencyMS later
	FaultCommitSlow  FaultKind = "commit_slow"  // execute LatencyMS late whether or not the client still waits, answer if it does
)

// Fault spoils requests that match it. It is also the JSON body of POST /__sim/faults.
type Fault struct {
	Method    string            `json:"method,omitempty"` // empty: any
	Path      string            `json:"path,omitempty"`   // regular expression on the path; empty: any
	Kind      FaultKind         `json:"kind"`
	Status    int               `json:"status,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      string            `json:"body,omitempty"`
	LatencyMS int               `json:"latency_ms,omitempty"` // before anything else happens, but for the kinds that say otherwise
	After     int               `json:"after,omitempty"`      // let so many matching requests pass first
	Times     int               `json:"times,omitempty"`      // then spoil so many; 0 means 1, -1 all
}

// Faults is the queue of faults of one simulator, oldest first. Safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	active []*activeFault
	fired  int
	late   int // requests that are still to be executed
}

type activeFault struct {
	Fault
	path *regexp.Regexp
	seen int
	left int
}

// Add queues a fault; the error names a bad path expression, kind or status.
func (f *Faults) Add(fault Fault) error {
	a := &activeFault{Fault: fault, left: fault.Times}
	switch fault.Kind {
	case FaultStatus, FaultStatusAfter:
		if fault.Status < 200 || fault.Status > 599 {
			return fmt.Errorf("fault status %d: want 200 to 599", fault.Status)
		}
	case FaultCut, FaultHang, FaultDelay, FaultCutAfter, FaultHangAfter, FaultTruncate,
		FaultAnswerLate, FaultAnswerTwice, FaultCommitLate, FaultCommitSlow:
	default:
		return fmt.Errorf("fault kind %q is not known", fault.Kind)
	}
	var err error
	if a.path, err = regexp.Compile(fault.Path); err != nil {
		return fmt.Errorf("fault path: %w", err)
	}
	if a.left == 0 {
		a.left = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = append(f.active, a)
	return nil
}

// Clear removes all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = nil
}

// Fired counts the requests spoiled so far.
func (f *Faults) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Late counts the requests that are still to be executed: as long as there are some, the operation log is not complete.
func (f *Faults) Late() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.late
}

func (f *Faults) addLate(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.late += n
}

func (f *Faults) take(r *http.Request) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, a := range f.active {
		if (a.Method != "" && a.Method != r.Method) || !a.path.MatchString(r.URL.Path) {
			continue
		}
		if a.seen++; a.seen <= a.After {
			continue
		}
		if a.left > 0 {
			if a.left--; a.left == 0 {
				f.active = append(f.active[:i], f.active[i+1:]...)
			}
		}
		f.fired++
		return a.Fault, true
	}
	return Fault{}, false
}

func (f *Faults) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, ok := f.take(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		// The server notices that a client went away only once the request's body was read, so a
		// hang over an unread body would outlive the client.
		if body, err := io.ReadAll(r.Body); err == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if fault.late() {
			f.executeLate(fault, w, r, next)
			return
		}
		wait := time.NewTimer(time.Duration(fault.LatencyMS) * time.Millisecond)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return
		}
		fault.spoil(w, r, next)
	})
}

func (f Fault) spoil(w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch f.Kind {
	case FaultStatus:
		f.answer(w)
	case FaultCut:
		panic(http.ErrAbortHandler)
	case FaultHang:
		<-r.Context().Done()
	case FaultDelay:
		next.ServeHTTP(w, r)
	default:
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		switch f.Kind {
		case FaultStatusAfter:
			f.answer(w)
		case FaultHangAfter:
			<-r.Context().Done()
		case FaultTruncate:
			truncate(w, rec)
		default:
			panic(http.ErrAbortHandler)
		}
	}
}

func (f Fault) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	for k, v := range f.Headers {
		w.Header().Set(k, v)
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(f.Body))
}

// truncate announces the whole body, sends half of it and cuts.
func truncate(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	body := rec.Body.Bytes()
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body[:len(body)/2])
	if fl, ok := w.(http.Flusher); ok {
		fl.Flush()
	}
	panic(http.ErrAbortHandler)
}
