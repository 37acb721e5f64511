package handlers

import (
	"context"
	"errors"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// SyncBatch takes up to 1,000 outcomes for one CRM, each with a result of its own: one that is refused does not touch
// the others.
func (h *Handlers) SyncBatch(ctx context.Context, r api.SyncBatchRequestObject) (api.SyncBatchResponseObject, error) {
	items := make([]api.BatchItem, len(r.Body.Outcomes))
	var outcomes []store.Outcome
	var place []int // of each outcome in items
	counted := map[uuid.UUID]error{}
	for i, raw := range r.Body.Outcomes {
		items[i] = api.BatchItem{Index: i, Status: api.BatchItemStatusRefused}
		o, invalid := h.cfg.Validator.Outcome(raw)
		if invalid != nil {
			items[i].Error = itemError(invalid)
			continue
		}
		outcome, err := accept(*o, string(r.Target))
		if err != nil {
			items[i].Error = itemError(err)
			continue
		}
		held, known := counted[outcome.WorkspaceID]
		if !known {
			held = api.CountWorkspace(ctx, outcome.WorkspaceID)
			counted[outcome.WorkspaceID] = held
		}
		if held != nil {
			items[i].Error = itemError(held)
			continue
		}
		if truth(o.DryRun) || truth(r.Params.DryRun) {
			h.planItem(ctx, &items[i], outcome)
			continue
		}
		outcomes, place = append(outcomes, outcome), append(place, i)
	}
	appended, err := h.handInAll(ctx, outcomes)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, 0, len(appended))
	var open []int
	for n, a := range appended {
		if a.Err != nil {
			items[place[n]].Error = itemError(explain(a.Err))
			continue
		}
		answers, open = append(answers, answer{syncID: a.SyncID, writes: a.Writes}), append(open, place[n])
	}
	settled := len(answers) == 0
	if wait := api.Wait(r.Params.Prefer); wait > 0 && !settled {
		answers = h.await(ctx, answers, wait)
		settled = true
		for _, a := range answers {
			settled = settled && a.done
		}
	}
	for n, a := range answers {
		item := &items[open[n]]
		item.Status, item.SyncId, item.Writes = api.BatchItemStatusAccepted, &a.syncID, renderWrites(a.writes)
	}
	if settled {
		return api.SyncBatch200JSONResponse{Results: items}, nil
	}
	return api.SyncBatch202JSONResponse{Results: items}, nil
}

func (h *Handlers) planItem(ctx context.Context, item *api.BatchItem, outcome store.Outcome) {
	plans, err := h.plan(ctx, outcome)
	if err != nil {
		item.Error = itemError(err)
		return
	}
	id := store.SyncID(outcome.WorkspaceID, outcome.SourceEventID)
	item.Status, item.SyncId, item.Plans = api.BatchItemStatusDryRun, &id, plans
}

func itemError(err error) *api.ItemError {
	var e *api.Error
	if errors.As(err, &e) {
		return &api.ItemError{Code: e.Code, Message: e.Message, Details: e.Details}
	}
	return &api.ItemError{Code: api.CodeInternal, Message: "This outcome could not be taken because of a fault in this service. Send it again."}
}
