package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Outcome is one accepted outcome, on its way to become a write for each object and CRM.
type Outcome struct {
	WorkspaceID   uuid.UUID
	SourceEventID string
	ThreadID      string
	Traceparent   string   // W3C trace context of the request that handed it in; empty: none
	CRMs          []string // empty: every CRM that the workspace has connected
	Objects       []Object
}

// Object is one thing of an outcome. What others depend on comes before them.
type Object struct {
	Type        string
	ID          string
	Action      string
	Payload     json.RawMessage
	DependsOn   string // Type of another object of the outcome that must be written first; empty: none
	OrderingKey string // rows of one key and connection are written in source order; empty: any order
}

// Errors of one outcome; the others of the same call are not touched by them.
type (
	// ConflictError says that a key was used before with another payload.
	ConflictError struct{ Key, StoredHash, SentHash string }
	// NotConnectedError says that the workspace has no live connection to the CRM; empty: to any.
	NotConnectedError struct{ CRM string }
)

func (e *ConflictError) Error() string {
	return fmt.Sprintf("idempotency key %s was used with another payload", e.Key)
}

func (e *NotConnectedError) Error() string {
	if e.CRM == "" {
		return "the workspace has connected no CRM"
	}
	return "the workspace has not connected " + e.CRM
}

// Appended is what became of one outcome: its writes, old and new, in source order, or Err.
type Appended struct {
	SyncID uuid.UUID
	Writes []Write
	Err    error // *ConflictError or *NotConnectedError
}

var errRefused = errors.New("an outcome was refused")

// Append takes outcomes into the log, each whole or not at all, and wakes the delivery of what is new, all in one
// transaction. It is idempotent: a repeat answers with the rows that exist.
func (s *Store) Append(ctx context.Context, outcomes []Outcome, wake Wake) ([]Appended, error) {
	out := make([]Appended, len(outcomes))
	secret, err := s.markerKey(ctx)
	if err != nil {
		return out, err
	}
	for {
		err := s.in(workspacesOf(outcomes)...).tx(ctx, func(tx pgx.Tx) error {
			conns, err := lockConnections(ctx, tx, outcomes)
			if err != nil {
				return err
			}
			rows, err := expand(outcomes, out, conns, secret)
			if err != nil || len(rows) == 0 {
				return err
			}
			stored, inserted, fresh, err := insertRows(ctx, tx, rows)
			if err != nil {
				return err
			}
			if collect(out, rows, stored) {
				return errRefused // none of that outcome's rows may stay
			}
			if err := failOrphans(ctx, tx, rows, inserted); err != nil {
				return err
			}
			for id := range fresh {
				if err := wake(ctx, tx, id); err != nil {
					return fmt.Errorf("wake delivery: %w", err)
				}
			}
			return nil
		})
		if errors.Is(err, errRefused) {
			continue // without the outcomes that now have an error
		}
		if isDeadlock(err) {
			continue // two calls met each other's outcomes in another order; the other call went through
		}
		return out, err
	}
}

func isDeadlock(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "40P01"
}

// newRow is a row before it is one; outcome is the place of its outcome in the call.
type newRow struct {
	outcome      int
	ID           uuid.UUID
	SyncID       uuid.UUID
	WorkspaceID  uuid.UUID
	CRM          string
	ConnectionID uuid.UUID
	AccountID    string
	ObjectType   string
	ObjectID     string
	Action       string
	Event        string
	Key          string
	Marker       string
	Payload      string
	Hash         string
	ThreadID     *string
	Traceparent  *string
	DependsOn    *uuid.UUID
	OrderingKey  *string
	Status       string
	BlockedFrom  *string
}

type lockedConnection struct {
	ID          uuid.UUID `db:"id"`
	WorkspaceID uuid.UUID `db:"workspace_id"`
	CRM         string    `db:"crm"`
	Status      string    `db:"status"`
	AccountID   string    `db:"account_id"`
}

