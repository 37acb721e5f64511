package handlers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const defaultPage = 50

// ListWrites lists a workspace's writes, newest first.
func (h *Handlers) ListWrites(ctx context.Context, r api.ListWritesRequestObject) (api.ListWritesResponseObject, error) {
	p := r.Params
	f := store.Filter{WorkspaceID: p.WorkspaceId, ThreadID: text(p.ThreadId), ErrorCode: text(p.ErrorCode), CRMObjectID: text(p.CrmObjectId),
		IdempotencyKey: text(p.IdempotencyKey), CRM: word(p.Crm), Status: word(p.Status), ObjectType: word(p.ObjectType), Limit: defaultPage}
	if p.SyncId != nil {
		f.SyncID = *p.SyncId
	}
	if p.Limit != nil {
		f.Limit = *p.Limit
	}
	var err error
	if f.Before, err = placeAfter(p.After); err != nil {
		return nil, err
	}
	writes, err := h.store.Writes(ctx, f)
	if err != nil {
		return nil, err
	}
	out := api.ListWrites200JSONResponse{Writes: renderWrites(writes)}
	if len(writes) == f.Limit {
		out.Next = filled(cursor(writes[len(writes)-1].Seq))
	}
	return out, nil
}

// placeAfter reads the cursor of a request for a page; 0: it has none.
func placeAfter(after *string) (int64, error) {
	if text(after) == "" {
		return 0, nil
	}
	place, err := readCursor(*after)
	if err != nil {
		return 0, fail(api.CodeValidationFailed, `after is not a cursor of this list. Send the "next" of the page before.`,
			map[string]any{"field": "after", "reason": "is not a cursor of this list"})
	}
	return place, nil
}

func word[T ~string](p *T) string {
	if p == nil {
		return ""
	}
	return string(*p)
}

// A cursor is opaque to callers, so that its form can change.
func cursor(seq int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(seq, 10)))
}

func readCursor(s string) (int64, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return 0, fmt.Errorf("cursor: %w", err)
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n <= 0 {
		return 0, errors.New("cursor: not a place in the list")
	}
	return n, nil
}

