// Package store is the service's Postgres: connections and their sealed tokens, pending OAuth states, and
// the write log, which alone knows what became of an outcome.
//
//	Append ─► queued ─► Claim ─► sending ─► Settle ─► succeeded | failed | queued | in_doubt …
//	                               │ worker dies: Sweep ─► in_doubt (never queued)
//	in_doubt ─► ClaimDoubtful ─► reconciling ─► Settle ─► succeeded | queued (proven absent) | needs_review
//
// Each public method is a whole act, in one transaction of its own; callers assemble nothing. Every
// change of a claimed row names the attempt that claimed it, so that a worker that lost its turn
// changes nothing. No method makes a network call but to Postgres, and leases run by the
// database's clock, so replicas need not agree on the time.
package store

import (
	"context"
	"errors"
	"sync"

	"crm-connectors/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotFound says that there is no such row, or none that the caller may see.
var ErrNotFound = errors.New("not found")

// JobSchema is the schema in which the delivery keeps its jobs.
const JobSchema = migrations.RiverSchema

// Store is the database. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	keys *Keyring

	markerMu     sync.Mutex
	markerSecret []byte // once known

	arrivals gather
	seen     lastSeen
}

// New makes a store over pool, which the caller closes. keys seals and opens tokens.
func New(pool *pgxpool.Pool, keys *Keyring) *Store { return &Store{pool: pool, keys: keys} }

// Wake tells the delivery that a connection has something due. It is called inside the transaction that
// made it due, so that neither can happen without the other, and while that holds the connection's row (for share or stronger),
// so that a drain that is about to end either waits for it or is seen.
type Wake func(ctx context.Context, tx pgx.Tx, connectionID uuid.UUID) error

// querier is the pool, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func one[T any](rows pgx.Rows, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	v, err := pgx.CollectOneRow(rows, pgx.RowToStructByName[T])
	if errors.Is(err, pgx.ErrNoRows) {
		return zero, ErrNotFound
	}
	return v, err
}

func many[T any](rows pgx.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}
