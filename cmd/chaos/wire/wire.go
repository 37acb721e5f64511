// Package wire gives what passes through a proxy names that stay the same from run to run.
//
//	bytes of one connection ──► HTTP or Postgres ──► Step{Label, Request/Answer, Begins, Offset}
//
// Background work, pools and timers make the n-th read of a run mean something else in the next run. A label (what was asked,
// with all that varies left out) and how often it was seen mean the same thing, so that a point recorded in one run can
// be found again in another.
package wire

import (
	"regexp"
	"strings"
)

// Step is a chunk with its name.
type Step struct {
	Label  string // what it asks, or what it answers
	Begins bool   // it is the first of its message
	Offset int    // of its first byte in its message
	Text   []byte // of the chunk
	Secret string // the bearer token of the request that this belongs to; HTTP alone
}

// Namer names the chunks of one connection, in their order. It is not safe for concurrent use.
type Namer interface {
	Request(data []byte) Step
	Answer(data []byte) Step
}

// HTTP names requests by method and path, with {id} for what varies. It takes one request at a time on a connection, as Go's
// client sends them.
type HTTP struct {
	label, token string
	answering    bool // the last chunk was of an answer
	begun        bool
	offset       int
}

var (
	_ Namer = (*HTTP)(nil)
	_ Namer = (*Postgres)(nil)

	varies   = regexp.MustCompile(`^(\d+|[a-zA-Z0-9]{15}|[a-zA-Z0-9]{18}|.*@.*|.*%40.*|[a-z2-7]{26})$`)
	soqlFrom = regexp.MustCompile(`(?i)[+ ]FROM(?:\+|%20| )([A-Za-z_]+)`)
	bearer   = regexp.MustCompile(`(?im)^authorization: bearer (\S+)`)
)

// Request names a chunk of a request.
func (h *HTTP) Request(data []byte) Step {
	s := Step{Text: data}
	if h.answering || !h.begun {
		h.begun, h.answering, h.offset, s.Begins = true, false, 0, true
		h.label, h.token = requestName(data)
	}
	s.Label, s.Secret, s.Offset = h.label, h.token, h.offset
	h.offset += len(data)
	return s
}

// Answer names a chunk of an answer.
func (h *HTTP) Answer(data []byte) Step {
	s := Step{Text: data}
	if !h.answering {
		h.answering, h.offset, s.Begins = true, 0, true
	}
	s.Label, s.Secret, s.Offset = h.label, h.token, h.offset
	h.offset += len(data)
	return s
}

func requestName(data []byte) (label, token string) {
	line, rest, _ := strings.Cut(string(data), "\r\n")
	method, target, _ := strings.Cut(line, " ")
	target, _, _ = strings.Cut(target, " ")
	path, query, _ := strings.Cut(target, "?")
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if varies.MatchString(p) && (strings.ContainsAny(p, "0123456789@") || strings.Contains(p, "%40")) {
			parts[i] = "{id}"
		}
	}
	label = method + " " + strings.Join(parts, "/")
	if m := soqlFrom.FindStringSubmatch(query); m != nil {
		label += " from " + m[1]
	}
	if m := bearer.FindStringSubmatch(rest); m != nil {
		token = m[1]
	}
	return label, token
}
