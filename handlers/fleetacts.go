package handlers

import (
	"context"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// TestConnection asks the CRM account of any workspace's connection whether it can be used, and what protects it from double writes.
func (h *Handlers) TestConnection(ctx context.Context, id uuid.UUID) error {
	conn, err := h.anyConnection(ctx, id)
	if err != nil {
		return err
	}
	if _, err = h.ProbeConnection(ctx, api.ProbeConnectionRequestObject{Id: id, Params: api.ProbeConnectionParams{WorkspaceId: conn.WorkspaceID}}); err != nil {
		return err
	}
	return h.store.NoteHealthy(ctx, id)
}

// ProvisionFleetConnection is ProvisionConnection for any workspace's.
func (h *Handlers) ProvisionFleetConnection(ctx context.Context, id uuid.UUID) error {
	conn, err := h.anyConnection(ctx, id)
	if err != nil {
		return err
	}
	if _, err = h.ProvisionConnection(ctx, api.ProvisionConnectionRequestObject{Id: id, Params: api.ProvisionConnectionParams{WorkspaceId: conn.WorkspaceID}}); err != nil {
		return err
	}
	return h.acted(ctx, "connection.provision", conn.WorkspaceID, id, nil)
}

// DisconnectFleetConnection is DisconnectCrm for any workspace's. It says whether the CRM has confirmed that the grant is over.
func (h *Handlers) DisconnectFleetConnection(ctx context.Context, id uuid.UUID) (revoked bool, err error) {
	conn, err := h.anyConnection(ctx, id)
	if err != nil {
		return false, err
	}
	if conn.WorkspaceID == uuid.Nil {
		return false, fail(api.CodeCrmNotConnected, "This install waits to be claimed; it ends by itself within two days.", nil)
	}
	if revoked, err = h.disconnect(ctx, conn); err != nil {
		return revoked, err
	}
	return revoked, h.acted(ctx, "connection.disconnect", conn.WorkspaceID, id, map[string]any{"revoked": revoked})
}

// OperatorFlow is what an operator wants to connect.
type OperatorFlow struct {
	WorkspaceID uuid.UUID
	CRM         string
	LoginHost   string // Salesforce: a sandbox or My Domain; empty: the usual
	Origin      string // of the console, where the browser comes back to
	Path        string // there
}

// ConnectAsOperator begins to connect a workspace and gives the address to sign in at, good for until. The flow ends in the browser that began
// it, by cookie; where that cannot come along, the browser in which it ends is asked first.
func (h *Handlers) ConnectAsOperator(ctx context.Context, op Operator, f OperatorFlow) (link string, cookie *string, until time.Time, err error) {
	if f.WorkspaceID == uuid.Nil {
		return "", nil, until, fail(api.CodeValidationFailed, "The workspace is named by its id.", map[string]any{"field": "workspace_id", "reason": "is not the id of a workspace"})
	}
	crm := connectors.CRM(f.CRM)
	connector, ours, err := h.installation(crm)
	if err != nil {
		return "", nil, until, err
	}
	link, cookie, err = h.begin(ctx, connector, ours, flow{workspace: f.WorkspaceID, loginHost: f.LoginHost, back: f.Origin + f.Path,
		own: originOf(ours.RedirectURL) == f.Origin, user: "operator", startedBy: "the operator " + connectors.Quote(op.Name)})
	if err != nil {
		return "", nil, until, err
	}
	until = h.cfg.Now().Add(stateLife)
	return link, cookie, until, h.acted(ctx, "connection.connect", f.WorkspaceID, f.WorkspaceID, map[string]any{"crm": f.CRM})
}

// ReconnectAsOperator is ConnectAsOperator for a connection that is there, at the host where its people signed in before.
func (h *Handlers) ReconnectAsOperator(ctx context.Context, op Operator, id uuid.UUID, origin, path string) (link string, cookie *string, until time.Time, err error) {
	conn, err := h.anyConnection(ctx, id)
	if err != nil {
		return "", nil, until, err
	}
	f := OperatorFlow{WorkspaceID: conn.WorkspaceID, CRM: conn.CRM, Origin: origin, Path: path}
	if connector, ours, err := h.installation(connectors.CRM(conn.CRM)); err == nil && conn.LoginURL != ours.LoginURL {
		if _, chosen := connector.(loginHosts); chosen {
			f.LoginHost = conn.LoginURL
		}
	}
	return h.ConnectAsOperator(ctx, op, f)
}

// acted records what an operator did to a connection where nothing else does.
func (h *Handlers) acted(ctx context.Context, action string, workspace, subject uuid.UUID, detail map[string]any) error {
	return h.store.Record(context.WithoutCancel(ctx), store.Act{Actor: actor(ctx), Action: action, WorkspaceID: workspace, Subject: subject.String(), Detail: detail})
}
