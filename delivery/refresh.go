package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

const (
	refreshMargin  = 2 * time.Minute // HubSpot is refreshed before expiry: its certification counts calls with dead tokens
	lastMoment     = 10 * time.Second
	tokenCallGap   = 100 * time.Millisecond // between calls to a CRM's token endpoint, over all replicas: HubSpot is said to allow 10 a second
	tokenCallQueue = 20 * time.Second       // how far ahead such calls are booked; refreshLease outlives it by a call
	refreshLease   = time.Minute
	refreshTimeout = 30 * time.Second // long, for a lost answer may cost the grant where tokens rotate
	refreshPoll    = 250 * time.Millisecond
	ourFaultPause  = 15 * time.Minute
	passingPause   = 30 * time.Second
)

// account opens a connection's tokens for its connector, with the app that they were given to. The error is a *connectors.Error when they do
// not open or that app is not here any more.
func (e *Engine) account(c store.Connection) (connectors.Account, error) {
	access, refresh, err := e.store.Tokens(c)
	if err != nil {
		return connectors.Account{}, connectors.TokensUnreadable(err)
	}
	app, err := e.appOf(c)
	if err != nil {
		return connectors.Account{}, err
	}
	account := connectors.Account{App: app, ID: c.AccountID, InstanceURL: c.InstanceURL,
		AccessToken: connectors.NewSecret(access), RefreshToken: connectors.NewSecret(refresh)}
	if err := json.Unmarshal(c.Settings, &account.Settings); err != nil {
		return connectors.Account{}, fmt.Errorf("settings of connection %s: %w", c.ID, err)
	}
	if err := json.Unmarshal(c.Capabilities, &account.Capabilities); err != nil {
		return connectors.Account{}, fmt.Errorf("capabilities of connection %s: %w", c.ID, err)
	}
	return account, nil
}

// refresh replaces the turn's tokens, or says why it could not. Whoever else refreshes the same connection, in this process
// or another, is waited for instead.
func (t *turn) refresh(ctx context.Context) *connectors.Error {
	conn, err := t.engine.refreshConnection(ctx, t.connector, t.conn)
	if err != nil {
		return passing(err)
	}
	account, err := t.engine.account(conn)
	if err != nil {
		return passing(err)
	}
	conn.DrainEpoch = t.conn.DrainEpoch // the fence stays that of this turn
	t.conn, t.account = conn, account
	return nil
}

// refreshConnection brings a connection past the generation that the caller holds. Errors are *connectors.Error.
func (e *Engine) refreshConnection(ctx context.Context, c connectors.Connector, conn store.Connection) (store.Connection, error) {
	v, err, _ := e.refreshing.Do(conn.ID.String()+fmt.Sprint(conn.TokenGeneration), func() (any, error) {
		// A refresh that has begun is finished, whoever stops waiting for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout+refreshLease)
		defer cancel()
		return e.refreshOnce(ctx, c, conn)
	})
	if err != nil {
		return store.Connection{}, err
	}
	return v.(store.Connection), nil
}

func (e *Engine) refreshOnce(ctx context.Context, c connectors.Connector, conn store.Connection) (store.Connection, error) {
	for {
		mine, err := e.store.TakeRefreshLease(ctx, conn.ID, conn.TokenGeneration, refreshLease)
		if err != nil {
			return conn, err
		}
		if mine {
			break
		}
		now, err := e.store.ConnectionByID(ctx, conn.ID)
		switch {
		case err != nil:
			return conn, err
		case now.Status != store.ConnectionConnected:
			return conn, notLive(now)
		case now.TokenGeneration != conn.TokenGeneration:
			return now, nil // somebody else did
		}
		if err := sleep(ctx, refreshPoll); err != nil {
			return conn, err
		}
	}
	if err := e.awaitTokenCall(ctx, conn); err != nil {
		return conn, err
	}
	account, err := e.account(conn)
	if err != nil {
		return conn, err
	}
	callCtx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	grant, err := c.Refresh(callCtx, account)
	if err != nil {
		return e.refreshFailed(ctx, conn, connectors.AsError(err))
	}
	saved, err := e.saveGrant(ctx, conn, grant)
	if err != nil {
		return conn, err
	}
	e.cfg.Observer.Refreshed(conn.CRM, nil)
	e.log.Info().Str("event", "token_refreshed").Stringer("connection_id", conn.ID).Str("crm", conn.CRM).Bool("kept", saved).Msg("token refreshed")
	now, err := e.store.ConnectionByID(ctx, conn.ID)
	if err == nil && now.Status != store.ConnectionConnected {
		return conn, notLive(now)
	}
	return now, err
}

