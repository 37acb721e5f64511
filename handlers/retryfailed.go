package handlers

import (
	"context"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const (
	failedMost    = 9999            // how far failed writes are counted, for each connection
	retriedAtOnce = 500             // in one transaction
	retryWithin   = 5 * time.Second // by one request of the API
)

// FailedQuery says which failed writes are meant. Empty fields do not narrow.
type FailedQuery struct {
	Workspace, Connection, Code string
	Until                       time.Time // failed by then; zero: by now
}

// FailedGroup is what one connection has of them.
type FailedGroup struct {
	ConnectionID, WorkspaceID uuid.UUID
	CRMName, AccountName      string
	Count                     Count
	Waits                     bool // its connection is not connected: nothing of it is retried
	CRM                       string
}

// FailedWrites is what a retry of all would take.
type FailedWrites struct {
	Groups []FailedGroup
	Ready  Count // of connections that are connected
	Until  time.Time
}

// Narrow says whether it means less than everything that failed in every workspace, which nobody retries by one word.
func (q FailedQuery) Narrow() bool { return q.Workspace != "" || q.Connection != "" || q.Code != "" }

// CountFailed says what RetryFailed would take. It is for operators alone.
func (h *Handlers) CountFailed(ctx context.Context, q FailedQuery) (FailedWrites, error) {
	f, err := h.failedFilter(ctx, q)
	if err != nil {
		return FailedWrites{}, err
	}
	return h.countFailed(ctx, f)
}

func (h *Handlers) countFailed(ctx context.Context, f store.FailedFilter) (FailedWrites, error) {
	counts, err := h.store.CountFailed(ctx, f, failedMost)
	out := FailedWrites{Until: f.Until}
	for _, c := range counts {
		g := FailedGroup{ConnectionID: c.ConnectionID, WorkspaceID: c.WorkspaceID, CRM: c.CRM, CRMName: title(c.CRM), AccountName: c.AccountName,
			Count: Count{N: min(c.Count, failedMost), More: c.Count > failedMost}, Waits: c.Status != store.ConnectionConnected}
		out.Groups = append(out.Groups, g)
		if !g.Waits {
			out.Ready.N, out.Ready.More = out.Ready.N+g.Count.N, out.Ready.More || g.Count.More
		}
	}
	return out, err
}

// RetryFailed makes failed writes due again for as long as within, and says how many. done: nothing is left that can be retried. It may be broken off
// and called again: what was taken is not taken twice.
func (h *Handlers) RetryFailed(ctx context.Context, q FailedQuery, within time.Duration) (taken int, done bool, err error) {
	f, err := h.failedFilter(ctx, q)
	if err != nil {
		return 0, false, err
	}
	return h.retryFailed(ctx, f, within)
}

func (h *Handlers) retryFailed(ctx context.Context, f store.FailedFilter, within time.Duration) (taken int, done bool, err error) {
	if f.WorkspaceID == uuid.Nil && f.ConnectionID == uuid.Nil && f.ErrorCode == "" {
		return 0, false, fail(api.CodeValidationFailed, "This would retry what failed in every workspace, for whatever reason. Name a workspace, a connection or an error code.",
			map[string]any{"field": "error_code", "reason": "is required where neither workspace_id nor connection_id is given"})
	}
	by := actor(ctx)
	for end := h.cfg.Now().Add(within); ; {
		n, err := h.store.RetryFailed(ctx, f, retriedAtOnce, by, h.engine.Wake)
		if err != nil {
			return taken, false, err
		}
		taken += n
		if n == 0 || !h.cfg.Now().Before(end) {
			h.log.Info().Str("event", "writes_retried").Int("writes", taken).Str("error_code", f.ErrorCode).Str("by", by).Msg("failed writes retried by hand")
			return taken, n == 0, nil
		}
	}
}

func (h *Handlers) failedFilter(ctx context.Context, q FailedQuery) (f store.FailedFilter, err error) {
	f = store.FailedFilter{ErrorCode: q.Code, Until: q.Until}
	if f.WorkspaceID, err = givenID("workspace", q.Workspace); err != nil {
		return f, err
	}
	if f.ConnectionID, err = givenID("connection", q.Connection); err != nil {
		return f, err
	}
	return h.meantFailed(ctx, f)
}

// meantFailed is f with the moment by which its writes had failed.
func (h *Handlers) meantFailed(ctx context.Context, f store.FailedFilter) (_ store.FailedFilter, err error) {
	if f.ErrorCode == store.DependencyFailed {
		return f, fail(api.CodeValidationFailed, "What failed because its contact did follows its contact: retry the contacts.", map[string]any{"field": "error_code", "reason": "follows the contact"})
	}
	if f.Until.IsZero() {
		f.Until, err = h.store.Clock(ctx)
	}
	return f, err
}

// RetryWrites counts or retries, over the API, what failed for one reason.
func (h *Handlers) RetryWrites(ctx context.Context, r api.RetryWritesRequestObject) (api.RetryWritesResponseObject, error) {
	f := store.FailedFilter{WorkspaceID: orNil(r.Body.WorkspaceId), ConnectionID: orNil(r.Body.ConnectionId), ErrorCode: text(r.Body.ErrorCode)}
	if r.Body.Until != nil {
		f.Until = *r.Body.Until
	}
	f, err := h.meantFailed(ctx, f)
	if err != nil {
		return nil, err
	}
	out := api.RetryWrites200JSONResponse{Connections: []api.FailedWrites{}}
	if r.Body.DryRun == nil || !*r.Body.DryRun {
		if out.Retried, out.Done, err = h.retryFailed(ctx, f, retryWithin); err != nil {
			return nil, err
		}
	}
	left, err := h.countFailed(ctx, f)
	if err != nil {
		return nil, err
	}
	out.Until, out.Left, out.More = left.Until, left.Ready.N, left.Ready.More
	for _, g := range left.Groups {
		out.Connections = append(out.Connections, api.FailedWrites{ConnectionId: g.ConnectionID, WorkspaceId: g.WorkspaceID, Crm: api.Crm(g.CRM), AccountName: filled(g.AccountName),
			Count: g.Count.N, More: g.Count.More, Connected: !g.Waits})
	}
	return out, nil
}