const liveConnections = `select id, workspace_id, crm, status, account_id from crm_connections
	where workspace_id = any($1) and status in ('connected', 'error') order by id`

func workspacesOf(outcomes []Outcome) []uuid.UUID {
	ids := make([]uuid.UUID, 0, 1)
	for _, o := range outcomes {
		if !slices.Contains(ids, o.WorkspaceID) {
			ids = append(ids, o.WorkspaceID)
		}
	}
	return ids
}

// lockConnections reads the live connections of the outcomes' workspaces and holds them in place, so that a drain
// that is about to end waits for what is appended. They are locked in one order, so that callers cannot deadlock.
func lockConnections(ctx context.Context, tx pgx.Tx, outcomes []Outcome) ([]lockedConnection, error) {
	conns, err := many[lockedConnection](tx.Query(ctx, liveConnections+` for share`, workspacesOf(outcomes)))
	if err != nil {
		return nil, fmt.Errorf("lock connections: %w", err)
	}
	return conns, nil
}

// expand makes the rows of every outcome that has no error yet; outcomes without a connection get theirs.
func expand(outcomes []Outcome, out []Appended, conns []lockedConnection, secret []byte) ([]newRow, error) {
	var rows []newRow
	for i, o := range outcomes {
		out[i].SyncID, out[i].Writes = SyncID(o.WorkspaceID, o.SourceEventID), nil
		if out[i].Err != nil {
			continue
		}
		wanted := slices.Clone(o.CRMs)
		if len(wanted) == 0 {
			for _, c := range conns {
				if c.WorkspaceID == o.WorkspaceID {
					wanted = append(wanted, c.CRM)
				}
			}
			if len(wanted) == 0 {
				out[i].Err = &NotConnectedError{}
				continue
			}
			slices.Sort(wanted)
		}
		mine := len(rows)
		for _, crm := range wanted {
			at := slices.IndexFunc(conns, func(c lockedConnection) bool { return c.WorkspaceID == o.WorkspaceID && c.CRM == crm })
			if at < 0 {
				out[i].Err = &NotConnectedError{CRM: crm}
				rows = rows[:mine]
				break
			}
			more, err := outcomeRows(i, o, out[i].SyncID, conns[at], secret)
			if err != nil {
				return nil, err
			}
			rows = append(rows, more...)
		}
	}
	return rows, nil
}