// GetWrite shows one write with its attempts.
func (h *Handlers) GetWrite(ctx context.Context, r api.GetWriteRequestObject) (api.GetWriteResponseObject, error) {
	w, err := h.write(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	attempts, err := h.store.Attempts(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	s := renderWrite(w)
	out := api.GetWrite200JSONResponse{Action: s.Action, Attempt: s.Attempt, Attempts: []api.Attempt{}, CreatedAt: s.CreatedAt, Crm: s.Crm,
		Alarm: s.Alarm, Marker: s.Marker, CrmObjectId: s.CrmObjectId, CrmObjectType: s.CrmObjectType, Error: s.Error, Id: s.Id, IdempotencyKey: s.IdempotencyKey,
		NextAttemptAt: s.NextAttemptAt, Notes: s.Notes, ObjectId: s.ObjectId, ObjectType: s.ObjectType, Outcome: s.Outcome,
		Payload: w.Payload, PayloadHash: w.PayloadHash, SettledAt: s.SettledAt, Status: s.Status, SyncId: s.SyncId, UpdatedAt: s.UpdatedAt, WorkspaceId: s.WorkspaceId}
	for _, a := range attempts {
		out.Attempts = append(out.Attempts, renderAttempt(a))
	}
	return out, nil
}

// RetryWrite makes a failed write due again.
func (h *Handlers) RetryWrite(ctx context.Context, r api.RetryWriteRequestObject) (api.RetryWriteResponseObject, error) {
	w, err := h.write(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	w, err = h.store.Retry(ctx, w.WorkspaceID, r.Id, actor(ctx), h.engine.Wake)
	if err != nil {
		return nil, writeMissing(explain(err))
	}
	h.log.Info().Str("event", "write_retried").Stringer("write_id", w.ID).Stringer("workspace_id", w.WorkspaceID).Str("by", actor(ctx)).Msg("write retried by hand")
	return api.RetryWrite200JSONResponse(renderWrite(w)), nil
}

// ResolveWrite takes a person's word on a write that the service could not settle.
func (h *Handlers) ResolveWrite(ctx context.Context, r api.ResolveWriteRequestObject) (api.ResolveWriteResponseObject, error) {
	id := text(r.Body.CrmObjectId)
	switch {
	case r.Body.How == store.ResolveFound && id == "":
		return nil, fail(api.CodeValidationFailed, "crm_object_id is missing: with found, name the record's id in the CRM.", map[string]any{"field": "crm_object_id"})
	case r.Body.How != store.ResolveFound && id != "":
		return nil, fail(api.CodeValidationFailed, "crm_object_id goes with found alone.", map[string]any{"field": "crm_object_id"})
	}
	w, err := h.write(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	by := actor(ctx)
	w, err = h.store.Resolve(ctx, w.WorkspaceID, r.Id, store.Resolution{How: r.Body.How, CRMObjectID: id, Actor: by}, h.engine.Wake)
	if err != nil {
		return nil, writeMissing(explain(err))
	}
	h.log.Info().Str("event", "write_resolved").Str("how", r.Body.How).Stringer("write_id", w.ID).Stringer("workspace_id", w.WorkspaceID).Str("by", by).Msg("write resolved by hand")
	return api.ResolveWrite200JSONResponse(renderWrite(w)), nil
}

// write is a row of the log that the caller may see.
func (h *Handlers) write(ctx context.Context, id uuid.UUID) (store.Write, error) {
	w, err := h.store.Write(ctx, uuid.Nil, id)
	if err == nil {
		err = h.reaches(ctx, w.WorkspaceID, store.ErrNotFound)
	}
	return w, writeMissing(err)
}

func writeMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fail(api.CodeWriteNotFound, "There is no write with this id.", nil)
	}
	return err
}

func renderWrites(writes []store.Write) []api.Write {
	out := make([]api.Write, len(writes))
	for i, w := range writes {
		out[i] = renderWrite(w)
	}
	return out
}

func renderWrite(w store.Write) api.Write {
	out := api.Write{Id: w.ID, SyncId: w.SyncID, WorkspaceId: w.WorkspaceID, Crm: api.Crm(w.CRM), ObjectType: api.ObjectType(w.ObjectType), ObjectId: w.ObjectID,
		Action: api.WriteAction(w.Action), IdempotencyKey: w.IdempotencyKey, Status: api.WriteStatus(w.Status), Attempt: w.Attempt,
		CrmObjectType: filled(w.CRMObjectType), CrmObjectId: filled(w.CRMObjectID), Marker: filled(w.Marker), Alarm: filled(w.Alarm), Notes: decodeList[api.Note](w.Notes),
		CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt, SettledAt: w.SettledAt}
	if w.Outcome != "" {
		outcome := api.WriteOutcome(w.Outcome)
		out.Outcome = &outcome
	}
	if w.ErrorCode != "" {
		out.Error = &api.WriteError{Code: w.ErrorCode, Class: w.ErrorClass, Cause: w.ErrorCause, Action: w.ErrorAction}
	}
	if w.Status == store.Queued || w.Status == store.InDoubt {
		out.NextAttemptAt = &w.NextAttemptAt
	}
	return out
}

func renderAttempt(a store.Attempt) api.Attempt {
	out := api.Attempt{Attempt: a.Attempt, Kind: api.AttemptKind(a.Kind), StartedAt: a.StartedAt, EndedAt: notZero(a.EndedAt), Outcome: a.Outcome,
		RequestId: filled(a.RequestID), ErrorCode: filled(a.ErrorCode), Cause: filled(a.Cause), Calls: decodeList[api.Call](a.Calls)}
	if a.HTTPStatus != 0 {
		out.HttpStatus = &a.HTTPStatus
	}
	return out
}

// decodeList reads a list that this service wrote; what cannot be read is shown as empty rather than not at all.
func decodeList[T any](raw json.RawMessage) []T {
	out := []T{}
	if err := json.Unmarshal(raw, &out); err != nil || out == nil {
		return []T{}
	}
	return out
}

func notZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
