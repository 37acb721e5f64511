package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// OutcomeForm is an outcome as a form has it: all of it text.
type OutcomeForm struct {
	CRM    string            // empty: every one that the workspace has connected
	Fields map[string]string // by the names of OutcomeFieldNames; what is empty is left out of the outcome
}

// OutcomeFieldNames are the fields of an outcome, named as errors of the API name them.
func OutcomeFieldNames() []string {
	return []string{"workspace_id", "source_event_id", "thread_id",
		"contact.email", "contact.first_name", "contact.last_name", "contact.company", "contact.phone", "contact.job_title",
		"task.id", "task.subject", "task.body", "task.due_at", "task.priority", "task.owner_email", "rollup.id", "rollup.week_start", "rollup.summary"}
}

// dueLayout is what browsers make of a date with a time; it is taken for UTC.
const dueLayout = "2006-01-02T15:04"

// outcome is what a service would have sent, judged by the contract.
func (h *Handlers) outcome(f OutcomeForm) (api.Outcome, []string, error) {
	var crms []string
	if f.CRM != "" {
		if h.connectors[connectors.CRM(f.CRM)] == nil {
			return api.Outcome{}, nil, fail(api.CodeValidationFailed, "crm is none that this service writes to.", map[string]any{"field": "crm", "reason": "is none that this service writes to"})
		}
		crms = []string{f.CRM}
	}
	body := map[string]any{}
	for _, name := range OutcomeFieldNames() {
		value := f.Fields[name]
		if value == "" {
			continue
		}
		if at, err := time.Parse(dueLayout, value); err == nil && name == "task.due_at" {
			value = at.Format(time.RFC3339)
		}
		part, field, nested := strings.Cut(name, ".")
		if !nested {
			body[name] = value
			continue
		}
		if body[part] == nil {
			body[part] = map[string]any{}
		}
		body[part].(map[string]any)[field] = value
	}
	raw, err := encode(body)
	if err != nil {
		return api.Outcome{}, nil, err
	}
	o, invalid := h.cfg.Validator.Outcome(raw)
	if invalid != nil {
		return api.Outcome{}, nil, invalid
	}
	return *o, crms, nil
}

// OutcomePlan is what sending an outcome would do.
type OutcomePlan struct {
	SyncID uuid.UUID
	Before bool // it was handed in before: sending it again adds nothing
	Writes []WritePlan
}

// WritePlan is one write of it. Trouble says why it would fail before it changes anything.
type WritePlan struct {
	CRMName, Object, ObjectID, Key string
	Calls                          []CallPlan
	Notes                          []string
	Trouble                        *Trouble
}

// CallPlan is a call that would be made. Body is indented JSON, or empty.
type CallPlan struct{ Method, Path, Body string }

// PlanOutcome is the dry run of an outcome: it reads from the CRMs and changes nothing, there or here. It is for operators alone.
func (h *Handlers) PlanOutcome(ctx context.Context, f OutcomeForm) (OutcomePlan, error) {
	o, crms, err := h.outcome(f)
	if err != nil {
		return OutcomePlan{}, err
	}
	a, err := h.sync(ctx, o, true, 0, crms...)
	if err != nil {
		return OutcomePlan{}, err
	}
	out := OutcomePlan{SyncID: a.syncID}
	for _, p := range a.plans {
		out.Writes = append(out.Writes, showPlan(p))
	}
	out.Before, err = h.handedIn(ctx, a.syncID)
	return out, err
}

func showPlan(p api.Plan) WritePlan {
	w := WritePlan{CRMName: title(string(p.Crm)), Object: string(p.ObjectType), ObjectID: p.ObjectId, Key: p.IdempotencyKey}
	for _, c := range p.Calls {
		call := CallPlan{Method: c.Method, Path: c.Path}
		var b bytes.Buffer
		if len(c.Body) > 0 && json.Indent(&b, c.Body, "", "  ") == nil {
			call.Body = b.String()
		}
		w.Calls = append(w.Calls, call)
	}
	for _, n := range p.Notes {
		w.Notes = append(w.Notes, n.Message)
	}
	if p.Error != nil {
		w.Trouble = &Trouble{Code: p.Error.Code, Cause: p.Error.Cause, Action: p.Error.Action}
	}
	return w
}

func (h *Handlers) handedIn(ctx context.Context, syncID uuid.UUID) (bool, error) {
	_, err := h.store.SyncWrites(ctx, uuid.Nil, syncID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SendOutcome hands an outcome in as a service would, and records who did. Doing it again with the same event and content adds nothing, and before
// says so; with other content it is refused. It is for operators alone.
func (h *Handlers) SendOutcome(ctx context.Context, f OutcomeForm) (syncID uuid.UUID, before bool, err error) {
	o, crms, err := h.outcome(f)
	if err != nil {
		return uuid.Nil, false, err
	}
	if before, err = h.handedIn(ctx, store.SyncID(o.WorkspaceId, o.SourceEventId)); err != nil {
		return uuid.Nil, false, err
	}
	a, err := h.sync(ctx, o, false, 0, crms...)
	if err != nil {
		return uuid.Nil, before, err
	}
	return a.syncID, before, h.acted(ctx, "outcome.send", o.WorkspaceId, a.syncID, map[string]any{"before": before})
}

// SentOutcome is what became of an outcome.
type SentOutcome struct {
	SyncID, WorkspaceID uuid.UUID
	Settled             bool
	Writes              []SentWrite
}

// SentWrite is one write of it.
type SentWrite struct {
	ID                             uuid.UUID
	CRMName, Object, ObjectID, Key string
	Status, Outcome                string
	RecordType, RecordID           string // in the CRM, once it is there
	Trouble                        *Trouble
}

// SentOutcome shows any workspace's. It is for operators alone.
func (h *Handlers) SentOutcome(ctx context.Context, syncID uuid.UUID) (SentOutcome, error) {
	writes, err := h.store.SyncWrites(ctx, uuid.Nil, syncID)
	if errors.Is(err, store.ErrNotFound) {
		return SentOutcome{}, syncMissing()
	}
	if err != nil {
		return SentOutcome{}, err
	}
	out := SentOutcome{SyncID: syncID, WorkspaceID: writes[0].WorkspaceID, Settled: allSettled(writes)}
	for _, w := range writes {
		sent := SentWrite{ID: w.ID, CRMName: title(w.CRM), Object: w.ObjectType, ObjectID: w.ObjectID, Key: w.IdempotencyKey, Status: w.Status, Outcome: w.Outcome,
			RecordType: w.CRMObjectType, RecordID: w.CRMObjectID}
		if w.ErrorCode != "" {
			sent.Trouble = &Trouble{Code: w.ErrorCode, Cause: w.ErrorCause, Action: w.ErrorAction}
		}
		out.Writes = append(out.Writes, sent)
	}
	slices.SortStableFunc(out.Writes, func(a, b SentWrite) int { return strings.Compare(a.CRMName, b.CRMName) })
	return out, nil
}
