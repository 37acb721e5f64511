package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// DependencyFailed is the error code of a write whose contact could not be written.
const DependencyFailed = "contact_failed"

// failDependents settles the rows that wait for contacts which will not be written: without this they would wait for ever.
func failDependents(ctx context.Context, tx pgx.Tx, contacts []uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		update crm_write_log w set status = 'failed', blocked_from = null, settled_at = now(), updated_at = now(), error_class = 'rejected', error_code = $2,
			error_cause = case d.status when 'cancelled' then 'A person cancelled the write of the contact that this belongs to.'
				else 'The contact that this write belongs to could not be written: ' || d.error_cause end,
			error_action = case d.status when 'cancelled' then 'Send the outcome anew under another key if it is to be written after all.'
				else 'Mend the contact''s write and retry it; this write follows by itself.' end
		from crm_write_log d
		where w.depends_on = any($1) and (w.status = 'queued' or w.blocked_from = 'queued') and d.id = w.depends_on and d.status in ('failed', 'cancelled')`,
		contacts, DependencyFailed)
	if err != nil {
		return fmt.Errorf("fail dependents: %w", err)
	}
	return nil
}

// failOrphans is failDependents for rows that are being appended to contacts which are older than they. The contacts are held, so that
// one which fails at this moment either shows here or sees the new rows.
func failOrphans(ctx context.Context, tx pgx.Tx, rows []newRow, inserted map[uuid.UUID]bool) error {
	var contacts []uuid.UUID
	for _, r := range rows {
		if inserted[r.ID] && r.DependsOn != nil && !inserted[*r.DependsOn] {
			contacts = append(contacts, *r.DependsOn)
		}
	}
	if len(contacts) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `select from crm_write_log where id = any($1) order by id for share`, contacts); err != nil {
		return fmt.Errorf("hold contacts: %w", err)
	}
	return failDependents(ctx, tx, contacts)
}

// failAgain is failDependents for a row that was retried alone while its contact was not. It gives the row as it stands.
func failAgain(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Write, error) {
	rows, err := tx.Query(ctx, `select depends_on from crm_write_log where id = $1 and depends_on is not null`, id)
	if err != nil {
		return Write{}, fmt.Errorf("find contact: %w", err)
	}
	contact, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return Write{}, fmt.Errorf("find contact: %w", err)
	}
	if err := failDependents(ctx, tx, contact); err != nil {
		return Write{}, err
	}
	return one[Write](tx.Query(ctx, `select `+writeColumns+` from crm_write_log w where w.id = $1`, id))
}
