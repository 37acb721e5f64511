package supabase_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crm-connectors/migrations"
	"crm-connectors/sim"
	"crm-connectors/store/pgdev"
	"crm-connectors/store/storetest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pooler runs PgBouncer in front of the database at url, in session, transaction or statement mode, and gives the URL through it. Where it is not
// installed the test is skipped, and fails when CI=true.
func pooler(t *testing.T, url, mode string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; os.Getenv("CI") == "true" && !isFile(program) {
			t.Fatal("CI needs pgbouncer: apt-get install pgbouncer")
		}
		if !isFile(program) {
			t.Skip("no pgbouncer: apt-get install pgbouncer")
		}
	}
	direct, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(folder, "pooler-")
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	port := addr[strings.LastIndex(addr, ":")+1:]
	config := fmt.Sprintf(`[databases]
%[1]s = host=%[2]s port=%[3]d dbname=%[1]s user=%[4]s password=%[5]s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[6]s
unix_socket_dir =
auth_type = any
pool_mode = %[7]s
default_pool_size = %[8]d
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
`, direct.Database, direct.Host, direct.Port, direct.User, direct.Password, port, mode, map[string]int{"session": 20, "transaction": transactionPool, "statement": 5}[mode]) // a session keeps its backend
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	_ = os.Chmod(dir, 0o755)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, file)
	said := &record{}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = unprivileged(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	through := fmt.Sprintf("postgres://%s@127.0.0.1:%s/%s?sslmode=disable", direct.User, port, direct.Database)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := pgx.Connect(t.Context(), through)
		if err == nil {
			_ = c.Close(t.Context())
			return through
		}
		if time.Now().After(end) {
			t.Fatalf("pgbouncer does not answer: %v\n%s", err, said.text())
		}
	}
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// unprivileged is for programs that refuse to run as root.
func unprivileged(t *testing.T) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// transactionPool is how many backends a pooler in transaction mode has.
const transactionPool = 4

// listening gives the channels that each backend of such a pool listens to. It holds all of them at once, in a transaction each, for a backend knows
// of itself alone.
func listening(t *testing.T, through string) (channels []string) {
	t.Helper()
	for range transactionPool {
		cfg, err := pgx.ParseConfig(through)
		if err != nil {
			t.Fatal(err)
		}
		cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		conn, err := pgx.ConnectConfig(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var on string
		if err := tx.QueryRow(t.Context(), `select coalesce(string_agg(c, ', '), '') from pg_listening_channels() c`).Scan(&on); err != nil {
			t.Fatal(err)
		}
		channels = append(channels, on)
	}
	return channels
}

// Broken by: prepared statements are used behind a transaction pooler.
// Broken by: River listens behind a transaction pooler.
func TestSupabase31_DirectSessionAndTransactionPoolersAllCarry(t *testing.T) {
	t.Parallel()
	for mode, env := range map[string][]string{"direct": nil, "session": nil, "transaction": {"RIVER_POLL_ONLY=true"}} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			url := storetest.NewDatabase(t, storetest.Migrate)
			through := url
			if mode != "direct" {
				through = pooler(t, url, mode)
			}
			s := start(t, options{migrated: url, database: through, env: env})
			w := uuid.New()
			s.connectAs(w, "hubspot", "apikey", secretKey)
			s.connectAs(w, "salesforce", "apikey", secretKey)
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					r := s.asService("POST", "/sync", outcome(w, fmt.Sprint("e", i)), "Prefer", "wait=45")
					if r.status != 200 || strings.Count(r.body, `"status":"succeeded"`) != 4 {
						t.Errorf("%d %s", r.status, r.body)
					}
				})
			}
			wg.Wait()
			if r := s.asService("GET", "/writes?workspace_id="+w.String()+"&limit=200", nil); strings.Count(r.body, `"idempotency_key"`) != 48 {
				t.Errorf("%d %s", r.status, r.body)
			}
			if mode != "transaction" {
				return
			}
			for i, channels := range listening(t, through) {
				if channels != "" {
					t.Errorf("backend %d of the pool was left listening to %s", i, channels)
				}
			}
			if n := s.count(`select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`); n != 0 {
				t.Errorf("%d session locks were left behind", n)
			}
		})
	}
}

// Roles of Supabase; they belong to the whole cluster.
const makeRoles = `do $$ begin
	if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
	if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated nologin; end if;
	if not exists (select from pg_roles where rolname = 'service_role') then create role service_role nologin bypassrls; end if;
exception when duplicate_object or unique_violation then null; -- somebody else made them at the same moment
end $$;
grant usage on schema public to anon, authenticated, service_role;`

