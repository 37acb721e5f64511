package handlers

import (
	"context"
	"errors"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"
)

// ListConnections shows a workspace's connections, and never a token.
func (h *Handlers) ListConnections(ctx context.Context, r api.ListConnectionsRequestObject) (api.ListConnectionsResponseObject, error) {
	conns, err := h.store.Connections(ctx, r.Params.WorkspaceId)
	if err != nil {
		return nil, err
	}
	out := make([]api.Connection, 0, len(conns))
	for _, c := range conns {
		out = append(out, h.connection(ctx, c))
	}
	return api.ListConnections200JSONResponse{Connections: out}, nil
}

// connection shows what is stored, with what there is to warn of now.
func (h *Handlers) connection(ctx context.Context, c store.Connection) api.Connection {
	out := connection(c)
	out.Warnings = h.warnings(ctx, c)
	return out
}

// warnings are what is right today and will not be. That they cannot be told keeps nobody from the connection.
func (h *Handlers) warnings(ctx context.Context, c store.Connection) []api.ConnectionError {
	limiter, ok := h.connectors[connectors.CRM(c.CRM)].(connectors.ApprovalLimiter)
	if !ok || c.Status != store.ConnectionConnected {
		return nil
	}
	given, err := h.store.Approvals(ctx, c)
	if err != nil {
		h.log.Warn().Str("event", "approvals_unknown").Err(err).Stringer("connection_id", c.ID).Msg("approvals could not be counted")
		return nil
	}
	if given.Live < limiter.ApprovalsKept() {
		return nil
	}
	w := connectors.UserApprovalsFull(limiter.ApprovalsKept())
	return []api.ConnectionError{{Code: w.Code, Cause: w.Cause, Action: w.Action}}
}

func connection(c store.Connection) api.Connection {
	out := api.Connection{Id: c.ID, WorkspaceId: c.WorkspaceID, Crm: api.Crm(c.CRM), Status: api.ConnectionStatus(c.Status), AccountId: c.AccountID,
		AccountName: filled(c.AccountName), InstanceUrl: filled(c.InstanceURL), Scopes: c.Scopes, LastCheckedAt: c.LastCheckedAt, PausedUntil: c.PausedUntil,
		AppClientId: filled(c.AppClientID), Capabilities: capabilities(c), CapabilitiesAt: c.CapabilitiesAt, Limits: limits(c), SettingsUrl: filled(settingsURL(c))}
	if c.ConnectedAt != nil {
		out.ConnectedAt = *c.ConnectedAt
	}
	if c.LastError != nil {
		out.LastError = &api.ConnectionError{Code: c.LastErrorCode, Cause: *c.LastError, Action: c.LastErrorAction}
	}
	return out
}

// DisconnectCrm revokes the grant at the CRM where that can be done now, and forgets the tokens in any case. It may be
// called again.
func (h *Handlers) DisconnectCrm(ctx context.Context, r api.DisconnectCrmRequestObject) (api.DisconnectCrmResponseObject, error) {
	crm := string(r.Body.Crm)
	conn, err := h.store.Connection(ctx, r.Body.WorkspaceId, crm)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fail(api.CodeConnectionNotFound, "This workspace has no connection to "+crm+".", nil)
	}
	if err != nil {
		return nil, err
	}
	revoked, err := h.disconnect(ctx, conn)
	if err != nil {
		return nil, err
	}
	return api.DisconnectCrm200JSONResponse{Ok: true, Revoked: revoked}, nil
}
