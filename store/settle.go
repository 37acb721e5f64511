package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Settlement is what became of one claimed row. It changes the row only while the row is still of that attempt.
type Settlement struct {
	ID      uuid.UUID `json:"id"`
	Attempt int64     `json:"attempt"`
	Status  string    `json:"status"` // the new one

	RetryIn     float64 `json:"retry_in"`     // seconds until the row is looked at again; queued and in doubt only
	Failed      bool    `json:"failed"`       // counts towards giving up
	DoubtFor    float64 `json:"doubt_for"`    // seconds until a negative answer proves something; set when doubt begins
	EmptyRead   bool    `json:"empty_read"`   // the CRM was asked and did not have it
	BeginsDoubt bool    `json:"begins_doubt"` // in doubt from now: forget earlier empty reads

	CRMObjectType string          `json:"crm_object_type"` // empty: keep what is known
	CRMObjectID   string          `json:"crm_object_id"`
	Outcome       string          `json:"outcome"`
	Notes         json.RawMessage `json:"notes"`
	ErrorCode     string          `json:"error_code"`
	ErrorClass    string          `json:"error_class"`
	ErrorCause    string          `json:"error_cause"`
	ErrorAction   string          `json:"error_action"`

	Kind       string          `json:"kind"` // of the attempt: send or find
	StartedAt  time.Time       `json:"started_at"`
	EndedAt    time.Time       `json:"ended_at"`
	Result     string          `json:"result"` // of the attempt, for its record
	HTTPStatus int             `json:"http_status"`
	RequestID  string          `json:"request_id"`
	Calls      json.RawMessage `json:"calls"`
}

const settlementRecord = `jsonb_to_recordset(@settlements::jsonb) as v (id uuid, attempt bigint, status text, retry_in float8, failed bool,
	doubt_for float8, empty_read bool, begins_doubt bool, crm_object_type text, crm_object_id text, outcome text, notes jsonb,
	error_code text, error_class text, error_cause text, error_action text, kind text, started_at timestamptz, ended_at timestamptz,
	result text, http_status int, request_id text, calls jsonb)`

// moveRows blocks what would wait on a connection that is no longer live.
const moveRows = `
	update crm_write_log w set
		status = case when hold then 'blocked' else v.status end,
		blocked_from = case when hold then v.status end,
		lease_until = null, send_deadline = null, updated_at = now(),
		next_attempt_at = now() + make_interval(secs => v.retry_in),
		failures = w.failures + v.failed::int,
		empty_reads = case when v.begins_doubt then 0 else w.empty_reads + v.empty_read::int end,
		reconcile_at = case when v.begins_doubt then now() + make_interval(secs => v.doubt_for)
			when v.status in ('in_doubt') then w.reconcile_at end,
		crm_object_type = case when v.crm_object_id = '' then w.crm_object_type else v.crm_object_type end,
		crm_object_id = case when v.crm_object_id = '' then w.crm_object_id else v.crm_object_id end,
		outcome = v.outcome, notes_json = coalesce(v.notes, '[]'), error_code = v.error_code, error_class = v.error_class,
		error_cause = v.error_cause, error_action = v.error_action,
		settled_at = case when v.status in ('succeeded', 'failed', 'needs_review', 'cancelled') then now() end
	from ` + settlementRecord + `,
		lateral (select c.status <> 'connected' and v.status in ('queued', 'in_doubt') as hold
			from crm_write_log x join crm_connections c on c.id = x.connection_id where x.id = v.id) as h
	where w.id = v.id and w.attempt = v.attempt and w.status in ('sending', 'reconciling')`

// Settle records attempts and moves their rows on, all at once. It says how many rows moved: fewer than given means that
// the caller lost its turn for the rest, whose attempts are recorded all the same, as evidence for whoever finds out. A row that would wait
// on a connection that is no longer live is blocked instead; one whose connection went to another CRM account waits for a
// person, as after Connect. Contacts that were written are remembered by email.
func (s *Store) Settle(ctx context.Context, settlements []Settlement) (int64, error) {
	if len(settlements) == 0 {
		return 0, nil
	}
	ids := make([]uuid.UUID, len(settlements))
	for i, v := range settlements {
		ids[i] = v.ID
	}
	args := pgx.NamedArgs{"settlements": settlements}
	var failed []uuid.UUID
	for _, v := range settlements {
		if v.Status == Failed || v.Status == Cancelled {
			failed = append(failed, v.ID)
		}
	}
	var moved int64
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		// A connection that fails or changes meanwhile either sees these rows as settled or is seen here.
		if _, err := tx.Exec(ctx, `select from crm_connections where id in (select connection_id from crm_write_log where id = any($1))
			order by id for share`, ids); err != nil {
			return fmt.Errorf("lock connections: %w", err)
		}
		tag, err := tx.Exec(ctx, moveRows, args)
		if err != nil {
			return fmt.Errorf("move rows: %w", err)
		}
		moved = tag.RowsAffected()
		if err := parkStrangers(ctx, tx, `w.id = any($1)`, ids); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			insert into crm_write_attempts (write_id, attempt, kind, started_at, ended_at, outcome, http_status, request_id, error_code,
				cause, crm_object_id, calls_json)
			select id, attempt, kind, started_at, ended_at, result, http_status, request_id, error_code, error_cause,
				crm_object_id, coalesce(calls, '[]')
			from `+settlementRecord, args); err != nil {
			return fmt.Errorf("record attempts: %w", err)
		}
		if _, err := tx.Exec(ctx, `
			insert into crm_object_links (workspace_id, crm, crm_account_id, email, crm_object_type, crm_object_id)
			select distinct on (w.workspace_id, w.crm, w.crm_account_id, w.ordering_key) w.workspace_id, w.crm, w.crm_account_id,
				w.ordering_key, v.crm_object_type, v.crm_object_id
			from `+settlementRecord+` join crm_write_log w on w.id = v.id
			where v.crm_object_id <> '' and w.object_type = 'contact' and w.ordering_key is not null
			on conflict (workspace_id, crm, crm_account_id, email) do update set crm_object_type = excluded.crm_object_type,
				crm_object_id = excluded.crm_object_id, updated_at = now()`, args); err != nil {
			return fmt.Errorf("remember contacts: %w", err)
		}
		if len(failed) > 0 {
			return failDependents(ctx, tx, failed)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("settle: %w", err)
	}
	return moved, nil
}
