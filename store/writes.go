package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The states of a write. See the package comment for how they follow each other.
const (
	Queued      = "queued"
	Sending     = "sending"
	InDoubt     = "in_doubt"
	Reconciling = "reconciling"
	Succeeded   = "succeeded"
	Failed      = "failed"
	NeedsReview = "needs_review"
	Blocked     = "blocked"
	Cancelled   = "cancelled"
)

// Settled says that nothing more happens to a write in this state unless a person acts.
func Settled(status string) bool {
	switch status {
	case Succeeded, Failed, NeedsReview, Cancelled:
		return true
	}
	return false
}

// Write is one row of the log.
type Write struct {
	ID             uuid.UUID       `db:"id"`
	Seq            int64           `db:"seq"`
	SyncID         uuid.UUID       `db:"sync_id"`
	WorkspaceID    uuid.UUID       `db:"workspace_id"`
	CRM            string          `db:"crm"`
	ConnectionID   uuid.UUID       `db:"connection_id"`
	AccountID      string          `db:"crm_account_id"`
	ObjectType     string          `db:"object_type"`
	ObjectID       string          `db:"object_id"`
	Action         string          `db:"action"`
	IdempotencyKey string          `db:"idempotency_key"`
	Marker         string          `db:"marker"` // what its record is known by in the CRM
	Payload        json.RawMessage `db:"payload_json"`
	PayloadHash    string          `db:"payload_hash"`
	ThreadID       *string         `db:"thread_id"`
	OrderingKey    *string         `db:"ordering_key"` // rows of one key are sent in source order
	Traceparent    string          `db:"traceparent"`  // of the request that handed it in; empty: none
	Status         string          `db:"status"`
	Attempt        int64           `db:"attempt"`
	Failures       int             `db:"failures"`
	EmptyReads     int             `db:"empty_reads"`
	NextAttemptAt  time.Time       `db:"next_attempt_at"`
	ReconcileAt    *time.Time      `db:"reconcile_at"`
	AbsentBy       string          `db:"absent_by"` // who said, while it was in doubt, that the CRM does not have it
	Alarm          string          `db:"alarm"`     // duplicate_detected, missing_in_crm
	CRMObjectType  string          `db:"crm_object_type"`
	CRMObjectID    string          `db:"crm_object_id"`
	Outcome        string          `db:"outcome"`
	Notes          json.RawMessage `db:"notes_json"`
	ErrorCode      string          `db:"error_code"`
	ErrorClass     string          `db:"error_class"`
	ErrorCause     string          `db:"error_cause"`
	ErrorAction    string          `db:"error_action"`
	CreatedAt      time.Time       `db:"created_at"`
	UpdatedAt      time.Time       `db:"updated_at"`
	SettledAt      *time.Time      `db:"settled_at"`
}

const writeColumns = `w.id, w.seq, w.sync_id, w.workspace_id, w.crm, w.connection_id, w.crm_account_id, w.object_type, w.object_id,
	w.action, w.idempotency_key, w.marker, w.payload_json::text, w.payload_hash, w.thread_id, w.ordering_key,
	coalesce(w.traceparent, '') as traceparent, w.status, w.attempt, w.failures, w.empty_reads,
	w.next_attempt_at, w.reconcile_at, w.absent_by, w.alarm, w.crm_object_type, w.crm_object_id, w.outcome, w.notes_json::text, w.error_code, w.error_class,
	w.error_cause, w.error_action, w.created_at, w.updated_at, w.settled_at`

// Write is one row, or ErrNotFound. A workspace other than uuid.Nil must be the row's own.
func (s *Store) Write(ctx context.Context, workspaceID, id uuid.UUID) (Write, error) {
	return one[Write](s.asked(workspaceID).Query(ctx, `select `+writeColumns+` from crm_write_log w
		where w.id = $1 and ($2 or w.workspace_id = $3)`, id, workspaceID == uuid.Nil, workspaceID))
}

// SyncWrites are all writes of one sync id in source order; none is ErrNotFound. As for Write, a workspace other than
// uuid.Nil must be theirs.
func (s *Store) SyncWrites(ctx context.Context, workspaceID, syncID uuid.UUID) ([]Write, error) {
	writes, err := many[Write](s.asked(workspaceID).Query(ctx, `select `+writeColumns+` from crm_write_log w
		where w.sync_id = $1 and ($2 or w.workspace_id = $3) order by w.seq`, syncID, workspaceID == uuid.Nil, workspaceID))
	if err == nil && len(writes) == 0 {
		err = ErrNotFound
	}
	return writes, err
}

// WritesByID are the rows with these ids, in no order; ids that do not exist are left out.
func (s *Store) WritesByID(ctx context.Context, ids []uuid.UUID) ([]Write, error) {
	return many[Write](s.everywhere().Query(ctx, `select `+writeColumns+` from crm_write_log w where w.id = any($1)`, ids))
}

// Filter narrows a list of writes. Empty fields do not narrow; WorkspaceID is required.
type Filter struct {
	WorkspaceID    uuid.UUID
	CRM            string
	Status         string
	ObjectType     string
	ThreadID       string
	ErrorCode      string
	SyncID         uuid.UUID
	CRMObjectID    string
	IdempotencyKey string
	Before         int64 // rows with a smaller Seq alone: the Seq of the last row of the page before; 0: from the newest
	Limit          int
}

