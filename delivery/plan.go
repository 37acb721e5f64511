package delivery

import (
	"context"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// Plan says what writes would do in the connection's CRM, with real reads and no change. The error is a *connectors.Error when the
// connection cannot be used.
func (e *Engine) Plan(ctx context.Context, conn store.Connection, writes []connectors.Write) ([]connectors.Plan, error) {
	t, err := e.visit(ctx, conn)
	if err != nil {
		return nil, err
	}
	plans := t.connector.Plan(ctx, t.account, writes)
	for _, p := range plans {
		if p.Err != nil && p.Err.Class == connectors.ClassNeedsAuth {
			if cause := t.refresh(ctx); cause != nil {
				return nil, cause
			}
			return t.connector.Plan(ctx, t.account, writes), nil
		}
	}
	return plans, nil
}

// Revoke ends the connection's grant at the CRM. It does not touch the stored tokens. The error is a *connectors.Error when
// the CRM did not confirm it.
func (e *Engine) Revoke(ctx context.Context, conn store.Connection) error {
	t, err := e.visit(ctx, conn)
	if err != nil {
		return err
	}
	if t.account.Shared, err = e.store.AccountIsShared(ctx, t.conn); err != nil {
		return err
	}
	return t.connector.Revoke(ctx, t.account)
}

// visit opens a connection outside of a drain.
func (e *Engine) visit(ctx context.Context, conn store.Connection) (*turn, error) {
	t := &turn{engine: e, conn: conn, connector: e.connectors[connectors.CRM(conn.CRM)]}
	if t.connector == nil || conn.Status == store.ConnectionDisconnected {
		return nil, notLive(conn)
	}
	var err error
	if t.account, err = e.account(conn); err != nil {
		return nil, err
	}
	if conn.Status == store.ConnectionConnected && t.expires(refreshMargin) {
		if cause := t.refresh(ctx); cause != nil && t.expires(lastMoment) {
			return nil, cause
		}
	}
	return t, nil
}
