package migrations_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/migrations"
	"crm-connectors/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// empty is a pool on a database that no migration has seen.
func empty(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), storetest.NewDatabase(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// all is how many migrations there are: the files, and River's.
func all(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob("*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return len(files) + 1
}

func up(t *testing.T, pool *pgxpool.Pool) migrations.Applied {
	t.Helper()
	applied, err := migrations.Up(t.Context(), pool, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestUpTwiceAppliesNothingTheSecondTime(t *testing.T) {
	t.Parallel()
	pool := empty(t)
	first, second := up(t, pool), up(t, pool)
	if first.New != all(t) || !strings.HasPrefix(first.Names, "20261122000001,20261123000001,20261123000002,") || first.Version < 20261123000002 {
		t.Errorf("first: got %+v", first)
	}
	if want := (migrations.Applied{Version: first.Version}); second != want {
		t.Errorf("second: got %+v, want %+v", second, want)
	}
	if _, err := pool.Exec(t.Context(), `select count(*) from `+migrations.RiverSchema+`.river_job`); err != nil {
		t.Errorf("River's tables: %v", err)
	}
}

func TestOfFourReplicasOneAppliesAndAllSucceed(t *testing.T) {
	t.Parallel()
	pool := empty(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var news []int
	for range 4 {
		own, err := pgxpool.NewWithConfig(t.Context(), pool.Config())
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer own.Close()
			applied, err := migrations.Up(t.Context(), own, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Errorf("up: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			news = append(news, applied.New)
		})
	}
	wg.Wait()
	slices.Sort(news)
	if want := []int{0, 0, 0, all(t)}; !slices.Equal(news, want) {
		t.Errorf("applied %v, want %v", news, want)
	}
}

func TestConduitsOwnTablesAndRowsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	pool := empty(t)
	exec(t, pool, `
		create table workspace_members (workspace_id uuid, user_id uuid, role text, invited_by text);
		create table deals (id uuid primary key, workspace_id uuid, crm text, crm_deal_id text, owner text);
		create table thread_links (id uuid primary key, workspace_id uuid, thread_id uuid, deal_id uuid, link_confidence int);
		insert into workspace_members values (gen_random_uuid(), gen_random_uuid(), 'owner', 'ada@example.com');
		insert into deals values (gen_random_uuid(), gen_random_uuid(), 'hubspot', '7', 'ada@example.com');
		insert into thread_links values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 90)`)
	const content = `select concat((select string_agg(m::text, ',') from workspace_members m), (select string_agg(d::text, ',') from deals d),
		(select string_agg(l::text, ',') from thread_links l), (select string_agg(relrowsecurity::text, ',') from pg_class
			where relname in ('workspace_members', 'deals', 'thread_links')))`
	read := func() (s string) {
		if err := pool.QueryRow(t.Context(), content).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := read()
	up(t, pool)
	if after := read(); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
}

func TestAMigrationThatFailsIsNamedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	pool := empty(t)
	exec(t, pool, `create table crm_write_attempts (n int)`)
	if _, err := migrations.Up(t.Context(), pool, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("no error")
	}
	var left bool
	if err := pool.QueryRow(t.Context(), `select to_regclass('crm_connections') is not null`).Scan(&left); err != nil || left {
		t.Errorf("half of the migration stayed: %v, %v", left, err)
	}
	exec(t, pool, `drop table crm_write_attempts`)
	if got := up(t, pool); got.New != all(t)-1 { // the one before it was applied
		t.Errorf("after the mend: applied %d, want %d", got.New, all(t)-1)
	}
}

// browserRoles makes Supabase's roles if the cluster has none, and gives them what Supabase gives them by default.
func browserRoles(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	exec(t, pool, `
		do $$ begin
			if not exists (select from pg_roles where rolname = 'anon') then create role anon; end if;
			if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated; end if;
		exception when duplicate_object or unique_violation then null; -- roles belong to the cluster: somebody else may make them
		end $$;
		grant usage on schema public to anon, authenticated;
		alter default privileges grant all on tables to anon, authenticated;
		alter default privileges in schema public grant all on tables to anon, authenticated;
		alter default privileges grant usage on schemas to anon, authenticated;
		create table theirs (n int); insert into theirs values (1)`)
}

func TestBrowserRolesCanDoNothingWithOurTablesButReadWhatMembersMay(t *testing.T) {
	t.Parallel()
	pool := empty(t)
	browserRoles(t, pool)
	up(t, pool)
	rows, err := pool.Query(t.Context(), `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname in ('public', 'river') and c.relkind in ('r', 'p') and c.relname <> 'theirs'`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 12 || !slices.Contains(tables, "public.oauth_states") || !slices.Contains(tables, "river.river_job") {
		t.Fatalf("tables %q, %v", tables, err)
	}
	for _, role := range []string{"anon", "authenticated"} {
		as := func(sql string) error {
			tx, err := pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(t.Context()) }()
			if _, err := tx.Exec(t.Context(), `set local role `+role); err != nil {
				t.Fatal(err)
			}
			_, err = tx.Exec(t.Context(), sql)
			return err
		}
		if err := as(`select from theirs`); err != nil {
			t.Errorf("%s cannot read a table that is open to it, so this test shows nothing: %v", role, err)
		}
		for _, table := range tables {
			for _, verb := range []string{"select from ", "delete from "} {
				may := role == "authenticated" && verb == "select from " && (table == "public.crm_connections" || table == "public.crm_write_log")
				if err := as(verb + table); (err == nil) != may {
					t.Errorf("%s: %s%s: %v", role, verb, table, err)
				}
			}
		}
	}
}
