package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The ways in which a person settles a write that the service could not.
const (
	ResolveFound  = "found"  // the record is in the CRM, under this id
	ResolveRetry  = "retry"  // the CRM does not have it: write it again
	ResolveCancel = "cancel" // it is not to be written
)

// Resolution is a person's word on a write.
type Resolution struct {
	How           string
	CRMObjectType string // found: the CRM's own word for the kind of record
	CRMObjectID   string // found
	Actor         string
}

// NotResolvableError says why a write cannot be resolved in this way now.
type NotResolvableError struct{ How, Status, ConnectionStatus string }

func (e *NotResolvableError) Error() string {
	return fmt.Sprintf("a write that is %s on a connection that is %s is not resolved by %s", e.Status, e.ConnectionStatus, e.How)
}

// Resolve acts upon a person's word, which is recorded with it.
//
// found: the row goes on with that record, which the delivery reads, and completes, before it counts as written. retry: a row that may have been
// executed is looked for once more, and sent again if the CRM does not have it then; one that was not executed is sent
// again. cancel: nothing more happens to it, and what depends on it fails. Errors: ErrNotFound, *NotResolvableError.
func (s *Store) Resolve(ctx context.Context, workspaceID, id uuid.UUID, r Resolution, wake Wake) (Write, error) {
	var w Write
	err := s.asked(workspaceID).tx(ctx, func(tx pgx.Tx) error {
		var connection string
		err := tx.QueryRow(ctx, `select case when c.account_id = w.crm_account_id then c.status else $4 end
			from crm_write_log w join crm_connections c on c.id = w.connection_id
			where w.id = $1 and ($2 or w.workspace_id = $3) for share of c`,
			id, workspaceID == uuid.Nil, workspaceID, anotherAccount).Scan(&connection)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("resolve: %w", err)
		}
		if _, err := tx.Exec(ctx, `select from crm_write_log where id = $1 or id = (select depends_on from crm_write_log where id = $1)
			order by seq for update`, id); err != nil {
			return fmt.Errorf("resolve: %w", err)
		}
		if w, err = one[Write](tx.Query(ctx, `select `+writeColumns+` from crm_write_log w where w.id = $1`, id)); err != nil {
			return err
		}
		if !Resolvable(r.How, w.Status, connection) {
			return &NotResolvableError{How: r.How, Status: w.Status, ConnectionStatus: connection}
		}
		was := w.Status
		if w, err = resolveRow(ctx, tx, w, r); err != nil {
			return err
		}
		if err := audit(ctx, tx, Act{Actor: r.Actor, Action: "write.resolve", WorkspaceID: w.WorkspaceID, Subject: w.ID.String(),
			Detail: map[string]any{"how": r.How, "crm_object_id": r.CRMObjectID, "was": was}}); err != nil {
			return err
		}
		if r.How == ResolveCancel {
			return failDependents(ctx, tx, []uuid.UUID{w.ID})
		}
		return wake(ctx, tx, w.ConnectionID)
	})
	return w, err
}

// Resolvable says whether a write in this status, on a connection in that one, may be resolved so. What a worker holds is never touched, and only a live
// connection to the write's own account can verify a word.
func Resolvable(how, status, connection string) bool {
	switch how {
	case ResolveCancel:
		return status == NeedsReview || status == Failed || status == InDoubt || status == Blocked || status == Queued
	case ResolveFound, ResolveRetry:
		return connection == ConnectionConnected && (status == NeedsReview || status == Failed)
	}
	return false
}

func resolveRow(ctx context.Context, tx pgx.Tx, w Write, r Resolution) (Write, error) {
	const anew = `alarm = '', settled_at = null, updated_at = now(), blocked_from = null, failures = 0, reclaims = 0, next_attempt_at = now()`
	const clear = `error_class = '', error_code = '', error_cause = '', error_action = '', ` + anew
	var change string
	switch {
	case r.How == ResolveCancel:
		change = `status = 'cancelled', blocked_from = null, settled_at = now(), updated_at = now(), error_action = 'A person cancelled it.'`
	case r.How == ResolveFound:
		change = `status = 'queued', crm_object_type = @type, crm_object_id = @object, ` + clear
	case w.Status == Failed: // it was not executed
		change = `status = 'queued', ` + clear
	default: // what it is in doubt for stays on it
		change = `status = 'in_doubt', absent_by = @actor, empty_reads = 0, reconcile_at = coalesce(w.reconcile_at, now()),
			error_action = 'The service looks for the record once more; nothing to do.', ` + anew
	}
	w, err := one[Write](tx.Query(ctx, `update crm_write_log w set `+change+` where w.id = @id returning `+writeColumns,
		pgx.NamedArgs{"id": w.ID, "actor": r.Actor, "type": r.CRMObjectType, "object": r.CRMObjectID}))
	if err != nil {
		return w, fmt.Errorf("resolve: %w", err)
	}
	return w, nil
}
