package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The roles that statements run under. Neither signs in, owns a table or bypasses row level security; whoever DATABASE_URL signs in as is a
// member of both. See migrations/20261126200001.
const (
	workspaceRole = "crm_connectors_workspace" // sees the rows of the workspaces that the setting names
	fleetRole     = "crm_connectors_fleet"     // sees all rows where the setting says everything
)

// everything is what the setting says for acts over all workspaces. Unset, or empty as it is after a transaction, each statement on a
// table of workspaces is an error.
const everything = "*"

// scope is whose rows an act may see and change. Postgres itself holds every statement to it, whatever the statement forgets: each runs in a
// transaction that begins by taking a role and naming the workspaces, both for that transaction alone, so that a pooled connection, also one of a
// transaction pooler, carries nothing to the next act. That beginning travels with the statement: it costs no round trip.
type scope struct {
	s          *Store
	workspaces []uuid.UUID
	of         owner
	id         uuid.UUID // of
	fleet      bool
}

// owner is what an act knows instead of its workspace.
type owner string

// Statements that name the one workspace of $1.
const (
	ofConnection owner = `select workspace_id from crm_connections where id = $1`
	ofWrite      owner = `select workspace_id from crm_write_log where id = $1`
)

// in is for acts on what the workspaces have.
func (s *Store) in(workspaces ...uuid.UUID) scope { return scope{s: s, workspaces: workspaces} }

// asked is in, or for uuid.Nil, which only operators and the service's other rooms pass, everywhere.
func (s *Store) asked(workspace uuid.UUID) scope {
	if workspace == uuid.Nil {
		return s.everywhere()
	}
	return s.in(workspace)
}

// connection is for acts on what the workspace of a connection has. Of one that does not exist nothing is seen.
func (s *Store) connection(id uuid.UUID) scope { return scope{s: s, of: ofConnection, id: id} }

// write is the same for the workspace of a write.
func (s *Store) write(id uuid.UUID) scope { return scope{s: s, of: ofWrite, id: id} }

// everywhere is for acts on all workspaces: sweeps, what operators see, and what belongs to no workspace.
func (s *Store) everywhere() scope { return scope{s: s, fleet: true} }

const enterSQL = `select set_config('role', $1, true), set_config('crm_connectors.workspaces', $2, true)`

// batch is a pipeline that has entered the scope. Postgres commits it as one transaction at its end.
func (c scope) batch() *pgx.Batch {
	b := &pgx.Batch{}
	switch {
	case c.fleet:
		b.Queue(enterSQL, fleetRole, everything)
	case c.of != "":
		b.Queue(enterSQL, fleetRole, everything)
		b.Queue(c.lookUp(`$1`), c.id)
	default:
		b.Queue(enterSQL, workspaceRole, c.named())
	}
	return b
}

// send runs a pipeline that batch began, and each statement's own function on its rows.
func (c scope) send(ctx context.Context, b *pgx.Batch) error {
	return c.s.pool.SendBatch(ctx, b).Close()
}

// begin is the same as text for the beginning of a transaction, which Postgres takes in one round trip. Nothing in it comes from outside but ids.
func (c scope) begin() string {
	enter := func(role, workspaces string) string {
		return strings.NewReplacer("$1", "'"+role+"'", "$2", "'"+workspaces+"'").Replace(enterSQL)
	}
	switch {
	case c.fleet:
		return enter(fleetRole, everything)
	case c.of != "":
		return enter(fleetRole, everything) + "; " + c.lookUp(`'`+c.id.String()+`'`)
	default:
		return enter(workspaceRole, c.named())
	}
}

func (c scope) lookUp(id string) string {
	return `select set_config('crm_connectors.workspaces', coalesce((select '{' || workspace_id || '}' from (` +
		strings.Replace(string(c.of), "$1", id, 1) + `) as owner), '{}'), true), set_config('role', '` + workspaceRole + `', true)`
}

func (c scope) named() string {
	ids := make([]string, len(c.workspaces))
	for i, id := range c.workspaces {
		ids[i] = id.String()
	}
	return "{" + strings.Join(ids, ",") + "}"
}

// asLogin runs f, within a transaction in the scope, as who signed in: for tables that are not this service's.
func (c scope) asLogin(ctx context.Context, tx pgx.Tx, f func() error) error {
	if _, err := tx.Exec(ctx, `set local role none`); err != nil {
		return fmt.Errorf("leave the scope: %w", err)
	}
	if err := f(); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, c.begin()); err != nil {
		return fmt.Errorf("return to the scope: %w", err)
	}
	return nil
}

// tx runs f in a transaction in the scope.
func (c scope) tx(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, c.s.pool, pgx.TxOptions{BeginQuery: "begin; " + c.begin()}, f)
}

// readOnly is tx for what only reads.
func (c scope) readOnly(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, c.s.pool, pgx.TxOptions{BeginQuery: "begin read only; " + c.begin()}, f)
}

// Query runs one statement in the scope. The connection goes back when the rows are closed.
func (c scope) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	b := c.batch()
	entering := b.Len()
	b.Queue(sql, args...)
	results := c.s.pool.SendBatch(ctx, b)
	for range entering {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // says the same
			return nil, err
		}
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.Close()
		return nil, err
	}
	return &scopedRows{Rows: rows, results: results}, nil
}

// QueryRow is Query for one row; none is pgx.ErrNoRows.
func (c scope) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := c.Query(ctx, sql, args...)
	return scopedRow{rows, err}
}

// Exec is Query for a statement that gives no rows.
func (c scope) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	rows, err := c.Query(ctx, sql, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}

// scopedRows end their pipeline, and with it the transaction, when they are read or closed: an error of the commit is theirs too.
type scopedRows struct {
	pgx.Rows
	results pgx.BatchResults
	err     error
}

func (r *scopedRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *scopedRows) Close() {
	r.Rows.Close()
	if err := r.results.Close(); r.err == nil {
		r.err = err
	}
}

func (r *scopedRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err
	}
	return r.err
}

type scopedRow struct {
	rows pgx.Rows
	err  error
}

func (r scopedRow) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(into...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
