package supabase_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"crm-connectors/store/pgdev"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// theExample is what docs/supabase.md has users paste.
const theExample = "../docs/supabase"

// standIns take the place of pg_net and Vault, which cannot be installed outside Supabase: the same signatures, and a table of what was asked for.
const standIns = `
create schema extensions; create schema net; create schema vault;
create table net.asked (id bigint generated always as identity primary key, url text, body text, params jsonb, headers jsonb, timeout_milliseconds int);
create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{"Content-Type": "application/json"}',
	timeout_milliseconds int default 5000) returns bigint language sql as $$
	insert into net.asked (url, body, params, headers, timeout_milliseconds) values ($1, $2::text, $3, $4, $5) returning id $$;
create table vault.secrets (id uuid primary key default gen_random_uuid(), name text unique, description text, secret text not null);
create view vault.decrypted_secrets as select id, name, description, secret as decrypted_secret from vault.secrets;
create function vault.create_secret(new_secret text, new_name text default null, new_description text default '') returns uuid language sql as $$
	insert into vault.secrets (secret, name, description) values ($1, $2, $3) returning id $$;
create extension pgcrypto with schema extensions;`

// cronStandIn takes the place of pg_cron where it is not installed: it keeps the jobs.
const cronStandIn = `
create schema cron;
create table cron.job (jobid bigint generated always as identity primary key, jobname text unique, schedule text, command text);
create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as $$
	insert into cron.job (jobname, schedule, command) values ($1, $2, $3) returning jobid $$;`

