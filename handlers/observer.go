package handlers

import (
	"context"
	"errors"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"
)

// Observer is told what the handlers take in, for figures. Its methods are quick, and safe for concurrent use.
type Observer interface {
	// Accepted is told what became of outcomes that were handed to the log together, and how long that took.
	Accepted(took time.Duration, outcomes map[Acceptance]int)
	// HubSpotEvent is told of an event of a webhook: its kind, or ignored.
	HubSpotEvent(kind string)
}

// Acceptance is what became of an outcome that was handed in.
type Acceptance string

// The acceptances of an outcome.
const (
	AcceptedOutcome     Acceptance = "accepted" // is in the log, now or since an earlier time
	RefusedAsConflict   Acceptance = "conflict"
	RefusedNotConnected Acceptance = "not_connected"
	NotStored           Acceptance = "failed" // the log did not take it: a fault of ours, or of the database
)

const ignoredEvent = "ignored"

type unwatched struct{}

func (unwatched) Accepted(time.Duration, map[Acceptance]int) {}
func (unwatched) HubSpotEvent(string)                        {}

// handIn is the log's append, watched.
func (h *Handlers) handIn(ctx context.Context, outcome store.Outcome) (store.Appended, error) {
	outcome.Traceparent = api.TraceparentFrom(ctx)
	began := h.cfg.Now()
	a, err := h.store.AppendOne(ctx, outcome)
	h.accepted(began, []store.Appended{a}, err)
	return a, err
}

// handInAll is the same for many.
func (h *Handlers) handInAll(ctx context.Context, outcomes []store.Outcome) ([]store.Appended, error) {
	for i := range outcomes {
		outcomes[i].Traceparent = api.TraceparentFrom(ctx)
	}
	began := h.cfg.Now()
	all, err := h.store.Append(ctx, outcomes, h.engine.Wake)
	h.accepted(began, all, err)
	return all, err
}

func (h *Handlers) accepted(began time.Time, all []store.Appended, err error) {
	became := map[Acceptance]int{}
	for _, a := range all {
		became[acceptance(a.Err, err)]++
	}
	h.cfg.Observer.Accepted(h.cfg.Now().Sub(began), became)
}

func acceptance(refused, failed error) Acceptance {
	var conflict *store.ConflictError
	var missing *store.NotConnectedError
	switch {
	case failed != nil:
		return NotStored
	case errors.As(refused, &conflict):
		return RefusedAsConflict
	case errors.As(refused, &missing):
		return RefusedNotConnected
	}
	return AcceptedOutcome
}