// Writes lists rows, newest first. A page that is shorter than Limit is the last.
func (s *Store) Writes(ctx context.Context, f Filter) ([]Write, error) {
	sql := `select ` + writeColumns + ` from crm_write_log w where w.workspace_id = @workspace`
	args := pgx.NamedArgs{"workspace": f.WorkspaceID, "limit": f.Limit}
	narrow := func(column, name, value string) {
		if value != "" {
			sql += ` and w.` + column + ` = @` + name
			args[name] = value
		}
	}
	narrow("crm", "crm", f.CRM)
	narrow("status", "status", f.Status)
	narrow("object_type", "object", f.ObjectType)
	narrow("thread_id", "thread", f.ThreadID)
	narrow("error_code", "code", f.ErrorCode)
	narrow("crm_object_id", "crm_object", f.CRMObjectID)
	narrow("idempotency_key", "key", f.IdempotencyKey)
	if f.SyncID != uuid.Nil {
		sql += ` and w.sync_id = @sync`
		args["sync"] = f.SyncID
	}
	if f.Before > 0 {
		sql += ` and w.seq < @before`
		args["before"] = f.Before
	}
	return many[Write](s.in(f.WorkspaceID).Query(ctx, sql+` order by w.seq desc limit @limit`, args))
}

// Attempt is one try at a write, as it ended.
type Attempt struct {
	Attempt     int64           `db:"attempt"`
	Kind        string          `db:"kind"` // send or find
	StartedAt   time.Time       `db:"started_at"`
	EndedAt     time.Time       `db:"ended_at"`
	Outcome     string          `db:"outcome"`
	HTTPStatus  int             `db:"http_status"`
	RequestID   string          `db:"request_id"`
	ErrorCode   string          `db:"error_code"`
	Cause       string          `db:"cause"`
	CRMObjectID string          `db:"crm_object_id"`
	Calls       json.RawMessage `db:"calls_json"`
}

// Attempts are the tries at a write, oldest first.
func (s *Store) Attempts(ctx context.Context, writeID uuid.UUID) ([]Attempt, error) {
	return many[Attempt](s.write(writeID).Query(ctx, `select attempt, kind, started_at, ended_at, outcome, http_status, request_id, error_code,
		cause, crm_object_id, calls_json from crm_write_attempts where write_id = $1 order by id`, writeID))
}

// anotherAccount is a NotRetriableError's connection status when the write was made for an account that the workspace has
// left.
const anotherAccount = "connected to another account"

// NotRetriableError says why a write is not tried again.
type NotRetriableError struct{ Status, ConnectionStatus string }

func (e *NotRetriableError) Error() string {
	return fmt.Sprintf("a write that is %s on a connection that is %s is not tried again", e.Status, e.ConnectionStatus)
}

// Retry makes a failed write, and what failed only because it did, due at once; a queued one that waits is pulled
// forward. One whose contact is failed fails again: the contact is what to retry. It never touches what may have been executed. actor is for the record of acts. Errors: ErrNotFound, *NotRetriableError.
func (s *Store) Retry(ctx context.Context, workspaceID, id uuid.UUID, actor string, wake Wake) (Write, error) {
	var w Write
	err := s.asked(workspaceID).tx(ctx, func(tx pgx.Tx) error {
		// The connection first, as everywhere: whoever fails or renews it holds it and then wants its rows.
		var status string
		err := tx.QueryRow(ctx, `select case when c.account_id = w.crm_account_id then c.status else $4 end
			from crm_write_log w join crm_connections c on c.id = w.connection_id
			where w.id = $1 and ($2 or w.workspace_id = $3) for share of c`,
			id, workspaceID == uuid.Nil, workspaceID, anotherAccount).Scan(&status)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("retry: %w", err)
		}
		// A contact before what depends on it, for the same reason.
		if _, err := tx.Exec(ctx, `select from crm_write_log where id = $1 or id = (select depends_on from crm_write_log where id = $1)
			order by seq for update`, id); err != nil {
			return fmt.Errorf("retry: %w", err)
		}
		if w, err = one[Write](tx.Query(ctx, `select `+writeColumns+` from crm_write_log w where w.id = $1`, id)); err != nil {
			return err
		}
		if status != ConnectionConnected || (w.Status != Failed && w.Status != Queued) {
			return &NotRetriableError{Status: w.Status, ConnectionStatus: status}
		}
		was := w.Status
		w, err = one[Write](tx.Query(ctx, `
			update crm_write_log w set status = 'queued', failures = 0, next_attempt_at = now(), settled_at = null, updated_at = now(),
				error_class = '', error_code = '', error_cause = '', error_action = ''
			where w.id = $1 returning `+writeColumns, id))
		if err != nil {
			return fmt.Errorf("retry: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			update crm_write_log set status = 'queued', failures = 0, next_attempt_at = now(), settled_at = null, updated_at = now(),
				error_class = '', error_code = '', error_cause = '', error_action = ''
			where depends_on = $1 and status = 'failed' and error_code = $2`, id, DependencyFailed); err != nil {
			return fmt.Errorf("retry dependents: %w", err)
		}
		if w, err = failAgain(ctx, tx, w.ID); err != nil {
			return err
		}
		if err := audit(ctx, tx, Act{Actor: actor, Action: "write.retry", WorkspaceID: w.WorkspaceID, Subject: w.ID.String(), Detail: map[string]any{"was": was}}); err != nil {
			return err
		}
		return wake(ctx, tx, w.ConnectionID)
	})
	return w, err
}
