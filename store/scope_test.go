package store_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/migrations"
	"crm-connectors/store"
	"crm-connectors/store/storetest"
)

// roles are what statements run under; Conduit's own tables are read through functions.
var (
	roles   = []string{"crm_connectors_workspace", "crm_connectors_fleet"}
	service = []string{"crm_secrets", "crm_token_calls", "crm_figures"} // belong to no workspace
	foreign = []string{"workspace_members", "deals", "thread_links", "crm_connectors_migrations", "goose_lock"}
)

func TestThreat15_EachTableOfWorkspacesForcesRowLevelSecurityAndEachOtherOneIsNamed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := 0
	for _, line := range b.lines(`select concat_ws(' ', c.relname, c.relrowsecurity, c.relforcerowsecurity,
			(select string_agg(p.polname, ',' order by p.polname) from pg_policy p where p.polrelid = c.oid and p.polname like 'crm_%'))
		from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`) {
		table, is, _ := strings.Cut(line, " ")
		want := "t t crm_everything,crm_workspaces"
		switch {
		case slices.Contains(foreign, table):
			continue
		case slices.Contains(service, table):
			want = "t f crm_service"
		}
		if seen++; is != want {
			t.Errorf("%s has %q, want %q: see crm_private.keep_apart", table, is, want)
		}
	}
	if seen < 11 {
		t.Errorf("%d tables looked at, want all", seen)
	}
	for _, role := range b.lines(`select concat_ws(' ', rolname, rolsuper, rolbypassrls, rolcanlogin, rolinherit) from pg_roles where rolname like 'crm_connectors_%' order by 1`) {
		if !strings.HasSuffix(role, " f f f f") {
			t.Errorf("the role %s can more than it needs", role)
		}
	}
}

func TestThreat15_AStatementThatNamesNoWorkspaceIsAnError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.connect("hubspot", "1")
	id := b.append(b.outcome("e1", contact(ada)))[0].ID
	b.exec(`insert into crm_write_attempts (write_id, attempt, kind, started_at, ended_at, outcome) values ($1, 1, 'send', now(), now(), 'ok')`, id)
	b.exec(`insert into crm_audit (actor, action, subject) values ('a', 'b', 'c')`)
	one, err := b.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer one.Release()
	for _, role := range roles {
		for _, before := range []string{"", `select set_config('crm_connectors.workspaces', '*', true)`} {
			if before != "" { // what an earlier transaction said is gone
				if _, err := one.Exec(t.Context(), `begin; set local role `+role+`; `+before+`; commit`); err != nil {
					t.Fatal(err)
				}
			}
			for _, table := range []string{"crm_write_log", "crm_connections", "crm_write_attempts", "crm_audit"} {
				_, err := one.Exec(t.Context(), `begin; set local role `+role+`; select count(*) from `+table)
				_, _ = one.Exec(t.Context(), `rollback`)
				var pg *pgconn.PgError
				if !errors.As(err, &pg) || !slices.Contains([]string{"42704", "22P02"}, pg.Code) {
					t.Errorf("%s reads %s without a workspace: %v", role, table, err)
				}
			}
		}
	}
}

func TestThreat15_UnderTheRoleOfAWorkspaceAForgottenConditionTouchesNothingOfAnother(t *testing.T) {
	t.Parallel()
	b, other := setup(t), uuid.New()
	b.connect("hubspot", "1")
	mine := b.append(b.outcome("e1", contact(ada), task("t1")))
	b.exec(`insert into crm_write_attempts (write_id, attempt, kind, started_at, ended_at, outcome) select id, 1, 'send', now(), now(), 'ok' from crm_write_log`)
	as := func(workspace uuid.UUID, sql string) (int64, error) {
		tx, err := b.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		if _, err := tx.Exec(t.Context(), `select set_config('role', 'crm_connectors_workspace', true), set_config('crm_connectors.workspaces', '{`+workspace.String()+`}', true)`); err != nil {
			t.Fatal(err)
		}
		tag, err := tx.Exec(t.Context(), sql)
		return tag.RowsAffected(), err
	}
	for sql, own := range map[string]int64{
		`select from crm_write_log`:                                int64(len(mine)),
		`select from crm_write_attempts`:                           int64(len(mine)),
		`select from crm_connections`:                              1,
		`update crm_write_log set updated_at = now()`:              int64(len(mine)),
		`update crm_write_attempts set cause = ''`:                 int64(len(mine)),
		`update crm_connections set updated_at = now()`:            1,
		`delete from crm_write_attempts`:                           int64(len(mine)),
		`select from crm_write_log for update`:                     int64(len(mine)),
		`select from crm_connections c join crm_write_log on true`: int64(len(mine)),
	} {
		if n, err := as(b.workspace, sql); err != nil || n != own {
			t.Errorf("%s as its own workspace: %d rows, %v; want %d", sql, n, err, own)
		}
		if n, err := as(other, sql); err != nil || n != 0 {
			t.Errorf("%s as another workspace: %d rows, %v; want none", sql, n, err)
		}
	}
	for _, sql := range []string{
		`insert into crm_connections (workspace_id, crm) values ('` + b.workspace.String() + `', 'salesforce')`,
		`insert into crm_write_attempts (write_id, attempt, kind, started_at, ended_at, outcome) values ('` + mine[0].ID.String() + `', 2, 'send', now(), now(), 'ok')`,
		`insert into crm_audit (actor, action, workspace_id, subject) values ('a', 'b', '` + b.workspace.String() + `', 'c')`,
	} {
		var pg *pgconn.PgError
		if _, err := as(other, sql); !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("%s as another workspace: %v, want a refusal", sql, err)
		}
	}
	for _, sql := range []string{`select from crm_secrets`, `select from workspace_members`, `update crm_audit set actor = 'x'`, `create table t ()`, `drop table crm_apps`, `alter table crm_apps disable row level security`} {
		if _, err := as(b.workspace, sql); err == nil {
			t.Errorf("the role of a workspace may %s", sql)
		}
	}
}

