//go:build !production

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/sim/simtest"
	"crm-connectors/store"
	"crm-connectors/store/storetest"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// theatre is the built program serving over a database of its own, at its most talkative, with both CRMs simulated behind parrots. All that it
// says to anybody is kept, and all secrets that it was given or met.
type theatre struct {
	t         *testing.T
	secrets   *sentinels
	parrots   map[string]*parrot
	expire    map[string]func() // ends the access tokens of a CRM
	service   *client
	keyset    string
	vars      map[string]string // the program's environment
	database  string
	pool      *pgxpool.Pool
	workspace uuid.UUID

	stdout, stderr, answers transcript
	metrics                 string // as they were last scraped
	spans                   *receiver
	postgresLog             func() string
	program                 *exec.Cmd
}

// ofThisRun is a secret that nothing else looks like, with characters that are escaped somewhere.
func ofThisRun(kind string) string { return kind + "/" + rand.Text() + "+" + rand.Text() + "==" }

func openTheatre(t *testing.T) *theatre {
	t.Helper()
	th := &theatre{t: t, secrets: &sentinels{kind: map[string]string{}}, parrots: map[string]*parrot{}, expire: map[string]func(){}, workspace: uuid.New()}
	th.openDatabase()
	th.openCRMs()
	app := httptest.NewServer(http.HandlerFunc(appPage))
	t.Cleanup(app.Close)
	th.environment(app.URL)
	th.start()
	return th
}

