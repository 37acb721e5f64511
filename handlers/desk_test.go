package handlers_test

import (
	"context"
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
	appBase     = "https://app.example.com"
	partnerBase = "https://partner.example.com"
	serviceKey  = "key-of-a-test"
	jwtSecret   = "a-shared-secret-of-these-tests-0123456789"
	hubSpot     = "hubspot"
	salesForce  = "salesforce"

	operatorRole = "crm_operator"
)

// desk is the whole service for one test: real handlers, connectors and delivery, both CRMs simulated, a database of its
// own, and one workspace.
type desk struct {
	t         *testing.T
	pool      *pgxpool.Pool
	store     *store.Store
	keys      *store.Keyring
	engine    *delivery.Engine
	handlers  *handlers.Handlers
	operators *api.Operators
	url       string // of the service, without /functions/v1
	workspace uuid.UUID
	hub       *simhubspot.Sim
	org       *simsalesforce.Sim
	orgURL    string
	oplog     *sim.OpLog
	log       *record // what the service logged
	seen      *record // every answer of the service, headers and bodies

	clock *clock // the handlers' own; the database keeps the real time

	mu      sync.Mutex
	secrets map[string]bool // tokens that were stored at any time
}

type options struct {
	askConsent bool   // the CRMs show their page of consent
	without    string // a CRM that this installation is not set up for
	stopped    bool   // the delivery does not run
	ownApps    bool   // the CRMs know a workspace's app alone, which is ownClient
	noApps     bool   // this installation has no app of its own
	rates      api.Rates
	wrap       func(connectors.Connector) connectors.Connector
}

func askConsent(o *options) { o.askConsent = true }
func stopped(o *options)    { o.stopped = true }
func ownApps(o *options)    { o.ownApps = true }
func noApps(o *options)     { o.ownApps, o.noApps = true, true }

func open(t *testing.T, change ...func(*options)) *desk {
	t.Helper()
	var o options
	for _, f := range change {
		f(&o)
	}
	d := &desk{t: t, workspace: uuid.New(), oplog: simtest.Log(t), log: &record{}, seen: &record{}, clock: &clock{}, secrets: map[string]bool{}}
	d.openStore()
	client, secret := "", ""
	if o.ownApps {
		client, secret = ownClient, ownSecret()
	}
	d.hub = simhubspot.New(simhubspot.Config{Log: d.oplog, AutoConsent: !o.askConsent, ClientID: client, ClientSecret: secret})
	d.org = simsalesforce.New(simsalesforce.Config{Log: d.oplog, AutoConsent: !o.askConsent, ClientID: client, ClientSecret: secret})
	hubURL := serve(t, d.hub.Handler())
	d.orgURL = serve(t, d.org.Handler())
	srv := httptest.NewUnstartedServer(nil)
	d.url = "http://" + srv.Listener.Addr().String()
	srv.Config.Handler = d.router(o, hubURL)
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		d.nothingSecretIsShown()
		if t.Failed() {
			t.Logf("the service's log:\n%s", d.log.text())
		}
	})
	if !o.stopped {
		d.start()
	}
	return d
}

func serve(t *testing.T, h http.Handler) string {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// sandboxURL is another address of the simulated org, as a sandbox has a login host of its own.
func (d *desk) sandboxURL() string { return strings.Replace(d.orgURL, "127.0.0.1", "localhost", 1) }

func (d *desk) openStore() {
	d.t.Helper()
	pc, err := pgxpool.ParseConfig(storetest.NewDatabase(d.t, storetest.Migrate))
	if err != nil {
		d.t.Fatal(err)
	}
	pc.MaxConns = 12
	d.pool, err = pgxpool.NewWithConfig(d.t.Context(), pc)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.pool.Close)
	keyset, err := store.GenerateKeyset()
	if err != nil {
		d.t.Fatal(err)
	}
	if d.keys, err = store.ParseKeyring(keyset); err != nil {
		d.t.Fatal(err)
	}
	d.store = store.New(d.pool, d.keys)
}

