package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/connectors/hubspot"
	"crm-connectors/connectors/salesforce"
	"crm-connectors/console"
	"crm-connectors/delivery"
	"crm-connectors/handlers"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/sim/simtest"
	"crm-connectors/store"
	"crm-connectors/store/storetest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	appBase      = "https://app.example.com"
	operatorKey  = "key-of-an-operator"
	otherKey     = "key-of-another-operator"
	jwtSecret    = "a-shared-secret-of-these-tests-0123456789"
	operatorRole = "crm_operator"
	hubSpot      = "hubspot"
	salesForce   = "salesforce"
)

// desk is the whole service with its console for one test: real handlers, connectors and delivery, both CRMs simulated, a database of its own,
// and one workspace.
type desk struct {
	t         *testing.T
	pages     http.Handler // the console alone
	pool      *pgxpool.Pool
	keys      *store.Keyring
	store     *store.Store
	engine    *delivery.Engine
	operators *api.Operators
	url       string
	workspace uuid.UUID
	hub       *simhubspot.Sim
	org       *simsalesforce.Sim
	hubURL    string
	orgURL    string
	oplog     *sim.OpLog
	tls       bool          // the console is told that browsers come over TLS
	slice     time.Duration // how long one request retries; 0: as usual
	log, seen record        // what the service logged, and what it answered

	mu  sync.Mutex
	now func() time.Time

	serving sync.RWMutex // held by requests, and by a test that changes what they read
}

// rekey is what a restart with other keys would be: no request sees the half of it.
func (d *desk) rekey(pairs ...string) {
	d.serving.Lock()
	defer d.serving.Unlock()
	d.operators.Keys = serviceKeys(pairs...)
}

// clock is the console's own; the database keeps the real time.
func (d *desk) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now()
}

func (d *desk) later(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = func() time.Time { return time.Now().Add(by) }
}

func overTLS(d *desk) { d.tls = true }

func open(t *testing.T, change ...func(*desk)) *desk {
	t.Helper()
	d := &desk{t: t, workspace: uuid.New(), oplog: simtest.Log(t), now: time.Now,
		operators: &api.Operators{Keys: serviceKeys("default", operatorKey, "second", otherKey), Tokens: api.NewTokens(api.TokenRules{Secret: []byte(jwtSecret)}), Role: operatorRole}}
	for _, f := range change {
		f(d)
	}
	pool, err := pgxpool.New(t.Context(), storetest.NewDatabase(t, storetest.Migrate))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	keyset, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	if d.keys, err = store.ParseKeyring(keyset); err != nil {
		t.Fatal(err)
	}
	d.pool, d.store = pool, store.New(pool, d.keys)
	d.hub = simhubspot.New(simhubspot.Config{Log: d.oplog, AutoConsent: true})
	d.org = simsalesforce.New(simsalesforce.Config{Log: d.oplog, AutoConsent: true})
	d.hubURL, d.orgURL = serve(t, d.hub.Handler()), serve(t, d.org.Handler())
	srv := httptest.NewUnstartedServer(nil)
	d.url = "http://" + srv.Listener.Addr().String()
	srv.Config.Handler = d.service()
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		d.nothingSecretIsShown()
		if t.Failed() {
			t.Logf("the service's log:\n%s", d.log.text())
		}
	})
	return d
}

func serviceKeys(pairs ...string) *api.ServiceKeys {
	keys := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		keys[pairs[i]] = pairs[i+1]
	}
	return api.NewServiceKeys(keys, "")
}

