package delivery

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/rs/zerolog"
)

const (
	clockMargin  = 10 * time.Minute // by which a CRM's clock may differ from the database's
	maxFailures  = 8
	firstBackoff = 30 * time.Second
	maxBackoff   = 24 * time.Hour
)

// backoff is the wait after the n-th failure, n from 1: exponential with full jitter. Its ceilings are 30 s, 2.5 min, 12.5
// min, 1 h, 5.2 h, 24 h, 24 h, so that eight tries take a day or so, and rows that failed together come back apart.
func backoff(n int) time.Duration {
	ceiling := firstBackoff
	for range n - 1 {
		ceiling = min(maxBackoff, ceiling*5)
	}
	return rand.N(ceiling) + time.Second //nolint:gosec // jitter is no secret
}

// settlement decides, by the class of the result alone, what becomes of a row that was sent.
func (e *Engine) settlement(c store.Claimed, r connectors.Result, started, ended time.Time) store.Settlement {
	s := store.Settlement{ID: c.ID, Attempt: c.Attempt, Kind: "send", StartedAt: started, EndedAt: ended,
		CRMObjectType: r.Ref.Type, CRMObjectID: r.Ref.ID, Notes: encode(r.Notes), Calls: encode(r.Calls)}
	if r.MayLand {
		s.HoldFor = e.cfg.LateCommit.Seconds()
	}
	if r.Err == nil {
		s.Status, s.Outcome, s.Result = store.Succeeded, string(r.Outcome), "succeeded"
		s.FromMemory = r.Outcome == connectors.Unchanged && len(r.Calls) == 0
		s.Wrote, s.Stale = r.Outcome == connectors.Created || r.Outcome == connectors.Updated, c.Newer
		return s
	}
	describe(&s, r.Err)
	switch r.Err.Class {
	case connectors.ClassRejected:
		s.Status = store.Failed
	case connectors.ClassRetry, connectors.ClassNeedsAuth, connectors.ClassNeedsReconnect, connectors.ClassMisconfigured:
		s.Status = store.Queued
		s.Failed = r.Err.Class == connectors.ClassRetry && !r.Err.Pause
		s.RetryIn = max(r.Err.RetryAfter, pauseFor(r.Err)).Seconds()
		if s.Failed {
			giveUpOrWait(&s, c.Failures+1, r.Err.RetryAfter)
		}
	default: // in doubt, and whatever is not understood
		s.Status, s.Failed, s.BeginsDoubt = store.InDoubt, true, true
		s.RetryIn, s.DoubtFor = e.cfg.FirstLook.Seconds(), e.cfg.LateCommit.Seconds()
	}
	return s
}

func giveUpOrWait(s *store.Settlement, failures int, crmWait time.Duration) {
	if failures >= maxFailures {
		s.Status = store.Failed
		s.ErrorAction = "The service gave up after " + fmt.Sprint(failures) + " tries. " + s.ErrorAction
		return
	}
	s.RetryIn = max(backoff(failures), crmWait).Seconds()
}

func describe(s *store.Settlement, err *connectors.Error) {
	s.Result, s.ErrorClass, s.ErrorCode = string(err.Class), string(err.Class), err.Code
	s.ErrorCause, s.ErrorAction, s.HTTPStatus, s.RequestID = err.Cause, err.Action, err.Status, err.RequestID
}

func encode[T any](list []T) json.RawMessage {
	if len(list) == 0 {
		return json.RawMessage("[]")
	}
	b, err := json.Marshal(list)
	if err != nil { // plain structs of strings and numbers
		return json.RawMessage("[]")
	}
	return b
}

// toWrite makes of a row what a connector understands.
func toWrite(c store.Claimed) (connectors.Write, error) {
	w := connectors.Write{ID: c.ID.String(), Key: c.IdempotencyKey, Object: connectors.Object(c.ObjectType), Email: c.Email, DealID: c.DealID,
		Marker: c.Marker, Found: connectors.Ref{Type: c.CRMObjectType, ID: c.CRMObjectID}, NotBefore: c.CreatedAt.Add(-clockMargin),
		ContactRef: connectors.Ref{Type: c.ContactType, ID: c.ContactID}}
	payload, err := upToDate(c.Payload, c.Newer)
	if err != nil {
		return w, err
	}
	err = Decode(&w, payload)
	return w, err
}