// hasPgCron says whether the server has pg_cron's files. Where it does not the test makes do with a stand-in, and fails when CI=true.
func hasPgCron(t *testing.T) bool {
	t.Helper()
	p := onOwnCluster(t)
	var n int
	if err := p.QueryRow(t.Context(), `select count(*) from pg_available_extensions where name = 'pg_cron'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n == 0 && os.Getenv("CI") == "true" {
		t.Fatal("CI needs pg_cron: apt-get install postgresql-NN-cron")
	}
	return n > 0
}

// exampleDatabase has the example's migrations but for the first, whose extensions it has or has stand-ins for.
func exampleDatabase(t *testing.T) (_ *pgxpool.Pool, realCron bool) {
	t.Helper()
	prepare := makeRoles + autoGrants + standIns
	settings := map[string]string{"shared_buffers": "16MB"}
	if realCron = hasPgCron(t); realCron {
		settings["shared_preload_libraries"], settings["cron.use_background_workers"], settings["cron.database_name"] = "pg_cron", "on", "postgres"
		prepare += `create extension pg_cron;`
	} else {
		prepare += cronStandIn
	}
	server, err := pgdev.Start(t.Context(), pgdev.Options{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	p := pool(t, server.URL)
	run(t, p, prepare)
	return p, realCron
}

func exampleFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(theExample, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asked is a call that the database made.
type asked struct {
	URL     string
	Body    string
	Headers map[string]string
}

// takeAsked gives the calls since the last time, in order.
func takeAsked(t *testing.T, p *pgxpool.Pool) []asked {
	t.Helper()
	rows, err := p.Query(t.Context(), `with gone as (delete from net.asked returning *) select url, body, headers from gone order by id`)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := pgx.CollectRows(rows, pgx.RowToStructByPos[asked])
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// deliver makes a call as pg_net does.
func (s *service) deliver(a asked) reply {
	s.t.Helper()
	path, ours := strings.CutPrefix(a.URL, s.url)
	if !ours {
		s.t.Errorf("the database calls %s", a.URL)
	}
	headers := []string{"User-Agent", "pg_net/0.19.5"}
	for name, value := range a.Headers {
		headers = append(headers, name, value)
	}
	return s.send(http.MethodPost, path, a.Body, headers...)
}

func TestTheExampleOfADatabaseCarriesItsOutcomesOnce(t *testing.T) {
	t.Parallel()
	p, realCron := exampleDatabase(t)
	signing := "v1,whsec_" + base64.StdEncoding.EncodeToString([]byte("a-signing-secret-of-these-tests-1"))
	s := start(t, options{migrated: p.Config().ConnString(), env: []string{"WEBHOOK_SECRET=" + hookSecret, "WEBHOOK_SIGNING_SECRET=" + signing}})
	run(t, p, exampleFile(t, "migrations/20261126000002_outcomes.sql"))
	sweep := exampleFile(t, "migrations/20261126000003_sweep.sql")
	if realCron {
		sweep += "update cron.job set active = false;" // until the test lets it
	}
	run(t, p, sweep)
	insert := func(w uuid.UUID) (id uuid.UUID) {
		t.Helper()
		err := pgx.BeginFunc(t.Context(), p, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `set local role service_role`); err != nil {
				return err
			}
			return tx.QueryRow(t.Context(), `insert into crm_outcomes (workspace_id, contact, task) values ($1, $2, $3) returning id`, w,
				`{"email": "ada@example.com", "first_name": "Ada"}`, `{"id": "t1", "subject": "Send the offer", "due_at": "2026-12-01T15:00:00Z"}`).Scan(&id)
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	if insert(w); len(takeAsked(t, p)) != 0 {
		t.Error("without an address something was sent")
	}
	run(t, p, `delete from crm_outcomes`)
	run(t, p, strings.NewReplacer("https://crm.example.com", s.url, "'WEBHOOK_SECRET'", "'"+hookSecret+"'", "'WEBHOOK_SIGNING_SECRET'", "'"+signing+"'").
		Replace(exampleFile(t, "secrets.sql")))

	event := insert(w)
	calls := takeAsked(t, p)
	if len(calls) != 1 || !strings.HasSuffix(calls[0].URL, "/functions/v1/sync") {
		t.Fatalf("an outcome made the calls %v", calls)
	}
	first, again := s.deliver(calls[0]), s.deliver(calls[0])
	if first.status != 202 || again.status != 202 || first.json()["job_id"] == nil || first.json()["job_id"] != again.json()["job_id"] {
		t.Errorf("delivered twice: %d %s, %d %s", first.status, first.body, again.status, again.body)
	}
	s.eventually("the outcome is in HubSpot", func() bool {
		return s.count(`select count(*) from crm_write_log where source_event_id = $1 and status = 'succeeded'`, event.String()) == 2
	})
	if n := s.count(`select count(*) from crm_write_log where workspace_id = $1`, w); n != 2 {
		t.Errorf("%d writes of one outcome, want 2", n)
	}

	// What pg_net loses is sent again by cron, and what has arrived is not.
	lost := insert(w)
	takeAsked(t, p)
	run(t, p, `update crm_outcomes set created_at = now() - interval '2 minutes'`)
	var command string
	if err := p.QueryRow(t.Context(), `select command from cron.job where jobname = 'crm-sweep' and schedule = '* * * * *'`).Scan(&command); err != nil {
		t.Fatal(err)
	}
	run(t, p, command)
	calls = takeAsked(t, p)
	if len(calls) != 2 || !strings.Contains(calls[0].Body, lost.String()) || !strings.HasSuffix(calls[1].URL, "/functions/v1/sync/sweep") {
		t.Fatalf("cron made the calls %v", calls)
	}
	if r := s.deliver(calls[0]); r.status != 202 {
		t.Errorf("the outcome that was lost: %d %s", r.status, r.body)
	}
	if r := s.deliver(calls[1]); r.status != 200 || r.json()["status"] != "swept" {
		t.Errorf("the sweep: %d %s", r.status, r.body)
	}
	run(t, p, command)
	if calls = takeAsked(t, p); len(calls) != 1 {
		t.Errorf("cron sent again what has arrived: %v", calls)
	}

	run(t, p, exampleFile(t, "migrations/20261126000004_signatures.sql"))
	insert(w)
	calls = takeAsked(t, p)
	if len(calls) != 1 || calls[0].Headers["x-webhook-secret"] != "" {
		t.Fatalf("a signed outcome made the calls %v", calls)
	}
	if r := s.deliver(calls[0]); r.status != 202 {
		t.Errorf("signed: %d %s", r.status, r.body)
	}
	calls[0].Body = strings.Replace(calls[0].Body, "offer", "money", 1)
	s.refused(s.deliver(calls[0]), 401, "webhook_refused")

	strangersSeeNothingOf(s)
	if realCron {
		ranByItself(s)
	}
}

// strangersSeeNothingOf the example's table and functions.
func strangersSeeNothingOf(s *service) {
	s.t.Helper()
	for _, role := range []string{"anon", "authenticated"} {
		for _, sql := range []string{`select id from crm_outcomes`, `select crm_outbox.sweep()`, `select crm_outbox.headers('{}')`, `insert into crm_outcomes (workspace_id, contact) values (gen_random_uuid(), '{}')`} {
			err := pgx.BeginFunc(s.t.Context(), s.db, func(tx pgx.Tx) error {
				if _, err := tx.Exec(s.t.Context(), `set local role `+role); err != nil {
					return err
				}
				_, err := tx.Exec(s.t.Context(), sql)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "42501") {
				s.t.Errorf("%s: %s: %v", role, sql, err)
			}
		}
	}
}

// ranByItself waits for the next full minute, at which pg_cron runs the job.
func ranByItself(s *service) {
	s.t.Helper()
	s.exec(`update cron.job set active = true`)
	for end := time.Now().Add(2 * time.Minute); s.count(`select count(*) from cron.job_run_details where status = 'succeeded'`) == 0; time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("pg_cron has not run the job")
		}
	}
	if calls := takeAsked(s.t, s.db); len(calls) == 0 || !strings.HasSuffix(calls[len(calls)-1].URL, "/sync/sweep") {
		s.t.Errorf("pg_cron's run made the calls %v", calls)
	}
}

// Deno's one function that the forwarding function uses is given to Node; the file itself is run as it stands.
const denoOnNode = `import { createServer } from 'node:http'
import { Readable } from 'node:stream'
globalThis.Deno = {
  env: { get: (name) => process.env[name] },
  serve: (handle) => createServer(async (req, res) => {
    const body = ['GET', 'HEAD'].includes(req.method) ? undefined : Readable.toWeb(req)
    const headers = Object.fromEntries(Object.entries(req.headers).filter(([name]) => !['connection', 'host', 'content-length', 'transfer-encoding'].includes(name)))
    const answer = await handle(new Request('http://' + req.headers.host + req.url.replace('/functions/v1', ''), { method: req.method, headers, body, duplex: 'half' }))
    res.writeHead(answer.status, Object.fromEntries([...answer.headers].filter(([name]) => name !== 'content-length')))
    res.end(Buffer.from(await answer.arrayBuffer()))
  }).listen(process.env.LISTEN_PORT, '127.0.0.1', () => console.log('listening')),
}
await import('./index.mjs')
`

func TestTheForwardingFunctionHandsEverythingOn(t *testing.T) {
	t.Parallel()
	at := freeAddress(t)
	s := start(t, options{publicURL: "http://" + at})
	dir := t.TempDir()
	for name, text := range map[string]string{"main.mjs": denoOnNode, "index.mjs": exampleFile(t, "functions/forward/index.ts")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runNode(t, dir, at, s.url)
	gateway := *s
	gateway.url = "http://" + at
	w := uuid.New()
	gateway.connectAs(w, "hubspot", "apikey", secretKey) // start, consent, and the callback's redirect
	r := gateway.asService("POST", "/functions/v1/sync/hubspot?dry_run=true", outcome(w, "e1"))
	if r.status != 200 || r.json()["status"] != "dry_run" {
		t.Errorf("sub-path, query and body: %d %s", r.status, r.body)
	}
	gateway.refused(gateway.send("GET", "/functions/v1/connections?workspace_id="+w.String(), ""), 401, "UNAUTHORIZED_NO_AUTH_HEADER")
	if r := gateway.send("OPTIONS", "/functions/v1/sync", "", "Origin", appURL, "Access-Control-Request-Method", "POST"); r.status != 204 || r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a preflight: %d %v", r.status, r.header)
	}
}

func TestTheExampleForwardsEveryFunctionOfTheContract(t *testing.T) {
	t.Parallel()
	config := exampleFile(t, "config.toml")
	contract, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  /([a-z-]+)`).FindAllStringSubmatch(string(contract), -1) {
		named[m[1]] = true
	}
	for _, health := range []string{"health", "healthz", "readyz"} {
		delete(named, health)
	}
	if len(named) < 9 {
		t.Fatalf("the contract has %d functions", len(named))
	}
	sections := regexp.MustCompile(`(?m)^\[functions\.([a-z-]+)\]\nverify_jwt = false\nentrypoint = '\./functions/forward/index\.ts'$`).FindAllStringSubmatch(config, -1)
	for _, m := range sections {
		if !named[m[1]] {
			t.Errorf("config.toml forwards %s, which the contract does not have", m[1])
		}
		delete(named, m[1])
	}
	if len(named) > 0 {
		t.Errorf("config.toml does not forward %v", named)
	}
	if n := strings.Count(config, "[functions."); n != len(sections) {
		t.Errorf("%d of %d sections forward", len(sections), n)
	}
}