// saveGrant stores what a refresh brought, and tries for as long as the caller holds the lease: where tokens rotate this process has the only
// copy of the new one, and a database that restarts must not cost the customer the connection. Saving twice does no harm, for the
// first that committed has moved the generation on.
func (e *Engine) saveGrant(ctx context.Context, conn store.Connection, grant connectors.Grant) (bool, error) {
	tokens := store.Refreshed{AccessToken: grant.AccessToken.Reveal(), RefreshToken: grant.RefreshToken.Reveal(),
		ExpiresAt: grant.ExpiresAt, InstanceURL: grant.InstanceURL, Scopes: grant.Scopes}
	for {
		saved, err := e.store.SaveRefreshed(ctx, conn, tokens)
		if err == nil || ctx.Err() != nil {
			return saved, err
		}
		e.log.Error().Str("event", "tokens_not_saved").Err(err).Stringer("connection_id", conn.ID).Msg("refreshed tokens could not be stored; it is tried again")
		if sleep(ctx, refreshPoll) != nil {
			return false, err
		}
	}
}

// awaitTokenCall waits for this refresh's own moment, so that however many tokens end at once, the CRM sees a steady trickle. Where too
// many are before it the refresh comes back later, each at a time of its own; that is no trouble of the connection.
func (e *Engine) awaitTokenCall(ctx context.Context, conn store.Connection) error {
	wait, booked, err := e.store.BookTokenCall(ctx, conn.CRM, tokenCallGap, tokenCallQueue)
	if err == nil && booked {
		return sleep(ctx, wait)
	}
	if err == nil {
		err = &connectors.Error{Class: connectors.ClassRetry, Pause: true, Code: "token_calls_queued", RetryAfter: tokenCallQueue + rand.N(tokenCallQueue), //nolint:gosec // jitter is no secret
			Cause: "Many connections renew their access at this moment, and this one waits for its turn.", Action: "Nothing to do: it is tried again by itself."}
	}
	if ended := e.store.EndRefreshLease(ctx, conn.ID, conn.TokenGeneration); ended != nil {
		return ended
	}
	return err
}

// refreshFailed believes that a grant is dead only after the row was read again: another process may have rotated
// the token a moment ago.
func (e *Engine) refreshFailed(ctx context.Context, conn store.Connection, cause *connectors.Error) (store.Connection, error) {
	if cause.Class == connectors.ClassNeedsReconnect {
		for wait := time.Duration(0); ; wait = e.cfg.DeadGrantWait {
			if err := sleep(ctx, wait); err != nil {
				return conn, err
			}
			now, err := e.store.ConnectionByID(ctx, conn.ID)
			if err != nil {
				return conn, err
			}
			if now.TokenGeneration != conn.TokenGeneration {
				return now, nil
			}
			conn.RefreshInDoubtAt = now.RefreshInDoubtAt
			if wait > 0 {
				break
			}
		}
	}
	end := e.store.EndRefreshLease
	switch {
	case cause.Class == connectors.ClassInDoubt:
		end = e.store.NoteRefreshDoubt
	case cause.Class == connectors.ClassNeedsReconnect && conn.RefreshInDoubtAt != nil:
		cause = rotatedAndLost(cause)
	case cause.Class == connectors.ClassNeedsReconnect:
		cause = e.displaced(ctx, conn, cause)
	}
	if err := end(ctx, conn.ID, conn.TokenGeneration); err != nil {
		return conn, err
	}
	e.cfg.Observer.Refreshed(conn.CRM, cause)
	e.log.Warn().Str("event", "refresh_failed").Stringer("connection_id", conn.ID).Str("crm", conn.CRM).Str("class", string(cause.Class)).
		Str("error_code", cause.Code).Str("cause", cause.Cause).Msg("refresh failed")
	return conn, cause
}

// displaced is cause, or that newer grants of the same user took the place of this one, where the CRM ends the oldest and as many were given since.
func (e *Engine) displaced(ctx context.Context, conn store.Connection, cause *connectors.Error) *connectors.Error {
	limiter, ok := e.connectors[connectors.CRM(conn.CRM)].(connectors.ApprovalLimiter)
	if !ok || !limiter.MayBeDisplaced(cause) {
		return cause
	}
	given, err := e.store.Approvals(ctx, conn)
	if err != nil || given.Later < limiter.ApprovalsKept() { // why a grant is dead is worth less than that it is
		return cause
	}
	why, named := connectors.ApprovalDisplaced(limiter.ApprovalsKept()), *cause
	named.Code, named.Cause, named.Action = why.Code, why.Cause, why.Action
	return &named
}