// upToDate leaves out of a contact's payload what a newer write has said since: an old update that is tried again late must not put the
// old values back.
func upToDate(payload json.RawMessage, newer []string) (json.RawMessage, error) {
	if len(newer) == 0 {
		return payload, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return nil, fmt.Errorf("payload of a contact: %w", err)
	}
	for _, name := range newer {
		if name != "email" {
			delete(fields, name)
		}
	}
	return json.Marshal(fields)
}

// Decode reads a row's payload into the field of w that its Object names.
func Decode(w *connectors.Write, payload json.RawMessage) error {
	var target any
	switch w.Object {
	case connectors.ObjectContact:
		w.Contact = &connectors.Contact{}
		target = w.Contact
	case connectors.ObjectTask:
		w.Task = &connectors.Task{}
		target = w.Task
	case connectors.ObjectRollup:
		w.Rollup = &connectors.Rollup{}
		target = w.Rollup
	default:
		return fmt.Errorf("object type %q is not known", w.Object)
	}
	if err := json.Unmarshal(payload, target); err != nil {
		return fmt.Errorf("payload of a %s: %w", w.Object, err)
	}
	return nil
}

func unreadable(err error) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRejected, Code: "payload_unreadable", Cause: "The stored payload could not be read.",
		Action: "Send the outcome again with a new source_event_id.", Err: err}
}

// logAttempt writes the one line that an operator reads about an attempt. It holds nothing of what was written, nor the CRM's words, which may
// quote it: those are on the row.
func (e *Engine) logAttempt(a Attempt) {
	c, s := a.Row, a.Settlement
	level := zerolog.InfoLevel
	switch s.Status {
	case store.Failed, store.NeedsReview, store.InDoubt:
		level = zerolog.WarnLevel
	}
	line := e.log.WithLevel(level).Str("event", "attempt").Str("crm", c.CRM).Str("object", c.ObjectType).Str("action", c.Action).Str("kind", s.Kind).
		Str("result", s.Result).Str("status", s.Status).Int64("attempt", c.Attempt).Int("failures", c.Failures).Stringer("write_id", c.ID).Stringer("sync_id", c.SyncID).
		Stringer("workspace_id", c.WorkspaceID).Stringer("connection_id", c.ConnectionID).Str("key", c.IdempotencyKey).Int("together", a.Together).
		RawJSON("calls", withoutBodies(s.Calls)).Dur("took_ms", s.EndedAt.Sub(s.StartedAt))
	for _, f := range []struct{ name, value string }{{"outcome", s.Outcome}, {"crm_object_id", s.CRMObjectID}, {"error_class", s.ErrorClass},
		{"error_code", s.ErrorCode}, {"crm_request_id", s.RequestID}, {"alarm", s.Alarm}, {"trace_id", traceID(c.Traceparent)}} {
		if f.value != "" {
			line.Str(f.name, f.value)
		}
	}
	for _, f := range []struct {
		name    string
		seconds float64
	}{{"retry_in_s", s.RetryIn}, {"doubt_for_s", s.DoubtFor}, {"hold_for_s", s.HoldFor}} {
		if f.seconds > 0 {
			line.Float64(f.name, f.seconds)
		}
	}
	if s.HTTPStatus != 0 {
		line.Int("http_status", s.HTTPStatus)
	}
	if a.LostTurn {
		line.Bool("lost_its_turn", true)
	}
	line.Msg("attempt")
}

// traceID is the trace of a W3C traceparent, as the log knows it.
func traceID(traceparent string) string {
	if parts := strings.Split(traceparent, "-"); len(parts) == 4 {
		return parts[1]
	}
	return ""
}

// withoutBodies are recorded calls as the log may have them: content stays in the database.
func withoutBodies(recorded json.RawMessage) json.RawMessage {
	var calls []connectors.CallRecord
	if json.Unmarshal(recorded, &calls) != nil {
		return json.RawMessage("[]")
	}
	for i := range calls {
		calls[i].Sent, calls[i].Answered = "", ""
	}
	return encode(calls)
}
