package handlers

import (
	"context"

	"crm-connectors/api"
)

// GetOverview is Overview for services.
func (h *Handlers) GetOverview(ctx context.Context, _ api.GetOverviewRequestObject) (api.GetOverviewResponseObject, error) {
	o, err := h.Overview(ctx)
	if err != nil {
		return nil, err
	}
	out := api.GetOverview200JSONResponse{At: o.At, Oldest: notZero(o.Oldest), InDoubt: bounded(o.InDoubt), NeedsReview: bounded(o.Review),
		Connections: []api.HealthCount{}, Waiting: []api.WaitingReason{}, Minutes: []api.SettledMinute{}, Allowances: []api.Allowance{}}
	for _, c := range o.Healths {
		out.Connections = append(out.Connections, api.HealthCount{Health: api.HealthCountHealth(c.Name), Total: c.Total, ByCrm: c.ByCRM})
	}
	for _, r := range o.Waiting {
		out.Waiting = append(out.Waiting, api.WaitingReason{Status: api.WriteStatus(r.Status), Code: r.Code, Cause: r.Cause, Action: r.Action,
			Count: r.Count.N, More: r.Count.More, Oldest: r.Oldest})
	}
	for _, m := range o.Minutes {
		out.Minutes = append(out.Minutes, api.SettledMinute{At: m.At, Succeeded: m.Written, Failed: m.Failed, NeedsReview: m.Review})
	}
	for _, a := range o.Allowances {
		c := a.Connection
		shown := api.Allowance{ConnectionId: c.ID, WorkspaceId: c.WorkspaceID, Crm: api.Crm(c.CRM), AccountId: c.AccountID, AccountName: filled(c.AccountName), PausedUntil: c.PausedUntil}
		if a.Max > 0 {
			shown.Used, shown.Max = &a.Used, &a.Max
		}
		out.Allowances = append(out.Allowances, shown)
	}
	return out, nil
}

func bounded(n Count) api.BoundedCount { return api.BoundedCount{Count: n.N, More: n.More} }
