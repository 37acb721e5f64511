package delivery

import (
	"context"
	"math/rand/v2"
	"time"

	"crm-connectors/connectors"
)

const (
	// SilentCalls is how many calls in a row an account may leave without an answer before its connection rests.
	SilentCalls = 3
	// restMost is the longest rest, in calls' times. The first is half of one: however often it comes to a hanging account, a worker is
	// there for a call's time and away for more than that in all but the first rest.
	restMost = 20

	crmSilent = "crm_silent"
)

// breaker is that of a turn: it goes on counting where the last turn of the connection stopped.
func (e *Engine) breaker(silent int) *connectors.Breaker {
	return connectors.NewBreaker(silent, SilentCalls, func(silent int) *connectors.Error {
		return &connectors.Error{Class: connectors.ClassRetry, Pause: true, Code: crmSilent, RetryAfter: e.restAfter(silent),
			Cause:  "The CRM account has left calls of this service without an answer, so that it is not called for a while.",
			Action: "Nothing to do: it is tried again by itself. If it lasts, look whether the CRM reports an outage."}
	})
}

// restAfter is the pause of a connection whose account was silent so often: twice as long each time, and never the same, so that connections that
// fell silent together do not come back together.
func (e *Engine) restAfter(silent int) time.Duration {
	rest, most := e.cfg.CallTimeout/2, restMost*e.cfg.CallTimeout
	for range silent - SilentCalls {
		rest = min(most, rest*2)
	}
	return rest*3/4 + rand.N(rest/2) //nolint:gosec // jitter is no secret
}

// atOnce is how many rows go together. While it is not known whether the account answers again, one of a kind goes first.
func (t *turn) atOnce() int {
	if t.breaker.Silent() >= SilentCalls {
		return 1
	}
	return t.connector.MaxBatch()
}

// keepSilence lets the connection rest whose account does not answer, and keeps for its next turn how long that has been so.
func (t *turn) keepSilence(ctx context.Context) error {
	if refusal := t.breaker.Refusal(); refusal != nil && !t.rested { // else a write that was held back has had it noted
		if err := t.wait(ctx, refusal); err != nil {
			return err
		}
	}
	silent := t.breaker.Silent()
	if silent == t.conn.SilentCalls {
		return nil
	}
	return t.engine.store.NoteSilence(ctx, t.conn.ID, silent)
}
