package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// FailedFilter says which failed writes are meant. Empty fields do not narrow. What failed only because its contact did is never meant: it
// follows its contact. Nor is what could only fail again because its contact is failed or cancelled still.
type FailedFilter struct {
	WorkspaceID  uuid.UUID
	ConnectionID uuid.UUID
	ErrorCode    string
	Until        time.Time // failed by then, by the database's clock: what fails again is not taken twice. See Store.Clock
}

func (f FailedFilter) args() pgx.NamedArgs {
	return pgx.NamedArgs{"none": uuid.Nil, "workspace": f.WorkspaceID, "connection": f.ConnectionID, "code": f.ErrorCode, "until": f.Until, "dependent": DependencyFailed}
}

const (
	meantConnections = `(@connection::uuid = @none::uuid or c.id = @connection) and (@workspace::uuid = @none or c.workspace_id = @workspace)`
	meantWrites      = `w.connection_id = c.id and w.status = 'failed' and w.crm_account_id = c.account_id and w.settled_at <= @until
		and (@code = '' or w.error_code = @code) and w.error_code <> @dependent
		and not exists (select from crm_write_log d where d.id = w.depends_on and d.status in ('failed', 'cancelled'))`
)

// FailedCount is how many failed writes a connection has, at most up to a bound: more is one above it.
type FailedCount struct {
	ConnectionID uuid.UUID `db:"id"`
	WorkspaceID  uuid.UUID `db:"workspace_id"`
	CRM          string    `db:"crm"`
	AccountName  string    `db:"account_name"`
	Status       string    `db:"status"` // of the connection: only one that is connected has its writes retried
	Count        int       `db:"count"`
}

// CountFailed counts what RetryFailed would take, by connection, the most first.
func (s *Store) CountFailed(ctx context.Context, f FailedFilter, most int) ([]FailedCount, error) {
	args := f.args()
	args["most"] = most + 1
	return many[FailedCount](s.everywhere().Query(ctx, `
		select c.id, c.workspace_id, c.crm, c.account_name, c.status, n.count::int from crm_connections c
			cross join lateral (select count(*) from (select from crm_write_log w where `+meantWrites+` limit @most) as seen) as n (count)
		where c.workspace_id is not null and `+meantConnections+` and n.count > 0 order by n.count desc, c.id`, args))
}

// RetryFailed makes up to limit failed writes of one connection due again, with what failed only because they did, and says how many it took. Zero
// means that nothing is left that can be retried. Never touched is what may have been executed. It is one transaction: broken off, it took all of
// its part or nothing, and may be called again. actor is for the record of acts.
func (s *Store) RetryFailed(ctx context.Context, f FailedFilter, limit int, actor string, wake Wake) (int, error) {
	for {
		n, err := s.retryFailed(ctx, f, limit, actor, wake)
		if isDeadlock(err) || errors.Is(err, errPassed) {
			continue // a person retried one of them by itself, and that went through; or what was to be taken is not there any more, and something else may be
		}
		if err != nil {
			return 0, fmt.Errorf("retry failed writes: %w", err)
		}
		return n, nil
	}
}

// Clock is the database's time, by which rows are stamped.
func (s *Store) Clock(ctx context.Context) (at time.Time, err error) {
	if err := s.everywhere().QueryRow(ctx, `select clock_timestamp()`).Scan(&at); err != nil {
		return at, fmt.Errorf("the database's time: %w", err)
	}
	return at, nil
}

// errPassed says that between the choice of a connection and its lock somebody changed what was chosen.
var errPassed = errors.New("it has changed meanwhile")

// retryFailed takes a part of one connection; zero: no connection has any. Errors: errPassed.
func (s *Store) retryFailed(ctx context.Context, f FailedFilter, limit int, actor string, wake Wake) (taken int, err error) {
	var id, workspace uuid.UUID
	err = s.everywhere().QueryRow(ctx, `select c.id, c.workspace_id from crm_connections c where c.status = 'connected' and `+meantConnections+`
		and exists (select from crm_write_log w where `+meantWrites+`) order by c.id limit 1`, f.args()).Scan(&id, &workspace)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	err = s.in(workspace).tx(ctx, func(tx pgx.Tx) error {
		// The connection first, as everywhere, and contacts before what depends on them.
		tag, err := tx.Exec(ctx, `select from crm_connections where id = $1 and status = 'connected' for share`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errPassed
		}
		args := f.args()
		args["id"], args["limit"] = id, limit
		rows, err := tx.Query(ctx, `select w.id from crm_write_log w join crm_connections c on c.id = @id where `+meantWrites+` order by w.seq limit @limit for update of w`, args)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return errPassed
		}
		taken = len(ids)
		const anew = `update crm_write_log set status = 'queued', failures = 0, next_attempt_at = now(), settled_at = null, updated_at = now(),
			error_class = '', error_code = '', error_cause = '', error_action = '' where `
		if _, err := tx.Exec(ctx, anew+`id = any($1)`, ids); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, anew+`depends_on = any($1) and status = 'failed' and error_code = $2`, ids, DependencyFailed); err != nil {
			return err
		}
		if err := failOrphaned(ctx, tx, ids); err != nil {
			return err
		}
		if err := audit(ctx, tx, Act{Actor: actor, Action: "writes.retry", WorkspaceID: workspace, Subject: id.String(),
			Detail: map[string]any{"writes": taken, "error_code": f.ErrorCode}}); err != nil {
			return err
		}
		return wake(ctx, tx, id)
	})
	return taken, err
}

// failOrphaned fails those of the rows again whose contact is failed or cancelled still: they would wait for ever.
func failOrphaned(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) error {
	rows, err := tx.Query(ctx, `select distinct depends_on from crm_write_log where id = any($1) and depends_on is not null`, ids)
	if err != nil {
		return err
	}
	contacts, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(contacts) == 0 {
		return err
	}
	return failDependents(ctx, tx, contacts)
}
