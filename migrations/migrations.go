// Package migrations brings a Postgres to the schema that this release wants.
//
//	Up ──► a lock row held by one replica ──► *.sql of this folder, in order ──► River's own tables
//
// Files are forward only and named as Supabase's command line wants them. Any number of replicas may call
// Up at once: one applies, the others wait and find nothing to do. The lock is a table row and
// not a session lock, so that it also holds through a transaction pooler.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var files embed.FS

// RiverSchema is the schema that holds River's tables.
const RiverSchema = "river"

const (
	historyTable = "crm_connectors_migrations"
	// riverVersion is the newest of River's migrations that this release was built with. When River
	// brings another, add a Go migration for it.
	riverVersion   = 20261123000002
	riverMigration = 8
)

// makeRiverSchema keeps Supabase's browser roles out whatever the default grants say, as the SQL migration does for our
// own tables.
const makeRiverSchema = `do $$
declare r text;
begin
  create schema if not exists ` + RiverSchema + `;
  for r in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
    execute format('revoke all on schema ` + RiverSchema + ` from %I', r);
  end loop;
end $$`

// Applied says what Up did.
type Applied struct {
	Version int64  // of the newest migration, applied now or before
	New     int    // how many were applied now
	Names   string // of those, joined by a comma
}

// Up applies what is missing. It is safe to call from many processes at once, and again.
func Up(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) (Applied, error) {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	locker, err := lock.NewPostgresTableLocker()
	if err != nil {
		return Applied{}, fmt.Errorf("migrations: lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName(historyTable),
		goose.WithSlog(log),
		goose.WithLocker(locker),
		goose.WithAllowOutofOrder(true), // a migration that was written beside another one may be released after it
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(riverVersion, &goose.GoFunc{RunDB: river(pool, log)}, nil)))
	if err != nil {
		return Applied{}, fmt.Errorf("migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	if err != nil {
		var partial *goose.PartialError
		if errors.As(err, &partial) && partial.Failed != nil {
			return Applied{}, fmt.Errorf("migration %d: %w", partial.Failed.Source.Version, partial.Err)
		}
		return Applied{}, fmt.Errorf("migrations: %w", err)
	}
	var out Applied
	for _, r := range results {
		out.New++
		if out.Names != "" {
			out.Names += ","
		}
		out.Names += fmt.Sprint(r.Source.Version)
	}
	if out.Version, err = provider.GetDBVersion(ctx); err != nil {
		return Applied{}, fmt.Errorf("migrations: read version: %w", err)
	}
	return out, nil
}

// river applies River's migrations inside goose's lock.
func river(pool *pgxpool.Pool, log *slog.Logger) func(context.Context, *sql.DB) error {
	return func(ctx context.Context, _ *sql.DB) error {
		if _, err := pool.Exec(ctx, makeRiverSchema); err != nil {
			return fmt.Errorf("create River's schema: %w", err)
		}
		m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: RiverSchema, Logger: log})
		if err != nil {
			return fmt.Errorf("River's migrations: %w", err)
		}
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: riverMigration}); err != nil {
			return fmt.Errorf("River's migrations: %w", err)
		}
		return nil
	}
}