func TestThreat15_NoStatementOfTheStoreGoesPastItsScope(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]string{
		"former.go": "return formerOf(ctx, s.pool)",                    // tables that are not ours
		"ready.go":  "missing, err := migrations.Missing(ctx, s.pool)", // before there is a role
		"store.go":  "func New(pool *pgxpool.Pool, keys *Keyring) *Store { return &Store{pool: pool, keys: keys} }",
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "scope.go" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); strings.Contains(line, "pool") && strings.Contains(line, "s.pool") && line != allowed[name] {
				t.Errorf("%s:%d asks the database without a scope: %s", name, n+1, line)
			}
		}
	}
}

// plain signs in as one who is neither a superuser nor bypasses row level security, in an empty database of their own. granted lets them take
// the roles.
func plain(t *testing.T, granted bool) *pgxpool.Pool {
	t.Helper()
	b := setup(t)
	run := func(sql string) {
		if _, err := b.pool.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	name := "plain_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	run(`create role ` + name + ` login password '` + name + `'`)
	if granted {
		run(`grant ` + strings.Join(roles, ", ") + ` to ` + name)
	}
	run(`create database ` + name + ` owner ` + name)
	u, err := url.Parse(storetest.Cluster(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Path = url.UserPassword(name, name), "/"+name
	pool, err := pgxpool.New(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool.Close()
		run(`drop database ` + name + ` with (force)`)
		run(`drop role ` + name)
	})
	return pool
}

func TestThreat15_AnOwnerWhoIsNoSuperuserMigratesAndServesAndIsBoundItself(t *testing.T) {
	t.Parallel()
	pool := plain(t, true)
	if _, err := migrations.Up(t.Context(), pool, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	s := store.New(pool, keyring(t))
	workspace := uuid.New()
	c, err := s.Connect(t.Context(), store.NewGrant{WorkspaceID: workspace, CRM: "hubspot", AccountID: "1", AccessToken: "a", RefreshToken: "r"}, store.WakeDrain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.AppendOne(t.Context(), store.Outcome{WorkspaceID: workspace, SourceEventID: "e", Objects: []store.Object{{Type: "contact", ID: ada, Action: "upsert", Payload: []byte(`{}`)}}})
	if err != nil || got.Err != nil {
		t.Fatal(err, got.Err)
	}
	drain, err := s.BeginDrain(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(t.Context(), c.ID, drain.DrainEpoch, 10, lease)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("%d rows claimed: %v", len(claimed), err)
	}
	if n, err := s.Settle(t.Context(), []store.Settlement{{ID: claimed[0].ID, Attempt: claimed[0].Attempt, Kind: "send", Status: store.Succeeded, CRMObjectID: "7"}}); err != nil || n != 1 {
		t.Fatalf("%d rows settled: %v", n, err)
	}
	_, err = pool.Exec(t.Context(), `select from crm_write_log`)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		t.Errorf("the owner reads without naming a workspace: %v", err)
	}
	if _, writes, err := s.EraseWorkspace(t.Context(), workspace, "operator"); err != nil || writes != 1 {
		t.Errorf("%d writes erased, want one: %v", writes, err)
	}
}

func TestAnOwnerWhoMayNotTakeTheRolesIsToldWhatToRun(t *testing.T) {
	t.Parallel()
	_, err := migrations.Up(t.Context(), plain(t, false), slog.New(slog.DiscardHandler))
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" || !strings.Contains(pg.Hint, "grant crm_connectors_workspace to plain_") {
		t.Errorf("%v, want what a superuser has to run", err)
	}
}

// lines are the rows of a query that gives one text each.
func (b *bench) lines(sql string) []string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), sql)
	if err != nil {
		b.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func TestThreat15_AnActForOneWorkspaceLeavesTheRowsOfAnotherAloneWhateverItIsGiven(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine, others := b.connect("hubspot", "1"), b.connectIn(uuid.New(), "2")
	b.append(b.outcome("e1", contact(ada)))
	o := b.outcome("e1", contact(ada))
	o.WorkspaceID = others.WorkspaceID
	b.append(o)
	own, theirs := b.claimOne(mine.ID), b.claimOne(others.ID)
	if n, err := b.Settle(t.Context(), []store.Settlement{became(own, store.Succeeded), became(theirs, store.Succeeded)}); err == nil {
		t.Errorf("%d rows were settled together, of two workspaces", n)
	}
	b.wantStatus(theirs.ID, store.Sending)
	b.wantStatus(own.ID, store.Sending)
	others.WorkspaceID = mine.WorkspaceID
	if saved, err := b.SaveSettings(t.Context(), others, []byte(`{"contacts":"create_only"}`), "eve", []string{"contacts"}); err != nil || saved {
		t.Errorf("settings of another workspace's connection: saved %v, %v", saved, err)
	}
}
