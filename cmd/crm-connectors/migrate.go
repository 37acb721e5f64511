package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"crm-connectors/migrations"

	"github.com/jackc/pgx/v5/pgxpool"
)

func migrateCommand() command {
	c := command{name: "migrate", group: groupOperate, summary: "Bring the database up to date", usage: `Usage: crm-connectors migrate

Applies the migrations that are missing in DATABASE_URL (or SUPABASE_DB_URL) and says which. It is safe to run again, and
from several machines at once. serve does the same when it starts.

Example
  crm-connectors migrate`}
	c.run = func(ctx context.Context, e env) error {
		if err := parseFlags(newFlags(c), c, e); err != nil {
			return err
		}
		dsn := e.getenv("DATABASE_URL")
		if dsn == "" {
			dsn = e.getenv("SUPABASE_DB_URL")
		}
		if dsn == "" {
			return errors.New("DATABASE_URL is not set; for example DATABASE_URL=postgres://crm:PASSWORD@db.example.com:5432/postgres")
		}
		pool, err := pgxpool.New(ctx, dsn)
		if err != nil {
			return errors.New("DATABASE_URL cannot be read")
		}
		defer pool.Close()
		applied, err := migrations.Up(ctx, pool, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			return err
		}
		if applied.New == 0 {
			_, _ = fmt.Fprintf(e.stdout, "up to date at version %d\n", applied.Version)
			return nil
		}
		_, _ = fmt.Fprintf(e.stdout, "applied %s; now at version %d\n", applied.Names, applied.Version)
		return nil
	}
	return c
}
