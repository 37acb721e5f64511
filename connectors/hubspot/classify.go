package hubspot

import (
	"errors"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// classify says what an answer that is no success means for the call. A 2xx comes here when it
// could not be read.
func classify(reply connectors.Reply, effect connectors.Effect, now time.Time) *connectors.Error {
	body := openEnvelope(reply.Body)
	for _, r := range rules() {
		if r.fits(reply.Status, body) {
			return r.verdict(reply, body, effect, now)
		}
	}
	return connectors.AsError(errors.New("no rule fits")) // the last rule fits everything
}

func (r rule) fits(status int, body envelope) bool {
	switch {
	case r.on != span{} && (status < r.on.low || status > r.on.high):
		return false
	case r.category != "" && r.category != body.Category:
		return false
	case r.code != "" && !body.hasCode(r.code):
		return false
	case r.policy != "" && !strings.HasPrefix(body.PolicyName, r.policy):
		return false
	case r.has != "" && len(body.named(r.has)) == 0:
		return false
	case r.bare && body.Category != "":
		return false
	}
	return true
}

func (r rule) verdict(reply connectors.Reply, body envelope, effect connectors.Effect, now time.Time) *connectors.Error {
	class := r.class
	if class == classUnsure {
		class = unsure(effect)
	}
	names := connectors.Quote(strings.Join(body.named(r.names), ", "))
	if names == "" {
		names = "(HubSpot does not name it)"
	}
	e := &connectors.Error{
		Class:      class,
		Code:       r.as,
		Cause:      sentence(strings.ReplaceAll(r.cause, "{names}", names), body.says()),
		Action:     strings.ReplaceAll(r.action, "{names}", names),
		RetryAfter: r.wait,
		Pause:      r.pause,
		Status:     reply.Status,
		RequestID:  connectors.Quote(body.CorrelationID),
	}
	if e.RequestID == "" {
		e.RequestID = connectors.Quote(reply.Header.Get("X-HubSpot-Correlation-Id"))
	}
	if e.Action == doFind && class == connectors.ClassRetry {
		e.Action = doNothing
	}
	if wait, given := connectors.RetryAfter(reply.Header, now); given && class != connectors.ClassRejected {
		e.RetryAfter = wait
	}
	return e
}

// unsure is the class of a call of which nobody knows whether it was executed.
func unsure(effect connectors.Effect) connectors.Class {
	if effect == connectors.Once {
		return connectors.ClassInDoubt
	}
	return connectors.ClassRetry
}

// sentence ends a cause with HubSpot's own words, where there are any.
func sentence(cause, words string) string {
	if words = connectors.Quote(words); words == "" {
		return cause + "."
	}
	return cause + ": “" + words + "”."
}

// unanswered says what it means that there was no complete answer.
func unanswered(err error, effect connectors.Effect) *connectors.Error {
	var lost *connectors.TransportError
	if held, ok := connectors.HeldBack(err); ok {
		return held
	}
	switch {
	case errors.Is(err, connectors.ErrSendDeadline):
		return &connectors.Error{Class: connectors.ClassRetry, Code: "send_deadline_passed", Err: err, Action: doNothing,
			Cause: "The call was not sent, for the time to send it had passed."}
	case errors.As(err, &lost) && !lost.Sent:
		return &connectors.Error{Class: connectors.ClassRetry, Code: "crm_unreachable", Err: err, Action: doNothing,
			Cause: "HubSpot could not be reached; nothing was sent."}
	}
	e := &connectors.Error{Class: unsure(effect), Code: "crm_answer_lost", Err: err, Action: doFind,
		Cause: "HubSpot's answer did not arrive, or not whole."}
	if e.Class == connectors.ClassRetry {
		e.Action = doNothing
	}
	if lost != nil {
		e.Status = lost.Status
	}
	return e
}
