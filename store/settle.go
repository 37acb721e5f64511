package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// RecordTaken is the error code of a write whose record turned out to be another write's.
const RecordTaken = "record_taken"

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
	HoldFor     float64 `json:"hold_for"`     // seconds in which a copy of this attempt may still land: newer writes of its key wait

	CRMObjectType string          `json:"crm_object_type"` // empty: keep what is known
	CRMObjectID   string          `json:"crm_object_id"`
	Outcome       string          `json:"outcome"`
	FromMemory    bool            `json:"from_memory"` // settled by what was known: it tells nothing new about the contact
	Wrote         bool            `json:"wrote"`       // contact: the record now holds what the row says, but for Stale
	Stale         []string        `json:"stale"`       // keys of the payload that were left out as out of date
	Notes         json.RawMessage `json:"notes"`
	Alarm         string          `json:"alarm"` // empty: keep
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
	doubt_for float8, empty_read bool, begins_doubt bool, hold_for float8, alarm text, from_memory bool, wrote bool, stale jsonb, crm_object_type text, crm_object_id text, outcome text, notes jsonb,
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
		absent_by = case when v.status = 'in_doubt' and not v.begins_doubt then w.absent_by else '' end,
		hold_until = case when v.hold_for > 0 then now() + make_interval(secs => v.hold_for) else w.hold_until end,
		alarm = case when v.alarm = '' then w.alarm else v.alarm end,
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
	text, err := json.Marshal(settlements) // once for the three statements that read it
	if err != nil {
		return 0, fmt.Errorf("settle: %w", err)
	}
	args := pgx.NamedArgs{"settlements": string(text)}
	var failed []uuid.UUID
	wait := false
	for _, v := range settlements {
		if v.Status == Failed {
			failed = append(failed, v.ID)
		}
		wait = wait || v.Status == Queued || v.Status == InDoubt
	}
	var moved int64
	err = s.write(ids[0]).tx(ctx, func(tx pgx.Tx) error {
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
		if wait {
			if err := parkStrangers(ctx, tx, `w.id = any($1)`, ids); err != nil {
				return err
			}
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
			insert into crm_object_links as l (workspace_id, crm, crm_account_id, email, crm_object_type, crm_object_id, fields_json)
			select w.workspace_id, w.crm, w.crm_account_id, w.ordering_key,
				(array_agg(v.crm_object_type order by w.seq desc))[1], (array_agg(v.crm_object_id order by w.seq desc))[1],
				coalesce(jsonb_object_agg(f.key, f.value order by w.seq) filter (where f.key is not null), '{}')
			from `+settlementRecord+` join crm_write_log w on w.id = v.id
				left join lateral jsonb_each(w.payload_json) as f on v.status = 'succeeded' and v.wrote and not f.key = any (array(
					select jsonb_array_elements_text(coalesce(v.stale, '[]'))))
			where v.crm_object_id <> '' and not v.from_memory and w.object_type = 'contact' and w.ordering_key is not null
			group by w.workspace_id, w.crm, w.crm_account_id, w.ordering_key
			on conflict (workspace_id, crm, crm_account_id, email) do update set crm_object_type = excluded.crm_object_type,
				crm_object_id = excluded.crm_object_id, updated_at = now(),
				fields_json = case when l.crm_object_id = excluded.crm_object_id then l.fields_json else '{}' end || excluded.fields_json`, args); err != nil {
			return fmt.Errorf("remember contacts: %w", err)
		}
		if len(failed) > 0 {
			return failDependents(ctx, tx, failed)
		}
		return nil
	})
	if isTaken(err) {
		return s.settleApart(ctx, settlements)
	}
	if err != nil {
		return 0, fmt.Errorf("settle: %w", err)
	}
	return moved, nil
}

// isTaken says that a row would adopt a record which is another row's already.
func isTaken(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == "crm_write_log_one_record"
}

// settleApart settles one by one what could not be settled together. A row whose record belongs to another row waits for a
// person: one of the two was never written, or the CRM gave one id twice.
func (s *Store) settleApart(ctx context.Context, settlements []Settlement) (int64, error) {
	if len(settlements) == 1 {
		v := settlements[0]
		v.Status, v.Outcome = NeedsReview, ""
		v.ErrorClass, v.ErrorCode = "in_doubt", RecordTaken
		v.ErrorCause = "The CRM named a record (" + v.CRMObjectID + ") that another write has made."
		v.ErrorAction = "Look for this write's own record in the CRM, then resolve the write: found, retry or cancel."
		v.CRMObjectType, v.CRMObjectID = "", ""
		return s.Settle(ctx, []Settlement{v})
	}
	var moved int64
	for _, v := range settlements {
		n, err := s.Settle(ctx, []Settlement{v})
		if err != nil {
			return moved, err
		}
		moved += n
	}
	return moved, nil
}
