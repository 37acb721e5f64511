package delivery

import (
	"context"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// Observer is told what an Engine does, for figures and traces. Its methods are called on the way: they are quick, wait for nothing and are safe
// for concurrent use.
type Observer interface {
	// Draining is told that a turn of a connection begins; what it gives is called when it ends.
	Draining(ctx context.Context, crm string) (ended func(err error))
	// Attempting is told that rows are sent, or looked for, together: kind is that of their attempts. The context that it gives is used for that;
	// the function is called once it is over and settled.
	Attempting(ctx context.Context, kind string, rows []store.Claimed) (context.Context, func())
	// Attempted is told of each attempt that was settled, with Attempting's context.
	Attempted(ctx context.Context, a Attempt)
	// Refreshed is told what a token's refresh came to; nil: a new token.
	Refreshed(crm string, failed *connectors.Error)
	// Paused is told that a connection rests, and Lost that it is in error, by the code of why.
	Paused(crm, code string)
	Lost(crm, code string)
	// Allowed is told what a CRM said of an account's allowance.
	Allowed(conn store.Connection, limits []connectors.Limit)
	// Swept is told what a sweep found.
	Swept(found Swept, err error)
}

// Attempt is one attempt of one write.
type Attempt struct {
	Row        store.Claimed
	Settlement store.Settlement
	Together   int  // how many rows went with it, itself included
	LostTurn   bool // others had the row meanwhile, so that it was recorded and changed nothing
}

// Swept is what a sweep had to mend. In a healthy system all of it is zero.
type Swept struct {
	Abandoned int   // writes of workers that died
	Revived   int64 // drains of workers that died
	Woken     int   // connections whose wake-up was lost
	Parked    int64 // writes that were in doubt for too long, now for a person
}

type unwatched struct{}

func (unwatched) Draining(context.Context, string) func(error) { return func(error) {} }
func (unwatched) Attempting(ctx context.Context, _ string, _ []store.Claimed) (context.Context, func()) {
	return ctx, func() {}
}
func (unwatched) Attempted(context.Context, Attempt)           {}
func (unwatched) Refreshed(string, *connectors.Error)          {}
func (unwatched) Paused(string, string)                        {}
func (unwatched) Lost(string, string)                          {}
func (unwatched) Allowed(store.Connection, []connectors.Limit) {}
func (unwatched) Swept(Swept, error)                           {}
