package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const writesPage = 50

// WriteQuery narrows the writes that operators look through. Empty fields do not narrow.
type WriteQuery struct {
	Text, Workspace, Connection, CRM, Status, Code string
	After                                          string // WriteList.Next of the page before
}

// WriteList is a page of writes.
type WriteList struct {
	Writes []WriteRow
	Next   string // empty: this is the last page
}

// WriteRow is a write as a list shows it.
type WriteRow struct {
	ID, WorkspaceID, ConnectionID uuid.UUID
	CRM, CRMName                  string // hubspot, HubSpot
	Object, ObjectID              string
	Status, Outcome, Alarm        string
	Trouble                       *Trouble
	RecordType, RecordID          string // in the CRM; empty: none is known
	ThreadID                      string
	CreatedAt                     time.Time
	SettledAt, NextAt             *time.Time // NextAt: when it is looked at again
}

// SearchWrites lists writes of all workspaces, newest first: see store.Search for what it finds. It is for operators alone.
func (h *Handlers) SearchWrites(ctx context.Context, q WriteQuery) (WriteList, error) {
	s := store.Search{Text: q.Text, CRM: q.CRM, Status: q.Status, ErrorCode: q.Code, Limit: writesPage + 1}
	var err error
	if s.WorkspaceID, err = givenID("workspace", q.Workspace); err != nil {
		return WriteList{}, err
	}
	if s.ConnectionID, err = givenID("connection", q.Connection); err != nil {
		return WriteList{}, err
	}
	if q.After != "" {
		if s.Before, err = readCursor(q.After); err != nil {
			return WriteList{}, fail(api.CodeValidationFailed, "after is not a place in this list.", map[string]any{"field": "after"})
		}
	}
	writes, err := h.store.Search(ctx, s)
	if errors.Is(err, store.ErrSearchTooWide) {
		return WriteList{}, fail(api.CodeValidationFailed, "What is written already is too much to list of all workspaces. Name a workspace, or what you look for.",
			map[string]any{"field": "workspace", "reason": "is needed for this status"})
	}
	var out WriteList
	if len(writes) > writesPage {
		writes = writes[:writesPage]
		out.Next = cursor(writes[writesPage-1].Seq)
	}
	for _, w := range writes {
		out.Writes = append(out.Writes, writeRow(w))
	}
	return out, err
}

// givenID is an id of a form; uuid.Nil where none is given.
func givenID(field, given string) (uuid.UUID, error) {
	if given = strings.TrimSpace(given); given == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.Parse(given)
	if err != nil {
		return uuid.Nil, fail(api.CodeValidationFailed, "The "+field+" is named by its id, such as 6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f.", map[string]any{"field": field, "reason": "is no id"})
	}
	return id, nil
}

func writeRow(w store.Write) WriteRow {
	r := WriteRow{ID: w.ID, WorkspaceID: w.WorkspaceID, ConnectionID: w.ConnectionID, CRM: w.CRM, CRMName: title(w.CRM), Object: w.ObjectType, ObjectID: w.ObjectID,
		Status: w.Status, Outcome: w.Outcome, Alarm: w.Alarm, RecordType: w.CRMObjectType, RecordID: w.CRMObjectID, ThreadID: text(w.ThreadID),
		CreatedAt: w.CreatedAt, SettledAt: w.SettledAt}
	if w.ErrorCode != "" {
		r.Trouble = &Trouble{Code: w.ErrorCode, Cause: w.ErrorCause, Action: w.ErrorAction}
	}
	if w.Status == store.Queued || w.Status == store.InDoubt {
		r.NextAt = &w.NextAttemptAt
	}
	return r
}