// autoGrants are what self-hosted Supabase, and projects before the end of October 2026, give by default.
const autoGrants = `
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
create publication supabase_realtime;`

func migrate(t *testing.T, p *pgxpool.Pool) migrations.Applied {
	t.Helper()
	applied, err := migrations.Up(t.Context(), p, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Errorf("migrate: %v", err)
	}
	return applied
}

func run(t *testing.T, p *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := p.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// onOwnCluster is an empty database of a cluster in which no test has made roles.
func onOwnCluster(t *testing.T) *pgxpool.Pool {
	t.Helper()
	server, err := pgdev.Start(t.Context(), pgdev.Options{Settings: map[string]string{"shared_buffers": "16MB"}})
	if err != nil {
		if os.Getenv("CI") == "true" || !errors.Is(err, pgdev.ErrNoServer) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	return pool(t, server.URL)
}

// Broken by: a migration names a role that is not there.
// Broken by: Conduit's tables are in the way.
// Broken by: Conduit's connections to Salesforce are left behind.
// Broken by: two replicas migrate without a lock.
// Broken by: grants rest on the installation's defaults.
// Broken by: Realtime is not told of the two tables.
func TestSupabase32_MigrationsApplyOnEveryKindOfDatabase(t *testing.T) {
	t.Parallel()
	const grants = `select coalesce(string_agg(format('%s %s %s %s', grantee, table_name, privilege_type, coalesce(column_name, '')), E'\n' order by 1), '') from (
		select grantee, table_name, privilege_type, null as column_name from information_schema.table_privileges where table_schema = 'public'
		union all select grantee, table_name, privilege_type, column_name from information_schema.column_privileges where table_schema = 'public'
	) g where grantee in ('anon', 'authenticated') and table_name not in ('workspace_members', 'deals', 'thread_links')`
	reference := make(chan string, 2)
	for name, prepare := range map[string]func(*testing.T) *pgxpool.Pool{
		"plain": onOwnCluster,
		"roles with default grants": func(t *testing.T) *pgxpool.Pool {
			p := pool(t, emptyDatabase(t))
			run(t, p, makeRoles+autoGrants)
			return p
		},
		"roles without grants": func(t *testing.T) *pgxpool.Pool {
			p := pool(t, emptyDatabase(t))
			run(t, p, makeRoles)
			return p
		},
		"Conduit's tables": func(t *testing.T) *pgxpool.Pool {
			p := pool(t, emptyDatabase(t))
			run(t, p, makeRoles+autoGrants+conduitsTables)
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepare(t)
			var wg sync.WaitGroup
			var mu sync.Mutex
			applied := map[bool]int{}
			for range 2 { // two replicas at once
				own, err := pgxpool.NewWithConfig(t.Context(), p.Config())
				if err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					defer own.Close()
					a := migrate(t, own)
					mu.Lock()
					defer mu.Unlock()
					applied[a.New > 0]++
				})
			}
			wg.Wait()
			if applied[true] != 1 || applied[false] != 1 {
				t.Errorf("of two replicas %d migrated", applied[true])
			}
			if again := migrate(t, p); again.New != 0 {
				t.Errorf("again: %+v", again)
			}
			s := &service{t: t, db: p}
			if n := s.count(`select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind = 'r'
				and c.relname not in ('workspace_members', 'deals', 'thread_links', 'audit_events') and not c.relrowsecurity`); n != 0 {
				t.Errorf("%d tables without row level security", n)
			}
			if strings.HasPrefix(name, "roles") {
				var got string
				if err := p.QueryRow(t.Context(), grants).Scan(&got); err != nil || got == "" {
					t.Fatalf("grants %q, %v", got, err)
				}
				reference <- got
			}
			if name == "roles with default grants" && s.count(`select count(*) from pg_publication_tables where pubname = 'supabase_realtime' and tablename in ('crm_connections', 'crm_write_log')`) != 2 {
				t.Error("Realtime does not see the two tables")
			}
			if n := s.count(`select count(*) from pg_class c join pg_index i on i.indrelid = c.oid and i.indisprimary where c.relname in ('crm_connections', 'crm_write_log') and c.relreplident in ('d', 'f')`); n != 2 {
				t.Error("Realtime cannot tell rows apart")
			}
			if name == "Conduit's tables" {
				conduitsRowsSurvive(s)
			}
		})
	}
	t.Cleanup(func() {
		if len(reference) == 2 {
			if a, b := <-reference, <-reference; a != b {
				t.Errorf("what the browser's roles may differs with the default grants:\n%s\n\n%s", a, b)
			}
		}
	})
}

