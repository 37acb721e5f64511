package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// erased is how a write looks whose content is gone. The names of its fields stay, which tell an older write of the contact what not to
// put back; so do its keys and its record's id, by which a repeat is known.
const erased = `content_erased_at = now(), updated_at = now(), notes_json = '[]', error_cause = '', thread_id = null,
	payload_json = coalesce((select jsonb_object_agg(k, null) from jsonb_object_keys(w.payload_json) as k), '{}')`

// eraseAttempts forgets what the attempts of writes say in the CRM's words.
const eraseAttempts = `update crm_write_attempts set cause = '', calls_json = '[]' where write_id = any($1)`

// EraseContent erases the content of up to limit writes that were settled (succeeded or cancelled) longer than keep ago, and says how many. The
// address of a contact, by which its writes are told apart, stays.
func (s *Store) EraseContent(ctx context.Context, keep time.Duration, limit int) (int64, error) {
	var n int64
	err := s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			update crm_write_log w set `+erased+` where id in (
				select id from crm_write_log where settled_at < now() - make_interval(secs => $1) and status in ('succeeded', 'cancelled')
					and content_erased_at is null and alarm = '' order by settled_at limit $2 for update skip locked)
			returning id`, keep.Seconds(), limit)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil || len(ids) == 0 {
			return err
		}
		n = int64(len(ids))
		_, err = tx.Exec(ctx, eraseAttempts, ids)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("erase old content: %w", err)
	}
	return n, nil
}

// ContactErased says what EraseContact did.
type ContactErased struct {
	Writes    int // whose content is gone
	Cancelled int // of them, those that will not be made now
	Pending   int // that a worker holds: call again after it
}

// EraseContact erases what is kept about a contact of the workspace: the content of its writes and of what depends on them, its address,
// the link to its record, and what the log that stepped aside says of it. What waits is cancelled. It may be called again. actor is for the record, which does not name the contact.
func (s *Store) EraseContact(ctx context.Context, workspaceID uuid.UUID, email, actor string) (ContactErased, error) {
	var out ContactErased
	err := s.in(workspaceID).tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			with own as (select id from crm_write_log where connection_id in (select id from crm_connections where workspace_id = $1)
				and object_type = 'contact' and ordering_key = $2)
			select id from crm_write_log where id in (select id from own union all select d.id from crm_write_log d join own on d.depends_on = own.id)
			order by seq for update`, workspaceID, email)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `update crm_write_log set status = 'cancelled', blocked_from = null, settled_at = now(), updated_at = now(),
			error_class = 'rejected', error_code = 'contact_erased', error_action = 'The contact was erased; nothing to do.'
			where id = any($1) and status in ('queued', 'in_doubt', 'blocked', 'failed', 'needs_review')`, ids)
		if err != nil {
			return err
		}
		out.Cancelled = int(tag.RowsAffected())
		if tag, err = tx.Exec(ctx, `update crm_write_log w set `+erased+`, ordering_key = null,
			object_id = case when object_type = 'contact' then 'erased:' || left(idempotency_key, 16) else object_id end
			where id = any($1) and status in ('succeeded', 'cancelled')`, ids); err != nil {
			return err
		}
		out.Writes, out.Pending = int(tag.RowsAffected()), len(ids)-int(tag.RowsAffected())
		if _, err := tx.Exec(ctx, eraseAttempts, ids); err != nil {
			return err
		}
		if tag, err = tx.Exec(ctx, `delete from crm_object_links where workspace_id = $1 and email = $2`, workspaceID, email); err != nil {
			return err
		}
		former, err := s.eraseFormerContact(ctx, tx, workspaceID, email)
		if err != nil {
			return err
		}
		return audit(ctx, tx, Act{Actor: actor, Action: "contact.erase", WorkspaceID: workspaceID, Subject: workspaceID.String(),
			Detail: map[string]any{"writes": out.Writes, "cancelled": out.Cancelled, "pending": out.Pending, "links": tag.RowsAffected(), "former": former}})
	})
	if err != nil {
		return ContactErased{}, fmt.Errorf("erase a contact: %w", err)
	}
	return out, nil
}

const eraseAtOnce = 5000

// EraseWorkspace erases all that is kept about a workspace, in the tables that stepped aside too, but not in those that are Conduit's own, and leaves one line in the record of acts. It
// says how many writes it erased. It works in parts, newest writes first: cut short, it goes on when it is called again. Before it, the
// workspace is disconnected, so that nothing new comes.
func (s *Store) EraseWorkspace(ctx context.Context, workspaceID uuid.UUID, actor string) (connections, writes int64, err error) {
	for {
		tag, err := s.in(workspaceID).Exec(ctx, `delete from crm_write_log where id in
			(select id from crm_write_log where workspace_id = $1 order by seq desc limit $2)`, workspaceID, eraseAtOnce)
		if err != nil {
			return 0, writes, fmt.Errorf("erase writes: %w", err)
		}
		writes += tag.RowsAffected()
		if tag.RowsAffected() < eraseAtOnce {
			break
		}
	}
	if err := s.eraseNotifications(ctx, workspaceID); err != nil {
		return 0, writes, err
	}
	err = s.in(workspaceID).tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from crm_connections where workspace_id = $1 order by id for update`, workspaceID); err != nil {
			return err
		}
		for _, table := range []string{"crm_write_log", "crm_object_links", "oauth_states", "pending_installs", "crm_apps", "crm_audit", "crm_connections"} {
			tag, err := tx.Exec(ctx, `delete from `+table+` where workspace_id = $1`, workspaceID)
			if err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
			switch table {
			case "crm_write_log":
				writes += tag.RowsAffected()
			case "crm_connections":
				connections = tag.RowsAffected()
			}
		}
		former, err := s.eraseFormer(ctx, tx, workspaceID)
		if err != nil {
			return err
		}
		return audit(ctx, tx, Act{Actor: actor, Action: "workspace.erase", WorkspaceID: workspaceID, Subject: workspaceID.String(),
			Detail: map[string]any{"connections": connections, "writes": writes, "former": former}})
	})
	if err != nil {
		return 0, 0, fmt.Errorf("erase a workspace: %w", err)
	}
	return connections, writes, nil
}

// eraseNotifications forgets the endpoints of the workspace, and what any other one was or is to be told of it.
func (s *Store) eraseNotifications(ctx context.Context, workspaceID uuid.UUID) error {
	for _, table := range []string{"crm_notification_endpoints", "crm_notification_events", "crm_notifications"} {
		if _, err := s.everywhere().Exec(ctx, `delete from `+table+` where workspace_id = $1`, workspaceID); err != nil {
			return fmt.Errorf("erase %s: %w", table, err)
		}
	}
	return nil
}