// giveUp records that the connection cannot be used for now: for good if a person must reconnect, else for a while.
func (t *turn) giveUp(ctx context.Context, cause *connectors.Error) error {
	if cause.Class != connectors.ClassNeedsReconnect {
		return t.wait(ctx, cause)
	}
	failed, err := t.engine.store.FailConnection(ctx, t.conn.ID, t.conn.TokenGeneration, trouble(cause))
	if failed {
		t.engine.cfg.Observer.Lost(t.conn.CRM, cause.Code)
		t.engine.log.Error().Str("event", "connection_error").Stringer("connection_id", t.conn.ID).Stringer("workspace_id", t.conn.WorkspaceID).
			Str("crm", t.conn.CRM).Str("error_code", cause.Code).Str("cause", cause.Cause).Msg("connection is in error; its writes wait")
	}
	return err
}

// wait pauses the connection and leaves it connected: the customer is not to blame.
func (t *turn) wait(ctx context.Context, cause *connectors.Error) error {
	level := t.engine.log.Warn()
	if cause.Class == connectors.ClassMisconfigured {
		level = t.engine.log.Error()
	}
	pause := max(cause.RetryAfter, pauseFor(cause))
	t.rested = t.rested || cause.Code == crmSilent
	t.engine.cfg.Observer.Paused(t.conn.CRM, cause.Code)
	level.Str("event", "connection_paused").Stringer("connection_id", t.conn.ID).Str("crm", t.conn.CRM).Str("error_code", cause.Code).
		Str("cause", cause.Cause).Dur("pause", pause).Msg("connection pauses")
	return t.engine.store.NoteTrouble(ctx, t.conn.ID, trouble(cause), pause)
}

func pauseFor(cause *connectors.Error) time.Duration {
	switch {
	case cause.Class == connectors.ClassMisconfigured:
		return ourFaultPause
	case cause.RetryAfter > 0:
		return cause.RetryAfter
	case cause.Pause:
		return passingPause
	}
	return 0
}

func trouble(e *connectors.Error) store.Trouble {
	return store.Trouble{Code: e.Code, Cause: e.Cause, Action: e.Action}
}

// retryAs is cause for a row that was not sent because of it: the row itself is not at fault.
func retryAs(cause *connectors.Error) *connectors.Error {
	e := *cause
	if e.Class == connectors.ClassRetry || e.Class == connectors.ClassInDoubt {
		e.Class, e.Pause = connectors.ClassRetry, true
	}
	return &e
}

func sessionRejected(cause *connectors.Error) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassNeedsReconnect, Code: "session_rejected", Status: cause.Status, RequestID: cause.RequestID,
		Cause:  "The CRM refused a token that had just been refreshed: " + cause.Cause,
		Action: "Check that the connecting user may use the API from this service's address, then reconnect."}
}

// rotatedAndLost names why a grant is dead that nobody revoked: the CRM gave a new refresh token in an answer that never arrived.
func rotatedAndLost(cause *connectors.Error) *connectors.Error {
	e := *cause
	e.Code = "refresh_token_lost"
	e.Cause = "The CRM renewed the access, but its answer was lost, and it takes the old refresh token no more."
	e.Action = "Reconnect the CRM; what waits is then written."
	return &e
}

func notLive(c store.Connection) *connectors.Error {
	e := &connectors.Error{Class: connectors.ClassNeedsReconnect, Code: "crm_disconnected", Cause: "The connection is no longer live.", Action: "Reconnect the CRM."}
	if c.LastError != nil {
		e.Code, e.Cause, e.Action = c.LastErrorCode, *c.LastError, c.LastErrorAction
	}
	return e
}

// passing makes any failure to refresh a *connectors.Error; what is not one is ours, and passes.
func passing(err error) *connectors.Error {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return &connectors.Error{Class: connectors.ClassRetry, Pause: true, Code: "refresh_interrupted",
			Cause: "The token could not be refreshed because of a passing problem in this service.", Action: "It is tried again by itself; nothing to do.", Err: err}
	}
	if e.Class == connectors.ClassRetry || e.Class == connectors.ClassInDoubt {
		c := *e
		c.Class, c.Pause = connectors.ClassRetry, true // the rows were not sent
		return &c
	}
	return e
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