func emptyDatabase(t *testing.T) string {
	t.Helper()
	cluster := storetest.Cluster(t)
	admin := pool(t, cluster.URL)
	name := "empty_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	run(t, admin, "create database "+name)
	t.Cleanup(func() {
		_, _ = admin.Exec(context.WithoutCancel(t.Context()), "drop database if exists "+name+" with (force)")
	})
	cfg := admin.Config().ConnConfig
	return fmt.Sprintf("postgres://%s:%s@%s:%d/%s?sslmode=disable", cfg.User, cfg.Password, cfg.Host, cfg.Port, name)
}

// conduitsTables are the shapes and a few rows that Conduit's own implementation leaves, with both the old and the new columns that must
// not be null.
const conduitsTables = `
create table workspace_members (workspace_id uuid not null, user_id uuid not null, role text, primary key (workspace_id, user_id));
create table oauth_states (id uuid primary key default gen_random_uuid(), workspace_id uuid, crm text not null check (crm in ('hubspot', 'salesforce')), state text not null unique,
	code_verifier text, redirect_to text, expires_at timestamptz not null, used_at timestamptz, created_at timestamptz not null default now());
create table crm_connections (id uuid primary key default gen_random_uuid(), workspace_id uuid, crm_type text not null, connected_at timestamptz, crm text not null,
	status text not null default 'disconnected', access_token_ciphertext text, refresh_token_ciphertext text, token_expires_at timestamptz, scopes_json jsonb,
	external_account_json jsonb, last_checked_at timestamptz, last_error text, created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
	unique (workspace_id, crm));
create table crm_write_log (id uuid primary key default gen_random_uuid(), workspace_id uuid not null, crm_type text not null, object_type text not null, object_id text,
	idempotency_key text not null, payload_hash text, status text not null, thread_id uuid, crm text not null, action text, payload_json jsonb, external_ids_json jsonb,
	response_json jsonb, next_retry_at timestamptz, retry_count int not null default 0, permanent_failure boolean not null default false,
	created_at timestamptz not null default now(), updated_at timestamptz not null default now(), unique (workspace_id, crm, idempotency_key));
create table pending_installs (id uuid primary key default gen_random_uuid(), crm text not null, external_account_key text not null,
	connection_id uuid references crm_connections (id), workspace_id uuid, claimed_by_user_id uuid, status text not null default 'pending', details_json jsonb, expires_at timestamptz not null);
create unique index pending_installs_one on pending_installs (crm, external_account_key) where status = 'pending';
create table audit_events (id bigserial primary key, workspace_id uuid, event_type text not null, type text, data_json jsonb);
insert into crm_connections (id, workspace_id, crm_type, crm, status, access_token_ciphertext, refresh_token_ciphertext, external_account_json, scopes_json) values
	('00000000-0000-0000-0000-00000000000a', '6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f', 'hubspot', 'hubspot', 'connected', 'AAECAwQFBgcICQoLJnaJb6CWtkS8c6RWWqpWDKa/LedTCN1QYRN5', 'x', '{"hub_id": 4242001}', '["oauth"]'),
	('00000000-0000-0000-0000-00000000000b', '6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f', 'salesforce', 'salesforce', 'connected', 'x', 'x', '{"instance_url": "https://example.my.salesforce.com"}', null),
	('00000000-0000-0000-0000-00000000000c', null, 'hubspot', 'hubspot', 'pending_claim', 'x', 'x', '{"hub_id": 7}', '"oauth"');
insert into crm_write_log (workspace_id, crm_type, object_type, idempotency_key, status, crm) select '6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6f', 'hubspot', 'thread', n::text,
	(array['planned', 'dry_run', 'queued', 'succeeded', 'failed'])[n], 'hubspot' from generate_series(1, 5) n;
insert into oauth_states (crm, state, expires_at) values ('hubspot', 's', now());
insert into pending_installs (crm, external_account_key, connection_id, expires_at) values ('hubspot', '7', '00000000-0000-0000-0000-00000000000c', now() + interval '1 day');
insert into audit_events (event_type) values ('install_claimed');`

