package handlers

import (
	"context"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const (
	failedMost    = 9999 // how far failed writes are counted, for each connection
	retriedAtOnce = 500  // in one transaction
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
}

// FailedWrites is what a retry of all would take.
type FailedWrites struct {
	Groups []FailedGroup
	Ready  Count // of connections that are connected
	Until  time.Time
}

// CountFailed says what RetryFailed would take. It is for operators alone.
func (h *Handlers) CountFailed(ctx context.Context, q FailedQuery) (FailedWrites, error) {
	f, err := h.failedFilter(q)
	if err != nil {
		return FailedWrites{}, err
	}
	counts, err := h.store.CountFailed(ctx, f, failedMost)
	out := FailedWrites{Until: f.Until}
	for _, c := range counts {
		g := FailedGroup{ConnectionID: c.ConnectionID, WorkspaceID: c.WorkspaceID, CRMName: title(c.CRM), AccountName: c.AccountName,
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
	f, err := h.failedFilter(q)
	if err != nil {
		return 0, false, err
	}
	by := actor(ctx)
	for end := h.cfg.Now().Add(within); ; {
		n, err := h.store.RetryFailed(ctx, f, retriedAtOnce, by, h.engine.Wake)
		if err != nil {
			return taken, false, err
		}
		taken += n
		if n == 0 || !h.cfg.Now().Before(end) {
			h.log.Info().Str("event", "writes_retried").Int("writes", taken).Str("error_code", q.Code).Str("by", by).Msg("failed writes retried by hand")
			return taken, n == 0, nil
		}
	}
}

func (h *Handlers) failedFilter(q FailedQuery) (store.FailedFilter, error) {
	f := store.FailedFilter{ErrorCode: q.Code, Until: q.Until}
	if f.Until.IsZero() {
		f.Until = h.cfg.Now()
	}
	var err error
	if f.WorkspaceID, err = givenID("workspace", q.Workspace); err != nil {
		return f, err
	}
	if f.ConnectionID, err = givenID("connection", q.Connection); err != nil {
		return f, err
	}
	if q.Code == store.DependencyFailed {
		return f, fail(api.CodeValidationFailed, "What failed because its contact did follows its contact: retry the contacts.", map[string]any{"field": "code", "reason": "follows the contact"})
	}
	return f, nil
}