// router wires the rooms as the program does, with short waits.
func (d *desk) router(o options, hubURL string) http.Handler {
	d.t.Helper()
	client := connectors.NewClient(nil, time.Now)
	hub, err := hubspot.New(hubspot.Config{APIURL: hubURL, AuthorizeURL: hubURL, HTTP: client})
	if err != nil {
		d.t.Fatal(err)
	}
	org, err := salesforce.New(salesforce.Config{LoginURL: d.orgURL, HTTP: client,
		TrustedHosts: []string{strings.TrimPrefix(d.orgURL, "http://"), strings.TrimPrefix(d.sandboxURL(), "http://")}})
	if err != nil {
		d.t.Fatal(err)
	}
	crms := []connectors.Connector{hub, org}
	if o.wrap != nil {
		crms = []connectors.Connector{o.wrap(hub), o.wrap(org)}
	}
	apps := map[connectors.CRM]connectors.App{
		connectors.HubSpot: {ClientID: simhubspot.DefaultClientID, ClientSecret: connectors.NewSecret(simhubspot.DefaultClientSecret),
			RedirectURL: d.url + "/functions/v1/hubspot-oauth-callback"},
		connectors.Salesforce: {ClientID: simsalesforce.DefaultClientID, ClientSecret: connectors.NewSecret(simsalesforce.DefaultClientSecret),
			RedirectURL: d.url + "/functions/v1/salesforce-oauth-callback"},
	}
	delete(apps, connectors.CRM(o.without))
	for crm, app := range apps {
		if o.noApps {
			app.ClientID, app.ClientSecret = "", connectors.Secret{}
			apps[crm] = app
		}
	}
	log := zerolog.New(d.log)
	d.engine, err = delivery.New(delivery.Config{Pool: d.pool, Store: d.store, Connectors: crms, Apps: apps, Log: log, Workers: 4,
		FirstLook: time.Millisecond, LookAgain: 20 * time.Millisecond, DeadGrantWait: 20 * time.Millisecond, SweepEvery: time.Hour})
	if err != nil {
		d.t.Fatal(err)
	}
	validator, err := api.NewValidator()
	if err != nil {
		d.t.Fatal(err)
	}
	d.operators = &api.Operators{Keys: api.NewServiceKeys(map[string]string{"test": serviceKey}, ""), Tokens: api.NewTokens(api.TokenRules{Secret: []byte(jwtSecret)}), Role: operatorRole}
	d.handlers, err = handlers.New(handlers.Config{Store: d.store, Engine: d.engine, Connectors: crms, Apps: apps, Validator: validator,
		Notifications: connectors.Outbound{Public: true, Trusted: []string{"127.0.0.1"}}, AppBaseURL: appBase, RedirectOrigins: []string{partnerBase}, Operators: d.operators, Log: log, Now: d.clock.now})
	if err != nil {
		d.t.Fatal(err)
	}
	router, err := api.NewRouter(api.Config{Handler: d.handlers, Rates: o.rates, Auth: &api.Credentials{Keys: d.operators.Keys, Tokens: d.operators.Tokens},
		HubSpotHooks: api.NewHubSpotHooks(simhubspot.DefaultClientSecret, d.url+"/functions/v1/hubspot-webhooks", nil), Members: d.store, Away: store.Away, Log: log})
	if err != nil {
		d.t.Fatal(err)
	}
	return router
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

// nothingSecretIsShown searches all that the service answered and logged, in every test, for the tokens that it held.
func (d *desk) nothingSecretIsShown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, shown := range []struct{ where, text string }{{"an answer", d.seen.text()}, {"the log", d.log.text()}} {
		for _, secret := range []string{simhubspot.DefaultClientSecret, simsalesforce.DefaultClientSecret, ownSecret(), serviceKey} {
			if strings.Contains(shown.text, secret) {
				d.t.Errorf("%s shows a client secret or key", shown.where)
			}
		}
		for secret := range d.secrets {
			if strings.Contains(shown.text, secret) {
				d.t.Errorf("%s shows a token", shown.where)
			}
		}
	}
}
