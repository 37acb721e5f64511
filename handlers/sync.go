package handlers

import (
	"context"
	"errors"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// Sync takes an outcome for every CRM that the workspace has connected.
func (h *Handlers) Sync(ctx context.Context, r api.SyncRequestObject) (api.SyncResponseObject, error) {
	a, err := h.sync(ctx, *r.Body, truth(r.Params.DryRun), api.Wait(r.Params.Prefer))
	if err != nil {
		return nil, err
	}
	if a.done {
		return api.Sync200JSONResponse{SyncDoneJSONResponse: api.SyncDoneJSONResponse(a.result())}, nil
	}
	return api.Sync202JSONResponse{SyncQueuedJSONResponse: api.SyncQueuedJSONResponse(a.accepted())}, nil
}

// SyncCrm takes an outcome for one CRM.
func (h *Handlers) SyncCrm(ctx context.Context, r api.SyncCrmRequestObject) (api.SyncCrmResponseObject, error) {
	a, err := h.sync(ctx, *r.Body, truth(r.Params.DryRun), api.Wait(r.Params.Prefer), string(r.Target))
	if err != nil {
		return nil, err
	}
	if a.done {
		return api.SyncCrm200JSONResponse{SyncDoneJSONResponse: api.SyncDoneJSONResponse(a.result())}, nil
	}
	return api.SyncCrm202JSONResponse{SyncQueuedJSONResponse: api.SyncQueuedJSONResponse(a.accepted())}, nil
}

// answer is what is known of a sync: writes, or the plans of a dry run.
type answer struct {
	syncID uuid.UUID
	writes []store.Write
	plans  []api.Plan
	done   bool // settled, or a dry run
	dryRun bool
}

func (a answer) accepted() api.SyncAccepted {
	return api.SyncAccepted{Status: api.SyncStatusQueued, SyncId: a.syncID, JobId: a.syncID, Writes: renderWrites(a.writes)}
}

func (a answer) result() api.SyncResult {
	out := api.SyncResult{Status: api.SyncStatusSettled, SyncId: &a.syncID}
	if a.dryRun {
		out.Status, out.Plans = api.SyncStatusDryRun, a.plans
		return out
	}
	out.JobId, out.Writes = &a.syncID, renderWrites(a.writes)
	return out
}

func (h *Handlers) sync(ctx context.Context, o api.Outcome, dryRun bool, wait time.Duration, crms ...string) (answer, error) {
	outcome, err := accept(o, crms...)
	if err != nil {
		return answer{}, err
	}
	if err := api.CountWorkspace(ctx, outcome.WorkspaceID); err != nil {
		return answer{}, err
	}
	if dryRun || truth(o.DryRun) {
		plans, err := h.plan(ctx, outcome)
		return answer{syncID: store.SyncID(outcome.WorkspaceID, outcome.SourceEventID), plans: plans, done: true, dryRun: true}, err
	}
	a, err := h.handIn(ctx, outcome)
	if err != nil {
		return answer{}, err
	}
	if a.Err != nil {
		return answer{}, explain(a.Err)
	}
	if wait > 0 {
		return h.await(ctx, []answer{{syncID: a.SyncID, writes: a.Writes}}, wait)[0], nil
	}
	return answer{syncID: a.SyncID, writes: a.Writes}, nil
}

// GetSync shows what became of an outcome.
func (h *Handlers) GetSync(ctx context.Context, r api.GetSyncRequestObject) (api.GetSyncResponseObject, error) {
	writes, err := h.store.SyncWrites(ctx, uuid.Nil, r.Target)
	if errors.Is(err, store.ErrNotFound) {
		return nil, syncMissing()
	}
	if err == nil {
		err = h.reaches(ctx, writes[0].WorkspaceID, syncMissing())
	}
	if err != nil {
		return nil, err
	}
	out := api.GetSync200JSONResponse{Status: api.SyncStatusQueued, SyncId: r.Target, JobId: r.Target, Writes: renderWrites(writes)}
	if allSettled(writes) {
		out.Status = api.SyncStatusSettled
	}
	return out, nil
}

func syncMissing() error { return fail(api.CodeSyncNotFound, "There is no sync with this id.", nil) }

// await polls until every answer's writes are settled or the wait is over, with one query a round. It reads the log and
// nothing else, so it works whichever replica does the writing.
func (h *Handlers) await(ctx context.Context, answers []answer, wait time.Duration) []answer {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		var open []uuid.UUID
		for i := range answers {
			if answers[i].done = allSettled(answers[i].writes); answers[i].done {
				continue
			}
			for _, w := range answers[i].writes {
				if !store.Settled(w.Status) {
					open = append(open, w.ID)
				}
			}
		}
		if len(open) == 0 {
			return answers
		}
		select {
		case <-ctx.Done():
			return answers
		case <-time.After(pause):
		}
		if now, err := h.store.WritesByID(ctx, open); err == nil { // else the rows are shown as they were last seen
			update(answers, now)
		}
	}
}

// update puts rows in the place of what they were.
func update(answers []answer, now []store.Write) {
	fresh := make(map[uuid.UUID]store.Write, len(now))
	for _, w := range now {
		fresh[w.ID] = w
	}
	for _, a := range answers {
		for i, w := range a.writes {
			if f, ok := fresh[w.ID]; ok {
				a.writes[i] = f
			}
		}
	}
}

func allSettled(writes []store.Write) bool {
	for _, w := range writes {
		if !store.Settled(w.Status) {
			return false
		}
	}
	return true
}

func truth(b *bool) bool { return b != nil && *b }
