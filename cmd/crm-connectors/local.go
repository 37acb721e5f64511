//go:build !production

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"time"

	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/store"
	"crm-connectors/store/pgdev"

	"github.com/google/uuid"
)

// local is everything on one machine: Postgres, both CRMs simulated, a stand-in for the web app, and the real service.
type local struct {
	workspace  uuid.UUID
	key        string // of a service
	serviceURL string
	metricsURL string
	appURL     string
	hubspot    *simhubspot.Sim
	salesforce *simsalesforce.Sim
	simURLs    map[string]string
	log        *sim.OpLog
	db         *store.Store
	service    *service

	stop  context.CancelFunc
	ended []chan error
	pg    *pgdev.Server
}

// localOptions say where local's parts listen; an empty address takes any free port of the loopback.
type localOptions struct {
	listen, hubspot, salesforce string
	metrics                     string // empty: none
	autoConsent                 bool
	logTo                       io.Writer // the service's log
	logFormat                   string
	progress                    func(string)
}

// startLocal starts all parts. The caller calls close, whatever ctx does.
func startLocal(ctx context.Context, e env, o localOptions) (_ *local, err error) {
	l := &local{workspace: uuid.New(), key: "local-" + rand.Text(), log: sim.NewOpLog(), simURLs: map[string]string{}}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	o.progress("starting Postgres")
	if l.pg, err = pgdev.Start(ctx, pgdev.Options{URL: e.getenv("DATABASE_URL"), Database: "crm_connectors", Progress: o.progress}); err != nil {
		return nil, err
	}
	o.progress("starting the simulated HubSpot and Salesforce")
	l.hubspot = simhubspot.New(simhubspot.Config{Log: l.log, AutoConsent: o.autoConsent})
	l.salesforce = simsalesforce.New(simsalesforce.Config{Log: l.log, AutoConsent: o.autoConsent,
		Behaviour: simsalesforce.Behaviour{HasExternalID: true}}) // an org whose administrator has followed the advice
	if l.simURLs["hubspot"], err = l.serve(run, o.hubspot, l.hubspot.Handler()); err != nil {
		return nil, err
	}
	if l.simURLs["salesforce"], err = l.serve(run, o.salesforce, l.salesforce.Handler()); err != nil {
		return nil, err
	}
	if l.appURL, err = l.serve(run, "", http.HandlerFunc(appPage)); err != nil {
		return nil, err
	}
	o.progress("starting the service")
	listener, err := listen(ctx, o.listen)
	if err != nil {
		return nil, err
	}
	l.serviceURL = "http://" + listener.Addr().String()
	if err := l.startService(ctx, run, e, o, listener); err != nil {
		_ = listener.Close()
		return nil, err
	}
	return l, nil
}

func (l *local) startService(ctx, run context.Context, e env, o localOptions, listener net.Listener) error {
	keyset, err := store.GenerateKeyset()
	if err != nil {
		return err
	}
	salesforce := l.simURLs["salesforce"]
	vars := map[string]string{
		"DATABASE_URL": l.pg.URL, "TOKEN_KEYSET": string(keyset), "SUPABASE_SECRET_KEY": l.key, "APP_BASE_URL": l.appURL, "PUBLIC_URL": l.serviceURL,
		"HUBSPOT_CLIENT_ID": simhubspot.DefaultClientID, "HUBSPOT_CLIENT_SECRET": simhubspot.DefaultClientSecret,
		"HUBSPOT_API_BASE_URL": l.simURLs["hubspot"], "HUBSPOT_AUTH_BASE_URL": l.simURLs["hubspot"],
		"SALESFORCE_CLIENT_ID": simsalesforce.DefaultClientID, "SALESFORCE_CLIENT_SECRET": simsalesforce.DefaultClientSecret,
		"SALESFORCE_AUTH_BASE_URL": salesforce, "CRM_TRUSTED_HOSTS": hostOf(salesforce) + "," + hostOf(l.simURLs["hubspot"]), "SHUTDOWN_GRACE": "5s",
		"METRICS_ADDR": o.metrics, "NOTIFICATION_TRUSTED_HOSTS": "127.0.0.1,localhost",
	}
	for _, name := range []string{"LOG_LEVEL", "HUBSPOT_API_VERSION", "SALESFORCE_API_VERSION", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"} {
		vars[name] = e.getenv(name)
	}
	cfg, err := LoadConfig(func(name string) string { return vars[name] })
	if err != nil {
		return err
	}
	log, err := newLogger(cfg.LogLevel, o.logFormat, o.logTo)
	if err != nil {
		return err
	}
	at := listeners{api: listener}
	if cfg.MetricsAddr != "" {
		if at.metrics, err = listen(ctx, cfg.MetricsAddr); err != nil {
			return err
		}
		l.metricsURL = "http://" + at.metrics.Addr().String() + "/metrics"
	}
	if l.service, err = newService(ctx, cfg, log); err != nil {
		return err
	}
	keys, err := cfg.Keyset.Keyring(ctx)
	if err != nil {
		return err
	}
	l.db = store.New(l.service.pool, keys)
	done := make(chan error, 1)
	l.ended = append(l.ended, done)
	go func() { done <- l.service.run(run, at) }()
	return nil
}

// serve runs h until the stack is stopped and gives its URL.
func (l *local) serve(run context.Context, addr string, h http.Handler) (string, error) {
	listener, err := listen(run, addr)
	if err != nil {
		return "", err
	}
	done := make(chan error, 1)
	l.ended = append(l.ended, done)
	go func() { done <- serveUntil(run, listener, h) }()
	return "http://" + listener.Addr().String(), nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return listener, nil
}

// close stops the service first, while what it talks to is still there.
func (l *local) close() error {
	l.stop()
	var err error
	for _, done := range l.ended {
		select {
		case e := <-done:
			err = errors.Join(err, e)
		case <-time.After(20 * time.Second):
			err = errors.Join(err, errors.New("a part did not stop"))
		}
	}
	return errors.Join(err, l.pg.Stop())
}

func hostOf(url string) string { return url[len("http://"):] }

var appTemplate = template.Must(template.New("app").Parse(`<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Back in the app</title><body style="font-family:system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem">
<h1>Back in the app</h1><p>This page stands in for Conduit's web app. The service sent the browser here with:</p>
<ul>{{range $k, $v := .}}<li><b>{{$k}}</b>: {{range $v}}{{.}} {{end}}</li>{{else}}<li>nothing</li>{{end}}</ul>`))

// appPage shows what the service sent the browser back with.
func appPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = appTemplate.Execute(w, r.URL.Query())
}
