package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/migrations"
	"crm-connectors/store"
)

const (
	oldestPostgres = 150000           // server_version_num
	clockWarns     = 2 * time.Second  // a difference that logs show
	clockFails     = 60 * time.Second // one by which tokens and signatures are refused
	stuckAfter     = 10 * time.Minute // a drain ends within its slice, which is far below
)

// examineDatabase looks at what the service keeps, as the service does.
func examineDatabase(ctx context.Context, cfg Config, now func() time.Time) []finding {
	if cfg.DatabaseURL.Empty() {
		return nil // the environment's finding
	}
	pool, err := openPool(ctx, cfg)
	if err != nil {
		return []finding{fails("database", "Check host, port, user and password in DATABASE_URL, that the server runs, and that its firewall lets this machine in.", "%s", oneLine(err))}
	}
	defer pool.Close()
	out := []finding{databaseItself(ctx, pool), takesRoles(ctx, pool)}
	schema := migrated(ctx, pool)
	if out = append(out, schema); schema.Verdict == checkFail {
		return append(out, keysAlone(ctx, cfg))
	}
	return append(out, keysFit(ctx, cfg, pool), databaseClock(ctx, pool, now), jobsMove(ctx, pool))
}

// databaseItself wants a server that is new enough and takes writes: a temporary table fills the same disk, and is gone at once.
func databaseItself(ctx context.Context, pool *pgxpool.Pool) finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	var number int
	var version, name string
	var readOnly bool
	if err := pool.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('server_version'), current_database(),
		pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool`).Scan(&number, &version, &name, &readOnly); err != nil {
		return fails("database", "Look at the server's log.", "it does not answer: %s", oneLine(err))
	}
	if number < oldestPostgres {
		return fails("database", "Upgrade the server to 15 or newer.", "PostgreSQL %s is too old", version)
	}
	if readOnly {
		return fails("database", "Name the primary in DATABASE_URL, or end the read-only mode: ALTER DATABASE … RESET default_transaction_read_only.", "%s takes no writes: it is a standby, or set to read only", name)
	}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `create temporary table crm_doctor on commit drop as select repeat('x', 1000) from generate_series(1, 256)`); err != nil {
			return err
		}
		return tx.Rollback(ctx)
	})
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && (pg.Code == "53100" || strings.Contains(pg.Message, "No space left")):
		return fails("database", "Make room on the database's disk: grow it, drop old WAL or slots (pg_replication_slots), set CONTENT_RETENTION and WRITE_RETENTION. Nothing is lost: writes wait.",
			"its disk is full")
	case err != nil && !errors.Is(err, pgx.ErrTxClosed):
		return fails("database", "Look at the server's log, and at what the user may do.", "it takes no writes: %s", oneLine(err))
	}
	return well("database", "PostgreSQL %s, database %s, takes writes", version, name)
}

func takesRoles(ctx context.Context, pool *pgxpool.Pool) finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	const mend = "Run as a superuser: create role crm_connectors_workspace nologin noinherit; create role crm_connectors_fleet nologin noinherit; grant both to the user of DATABASE_URL."
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `set local role crm_connectors_workspace; set local role crm_connectors_fleet`)
		return err
	})
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "22023":
		return warns("roles", "Run crm-connectors migrate, which makes them.", "the roles that keep workspaces apart are not made yet")
	case err != nil:
		return fails("roles", mend, "the user may not take the roles that keep workspaces apart: %s", oneLine(err))
	}
	return well("roles", "statements run under crm_connectors_workspace and crm_connectors_fleet")
}

func migrated(ctx context.Context, pool *pgxpool.Pool) finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	missing, err := migrations.Missing(ctx, pool)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42P01":
		return fails("migrations", "Run crm-connectors migrate, or start serve, which does it.", "the database has none of this service's tables")
	case err != nil:
		return fails("migrations", "Look at the server's log.", "they cannot be read: %s", oneLine(err))
	case len(missing) > 0:
		return fails("migrations", "Run crm-connectors migrate, or start serve, which does it.", "%d are missing, the first is %d", len(missing), missing[0])
	}
	return well("migrations", "the database has all of this release")
}

// keysAlone says whether the keyset can be read, where there is nothing to open with it.
func keysAlone(ctx context.Context, cfg Config) finding {
	if _, err := cfg.Keyset.keyset(ctx); err != nil {
		return fails("keys", "Give the keyset that crm-connectors keys generate printed, in TOKEN_KEYSET or TOKEN_KEYSET_FILE.", "the keyset cannot be read: %s", oneLine(err))
	}
	return well("keys", "the keyset can be read")
}

// keysFit says whether what lies sealed opens with the keyset.
func keysFit(ctx context.Context, cfg Config, pool *pgxpool.Pool) finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	alone := keysAlone(ctx, cfg)
	if alone.Verdict != checkOK {
		return alone
	}
	keys, err := cfg.Keyset.keyset(ctx)
	if err != nil {
		return alone
	}
	ring, err := cfg.Keyset.Keyring(ctx)
	if err != nil {
		return fails("keys", "Give TOKEN_ENC_KEY_B64 as Conduit had it, or take it away.", "%s", oneLine(err))
	}
	s := store.New(pool, ring)
	if err := s.Ready(ctx); errors.Is(err, store.ErrWrongKeyset) {
		return fails("keys", "Give the keyset that this database was written with; after a restore, the one of that time. Without it every customer has to reconnect.", "the keyset does not open what is sealed in this database")
	}
	counts, err := s.Sealed(ctx, keys)
	if err != nil {
		return fails("keys", "Look at the server's log.", "what is sealed cannot be counted: %s", oneLine(err))
	}
	primary := map[uint32]bool{}
	for _, k := range keys.Keys() {
		primary[k.ID] = k.Primary
	}
	var all, old, strange int
	for _, c := range counts {
		all += c.Texts
		switch {
		case c.Key == 0:
			strange += c.Texts
		case !primary[c.Key]:
			old += c.Texts
		}
	}
	switch {
	case strange > 0:
		return fails("keys", "If Conduit sealed them, set TOKEN_ENC_KEY_B64 and run crm-connectors keys reencrypt; else the customers must reconnect.", "%d of %d sealed texts open with no key of this keyset", strange, all)
	case old > 0:
		return warns("keys", "Run crm-connectors keys reencrypt, then keys rotate retire.", "%d of %d sealed texts are under a former key", old, all)
	}
	return well("keys", "all %d sealed texts are under the primary key", all)
}

func databaseClock(ctx context.Context, pool *pgxpool.Pool, now func() time.Time) finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	before := now()
	var there time.Time
	if err := pool.QueryRow(ctx, `select clock_timestamp()`).Scan(&there); err != nil {
		return fails("clock", "Look at the server's log.", "the database does not say what time it is: %s", oneLine(err))
	}
	after := now()
	return judgeClock("the database's", there.Sub(before.Add(after.Sub(before)/2)), after.Sub(before))
}

// judgeClock judges how far a clock is ahead of this machine's, as far as an exchange of this length can tell.
func judgeClock(whose string, ahead, took time.Duration) finding {
	off := max(0, ahead.Abs()-took)
	const mend = "Set both clocks by NTP (timedatectl, chronyc tracking). Tokens, signatures and retries go by them."
	switch said := fmt.Sprintf("%s clock and this machine's differ by %s", whose, off.Round(100*time.Millisecond)); {
	case off > clockFails:
		return fails("clock", mend, "%s", said)
	case off > clockWarns:
		return warns("clock", mend, "%s", said)
	default:
		return well("clock", "%s clock and this machine's agree", whose)
	}
}

func jobsMove(ctx context.Context, pool *pgxpool.Pool) finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	var leader bool
	var stuck, waiting int
	if err := pool.QueryRow(ctx, `select exists (select from river.river_leader where expires_at > now()),
		(select count(*) from (select from river.river_job where state = 'running' and attempted_at < now() - make_interval(secs => $1) limit 1000) s),
		(select count(*) from (select from river.river_job where state = 'available' and scheduled_at < now() - make_interval(secs => $1) limit 1000) w)`,
		stuckAfter.Seconds()).Scan(&leader, &stuck, &waiting); err != nil {
		return fails("jobs", "Look at the server's log.", "the job engine's tables cannot be read: %s", oneLine(err))
	}
	switch {
	case stuck > 0:
		return warns("jobs", "A running serve takes them back within minutes; if none runs, start one.", "%d jobs have run for more than %s", stuck, stuckAfter)
	case waiting > 0:
		return warns("jobs", "Start serve, or more of it; see its log for why it does not take them.", "%d jobs have waited for more than %s", waiting, stuckAfter)
	case !leader:
		return warns("jobs", "Start serve.", "no replica of serve works on this database now")
	}
	return well("jobs", "a replica of serve is at work")
}