// WritePage is all that operators see of one write.
type WritePage struct {
	WriteRow
	Key, Marker, PayloadHash string
	SyncID                   uuid.UUID
	Attempt                  int64
	Payload                  string // the curated outcome as JSON for people; empty values where it was erased
	Notes                    []api.Note
	Attempts                 []api.Attempt // oldest first
	Acts                     []WriteAct    // of people, oldest first
	Siblings                 []WriteRow    // the other writes of the same outcome, the contact first
	Connection               ConnectionView
	RecordURL                string // where people look at the record; may be empty
	CanRetry, CanFind        bool   // CanFind: a person's word on it is taken, found or absent
	CanCancel                bool
}

// WriteAct is what somebody did to a write.
type WriteAct struct {
	At            time.Time
	Actor, Action string
	Detail        string // JSON
}

// ReadWrite is one write of any workspace. It is for operators alone.
func (h *Handlers) ReadWrite(ctx context.Context, id uuid.UUID) (WritePage, error) {
	w, err := h.store.Write(ctx, uuid.Nil, id)
	if err != nil {
		return WritePage{}, writeMissing(err)
	}
	conn, err := h.store.ConnectionByID(ctx, w.ConnectionID)
	if err != nil {
		return WritePage{}, err
	}
	p := WritePage{WriteRow: writeRow(w), Key: w.IdempotencyKey, Marker: w.Marker, PayloadHash: w.PayloadHash, SyncID: w.SyncID, Attempt: w.Attempt,
		Payload: indented(w.Payload), Notes: decodeList[api.Note](w.Notes), Connection: h.view(conn)}
	status := conn.Status
	if conn.AccountID != w.AccountID {
		status = ""
	} else if l, ok := h.connectors[connectors.CRM(conn.CRM)].(connectors.Linker); ok && w.CRMObjectID != "" {
		p.RecordURL = l.RecordURL(accountOf(conn), connectors.Ref{Type: w.CRMObjectType, ID: w.CRMObjectID})
	}
	p.CanRetry = status == store.ConnectionConnected && (w.Status == store.Failed || w.Status == store.Queued)
	p.CanFind = store.Resolvable(store.ResolveFound, w.Status, status)
	p.CanCancel = store.Resolvable(store.ResolveCancel, w.Status, status)
	attempts, err := h.store.Attempts(ctx, id)
	if err != nil {
		return WritePage{}, err
	}
	for _, a := range attempts {
		p.Attempts = append(p.Attempts, renderAttempt(a))
	}
	acts, err := h.store.Acts(ctx, id.String())
	if err != nil {
		return WritePage{}, err
	}
	for _, a := range acts {
		p.Acts = append(p.Acts, WriteAct{At: a.At, Actor: a.Actor, Action: a.Action, Detail: string(a.Detail)})
	}
	siblings, err := h.store.SyncWrites(ctx, w.WorkspaceID, w.SyncID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return WritePage{}, err
	}
	for _, s := range siblings {
		if s.ID != id {
			p.Siblings = append(p.Siblings, writeRow(s))
		}
	}
	return p, nil
}

// RetryAnyWrite is RetryWrite for operators.
func (h *Handlers) RetryAnyWrite(ctx context.Context, id uuid.UUID) error {
	_, err := h.RetryWrite(ctx, api.RetryWriteRequestObject{Id: id})
	return err
}

// Word is what an operator says of a write.
type Word struct {
	How    string // found, retry, cancel
	Record string // found: the record's id in the CRM
	Sure   bool   // said once more, for what no read can confirm
}

// ResolveAnyWrite is ResolveWrite for operators.
func (h *Handlers) ResolveAnyWrite(ctx context.Context, id uuid.UUID, word Word) error {
	if word.How != store.ResolveFound && !word.Sure {
		return fail(api.CodeValidationFailed, "Nothing was done: the box that says so was not ticked.", map[string]any{"field": "sure"})
	}
	_, err := h.ResolveWrite(ctx, api.ResolveWriteRequestObject{Id: id, Body: &api.ResolveWriteJSONRequestBody{How: word.How, CrmObjectId: filled(strings.TrimSpace(word.Record))}})
	return err
}

// indented is JSON for people; what is none is shown as it is.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}
