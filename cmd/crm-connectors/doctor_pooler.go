package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const heardWithin = 3 * time.Second

// examinePooler finds out how what is between this service and Postgres shares connections: it listens on one connection and speaks on another. A
// transaction pooler lets nobody hear, and a statement pooler no transaction begin.
func examinePooler(ctx context.Context, cfg Config) []finding {
	if cfg.DatabaseURL.Empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	connect := func() (*pgx.Conn, error) {
		pc, err := pgx.ParseConfig(cfg.DatabaseURL.Reveal())
		if err != nil {
			return nil, errors.New("DATABASE_URL cannot be read")
		}
		pc.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // works through all of them
		return pgx.ConnectConfig(ctx, pc)
	}
	ear, err := connect()
	if err != nil {
		return nil // the database's finding
	}
	defer func() { _ = ear.Close(context.WithoutCancel(ctx)) }()
	if _, err := ear.Exec(ctx, `begin`); err != nil {
		return []finding{fails("pooler", "Set pool_mode = transaction (or session) in the pooler for this database; nothing here works in statement mode.", "no transaction can begin: %s", oneLine(err))}
	}
	if _, err := ear.Exec(ctx, `commit`); err != nil {
		return []finding{fails("pooler", "Set pool_mode = transaction (or session) in the pooler for this database.", "no transaction can end: %s", oneLine(err))}
	}
	heard, err := hears(ctx, ear, connect)
	switch {
	case err != nil:
		return []finding{warns("pooler", "Look at the pooler's log.", "it cannot be told how connections are shared: %s", oneLine(err))}
	case !heard && !cfg.PollOnly:
		return []finding{fails("pooler", "Set RIVER_POLL_ONLY=true, or give an address past the pooler: new work would be seen late, and prepared statements may break.", "the database is behind a transaction pooler, and the service would listen in vain")}
	case !heard:
		return []finding{well("pooler", "a transaction pooler, and the service asks instead of listening")}
	case cfg.PollOnly:
		return []finding{warns("pooler", "Take RIVER_POLL_ONLY away; on port 6543 set it to false.", "notifications arrive, and the service would not need to ask for work ten times a second")}
	}
	return []finding{well("pooler", "connections are the service's own: notifications arrive")}
}

// hears says whether what one connection says is heard on another.
func hears(ctx context.Context, ear *pgx.Conn, connect func() (*pgx.Conn, error)) (bool, error) {
	channel := "crm_doctor_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := ear.Exec(ctx, `listen `+channel); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return false, nil // some poolers refuse it
		}
		return false, err
	}
	mouth, err := connect()
	if err != nil {
		return false, err
	}
	defer func() { _ = mouth.Close(context.WithoutCancel(ctx)) }()
	if _, err := mouth.Exec(ctx, `notify `+channel); err != nil {
		return false, err
	}
	wait, cancel := context.WithTimeout(ctx, heardWithin)
	defer cancel()
	said, err := ear.WaitForNotification(wait)
	if err != nil && wait.Err() == nil {
		return false, err
	}
	return err == nil && said.Channel == channel, nil
}
