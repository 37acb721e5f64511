package connectors

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Class says what may be done about a call that did not succeed. It is a closed list: one kind, one
// decision.
type Class string

// The classes.
const (
	// ClassRetry: not executed, or harmless to repeat. Try again after RetryAfter.
	ClassRetry Class = "retry"
	// ClassRejected: not executed, and the same request will never be. A person must change something.
	ClassRejected Class = "rejected"
	// ClassInDoubt: it may have been executed. Find before anything else.
	ClassInDoubt Class = "in_doubt"
	// ClassNeedsAuth: not executed; the access token was refused. Refresh once.
	ClassNeedsAuth Class = "needs_auth"
	// ClassNeedsReconnect: not executed; the grant is dead or lacks a right that a refresh cannot
	// give. The customer must reconnect.
	ClassNeedsReconnect Class = "needs_reconnect"
	// ClassMisconfigured: our own registration or settings are refused. Alert us; no customer is to blame.
	ClassMisconfigured Class = "misconfigured"
)

// Error is how a connector says that something did not succeed.
type Error struct {
	Class      Class
	Code       string        // stable, lower snake case, for programs: contact_invalid, crm_rate_limited
	Cause      string        // one sentence; may quote the CRM's own words, made safe by Quote
	Action     string        // one sentence: what a person does next
	RetryAfter time.Duration // the CRM's own wait; 0: the caller's schedule
	Pause      bool          // the wait is for the whole connection, not for this write alone
	Status     int           // HTTP status, 0 if there was none
	RequestID  string        // the CRM's correlation id, for its support
	Err        error         // what lies beneath; never shown to users
}

// Error joins code and cause; it holds nothing secret.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Cause) }

// Unwrap gives what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

// ErrCannotFind says that the CRM offers no reliable way to look for a write.
var ErrCannotFind = errors.New("this write cannot be looked for")

// AsError is err as *Error. What is not one already becomes ClassInDoubt, the careful reading.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Class: ClassInDoubt, Code: "crm_unexpected", Cause: "The CRM's answer could not be understood.",
		Action: "The service looks for the record before it tries again; nothing to do.", Err: err}
}

const quoteLimit = 300

// Quote makes foreign text safe to keep and show: one line, printable, at most 300 characters.
func Quote(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > quoteLimit {
		s = string(r[:quoteLimit]) + "…"
	}
	return s
}
