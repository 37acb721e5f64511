package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// CallRecord is what is kept of one call: enough to follow an attempt, nothing that is secret.
type CallRecord struct {
	Method string `json:"method"`
	Route  string `json:"route"`
	Status int    `json:"status,omitempty"` // 0: no answer
	Millis int64  `json:"ms"`

	// Of a call for one write alone that did not succeed, the body that was sent and the one that came back, each cut to keptOfBody: what its operator
	// would ask the CRM's support about. The client has taken out of an answer what was secret in its call.
	Sent     string `json:"sent,omitempty"`
	Answered string `json:"answered,omitempty"`
}

// keptOfBody is how much of a body is kept, in bytes.
const keptOfBody = 2000

// Trace wraps a Doer for the life of one write: it records the calls and gives each the write's
// SendBy.
type Trace struct {
	next   Doer
	sendBy time.Time
	mu     sync.Mutex
	calls  []CallRecord
	doubt  bool
	bodies bool
}

// NewTrace starts a trace of the calls for one write.
func NewTrace(next Doer, sendBy time.Time) *Trace { return &Trace{next: next, sendBy: sendBy} }

// NewOwnTrace is NewTrace for calls that hold nothing of any other write: bodies of those that did not succeed are kept.
func NewOwnTrace(next Doer, sendBy time.Time) *Trace {
	return &Trace{next: next, sendBy: sendBy, bodies: true}
}

// Do passes the call on and records it. Reads are let through after SendBy: they change nothing.
func (t *Trace) Do(ctx context.Context, call Call) (Reply, error) {
	if call.Effect != Read {
		call.SendBy = t.sendBy
	}
	start := time.Now()
	reply, err := t.next.Do(ctx, call)
	t.mu.Lock()
	defer t.mu.Unlock()
	record := CallRecord{Method: call.Method, Route: call.Route, Status: reply.Status, Millis: time.Since(start).Milliseconds()}
	if t.bodies && (reply.Status < http.StatusOK || reply.Status >= http.StatusMultipleChoices) {
		record.Sent, record.Answered = kept(call.Body), kept(reply.Body)
	}
	t.calls = append(t.calls, record)
	if call.Effect == Idempotent && uncertain(reply, err) {
		t.doubt = true
	}
	return reply, err
}

// kept is the beginning of a body as text that Postgres and a page take.
func kept(body []byte) string {
	return strings.ToValidUTF8(strings.ReplaceAll(string(body[:min(len(body), keptOfBody)]), "\x00", ""), "\uFFFD")
}

// uncertain says that a call may have been executed, or may be yet.
func uncertain(reply Reply, err error) bool {
	var lost *TransportError
	if errors.As(err, &lost) {
		return lost.Sent
	}
	return err != nil || reply.Status >= http.StatusInternalServerError
}

// MayLand says that a change of the kind that may be repeated got no sure answer: see Result.MayLand.
func (t *Trace) MayLand() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.doubt
}

// Calls is what was recorded so far.
func (t *Trace) Calls() []CallRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]CallRecord(nil), t.calls...)
}

// Planner wraps a Doer for a dry run: reads go through, every other call is noted and answered by
// answer, which gives what the CRM would say on success.
type Planner struct {
	next    Doer
	answer  func(Call) Reply
	mu      sync.Mutex
	planned []PlannedCall
}

// NewPlanner makes a Planner; answer must not be nil.
func NewPlanner(next Doer, answer func(Call) Reply) *Planner {
	return &Planner{next: next, answer: answer}
}

// Do passes reads on and notes the rest.
func (p *Planner) Do(ctx context.Context, call Call) (Reply, error) {
	if call.Effect == Read {
		return p.next.Do(ctx, call)
	}
	path := call.URL
	if u, err := url.Parse(call.URL); err == nil {
		path = u.RequestURI()
	}
	pc := PlannedCall{Method: call.Method, Path: path}
	if json.Valid(call.Body) {
		pc.Body = json.RawMessage(call.Body)
	}
	p.mu.Lock()
	p.planned = append(p.planned, pc)
	p.mu.Unlock()
	return p.answer(call), nil
}

// Take gives what was noted since the last Take.
func (p *Planner) Take() []PlannedCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.planned
	p.planned = nil
	return out
}

// JSONReply is a Reply with a JSON body, for a Planner's answer.
func JSONReply(status int, body string) Reply {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	return Reply{Status: status, Header: h, Body: []byte(body)}
}
