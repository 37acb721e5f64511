package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// The statements of accept, beside liveConnections. They are one pipeline, which Postgres commits as one transaction at its end, and each of
// them sees what was committed before it began: the second and third know the connections as the first has locked them.
const (
	// acceptSQL inserts if the connections are what the rows were made for, and else nothing. It undoes the transaction when an outcome
	// turns out to be there in part: its old rows may refuse the new ones, or have failed already.
	acceptSQL = `with new as (` + insertSQL + `
		where (select array_agg(concat_ws(' ', c.id, c.account_id, c.status) order by c.id) from crm_connections c
			where c.workspace_id = any(@workspaces::uuid[]) and c.status in ('connected', 'error')) = @connections::text[]` + insertUnlessThere + `
		returning id, seq, created_at)
		select id, seq, created_at from new where case
			when (select count(*) from new) = @distinct::int then true
			when not exists (select from unnest(@id::uuid[], @outcome::int[]) as r (id, outcome) left join new n on n.id = r.id
				group by r.outcome having count(n.id) between 1 and count(*) - 1) then true
			else ` + JobSchema + `.crm_partly() end`
	// wakeNewSQL wakes the delivery of the connections among $1 that got rows of $2 by this transaction.
	wakeNewSQL = `select ` + JobSchema + `.crm_wake(c.id) from unnest($1::uuid[]) as c (id) where exists (select from crm_write_log w
		where w.id = any($2::uuid[]) and w.connection_id = c.id and w.xmin = pg_current_xact_id()::xid) order by c.id`

	partlyThere = "CRM01" // what crm_partly raises
)

// WakeDrain is Wake as the database itself does it: it makes sure that a drain of the connection will see what the transaction commits. One that
// runs looks again under the connection's lock before it ends, and one that is about to run has not looked yet: in both cases, which are
// nearly all, nothing is written, so that callers of one connection do not wait for each other. One that sleeps is pulled forward, unless it
// comes when the connection has rested.
func WakeDrain(ctx context.Context, tx pgx.Tx, connectionID uuid.UUID) error {
	if _, err := tx.Exec(ctx, `select `+JobSchema+`.crm_wake($1)`, connectionID); err != nil {
		return fmt.Errorf("wake: %w", err)
	}
	return nil
}

// accept is Append in one round trip, for outcomes whose workspaces were seen before and that are wholly new. One more reads the
// rows of those that are wholly old; what is old in part, or differs, goes the long way.
func (s *Store) accept(ctx context.Context, outcomes []Outcome) ([]Appended, error) {
	secret, err := s.markerKey(ctx)
	if err != nil {
		return make([]Appended, len(outcomes)), err
	}
	workspaces := workspacesOf(outcomes)
	conns, remembered := s.seen.of(workspaces)
	for {
		if !remembered {
			if conns, err = many[lockedConnection](s.in(workspaces...).Query(ctx, liveConnections, workspaces)); err != nil {
				return make([]Appended, len(outcomes)), fmt.Errorf("read connections: %w", err)
			}
			s.seen.learn(workspaces, conns)
		}
		out := make([]Appended, len(outcomes))
		rows, err := expand(outcomes, out, conns, secret)
		if err != nil {
			return out, err
		}
		if remembered && slices.ContainsFunc(out, func(a Appended) bool { return a.Err != nil }) {
			remembered = false // perhaps it was connected since
			continue
		}
		if len(rows) == 0 {
			return out, nil
		}
		sent := newSending(workspaces, conns, rows)
		if sent.differ {
			return s.Append(ctx, outcomes, WakeDrain)
		}
		held, stored, err := sent.in(ctx, s)
		var pg *pgconn.PgError
		switch {
		case isDeadlock(err):
			continue
		case errors.As(err, &pg) && pg.Code == partlyThere:
			return s.Append(ctx, outcomes, WakeDrain)
		case err != nil:
			return out, fmt.Errorf("append: %w", err)
		case !slices.Equal(held, conns):
			conns, remembered = held, true
			s.seen.learn(workspaces, held)
			continue
		}
		if err := readOlder(ctx, s.in(workspaces...), sent.byID, stored); err != nil {
			return out, err
		}
		if collect(out, rows, stored) {
			if len(outcomes) > 1 || len(stored) < len(sent.byID) { // whose refusal touches the others, or whose row was retired meanwhile
				return s.Append(ctx, outcomes, WakeDrain)
			}
			out[0].Writes = nil
		}
		return out, nil
	}
}

// sending is one round trip of accept.
type sending struct {
	workspaces []uuid.UUID
	conns      []lockedConnection
	rows       []newRow
	byID       map[uuid.UUID]*newRow
	differ     bool // two rows of one id do
}

func newSending(workspaces []uuid.UUID, conns []lockedConnection, rows []newRow) *sending {
	slices.SortFunc(conns, func(a, b lockedConnection) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	s := &sending{workspaces: workspaces, conns: conns, rows: rows, byID: make(map[uuid.UUID]*newRow, len(rows))}
	for i := range rows {
		if r, ok := s.byID[rows[i].ID]; ok {
			s.differ = s.differ || r.Hash != rows[i].Hash
			continue
		}
		s.byID[rows[i].ID] = &rows[i]
	}
	return s
}

// in gives the connections as they were while the transaction held them, and the rows that it made, which are none if those are not the
// ones that the rows were made for.
func (t *sending) in(ctx context.Context, s *Store) (held []lockedConnection, stored map[uuid.UUID]Write, err error) {
	args := columnsOf(t.rows)
	args["outcome"] = column(t.rows, func(r *newRow) int32 { return int32(r.outcome) }) //nolint:gosec // at most a thousand outcomes are handed in at once
	args["distinct"] = len(t.byID)
	args["workspaces"] = t.workspaces
	expected := make([]string, len(t.conns))
	drains := make(pgtype.FlatArray[pgtype.UUID], len(t.conns))
	for i, c := range t.conns {
		expected[i] = strings.Join([]string{c.ID.String(), c.AccountID, c.Status}, " ")
		drains[i] = known(&c.ID)
	}
	args["connections"] = expected

	scope := s.in(t.workspaces...)
	trip := scope.batch()
	trip.Queue(liveConnections+` for share`, t.workspaces).Query(func(r pgx.Rows) (err error) {
		held, err = many[lockedConnection](r, nil)
		return err
	})
	trip.Queue(acceptSQL, args).Query(func(r pgx.Rows) (err error) {
		stored, err = newWrites(r, t.byID)
		return err
	})
	trip.Queue(wakeNewSQL, drains, args["id"])
	return held, stored, scope.send(ctx, trip)
}
