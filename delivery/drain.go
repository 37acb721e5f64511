package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	signsOfLife = 6 // of a drain, in the time that a claim lasts
	callsARound = 8 // a full claim takes five: look up, create and update contacts, tasks, rollups
)

// endDrain ends a drain of a CRM; next is when the connection has something due again, nil if that is not known.
type endDrain = func(ctx context.Context, tx pgx.Tx, crm connectors.CRM, next *time.Time) error

// turn is one drain of one connection.
type turn struct {
	engine    *Engine
	conn      store.Connection
	connector connectors.Connector
	account   connectors.Account
	limits    []connectors.Limit // as the CRM last stated them in this turn
	breaker   *connectors.Breaker
	rested    bool // it was noted that the account rests because it is silent
}

// drain works on a connection until nothing is due or its slice is over, and ends by calling end in a transaction that
// has seen, under the connection's lock, that nothing was left behind.
func (e *Engine) drain(ctx context.Context, connectionID uuid.UUID, end endDrain) (err error) {
	conn, err := e.store.BeginDrain(ctx, connectionID)
	if err != nil {
		return fmt.Errorf("begin drain: %w", err)
	}
	ended := e.cfg.Observer.Draining(ctx, conn.CRM)
	defer func() { ended(err) }()
	sliceEnd := e.cfg.Now().Add(e.cfg.Slice)
	t := &turn{engine: e, conn: conn, connector: e.connectors[connectors.CRM(conn.CRM)], breaker: e.breaker(conn.SilentCalls)}
	ctx = t.breaker.Watch(ctx)
	ready, err := t.open(ctx)
	if err != nil {
		return err
	}
	seen := e.cfg.Now()
	for {
		worked := false
		yield := !ready || e.isStopping() || !e.cfg.Now().Before(sliceEnd)
		if e.cfg.Now().Sub(seen) > e.cfg.Lease.Hold/signsOfLife {
			newest, err := e.store.KeepDraining(ctx, connectionID, conn.DrainEpoch)
			if err != nil {
				return err
			}
			seen, yield = e.cfg.Now(), yield || !newest
		}
		if !yield {
			if yield, err = t.rests(ctx); err != nil {
				return err
			}
		}
		if !yield {
			if worked, err = t.round(ctx); err != nil {
				return err
			}
		}
		if worked {
			continue
		}
		if err := t.keepLimits(ctx); err != nil {
			return err
		}
		if err := t.keepSilence(ctx); err != nil {
			return err
		}
		more, err := e.store.FinishDrain(ctx, connectionID, conn.DrainEpoch, yield, func(ctx context.Context, tx pgx.Tx, next *time.Time) error {
			return end(ctx, tx, connectors.CRM(conn.CRM), next)
		})
		if err != nil || !more {
			return err
		}
	}
}

// open readies the account, with a refresh if the token is about to end. False means that the connection cannot be used
// now; why is recorded on it.
func (t *turn) open(ctx context.Context) (bool, error) {
	if t.conn.Status != store.ConnectionConnected {
		return false, nil
	}
	if t.connector == nil {
		return false, t.wait(ctx, &connectors.Error{Class: connectors.ClassMisconfigured, Code: "crm_not_configured",
			Cause: "This service is not set up for " + t.conn.CRM + ".", Action: "Set the client id and secret of " + t.conn.CRM + " and restart the service."})
	}
	var err error
	if t.account, err = t.engine.account(t.conn); err != nil {
		t.engine.log.Error().Str("event", "connection_unreadable").Err(err).Stringer("connection_id", t.conn.ID).Msg("the connection does not open")
		var cause *connectors.Error
		if !errors.As(err, &cause) {
			return false, err
		}
		return false, t.wait(ctx, cause)
	}
	if t.expires(refreshMargin) {
		if cause := t.refresh(ctx); cause != nil && (cause.Class == connectors.ClassNeedsReconnect || t.expires(lastMoment)) {
			return false, t.giveUp(ctx, cause)
		}
	}
	return true, t.probeFirst(ctx)
}

// expires says that the access token ends within margin. While it is in doubt whether the refresh token is spent, the access token is
// used to its last moment: trying a spent refresh token would end both.
func (t *turn) expires(margin time.Duration) bool {
	if t.conn.RefreshInDoubtAt != nil {
		margin = min(margin, lastMoment)
	}
	at := t.conn.TokenExpiresAt
	return at != nil && at.Sub(t.engine.cfg.Now()) < margin
}

// rests says that the account does not answer, or has no room for the calls of a round now. The connection then rests for that long, and its
// worker is free for others.
func (t *turn) rests(ctx context.Context) (bool, error) {
	if t.breaker.Refusal() != nil {
		return true, nil //nolint:nilerr // it says why calls are not sent, and is no failure of the drain
	}
	p, ok := t.connector.(connectors.Pacer)
	if !ok {
		return false, nil
	}
	wait := p.Room(t.account, callsARound)
	if wait == 0 {
		return false, nil
	}
	return true, t.engine.store.Rest(ctx, t.conn.ID, wait)
}