// conduitsRowsSurvive: every row is where it was or under conduit_, and what can be gone on with is in the new tables under its old id.
func conduitsRowsSurvive(s *service) {
	s.t.Helper()
	for query, want := range map[string]int{
		`select count(*) from conduit_crm_connections`:  3,
		`select count(*) from conduit_crm_write_log`:    5,
		`select count(*) from conduit_oauth_states`:     1,
		`select count(*) from conduit_pending_installs`: 1,
		`select count(*) from audit_events`:             1,
		`select count(*) from crm_connections where id = '00000000-0000-0000-0000-00000000000a' and status = 'connected' and account_id = '4242001' and scopes_json = '["oauth"]'
			and access_token_ciphertext = 'AAECAwQFBgcICQoLJnaJb6CWtkS8c6RWWqpWDKa/LedTCN1QYRN5'`: 1,
		`select count(*) from crm_connections where id = '00000000-0000-0000-0000-00000000000b' and status = 'error' and last_error_code = 'account_unknown' and last_error_action <> ''
			and instance_url = 'https://example.my.salesforce.com'`: 1,
		`select count(*) from crm_connections where id = '00000000-0000-0000-0000-00000000000c' and status = 'pending_claim' and workspace_id is null`: 1,
		`select count(*) from pending_installs where status = 'pending' and connection_id = '00000000-0000-0000-0000-00000000000c'`:                    1,
		`select count(*) from information_schema.role_table_grants where grantee in ('anon', 'authenticated') and table_name like 'conduit%'`:          0,
	} {
		if n := s.count(query); n != want {
			s.t.Errorf("%s: %d, want %d", query, n, want)
		}
	}
}

// Broken by: a policy lets everybody who is signed in read.
// Broken by: a policy is missing.
// Broken by: a column of sealed tokens is granted.
// Broken by: service_role may not write the log.
func TestSupabase33_RolesSeeWhatTheyMayAndNoMore(t *testing.T) {
	t.Parallel()
	p := pool(t, emptyDatabase(t))
	run(t, p, makeRoles+autoGrants)
	migrate(t, p)
	mine, theirs, byToken, user := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	run(t, p, `insert into workspace_members (workspace_id, user_id) values ($1, $2), ($3, $4)`, mine, user, theirs, uuid.New())
	for _, w := range []uuid.UUID{mine, theirs, byToken} {
		run(t, p, `insert into crm_connections (workspace_id, crm, status, account_id, access_token_ciphertext) values ($1, 'hubspot', 'connected', 'a', 'sealed')`, w)
		run(t, p, `insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id, idempotency_key, payload_json, payload_hash, status)
			select gen_random_uuid(), gen_random_uuid(), workspace_id, 'hubspot', id, 'a', 'contact', 'ada@example.com', 'upsert', 'e', id::text, '{"email":"ada@example.com"}', 'h', 'queued'
			from crm_connections where workspace_id = $1`, w)
	}
	run(t, p, `insert into crm_connections (crm, status, account_id) values ('hubspot', 'pending_claim', 'b')`)
	// as runs a query as a role with a token's claims, and gives how many rows it found or changed.
	as := func(role, claims, sql string) (int64, string) {
		t.Helper()
		var rows int64
		err := pgx.BeginFunc(t.Context(), p, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `select set_config('request.jwt.claims', $1, true)`, claims); err != nil {
				return err
			}
			if _, err := tx.Exec(t.Context(), `set local role `+role); err != nil {
				return err
			}
			tag, err := tx.Exec(t.Context(), sql)
			rows = tag.RowsAffected()
			return err
		})
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return 0, pg.Code
		} else if err != nil {
			t.Fatal(err)
		}
		return rows, ""
	}
	me := fmt.Sprintf(`{"sub":%q,"role":"authenticated"}`, user)
	const denied = "42501"
	var tables []string
	if err := p.QueryRow(t.Context(), `select array_agg(format('%I.%I', n.nspname, c.relname)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname in ('public', 'river') and c.relkind = 'r' and c.relname not in ('deals', 'thread_links')`).Scan(&tables); err != nil || len(tables) < 15 {
		t.Fatalf("%v, %v", tables, err)
	}
	for _, table := range tables {
		for _, verb := range []string{"select * from ", "delete from "} {
			for _, role := range []string{"anon", "authenticated"} {
				if n, code := as(role, me, verb+table); code != denied {
					t.Errorf("%s: %s%s: %d rows, %q", role, verb, table, n, code)
				}
			}
		}
	}
	const redacted = `select crm, status, last_checked_at, last_error from crm_connections`
	const log = `select id, workspace_id, crm, object_type, status, error_code, error_cause, error_action from crm_write_log`
	for _, sql := range []string{redacted, log} {
		if _, code := as("anon", "", sql); code != denied {
			t.Errorf("anon: %s: %q", sql, code)
		}
		for claims, want := range map[string]int64{
			me: 1, "": 0, `{}`: 0, fmt.Sprintf(`{"sub":%q}`, uuid.NewString()): 0,
			fmt.Sprintf(`{"sub":%q,"app_metadata":{"workspace_ids":[%q,"nonsense"]}}`, user, byToken):                                          2,
			fmt.Sprintf(`{"sub":%q,"app_metadata":{"workspace_id":%q}}`, uuid.NewString(), theirs):                                             1,
			fmt.Sprintf(`{"sub":%q,"user_metadata":{"workspace_id":%q,"workspace_ids":[%q]},"workspace_id":%q}`, user, theirs, theirs, theirs): 1,
			fmt.Sprintf(`{"sub":%q,"app_metadata":"nonsense"}`, user):                                                                          1,
		} {
			if n, code := as("authenticated", claims, sql); n != want || code != "" {
				t.Errorf("%s: %d rows, %q, want %d: %s", claims, n, code, want, sql)
			}
		}
		if n, _ := as("authenticated", me, sql+fmt.Sprintf(` where workspace_id = %s`, pgQuote(theirs))); n != 0 {
			t.Error("another workspace's rows are seen")
		}
	}
	for _, column := range []string{"access_token_ciphertext", "refresh_token_ciphertext", "account_id", "settings_json", "instance_url"} {
		if _, code := as("authenticated", me, `select `+column+` from crm_connections`); code != denied {
			t.Errorf("crm_connections.%s: %q", column, code)
		}
	}
	for _, column := range []string{"payload_json", "object_id", "idempotency_key", "crm_object_id", "source_event_id"} {
		if _, code := as("authenticated", me, `select `+column+` from crm_write_log`); code != denied {
			t.Errorf("crm_write_log.%s: %q", column, code)
		}
	}
	for _, sql := range []string{`update crm_connections set status = 'error'`, `insert into crm_connections (workspace_id, crm) values (` + pgQuote(mine) + `, 'salesforce')`,
		`select crm_private.my_workspaces() from workspace_members`, `truncate crm_write_log`} {
		if _, code := as("authenticated", me, sql); code != denied {
			t.Errorf("%s: %q", sql, code)
		}
	}
	for _, sql := range []string{`select * from crm_connections`, `update crm_connections set settings_json = '{}'`, `select * from oauth_states`, `insert into crm_audit (actor, action, subject) values ('a', 'b', 'c')`,
		`select build_crm_idempotency_key('a', 'b', 'c', 'd', 'e', 'f')`, `update crm_write_log set status = 'cancelled'`, `delete from crm_write_log`} {
		if _, code := as("service_role", "", sql); code != "" {
			t.Errorf("service_role: %s: %q", sql, code)
		}
	}
}

