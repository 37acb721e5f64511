package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Troubled is how many writes of a connection have a status with the same error.
type Troubled struct {
	ConnectionID uuid.UUID `db:"connection_id"`
	Status       string    `db:"status"`
	Code         string    `db:"error_code"`
	Class        string    `db:"class"`
	Cause        string    `db:"cause"`  // of one of them
	Action       string    `db:"action"` // likewise
	Count        int       `db:"count"`
	More         bool      `db:"more"`   // there are more than CountMost like them, which were not all looked at
	Newest       time.Time `db:"newest"` // of those looked at: when they came to stand like this
	Oldest       time.Time `db:"oldest"`
}

// TroubledWrites groups what is not written because of an error by connection, status and code, what a person is to act upon first. At most that
// many groups are given. As in WaitingWrites each status is found by its own index and looked at up to CountMost rows; of what has ended in
// trouble these are the newest.
func (s *Store) TroubledWrites(ctx context.Context, groups int) (found []Troubled, err error) {
	err = s.everywhere().readOnly(ctx, func(tx pgx.Tx) error {
		// Where a large part of the log is in trouble, the planner would rather read all of it.
		if _, err := tx.Exec(ctx, `set local enable_seqscan = off`); err != nil {
			return err
		}
		return read(ctx, tx, &found, troubledWrites, CountMost, groups)
	})
	if err != nil {
		return nil, fmt.Errorf("troubled writes: %w", err)
	}
	return found, nil
}

const (
	troubledColumns = `connection_id, status, error_code, error_class, error_cause, error_action`

	troubledWrites = `
		with seen as (
			(select 1 as part, ` + troubledColumns + `, settled_at as at from crm_write_log where status in ('failed', 'needs_review') order by settled_at desc limit $1 + 1)
			union all (select 2, ` + troubledColumns + `, updated_at from crm_write_log where status = 'blocked' limit $1 + 1)
			union all (select 3, ` + troubledColumns + `, updated_at from crm_write_log where status = 'in_doubt' limit $1 + 1)
			union all (select 4, ` + troubledColumns + `, updated_at from crm_write_log where status in ('sending', 'reconciling') and status = 'reconciling' limit $1 + 1)
			union all (select 5, ` + troubledColumns + `, updated_at from crm_write_log where status = 'queued' limit $1 + 1)
		), sized as (select part, count(*) > $1 as more from seen group by part)
		select connection_id, status, error_code, min(error_class) as class, min(error_cause) as cause, min(error_action) as action, count(*)::int as count,
			bool_or(more) as more, coalesce(max(at), now()) as newest, coalesce(min(at), now()) as oldest
		from seen join sized using (part) where error_code <> '' group by connection_id, status, error_code
		order by array_position(array['needs_review', 'failed', 'blocked', 'in_doubt', 'reconciling', 'queued'], status), count(*) desc, error_code, connection_id
		limit $2`
)

// ConnectionsInTrouble are the connections named, and those that have an error themselves though nobody disconnected them: at most that many of these,
// the worse off first.
func (s *Store) ConnectionsInTrouble(ctx context.Context, also []uuid.UUID, most int) ([]Connection, error) {
	return many[Connection](s.everywhere().Query(ctx, `
		select `+connectionColumns+` from crm_connections where id = any($1) or id in (
			select id from crm_connections c where last_error is not null and status in ('connected', 'error') order by `+rankOf+`, id limit $2)`, also, most))
}
