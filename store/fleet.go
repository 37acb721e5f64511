package store

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// FleetFilter narrows the list of all workspaces' connections. Empty fields do not narrow.
type FleetFilter struct {
	Health string
	CRM    string
	Text   string // a workspace's id, a connection's or an account's, or a part of the account's name
	After  Place  // the last row of the page before
	Limit  int
}

// Place is where a connection stands in the list: the worse off first.
type Place struct {
	Rank int       `db:"rank"`
	ID   uuid.UUID `db:"id"`
}

// FleetRow is a connection with its place.
type FleetRow struct {
	Connection
	Rank int `db:"rank"`
}

const rankOf = `array_position(array['error', 'trouble', 'paused', 'writing', 'pending_claim', 'disconnected'], ` + healthOf + `)`

// Fleet lists connections of all workspaces, the worse off first. It is for operators alone.
func (s *Store) Fleet(ctx context.Context, f FleetFilter) ([]FleetRow, error) {
	sql := `select ` + connectionColumns + `, rank from (select c.*, ` + rankOf + ` as rank, ` + healthOf + ` as health from crm_connections c) crm_connections
		where (rank, id) > (@rank, @after)`
	args := pgx.NamedArgs{"rank": f.After.Rank, "after": f.After.ID, "limit": f.Limit}
	if f.Health != "" {
		sql += ` and health = @health`
		args["health"] = f.Health
	}
	if f.CRM != "" {
		sql += ` and crm = @crm`
		args["crm"] = f.CRM
	}
	if f.Text != "" {
		sql += ` and (workspace_id::text = lower(@text) or id::text = lower(@text) or account_id = @text or account_name ilike @like)`
		args["text"], args["like"] = f.Text, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Text)+"%"
	}
	return many[FleetRow](s.everywhere().Query(ctx, sql+` order by rank, id limit @limit`, args))
}

// OpenCounts are how many writes of a connection are not written, each counted up to a bound.
type OpenCounts struct {
	ID      uuid.UUID `db:"id"`
	Queued  int       `db:"queued"`
	Blocked int       `db:"blocked"`
	InDoubt int       `db:"in_doubt"`
	Review  int       `db:"needs_review"`
	Failed  int       `db:"failed"`
}

// OpenWrites counts for each of the connections, at most up to most a status: more is most + 1.
func (s *Store) OpenWrites(ctx context.Context, ids []uuid.UUID, most int) ([]OpenCounts, error) {
	of := func(status string) string {
		return `(select count(*) from (select from crm_write_log w where w.connection_id = c.id and w.status = '` + status + `' limit @most) w) as ` + status
	}
	return many[OpenCounts](s.everywhere().Query(ctx, `select c.id, `+strings.Join([]string{of(Queued), of(Blocked), of(InDoubt), of(NeedsReview), of(Failed)}, ", ")+
		` from unnest(@ids::uuid[]) as c (id)`, pgx.NamedArgs{"ids": ids, "most": most + 1}))
}

// Record keeps that somebody did something that changed nothing in the tables of this service.
func (s *Store) Record(ctx context.Context, a Act) error {
	return s.everywhere().tx(ctx, func(tx pgx.Tx) error { return audit(ctx, tx, a) })
}
