package handlers

import (
	"context"
	"errors"
	"strings"

	"crm-connectors/api"
	"crm-connectors/store"
)

// EraseWorkspace disconnects the workspace and erases what is kept about it. It may be called again.
func (h *Handlers) EraseWorkspace(ctx context.Context, r api.EraseWorkspaceRequestObject) (api.EraseWorkspaceResponseObject, error) {
	conns, err := h.store.Connections(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	revoked := 0
	for _, c := range conns {
		yes, err := h.disconnect(ctx, c)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if yes {
			revoked++
		}
	}
	connections, writes, err := h.store.EraseWorkspace(ctx, r.Id, actor(ctx))
	if err != nil {
		return nil, err
	}
	h.log.Info().Str("event", "workspace_erased").Stringer("workspace_id", r.Id).Int64("connections", connections).Int("revoked", revoked).Int64("writes", writes).
		Str("by", actor(ctx)).Msg("a workspace is erased")
	return api.EraseWorkspace200JSONResponse{Ok: true, Connections: int(connections), Revoked: revoked, Writes: int(writes)}, nil
}

// EraseContact erases what is kept about a contact. It may be called again. The log does not name the contact.
func (h *Handlers) EraseContact(ctx context.Context, r api.EraseContactRequestObject) (api.EraseContactResponseObject, error) {
	e, err := h.store.EraseContact(ctx, r.Id, strings.ToLower(strings.TrimSpace(r.Params.Email)), actor(ctx))
	if err != nil {
		return nil, err
	}
	h.log.Info().Str("event", "contact_erased").Stringer("workspace_id", r.Id).Int("writes", e.Writes).Int("cancelled", e.Cancelled).Int("pending", e.Pending).
		Str("by", actor(ctx)).Msg("a contact is erased")
	return api.EraseContact200JSONResponse{Ok: true, Writes: e.Writes, Cancelled: e.Cancelled, Pending: e.Pending}, nil
}

// disconnect revokes the grant at the CRM where that can be done now, forgets the tokens in any case, and says whether the CRM has
// confirmed it.
func (h *Handlers) disconnect(ctx context.Context, conn store.Connection) (revoked bool, err error) {
	if conn.Status != store.ConnectionDisconnected {
		if err := h.engine.Revoke(ctx, conn); err != nil {
			h.log.Warn().Str("event", "revoke_failed").Stringer("connection_id", conn.ID).Str("crm", conn.CRM).Err(err).
				Msg("the CRM did not confirm the revocation; the tokens are forgotten all the same")
		} else {
			revoked = true
		}
	}
	if err := h.store.Disconnect(context.WithoutCancel(ctx), conn.WorkspaceID, conn.CRM); err != nil {
		return revoked, err
	}
	h.log.Info().Str("event", "disconnected").Stringer("connection_id", conn.ID).Str("crm", conn.CRM).Bool("revoked", revoked).Msg("disconnected")
	return revoked, nil
}
