package hubspot

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"crm-connectors/connectors"
)

// session is one write under way: whose account it is for, and what is noted on the way.
type session struct {
	*Connector
	account connectors.Account
	doer    connectors.Doer // a Trace, over the Client or a Planner
	notes   []connectors.Note
	ahead   ahead // what a look for several writes has read already
}

// note says something once.
func (s *session) note(code, message string) {
	if n := (connectors.Note{Code: code, Message: message}); !slices.Contains(s.notes, n) {
		s.notes = append(s.notes, n)
	}
}

// call sends in as JSON, unless it is nil, and reads a success into out, unless that is nil. The
// reply is filled even where there is an error.
func (s *session) call(ctx context.Context, method string, at place, effect connectors.Effect, in, out any) (connectors.Reply, *connectors.Error) {
	call := connectors.Call{Method: method, URL: at.url, Route: at.route, Header: connectors.JSONHeader(s.account.AccessToken), Effect: effect,
		Account: s.account.ID}
	if in != nil {
		body, err := encode(in)
		if err != nil {
			return connectors.Reply{}, invalid("request_malformed", "The outcome cannot be written as JSON.")
		}
		call.Body = body
	}
	reply, err := s.doer.Do(ctx, call)
	if err != nil {
		return reply, unanswered(err, effect)
	}
	if reply.Status < 200 || reply.Status > 299 {
		return reply, s.untilMidnight(ctx, reply, classify(reply, effect, s.now()))
	}
	if out != nil && json.Unmarshal(reply.Body, out) != nil {
		return reply, classify(reply, effect, s.now())
	}
	return reply, nil
}

// one makes a call that answers with one record. A success without an id is none.
func (s *session) one(ctx context.Context, method string, at place, effect connectors.Effect, in any) (record, connectors.Reply, *connectors.Error) {
	var rec record
	reply, failed := s.call(ctx, method, at, effect, in, &rec)
	if failed == nil && rec.ID == "" {
		failed = classify(reply, effect, s.now())
	}
	return rec, reply, failed
}

// read is one living record; nil without an error is "HubSpot does not have it", or has it in its bin.
func (s *session) read(ctx context.Context, at place) (*record, *connectors.Error) {
	rec, failed := s.readAny(ctx, at)
	if rec != nil && rec.Archived {
		rec = nil
	}
	return rec, failed
}

// readAny is one record, wherever at looks for it; nil without an error is "it is not there".
func (s *session) readAny(ctx context.Context, at place) (*record, *connectors.Error) {
	rec, reply, failed := s.one(ctx, http.MethodGet, at, connectors.Read, nil)
	switch {
	case failed != nil && reply.Status == http.StatusNotFound && failed.Code == codeNotFound:
		return nil, nil
	case failed != nil:
		return nil, failed
	}
	return &rec, nil
}

// invalid refuses a write before anything is sent.
func invalid(code, cause string) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRejected, Code: code, Cause: cause, Action: doMendData}
}
