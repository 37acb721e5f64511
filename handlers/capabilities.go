package handlers

import (
	"context"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// ProbeConnection asks the CRM account again what protects it from double writes.
func (h *Handlers) ProbeConnection(ctx context.Context, r api.ProbeConnectionRequestObject) (api.ProbeConnectionResponseObject, error) {
	conn, err := h.examine(ctx, r.Params.WorkspaceId, r.Id, h.engine.Probe)
	if err != nil {
		return nil, err
	}
	return api.ProbeConnection200JSONResponse(conn), nil
}

// ProvisionConnection makes in the CRM account what protects it best, as far as the grant allows.
func (h *Handlers) ProvisionConnection(ctx context.Context, r api.ProvisionConnectionRequestObject) (api.ProvisionConnectionResponseObject, error) {
	conn, err := h.examine(ctx, r.Params.WorkspaceId, r.Id, h.engine.Provision)
	if err != nil {
		return nil, err
	}
	h.log.Info().Str("event", "provisioned").Stringer("connection_id", conn.Id).Str("crm", string(conn.Crm)).Str("by", actor(ctx)).Msg("account provisioned")
	return api.ProvisionConnection200JSONResponse(conn), nil
}

func (h *Handlers) examine(ctx context.Context, workspaceID, id uuid.UUID,
	ask func(context.Context, store.Connection) (connectors.Capabilities, error)) (api.Connection, error) {
	conn, err := h.connectionOf(ctx, workspaceID, id)
	if err != nil {
		return api.Connection{}, err
	}
	if conn.Status == store.ConnectionDisconnected {
		return api.Connection{}, notConnected(conn.CRM)
	}
	if _, err := ask(ctx, conn); err != nil {
		return api.Connection{}, explain(err)
	}
	if conn, err = h.connectionOf(ctx, workspaceID, id); err != nil {
		return api.Connection{}, err
	}
	return h.connection(ctx, conn), nil
}

// capabilities are what a probe found; nil before the first.
func capabilities(c store.Connection) *api.Capabilities {
	if c.CapabilitiesAt == nil {
		return nil
	}
	found := decodeCapabilities(c)
	out := &api.Capabilities{Advice: append([]string{}, found.Advice...)}
	for _, o := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
		m := found.Of(o)
		out.Objects = append(out.Objects, api.Capability{Object: api.ObjectType(o), Tier: api.CapabilityTier(m.Tier), Field: filled(m.Field)})
	}
	return out
}

func limits(c store.Connection) []api.AccountLimit {
	var out []api.AccountLimit
	for _, l := range decodeList[connectors.Limit](c.Limits) {
		out = append(out, api.AccountLimit{Name: l.Name, Used: l.Used, Max: l.Max, AsOf: c.LimitsAt})
	}
	return out
}

// settingsURL is where a connection's settings are, as the gateway has it.
func settingsURL(c store.Connection) string {
	return "/functions/v1/connections/" + c.ID.String() + "/settings?workspace_id=" + c.WorkspaceID.String()
}