func pgQuote(id uuid.UUID) string { return "'" + id.String() + "'" }

// Broken by: requests in flight are cut.
// Broken by: drains under way are cut.
func TestSupabase34_SIGTERMLetsWhatIsUnderWayFinish(t *testing.T) {
	t.Parallel()
	for name, prefer := range map[string]string{"a request that waits": "wait=20", "a drain that nobody waits for": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			finishesWhatIsUnderWay(start(t, options{}), prefer)
		})
	}
}

// finishesWhatIsUnderWay stops the service while a call to HubSpot is under way.
func finishesWhatIsUnderWay(s *service, prefer string) {
	t := s.t
	t.Helper()
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	if err := s.hub.Core().Faults.Add(sim.Fault{Path: "/contacts", Kind: sim.FaultDelay, LatencyMS: 1500}); err != nil {
		t.Fatal(err)
	}
	inFlight := make(chan reply, 1)
	go func() { inFlight <- s.asService("POST", "/sync", outcome(w, "e1"), "Prefer", prefer) }()
	s.eventually("the outcome is on its way", func() bool { return s.count(`select count(*) from crm_write_log where status = 'sending'`) > 0 })
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.eventually("no new request is taken", func() bool {
		resp, err := http.Get(s.url + "/health") //nolint:noctx // it is refused at once or the test fails
		if err == nil {
			_ = resp.Body.Close()
		}
		return err != nil
	})
	if r := <-inFlight; r.status != 200 && r.status != 202 {
		t.Errorf("the request in flight: %d %s", r.status, r.body)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("the program ended with %v", err)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("the program does not end")
	}
	if n := s.count(`select count(*) from crm_write_log where status in ('sending', 'reconciling')`); n != 0 {
		t.Errorf("%d writes were left as if a worker had them", n)
	}
	if n := s.count(`select count(*) from crm_write_log where object_type = 'contact' and status = 'succeeded'`); n != 1 {
		t.Error("the write under way was not finished")
	}
}