func serve(t *testing.T, h http.Handler) string {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// service wires the rooms as the program does, with short waits.
func (d *desk) service() http.Handler {
	d.t.Helper()
	must := func(err error) {
		if err != nil {
			d.t.Helper()
			d.t.Fatal(err)
		}
	}
	client := connectors.NewClient(nil, time.Now)
	hub, err := hubspot.New(hubspot.Config{APIURL: d.hubURL, AuthorizeURL: d.hubURL, HTTP: client})
	must(err)
	org, err := salesforce.New(salesforce.Config{LoginURL: d.orgURL, HTTP: client, TrustedHosts: []string{strings.TrimPrefix(d.orgURL, "http://")}})
	must(err)
	crms := []connectors.Connector{hub, org}
	apps := map[connectors.CRM]connectors.App{
		connectors.HubSpot: {ClientID: simhubspot.DefaultClientID, ClientSecret: connectors.NewSecret(simhubspot.DefaultClientSecret),
			RedirectURL: d.url + "/functions/v1/hubspot-oauth-callback"},
		connectors.Salesforce: {ClientID: simsalesforce.DefaultClientID, ClientSecret: connectors.NewSecret(simsalesforce.DefaultClientSecret),
			RedirectURL: d.url + "/functions/v1/salesforce-oauth-callback"},
	}
	log := zerolog.New(&d.log)
	d.engine, err = delivery.New(delivery.Config{Pool: d.pool, Store: d.store, Connectors: crms, Apps: apps, Log: log, Workers: 4,
		FirstLook: time.Millisecond, LookAgain: 20 * time.Millisecond, DeadGrantWait: 20 * time.Millisecond, SweepEvery: time.Hour})
	must(err)
	validator, err := api.NewValidator()
	must(err)
	h, err := handlers.New(handlers.Config{Notifications: connectors.Outbound{Public: true}, Store: d.store, Engine: d.engine, Connectors: crms, Apps: apps, Validator: validator, AppBaseURL: appBase,
		Operators: d.operators, Log: log, Now: d.clock})
	must(err)
	router, err := api.NewRouter(api.Config{Handler: h, Auth: &api.Credentials{Keys: d.operators.Keys, Tokens: d.operators.Tokens}, Members: d.store, Log: log})
	must(err)
	d.pages, err = console.New(console.Config{Handlers: h, NoTLS: !d.tls, Origin: d.url, Log: log, Now: d.clock, Slice: d.slice})
	must(err)
	pages := api.WithBrowser(d.pages)
	mux := http.NewServeMux()
	mux.Handle("/", router)
	mux.Handle(console.Base, pages)
	mux.Handle(console.Base+"/", pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.serving.RLock()
		defer d.serving.RUnlock()
		mux.ServeHTTP(w, r)
	})
}

// start lets the delivery work until the test ends.
func (d *desk) start() {
	d.t.Helper()
	if err := d.engine.Start(context.WithoutCancel(d.t.Context())); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := d.engine.Stop(ctx); err != nil {
			d.t.Errorf("stop: %v", err)
		}
	})
}

// api calls the service as one of Conduit's services does and reads the answer into out, unless that is nil.
func (d *desk) api(method, path string, body, out any) {
	d.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+"/functions/v1"+path, bytes.NewReader(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("apikey", otherKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		d.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			d.t.Fatal(err)
		}
	}
}

// sync hands in outcomes of new contacts, one an address.
func (d *desk) sync(emails ...string) {
	d.t.Helper()
	for _, email := range emails {
		d.api(http.MethodPost, "/sync", map[string]any{"workspace_id": d.workspace, "source_event_id": uuid.NewString(), "thread_id": "thread-1",
			"contact": map[string]any{"email": email, "first_name": "Ada", "last_name": "Byron"}}, nil)
	}
}

// nothingSecretIsShown searches all that was answered and logged for what it must not hold.
func (d *desk) nothingSecretIsShown() {
	secrets := []string{simhubspot.DefaultClientSecret, simsalesforce.DefaultClientSecret, operatorKey, otherKey, jwtSecret}
	rows, err := d.pool.Query(context.Background(), `select workspace_id from crm_connections where workspace_id is not null`)
	if err != nil {
		d.t.Error(err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var workspace uuid.UUID
		if err := rows.Scan(&workspace); err != nil {
			d.t.Error(err)
			return
		}
		conns, err := d.store.Connections(context.Background(), workspace)
		if err != nil {
			d.t.Error(err)
		}
		for _, c := range conns {
			access, refresh, err := d.store.Tokens(c)
			if err != nil {
				d.t.Error(err)
			}
			secrets = append(secrets, access, refresh, c.SealedAccessToken, c.SealedRefreshToken)
		}
	}
	for where, text := range map[string]string{"an answer": d.seen.text(), "the log": d.log.text()} {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				d.t.Errorf("%s shows a key, a secret or a token", where)
			}
		}
	}
}

// record collects text from several goroutines.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write is io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}