func outcomeRows(i int, o Outcome, syncID uuid.UUID, c lockedConnection, secret []byte) ([]newRow, error) {
	rows := make([]newRow, 0, len(o.Objects))
	for _, obj := range o.Objects {
		hash, err := PayloadHash(obj.Payload)
		if err != nil {
			return nil, err
		}
		key := IdempotencyKey(o.WorkspaceID.String(), c.CRM, obj.Type, obj.ID, obj.Action, o.SourceEventID)
		r := newRow{outcome: i, ID: writeID(o.WorkspaceID, c.CRM, key), SyncID: syncID, WorkspaceID: o.WorkspaceID, CRM: c.CRM,
			ConnectionID: c.ID, AccountID: c.AccountID, ObjectType: obj.Type, ObjectID: obj.ID, Action: obj.Action, Event: o.SourceEventID,
			Key: key, Marker: marker(secret, o.WorkspaceID.String(), c.CRM, c.AccountID, key), Payload: string(obj.Payload), Hash: hash, Status: Queued}
		if o.ThreadID != "" {
			r.ThreadID = &o.ThreadID
		}
		if o.Traceparent != "" {
			r.Traceparent = &o.Traceparent
		}
		if obj.OrderingKey != "" {
			r.OrderingKey = &obj.OrderingKey
		}
		if c.Status != ConnectionConnected {
			from := Queued
			r.Status, r.BlockedFrom = Blocked, &from
		}
		for j := range rows {
			if rows[j].ObjectType == obj.DependsOn {
				r.DependsOn = &rows[j].ID
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// insertSQL makes rows of columns, in their order; between it and insertUnlessThere a condition may stand.
const (
	insertSQL = `
		insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action,
			source_event_id, idempotency_key, marker, payload_json, payload_hash, thread_id, depends_on, ordering_key, status, blocked_from,
			traceparent)
		select id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
			idempotency_key, marker, payload_json::jsonb, payload_hash, thread_id, depends_on, ordering_key, status, blocked_from, traceparent
		from unnest(@id::uuid[], @sync_id::uuid[], @workspace_id::uuid[], @crm::text[], @connection_id::uuid[], @crm_account_id::text[],
			@object_type::text[], @object_id::text[], @action::text[], @source_event_id::text[], @idempotency_key::text[], @marker::text[],
			@payload_json::text[], @payload_hash::text[], @thread_id::text[], @depends_on::uuid[], @ordering_key::text[], @status::text[],
			@blocked_from::text[], @traceparent::text[]) with ordinality as r (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id,
			action, source_event_id, idempotency_key, marker, payload_json, payload_hash, thread_id, depends_on, ordering_key, status, blocked_from,
			traceparent, place)`
	insertUnlessThere = ` order by place on conflict do nothing` // on the key or on the id that follows from it, whichever is met first
)

// insertRows stores what is new, in one statement. It gives all rows as they stand, by id, which of them are new, and the
// connections that got new work. Of a new row the database is asked for nothing but what it alone knows.
func insertRows(ctx context.Context, tx pgx.Tx, rows []newRow) (stored map[uuid.UUID]Write, inserted, fresh map[uuid.UUID]bool, err error) {
	created, err := tx.Query(ctx, insertSQL+insertUnlessThere+` returning id, seq, created_at`, columnsOf(rows))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("append: %w", err)
	}
	byID := make(map[uuid.UUID]*newRow, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	if stored, err = newWrites(created, byID); err != nil {
		return nil, nil, nil, fmt.Errorf("append: %w", err)
	}
	inserted, fresh = make(map[uuid.UUID]bool, len(rows)), map[uuid.UUID]bool{}
	for id := range stored {
		inserted[id], fresh[byID[id].ConnectionID] = true, true
	}
	return stored, inserted, fresh, readOlder(ctx, tx, byID, stored)
}

// newWrites are the rows of byID that an insert made.
func newWrites(created pgx.Rows, byID map[uuid.UUID]*newRow) (map[uuid.UUID]Write, error) {
	stored := make(map[uuid.UUID]Write, len(byID))
	var id uuid.UUID
	var seq int64
	var at time.Time
	_, err := pgx.ForEachRow(created, []any{&id, &seq, &at}, func() error {
		stored[id] = byID[id].fresh(seq, at)
		return nil
	})
	return stored, err
}

// fresh is the row as it stands once it is stored.
func (r *newRow) fresh(seq int64, at time.Time) Write {
	w := Write{ID: r.ID, Seq: seq, SyncID: r.SyncID, WorkspaceID: r.WorkspaceID, CRM: r.CRM, ConnectionID: r.ConnectionID, AccountID: r.AccountID,
		ObjectType: r.ObjectType, ObjectID: r.ObjectID, Action: r.Action, IdempotencyKey: r.Key, Marker: r.Marker, Payload: json.RawMessage(r.Payload),
		PayloadHash: r.Hash, ThreadID: r.ThreadID, OrderingKey: r.OrderingKey, Status: r.Status, Notes: json.RawMessage("[]"),
		NextAttemptAt: at, CreatedAt: at, UpdatedAt: at}
	if r.Traceparent != nil {
		w.Traceparent = *r.Traceparent
	}
	return w
}

// readOlder adds the rows that were there before, or that another call brought while the insert waited for it.
func readOlder(ctx context.Context, db querier, wanted map[uuid.UUID]*newRow, stored map[uuid.UUID]Write) error {
	var older []uuid.UUID
	for id := range wanted {
		if _, ok := stored[id]; !ok {
			older = append(older, id)
		}
	}
	if len(older) == 0 {
		return nil
	}
	all, err := many[Write](db.Query(ctx, `select `+writeColumns+` from crm_write_log w where w.id = any($1)`, older))
	if err != nil {
		return fmt.Errorf("read appended rows: %w", err)
	}
	for _, w := range all {
		stored[w.ID] = w
	}
	return nil
}

// columnsOf turns rows into an array for each column.
func columnsOf(rows []newRow) pgx.NamedArgs {
	return pgx.NamedArgs{
		"id":              column(rows, func(r *newRow) pgtype.UUID { return known(&r.ID) }),
		"sync_id":         column(rows, func(r *newRow) pgtype.UUID { return known(&r.SyncID) }),
		"workspace_id":    column(rows, func(r *newRow) pgtype.UUID { return known(&r.WorkspaceID) }),
		"crm":             column(rows, func(r *newRow) string { return r.CRM }),
		"connection_id":   column(rows, func(r *newRow) pgtype.UUID { return known(&r.ConnectionID) }),
		"crm_account_id":  column(rows, func(r *newRow) string { return r.AccountID }),
		"object_type":     column(rows, func(r *newRow) string { return r.ObjectType }),
		"object_id":       column(rows, func(r *newRow) string { return r.ObjectID }),
		"action":          column(rows, func(r *newRow) string { return r.Action }),
		"source_event_id": column(rows, func(r *newRow) string { return r.Event }),
		"idempotency_key": column(rows, func(r *newRow) string { return r.Key }),
		"marker":          column(rows, func(r *newRow) string { return r.Marker }),
		"payload_json":    column(rows, func(r *newRow) string { return r.Payload }),
		"payload_hash":    column(rows, func(r *newRow) string { return r.Hash }),
		"thread_id":       column(rows, func(r *newRow) *string { return r.ThreadID }),
		"depends_on":      column(rows, func(r *newRow) pgtype.UUID { return known(r.DependsOn) }),
		"ordering_key":    column(rows, func(r *newRow) *string { return r.OrderingKey }),
		"status":          column(rows, func(r *newRow) string { return r.Status }),
		"blocked_from":    column(rows, func(r *newRow) *string { return r.BlockedFrom }),
		"traceparent":     column(rows, func(r *newRow) *string { return r.Traceparent }),
	}
}

// known is an id as pgx takes it at the least cost; nil is null.
func known(id *uuid.UUID) pgtype.UUID {
	if id == nil {
		return pgtype.UUID{}
	}
	return pgtype.UUID{Bytes: *id, Valid: true}
}

// column is of a type whose elements are encoded without reflection.
func column[T any](rows []newRow, of func(*newRow) T) pgtype.FlatArray[T] {
	out := make(pgtype.FlatArray[T], len(rows))
	for i := range rows {
		out[i] = of(&rows[i])
	}
	return out
}

// collect hands the stored rows to their outcomes and says whether one of them turned out to be refused. An outcome
// that differs from an earlier one of this call, which is itself refused, is judged anew without it.
func collect(out []Appended, rows []newRow, stored map[uuid.UUID]Write) (refused bool) {
	first := make(map[uuid.UUID]int, len(rows)) // the outcome that brought the row
	for _, r := range rows {
		if _, ok := first[r.ID]; !ok {
			first[r.ID] = r.outcome
		}
		w, ok := stored[r.ID]
		if ok && w.PayloadHash == r.Hash {
			out[r.outcome].Writes = append(out[r.outcome].Writes, w)
			continue
		}
		if by := first[r.ID]; by != r.outcome && out[by].Err != nil {
			continue
		}
		if out[r.outcome].Err == nil {
			out[r.outcome].Err = &ConflictError{Key: r.Key, StoredHash: w.PayloadHash, SentHash: r.Hash}
			refused = true
		}
	}
	return refused
}