// round does one step of work: a look for what is in doubt, or a delivery. It says whether there was any.
func (t *turn) round(ctx context.Context) (bool, error) {
	lookBy := t.engine.cfg.Now().Add(t.engine.cfg.Lease.Hold / 2) // from before the claim: what is not looked for by then is given back in time
	doubtful, err := t.engine.store.ClaimDoubtful(ctx, t.conn.ID, t.conn.DrainEpoch, t.findSize(), t.engine.cfg.Lease)
	if err != nil {
		return false, err
	}
	if len(doubtful) > 0 {
		if err := t.find(ctx, doubtful, lookBy); err != nil || t.breaker.Refusal() != nil {
			return true, err
		}
	}
	sendBy := t.engine.cfg.Now().Add(t.engine.cfg.Lease.Send) // counted from before the claim, so never past the lease's own
	claimed, err := t.engine.store.Claim(ctx, t.conn.ID, t.conn.DrainEpoch, t.atOnce(), t.engine.cfg.Lease)
	if err != nil {
		return false, err
	}
	if len(claimed) > 0 {
		if err := t.deliver(ctx, claimed, sendBy); err != nil {
			return false, err
		}
	}
	return len(doubtful)+len(claimed) > 0, nil
}

// deliver sends claimed rows and settles them. Rows whose token was refused are sent once more after one refresh; if that
// does not help, the connection is in error and they are blocked.
func (t *turn) deliver(ctx context.Context, claimed []store.Claimed, sendBy time.Time) error {
	ctx, over := t.engine.cfg.Observer.Attempting(ctx, "send", claimed)
	defer over()
	started := t.engine.cfg.Now()
	writes := make([]connectors.Write, len(claimed))
	results := make([]connectors.Result, len(claimed))
	var todo []int
	for i, c := range claimed {
		w, err := toWrite(c)
		if err != nil {
			results[i].Err = unreadable(err)
			continue
		}
		if t.unchanged(c, claimed[:i]) {
			results[i] = connectors.Result{Ref: w.ContactRef, Outcome: connectors.Unchanged}
			continue
		}
		w.SendBy, w.ContactKnown = sendBy, known(c)
		writes[i] = w
		todo = append(todo, i)
	}
	for try := 0; len(todo) > 0; try++ {
		t.send(ctx, writes, results, todo)
		refused := refusedRows(results, todo)
		if len(refused) == 0 {
			break
		}
		cause := results[refused[0]].Err
		if try == 0 {
			if cause = t.refresh(ctx); cause == nil {
				todo = refused
				continue
			}
		} else {
			cause = sessionRejected(cause)
		}
		for _, i := range refused {
			results[i].Err = retryAs(cause)
		}
		break
	}
	if err := t.connectionTrouble(ctx, results); err != nil {
		return err
	}
	settlements := make([]store.Settlement, len(claimed))
	worked := false
	for i, c := range claimed {
		settlements[i] = t.engine.settlement(c, results[i], started, t.engine.cfg.Now())
		worked = worked || results[i].Err == nil
	}
	if err := t.settle(ctx, claimed, settlements); err != nil {
		return err
	}
	if worked && t.conn.LastError != nil { // what was wrong has passed: operators must not see it for ever
		t.conn.LastError = nil
		return t.engine.store.NoteHealthy(ctx, t.conn.ID)
	}
	return nil
}

// send delivers the rows named by todo. A connector that panics leaves its rows in doubt and the process alive.
func (t *turn) send(ctx context.Context, writes []connectors.Write, results []connectors.Result, todo []int) {
	batch := make([]connectors.Write, len(todo))
	for n, i := range todo {
		batch[n] = writes[i]
	}
	defer func() {
		if p := recover(); p != nil {
			t.panicked(p)
			for _, i := range todo {
				results[i] = connectors.Result{Err: connectors.AsError(errors.New("connector panicked"))}
			}
		}
	}()
	for n, r := range t.connector.Deliver(ctx, t.account, batch) {
		if len(r.Limits) > 0 {
			t.limits = r.Limits
		}
		r.Calls = append(results[todo[n]].Calls, r.Calls...)
		results[todo[n]] = r
	}
}

func refusedRows(results []connectors.Result, todo []int) []int {
	var out []int
	for _, i := range todo {
		if e := results[i].Err; e != nil && e.Class == connectors.ClassNeedsAuth {
			out = append(out, i)
		}
	}
	return out
}

// connectionTrouble acts on errors that concern the whole connection: a CRM that says wait, a missing right.
// Each cause is acted upon once, however many rows met it.
func (t *turn) connectionTrouble(ctx context.Context, results []connectors.Result) error {
	acted := map[string]bool{}
	for _, r := range results {
		if r.Err == nil || acted[r.Err.Code] {
			continue
		}
		switch {
		case r.Err.Class == connectors.ClassNeedsReconnect, r.Err.Class == connectors.ClassMisconfigured, r.Err.Pause:
			acted[r.Err.Code] = true
			if err := t.giveUp(ctx, r.Err); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle records the outcome of an attempt. The attempt is over, so its record is kept even when the turn is being
// cancelled.
func (t *turn) settle(ctx context.Context, claimed []store.Claimed, settlements []store.Settlement) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	moved, err := t.engine.store.Settle(ctx, settlements)
	if err != nil {
		return err
	}
	for i, c := range claimed {
		a := Attempt{Row: c, Settlement: settlements[i], Together: len(claimed), LostTurn: moved < int64(len(settlements))}
		t.engine.logAttempt(a)
		t.engine.cfg.Observer.Attempted(ctx, a)
	}
	return nil
}