// openDatabase makes Postgres log every statement with its parameters.
func (th *theatre) openDatabase() {
	t := th.t
	th.database = storetest.NewDatabase(t, nil)
	pool, err := pgxpool.New(t.Context(), th.database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	th.pool = pool
	if u, err := url.Parse(th.database); err == nil {
		password, _ := u.User.Password()
		th.secrets.note("database_password", password)
	}
	name := pool.Config().ConnConfig.Database
	for _, set := range []string{"log_statement = 'all'", "log_min_duration_statement = 0", "log_parameter_max_length = -1", "log_parameter_max_length_on_error = -1", "log_error_verbosity = 'verbose'"} {
		if _, err := pool.Exec(t.Context(), "alter database "+name+" set "+set); err != nil {
			t.Fatal(err)
		}
	}
	dir := storetest.Cluster(t).Dir()
	th.postgresLog = func() string {
		if dir == "" {
			t.Log("the database was given, and its log is out of reach")
			return ""
		}
		text, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func (th *theatre) openCRMs() {
	log := simtest.Log(th.t)
	hubSecret, orgSecret := ofThisRun("hubspot-client"), ofThisRun("salesforce-client")
	th.secrets.note("client_secret", hubSecret)
	th.secrets.note("client_secret", orgSecret)
	hub := simhubspot.New(simhubspot.Config{Log: log, AutoConsent: true, ClientSecret: hubSecret})
	org := simsalesforce.New(simsalesforce.Config{Log: log, AutoConsent: true, ClientSecret: orgSecret})
	th.expire["hubspot"], th.expire["salesforce"] = hub.ExpireAccessTokens, org.ExpireAccessTokens
	th.vars = map[string]string{"HUBSPOT_CLIENT_ID": simhubspot.DefaultClientID, "HUBSPOT_CLIENT_SECRET": hubSecret,
		"SALESFORCE_CLIENT_ID": simsalesforce.DefaultClientID, "SALESFORCE_CLIENT_SECRET": orgSecret}
	hosts := []string{}
	for crm, handler := range map[string]http.Handler{"hubspot": hub.Handler(), "salesforce": org.Handler()} {
		th.parrots[crm] = &parrot{next: handler, secrets: th.secrets}
		srv := httptest.NewServer(th.parrots[crm])
		th.t.Cleanup(srv.Close)
		hosts = append(hosts, hostOf(srv.URL))
		th.vars[strings.ToUpper(crm)+"_AUTH_BASE_URL"] = srv.URL
	}
	th.vars["HUBSPOT_API_BASE_URL"] = th.vars["HUBSPOT_AUTH_BASE_URL"]
	th.vars["CRM_TRUSTED_HOSTS"] = strings.Join(hosts, ",")
}

func (th *theatre) environment(app string) {
	t := th.t
	keyset, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	var keys struct {
		Key []struct{ KeyData struct{ Value string } }
	}
	if err := json.Unmarshal(keyset, &keys); err != nil || len(keys.Key) == 0 {
		t.Fatalf("%d keys, %v", len(keys.Key), err)
	}
	for _, k := range keys.Key {
		raw, err := base64.StdEncoding.DecodeString(k.KeyData.Value)
		if err != nil {
			t.Fatal(err)
		}
		th.secrets.note("keyset", k.KeyData.Value)
		th.secrets.note("keyset", string(raw[len(raw)-32:])) // the key itself
	}
	former := make([]byte, store.FormerKeySize)
	_, _ = rand.Read(former)
	th.keyset = string(keyset)
	th.secrets.note("former_key", string(former))
	set := func(name, kind, value string) { th.vars[name] = value; th.secrets.note(kind, value) }
	set("SUPABASE_SECRET_KEY", "service_key", ofThisRun("service"))
	set("SUPABASE_JWT_SECRET", "jwt_secret", ofThisRun("jwt-secret-of-this-run"))
	set("WEBHOOK_SECRET", "webhook_secret", ofThisRun("hook-secret-of-this-run"))
	signing := make([]byte, 32)
	_, _ = rand.Read(signing)
	set("WEBHOOK_SIGNING_SECRET", "webhook_secret", "v1,whsec_"+base64.StdEncoding.EncodeToString(signing))
	th.secrets.note("webhook_secret", string(signing))
	th.spans = newReceiver(t)
	key := ofThisRun("otlp")
	th.secrets.note("otlp_key", key)
	th.vars["OTEL_EXPORTER_OTLP_ENDPOINT"], th.vars["OTEL_EXPORTER_OTLP_HEADERS"] = th.spans.url, "authorization="+url.PathEscape(key)
	th.vars["METRICS_ADDR"] = freeAddress(t)
	addr := freeAddress(t)
	for name, value := range map[string]string{"DATABASE_URL": th.database, "TOKEN_KEYSET": th.keyset, "TOKEN_ENC_KEY_B64": base64.StdEncoding.EncodeToString(former),
		"APP_BASE_URL": app, "PUBLIC_URL": "http://" + addr, "LISTEN_ADDR": addr, "LOG_LEVEL": "debug", "DELIVERY_FIRST_LOOK": "20ms", "DELIVERY_LOOK_AGAIN": "50ms",
		"DELIVERY_DEAD_GRANT_WAIT": "20ms", "DELIVERY_SWEEP_EVERY": "1s", "SHUTDOWN_GRACE": "5s", "DB_MAX_CONNS": "10"} {
		th.vars[name] = value
	}
	th.service = newClient("http://"+addr, th.vars["SUPABASE_SECRET_KEY"])
	th.service.http.Transport = &listening{th}
}

// start runs the program until the test ends.
func (th *theatre) start() {
	t := th.t
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "serve")
	cmd.Env = []string{asProgram + "=1", "HOME=" + t.TempDir(), "PATH=/usr/bin:/bin"}
	for name, value := range th.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = &th.stdout, &th.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	th.program = cmd
	t.Cleanup(func() {
		th.stop()
		if t.Failed() {
			t.Logf("the end of its log:\n%s\n%s", tail(th.stdout.text()), tail(th.stderr.text()))
		}
	})
	th.eventually("it serves", func() bool { return strings.Contains(th.stdout.text(), `"event":"serving"`) })
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

func (th *theatre) stop() {
	if th.program == nil {
		return
	}
	if resp, err := http.Get("http://" + th.vars["METRICS_ADDR"] + "/metrics"); err == nil { //nolint:noctx // the test may be over
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		th.metrics = string(text)
	}
	_ = th.program.Process.Signal(syscall.SIGTERM)
	_ = th.program.Wait()
	th.program = nil
}

func (th *theatre) eventually(what string, done func() bool) {
	th.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			th.t.Fatalf("after a minute it is still not so that %s", what)
		}
	}
}

// listening keeps every answer of the service, and notes what of a flow passes through a browser.
type listening struct{ th *theatre }

// RoundTrip is http.RoundTripper.
func (l *listening) RoundTrip(r *http.Request) (*http.Response, error) {
	for name, kind := range map[string]string{"state": "state", "code": "code"} {
		l.th.secrets.note(kind, r.URL.Query().Get(name))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || r.URL.Host != hostOf(l.th.service.base) {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	for _, c := range resp.Cookies() {
		l.th.secrets.note("cookie", c.Value)
	}
	if m := hiddenName.FindAllStringSubmatch(string(body), -1); m != nil {
		for _, field := range m {
			if field[1] == "ticket" {
				l.th.secrets.note("ticket", field[2])
			}
		}
	}
	_, _ = l.th.answers.Write([]byte(r.Method + " " + r.URL.Path + " " + resp.Status + "\n"))
	_ = resp.Header.Write(&l.th.answers)
	_, _ = l.th.answers.Write(append(body, '\n'))
	return resp, err
}

// ask calls the service with its key, unless headers say otherwise, and gives the status and the body.
func (th *theatre) ask(method, path string, body any, headers ...string) (int, map[string]any) {
	th.t.Helper()
	var payload io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(body)
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			th.t.Fatal(err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(th.t.Context(), method, th.service.base+"/functions/v1"+path, payload)
	if err != nil {
		th.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if len(headers) == 0 {
		req.Header.Set("apikey", th.service.key)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := th.service.http.Transport.RoundTrip(req) // no redirect is followed
	if err != nil {
		th.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := map[string]any{}
	_ = json.NewDecoder(resp.Body).Decode(&out)
	return resp.StatusCode, out
}

// token is a person's, who may act for a workspace.
func (th *theatre) token(workspace uuid.UUID) string {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": uuid.NewString(), "email": "vera@example.com", "role": "authenticated",
		"exp": time.Now().Add(time.Hour).Unix(), "app_metadata": map[string]any{"workspace_id": workspace}}).SignedString([]byte(th.vars["SUPABASE_JWT_SECRET"]))
	if err != nil {
		th.t.Fatal(err)
	}
	th.secrets.note("jwt", token)
	return token
}

// connect connects a workspace, as a service does.
func (th *theatre) connect(crm string, workspace uuid.UUID) {
	th.t.Helper()
	if err := th.service.connect(th.t.Context(), crm, workspace); err != nil {
		th.t.Fatal(err)
	}
}

// connectAsPerson begins as somebody signed in and goes through the pages that ask.
func (th *theatre) connectAsPerson(crm string, workspace uuid.UUID) {
	th.t.Helper()
	status, started := th.ask(http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": workspace}, "Authorization", "Bearer "+th.token(workspace))
	if status != http.StatusOK {
		th.t.Fatalf("start answered %d %v", status, started)
	}
	back, err := th.service.consent(th.t.Context(), started["url"].(string))
	if err != nil || back.Query().Get(crm+"_success") != "1" {
		th.t.Fatalf("ended at %v, %v", back, err)
	}
}

// sync hands in a contact.
func (th *theatre) sync(crm string, workspace uuid.UUID, event string) {
	th.t.Helper()
	if status, said := th.ask(http.MethodPost, "/sync/"+crm, map[string]any{"workspace_id": workspace, "source_event_id": event, "contact": map[string]any{"email": event + "@example.com", "last_name": "Byron"}}); status != http.StatusAccepted {
		th.t.Fatalf("sync answered %d %v", status, said)
	}
}

func (th *theatre) count(sql string, args ...any) int {
	th.t.Helper()
	var n int
	if err := th.pool.QueryRow(th.t.Context(), sql, args...).Scan(&n); err != nil {
		th.t.Fatal(err)
	}
	return n
}

func (th *theatre) exec(sql string, args ...any) {
	th.t.Helper()
	if _, err := th.pool.Exec(th.t.Context(), sql, args...); err != nil {
		th.t.Fatal(err)
	}
}

func (th *theatre) succeeded(workspace uuid.UUID, writes int) {
	th.t.Helper()
	th.eventually("all is written", func() bool {
		return th.count(`select count(*) from crm_write_log where workspace_id = $1 and status = 'succeeded'`, workspace) == writes
	})
}

// life is what becomes of a customer: connected, written for, renewed, failed, replaced, installed, with an app of their own, called by webhooks,
// disconnected.
func (th *theatre) life() {
	t := th.t
	for _, crm := range demoCRMs() {
		th.connect(crm, th.workspace)
		th.sync(crm, th.workspace, crm+"-first")
	}
	th.succeeded(th.workspace, 2)
	for _, crm := range demoCRMs() {
		th.expire[crm]()
		th.sync(crm, th.workspace, crm+"-renewed")
	}
	th.succeeded(th.workspace, 4)
	if n := th.count(`select count(*) from crm_connections where workspace_id = $1 and token_generation > 1`, th.workspace); n != 2 {
		t.Errorf("%d of 2 connections were renewed", n)
	}
	for _, crm := range demoCRMs() {
		person, replaced, claimed, failing, left := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
		th.connectAsPerson(crm, person)
		th.connect(crm, replaced)
		th.exec(`update crm_connections set account_id = 'former' where workspace_id = $1`, replaced)
		th.connectAsPerson(crm, replaced)
		th.installed(crm, claimed)
		own := ofThisRun("own-app")
		th.secrets.note("client_secret", own)
		if status, said := th.ask(http.MethodPut, "/apps/"+crm, map[string]any{"workspace_id": uuid.New(), "client_id": "an-app", "client_secret": own}); status != http.StatusOK {
			t.Errorf("an app of one's own: %d %v", status, said)
		}
		th.connect(crm, failing)
		th.parrots[crm].refuse(&squawk{name: "400", say: quoteIn(400, "application/json", `{"message":"%s"}`, inJSON)})
		th.sync(crm, failing, "failing")
		th.eventually("a write has failed", func() bool {
			return th.count(`select count(*) from crm_write_attempts a join crm_write_log w on w.id = a.write_id where w.workspace_id = $1`, failing) > 0
		})
		th.parrots[crm].refuse(nil)
		th.connect(crm, left)
		if status, said := th.ask(http.MethodPost, "/disconnect-crm", map[string]any{"workspace_id": left, "crm": crm}); status != http.StatusOK {
			t.Errorf("disconnect: %d %v", status, said)
		}
		th.underWay(crm)
	}
	th.webhooks()
}

// installed installs from a marketplace and claims that, twice.
func (th *theatre) installed(crm string, workspace uuid.UUID) {
	user := uuid.New()
	th.exec(`insert into workspace_members (workspace_id, user_id) values ($1, $2)`, workspace, user)
	for range 2 { // the second renews the connection
		_, started := th.ask(http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": nil})
		back, err := th.service.consent(th.t.Context(), started["url"].(string))
		if err != nil || back.Query().Get("install_id") == "" {
			th.t.Fatalf("installing ended at %v, %v", back, err)
		}
		status, said := th.ask(http.MethodPost, "/claim-install", map[string]any{"install_id": back.Query().Get("install_id"), "workspace_id": workspace, "user_id": user})
		if status != http.StatusOK {
			th.t.Errorf("claim: %d %v", status, said)
		}
	}
}

// underWay leaves flows in every stage: one that waits for the CRM, one for a person, one for the word on another account.
func (th *theatre) underWay(crm string) {
	workspace := uuid.New()
	th.connect(crm, workspace)
	stop := func() string { // the page of the service, not answered
		_, started := th.ask(http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": workspace}, "Authorization", "Bearer "+th.token(workspace))
		browser := &http.Client{Transport: th.service.http.Transport}
		req, err := http.NewRequestWithContext(th.t.Context(), http.MethodGet, started["url"].(string), nil)
		if err != nil {
			th.t.Fatal(err)
		}
		resp, err := browser.Do(req)
		if err != nil {
			th.t.Fatal(err)
		}
		_ = resp.Body.Close()
		return started["url"].(string)
	}
	stop()
	_, started := th.ask(http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": workspace})
	if u, err := url.Parse(started["url"].(string)); err == nil {
		th.secrets.note("state", u.Query().Get("state"))
	}
	th.exec(`update crm_connections set account_id = 'former' where workspace_id = $1`, workspace)
	back, err := th.service.connectToPage(th.t.Context(), crm, workspace)
	if err != nil || !strings.Contains(back, "New account") {
		th.t.Errorf("no page asks about the other account: %v %s", err, back)
	}
	if n := th.count(`select count(*) from oauth_states where crm = $1 and (code_ciphertext <> '' or grant_ciphertext <> '')`, crm); n != 2 {
		th.t.Errorf("%d flows of %s wait for an answer, want 2", n, crm)
	}
}

// connectToPage begins a flow as a service and stops at the page that comes.
func (c *client) connectToPage(ctx context.Context, crm string, workspace uuid.UUID) (page string, err error) {
	var started struct{ URL string }
	if _, err := c.call(ctx, http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": workspace}, &started); err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, started.URL, nil)
	if err != nil {
		return "", err
	}
	_, _, page, err = c.open(req)
	return page, err
}

// webhooks come with the secret, with a wrong one, and from HubSpot with a signature that is none.
func (th *theatre) webhooks() {
	outcome := map[string]any{"workspace_id": th.workspace, "source_event_id": "hook", "contact": map[string]any{"email": "hook@example.com", "last_name": "Byron"}}
	for secret, want := range map[string]int{th.vars["WEBHOOK_SECRET"]: http.StatusAccepted, ofThisRun("wrong"): http.StatusUnauthorized} {
		th.secrets.note("webhook_secret", secret)
		if status, said := th.ask(http.MethodPost, "/sync", outcome, "x-webhook-secret", secret); status != want {
			th.t.Errorf("a webhook: %d %v, want %d", status, said, want)
		}
	}
	forged := base64.StdEncoding.EncodeToString([]byte(ofThisRun("forged-signature-32-bytes-long")))
	if status, _ := th.ask(http.MethodPost, "/hubspot-webhooks", `[]`, "X-HubSpot-Signature-v3", forged, "X-HubSpot-Request-Timestamp", "1"); status != http.StatusUnauthorized {
		th.t.Errorf("a forged webhook of HubSpot: %d", status)
	}
}

// dump is the database as a backup has it: by pg_dump, where that is there and new enough, and by every column of every table of the catalogue.
func (th *theatre) dump() string {
	t := th.t
	var all strings.Builder
	tables, err := th.pool.Query(t.Context(), `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')`)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(tables, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), th.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, name := range names {
		all.WriteString("\n" + name + "\n")
		if _, err := conn.PgConn().CopyTo(t.Context(), &all, "copy (select * from "+name+") to stdout with (format csv)"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if program, ok := pgDump(); ok {
		out, err := exec.CommandContext(t.Context(), program, "--inserts", "--dbname", th.database).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "version mismatch") {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
		all.Write(out)
	} else {
		t.Log("pg_dump is not here: the tables were copied alone")
	}
	return all.String()
}

// pgDump is the newest there is.
func pgDump() (string, bool) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if len(found) > 0 {
		return found[len(found)-1], true
	}
	path, err := exec.LookPath("pg_dump")
	return path, err == nil
}
