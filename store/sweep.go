package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// maxReclaims is how many workers a row may take down before it is put aside for a person.
const maxReclaims = 3

type lostRow struct {
	ID           uuid.UUID `db:"id"`
	ConnectionID uuid.UUID `db:"connection_id"`
}

// Sweep takes rows from workers that died or hang: their lease is over by the database's clock. What was being
// sent becomes in doubt, and never queued, for nobody knows how far it came. grace is how long after the last moment to
// send a request may still be executed at the CRM. It holds the connections in place as Append does, so that a drain
// that is about to end sees what it made due. It says how many rows it took.
func (s *Store) Sweep(ctx context.Context, grace time.Duration, wake Wake) (int, error) {
	var taken []lostRow
	err := s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			with lost as (
				select w.id, w.attempt, w.status, c.status <> 'connected' as down
				from crm_write_log w join crm_connections c on c.id = w.connection_id
				where w.status in ('sending', 'reconciling') and w.lease_until < now()
				order by w.lease_until limit 1000 for update of w skip locked for share of c skip locked),
			moved as (
				update crm_write_log w set lease_until = null, send_deadline = null, updated_at = now(), reclaims = w.reclaims + 1,
					status = case when w.reclaims + 1 >= $2 then 'needs_review' when lost.down then 'blocked' else 'in_doubt' end,
					blocked_from = case when w.reclaims + 1 < $2 and lost.down then 'in_doubt' end,
					settled_at = case when w.reclaims + 1 >= $2 then now() end,
					next_attempt_at = now(),
					empty_reads = case when lost.status = 'sending' then 0 else w.empty_reads end,
					reconcile_at = case when lost.status = 'sending' then now() + make_interval(secs => $1) else w.reconcile_at end,
					error_class = 'in_doubt', error_code = case when w.reclaims + 1 >= $2 then 'worker_lost_repeatedly' else 'worker_lost' end,
					error_cause = 'The process that carried this write ended before it could say what became of it.',
					error_action = case when w.reclaims + 1 >= $2
						then 'Look for the record in the CRM; this write has taken down several workers and is not tried again by itself.'
						when lost.down then 'Connect the CRM again; the service then looks for the record before it tries again.'
						else 'The service looks for the record before it tries again; nothing to do.' end
				from lost where w.id = lost.id returning w.id, w.connection_id, lost.attempt, lost.status as was),
			noted as (
				insert into crm_write_attempts (write_id, attempt, kind, started_at, ended_at, outcome, error_code, cause)
				select id, attempt, case was when 'sending' then 'send' else 'find' end, now(), now(), 'abandoned', 'worker_lost',
					'The lease ran out.' from moved)
			select id, connection_id from moved`, grace.Seconds(), maxReclaims)
		if err != nil {
			return err
		}
		if taken, err = many[lostRow](rows, nil); err != nil {
			return err
		}
		ids, conns := make([]uuid.UUID, len(taken)), make([]uuid.UUID, len(taken))
		for i, l := range taken {
			ids[i], conns[i] = l.ID, l.ConnectionID
		}
		if err := parkStrangers(ctx, tx, `w.id = any($1)`, ids); err != nil {
			return err
		}
		return wakeAll(ctx, tx, conns, wake)
	})
	if err != nil {
		return 0, fmt.Errorf("sweep: %w", err)
	}
	return len(taken), nil
}

// WakeDue wakes every live connection that has something due since before the given age: what a lost job left
// behind. In a healthy system it finds none.
func (s *Store) WakeDue(ctx context.Context, age time.Duration, wake Wake) (int, error) {
	var due []uuid.UUID
	err := s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select c.id from crm_connections c
			where c.status = 'connected' and (c.paused_until is null or c.paused_until < now() - make_interval(secs => $1))
				and exists (select from crm_write_log w where w.connection_id = c.id
					and w.next_attempt_at < now() - make_interval(secs => $1) and `+workable+`)
			limit 1000`, age.Seconds())
		if err != nil {
			return err
		}
		if due, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
			return err
		}
		return wakeAll(ctx, tx, due, wake)
	})
	if err != nil {
		return 0, fmt.Errorf("wake due: %w", err)
	}
	return len(due), nil
}

// WakeAgain wakes one connection by itself.
func (s *Store) WakeAgain(ctx context.Context, connectionID uuid.UUID, wake Wake) error {
	return s.connection(connectionID).tx(ctx, func(tx pgx.Tx) error { return wake(ctx, tx, connectionID) })
}

// ReviveDrains makes jobs of this kind due that claim to run, though neither they nor their connection have shown a sign of life for that
// long, and says how many.
func (s *Store) ReviveDrains(ctx context.Context, kind string, silent time.Duration) (int64, error) {
	tag, err := s.everywhere().Exec(ctx, `
		update `+JobSchema+`.river_job j set state = 'available', scheduled_at = now()
		from crm_connections c
		where j.kind = $1 and j.state = 'running' and c.id = (j.args->>'connection_id')::uuid
			and j.attempted_at < now() - make_interval(secs => $2)
			and (c.last_drained_at is null or c.last_drained_at < now() - make_interval(secs => $2))`, kind, silent.Seconds())
	if err != nil {
		return 0, fmt.Errorf("revive drains: %w", err)
	}
	return tag.RowsAffected(), nil
}

// ParkOldDoubt hands rows that were in doubt for longer than age to a person and says how many.
func (s *Store) ParkOldDoubt(ctx context.Context, age time.Duration) (int64, error) {
	tag, err := s.everywhere().Exec(ctx, `
		update crm_write_log set status = 'needs_review', settled_at = now(), updated_at = now(),
			error_action = 'Look for the record in the CRM: the service could not tell whether it was written.'
		where status = 'in_doubt' and reconcile_at < now() - make_interval(secs => $1)`, age.Seconds())
	if err != nil {
		return 0, fmt.Errorf("park old doubt: %w", err)
	}
	return tag.RowsAffected(), nil
}

// ExplainWaiting gives rows a cause that wait for a contact which only a person can settle, and says how many. They go on by
// themselves once the contact is settled.
func (s *Store) ExplainWaiting(ctx context.Context) (int64, error) {
	tag, err := s.everywhere().Exec(ctx, `
		update crm_write_log w set updated_at = now(), error_class = 'retry', error_code = 'waits_for_contact',
			error_cause = 'The contact that this write belongs to may or may not have been written, and waits for a person.',
			error_action = 'Settle the contact''s write; this write follows by itself.'
		from crm_write_log d
		where d.status = 'needs_review' and w.depends_on = d.id and w.status = 'queued' and w.error_code = ''`)
	if err != nil {
		return 0, fmt.Errorf("explain waiting rows: %w", err)
	}
	return tag.RowsAffected(), nil
}

func wakeAll(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, wake Wake) error {
	seen := map[uuid.UUID]bool{}
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		if err := wake(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}
