package handlers

import (
	"context"
	"errors"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/delivery"
	"crm-connectors/store"
)

// plan says, write by write, which calls an outcome would make. It reads from the CRMs and changes nothing, in them or in the log.
func (h *Handlers) plan(ctx context.Context, o store.Outcome) ([]api.Plan, error) {
	conns, err := h.planned(ctx, o)
	if err != nil {
		return nil, err
	}
	var out []api.Plan
	for _, conn := range conns {
		writes, err := h.planWrites(ctx, o, conn)
		if err != nil {
			return nil, err
		}
		plans, err := h.engine.Plan(ctx, conn, writes)
		if err != nil {
			return nil, explain(err)
		}
		for i, p := range plans {
			out = append(out, renderPlan(o, conn.CRM, writes[i], o.Objects[i], p))
		}
	}
	return out, nil
}

// planned are the connections that the outcome would go to.
func (h *Handlers) planned(ctx context.Context, o store.Outcome) ([]store.Connection, error) {
	all, err := h.store.Connections(ctx, o.WorkspaceID)
	if err != nil {
		return nil, err
	}
	var conns []store.Connection
	for _, c := range all {
		if c.Status == store.ConnectionDisconnected || (len(o.CRMs) > 0 && c.CRM != o.CRMs[0]) {
			continue
		}
		conns = append(conns, c)
	}
	if len(conns) > 0 {
		return conns, nil
	}
	if len(o.CRMs) > 0 {
		return nil, notConnected(o.CRMs[0])
	}
	return nil, notConnected("")
}

func (h *Handlers) planWrites(ctx context.Context, o store.Outcome, conn store.Connection) ([]connectors.Write, error) {
	deal := ""
	if o.ThreadID != "" {
		var err error
		if deal, err = h.store.DealID(ctx, o.WorkspaceID, conn.CRM, o.ThreadID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	writes := make([]connectors.Write, len(o.Objects))
	email := ""
	for i, obj := range o.Objects {
		writes[i] = connectors.Write{Object: connectors.Object(obj.Type),
			Key: store.IdempotencyKey(o.WorkspaceID.String(), conn.CRM, obj.Type, obj.ID, obj.Action, o.SourceEventID)}
		if err := delivery.Decode(&writes[i], obj.Payload); err != nil {
			return nil, err
		}
		if writes[i].Contact != nil {
			email = writes[i].Contact.Email
			continue
		}
		writes[i].Email, writes[i].DealID = email, deal
	}
	return writes, nil
}

func renderPlan(o store.Outcome, crm string, w connectors.Write, obj store.Object, p connectors.Plan) api.Plan {
	out := api.Plan{Crm: api.Crm(crm), ObjectType: api.ObjectType(obj.Type), ObjectId: obj.ID, IdempotencyKey: w.Key,
		Calls: []api.PlannedCall{}, Notes: []api.Note{}}
	for _, c := range p.Calls {
		out.Calls = append(out.Calls, api.PlannedCall{Method: c.Method, Path: c.Path, Body: c.Body})
	}
	for _, n := range p.Notes {
		out.Notes = append(out.Notes, api.Note{Code: n.Code, Message: n.Message})
	}
	if p.Err != nil {
		out.Error = &api.WriteError{Code: p.Err.Code, Class: string(p.Err.Class), Cause: p.Err.Cause, Action: p.Err.Action}
	}
	return out
}
