package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// Probe asks the connection's account how our records can be told from others there, and keeps the answer. The error is a
// *connectors.Error when the connection cannot be used.
func (e *Engine) Probe(ctx context.Context, conn store.Connection) (connectors.Capabilities, error) {
	return e.examine(ctx, conn, connectors.Connector.Probe)
}

// Provision makes in the account what protects it best, as far as the grant allows, and keeps what it then offers. The error is as
// Probe's.
func (e *Engine) Provision(ctx context.Context, conn store.Connection) (connectors.Capabilities, error) {
	return e.examine(ctx, conn, connectors.Connector.Provision)
}

type examination func(connectors.Connector, context.Context, connectors.Account) (connectors.Capabilities, error)

func (e *Engine) examine(ctx context.Context, conn store.Connection, ask examination) (connectors.Capabilities, error) {
	t, err := e.visit(ctx, conn)
	if err != nil {
		return connectors.Capabilities{}, err
	}
	caps, err := ask(t.connector, ctx, t.account)
	var refused *connectors.Error
	if errors.As(err, &refused) && refused.Class == connectors.ClassNeedsAuth {
		if cause := t.refresh(ctx); cause != nil {
			return connectors.Capabilities{}, cause
		}
		caps, err = ask(t.connector, ctx, t.account)
	}
	if err != nil {
		return connectors.Capabilities{}, err
	}
	return caps, t.keepCapabilities(ctx, caps)
}

func (t *turn) keepCapabilities(ctx context.Context, caps connectors.Capabilities) error {
	data, err := json.Marshal(caps)
	if err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	t.account.Capabilities = caps
	return t.engine.store.SaveCapabilities(ctx, t.conn.ID, t.conn.AccountID, data)
}

// probeFirst asks a new account what it offers before anything is written to it: what is marked from the first record on can be
// found from the first record on. Where the answer fails the turn goes on without it, and the next turn asks again.
func (t *turn) probeFirst(ctx context.Context) error {
	if t.conn.CapabilitiesAt != nil {
		return nil
	}
	caps, err := t.connector.Probe(ctx, t.account)
	if err != nil {
		e := connectors.AsError(err)
		t.engine.log.Warn().Str("event", "probe_failed").Stringer("connection_id", t.conn.ID).Str("crm", t.conn.CRM).
			Str("error_code", e.Code).Str("cause", e.Cause).Msg("the account could not be probed; it is tried again")
		return nil
	}
	t.engine.log.Info().Str("event", "probed").Stringer("connection_id", t.conn.ID).Str("crm", t.conn.CRM).
		Interface("markers", caps.Markers).Msg("account probed")
	return t.keepCapabilities(ctx, caps)
}

// keepLimits stores what the CRM said about the account's allowance in this turn.
func (t *turn) keepLimits(ctx context.Context) error {
	if len(t.limits) == 0 {
		return nil
	}
	t.engine.cfg.Observer.Allowed(t.conn, t.limits)
	return t.engine.store.SaveLimits(ctx, t.conn.ID, t.conn.AccountID, encode(t.limits))
}
