package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/connectors/hubspot"
	"crm-connectors/connectors/salesforce"
	"crm-connectors/delivery"
	"crm-connectors/handlers"
	"crm-connectors/migrations"
	"crm-connectors/notify"
	"crm-connectors/store"
	"crm-connectors/telemetry"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
)

// service is the whole program but its listener: this is where the rooms meet.
type service struct {
	pool     *pgxpool.Pool
	engine   *delivery.Engine
	notifier *notify.Notifier
	handler  http.Handler
	console  http.Handler // where it has an address of its own; else nil: it is off, or part of handler
	watch    *watching
	delay    time.Duration
	grace    time.Duration
	log      zerolog.Logger
}

// listeners are where a service is asked. The second and third may be nil.
type listeners struct{ api, console, metrics net.Listener }

// newService connects to the database, brings it up to date and wires the rooms. The caller runs or closes it.
func newService(ctx context.Context, cfg Config, log zerolog.Logger) (_ *service, err error) {
	pool, err := openPool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	watch, err := newWatching(ctx, cfg, cfg.crms(), log)
	if err != nil {
		pool.Close()
		return nil, err
	}
	defer func() {
		if err != nil {
			pool.Close()
			_ = watch.flush(ctx)
		}
	}()
	applied, err := migrations.Up(ctx, pool, slog.New(zerolog.NewSlogHandler(log.Level(zerolog.WarnLevel))))
	if err != nil {
		return nil, err
	}
	log.Info().Str("event", "migrated").Int64("version", applied.Version).Int("applied", applied.New).Msg("database is up to date")
	crms, apps, err := crmsOf(cfg, watch.Calls)
	if err != nil {
		return nil, err
	}
	for crm, app := range apps {
		if app.ClientID == "" {
			log.Info().Str("event", "own_apps_only").Str("crm", string(crm)).Msg("no app of ours: only workspaces with an app of their own can connect")
		}
	}
	keys, err := cfg.Keyset.Keyring(ctx)
	if err != nil {
		return nil, err
	}
	st := store.New(pool, keys)
	engine, err := delivery.New(delivery.Config{Pool: pool, Store: st, Connectors: crms, Apps: apps, Log: log, Observer: watch, Middleware: []rivertype.Middleware{watch.Jobs()}, Workers: cfg.DrainWorkers, PollOnly: cfg.PollOnly,
		Lease: store.Lease{Hold: cfg.Waits.Lease, Send: cfg.Waits.SendWindow}, CallTimeout: cfg.Waits.CallTimeout, LateCommit: cfg.Waits.LateCommit,
		IndexLag: cfg.Waits.IndexLag, FirstLook: cfg.Waits.FirstLook, LookAgain: cfg.Waits.LookAgain, DeadGrantWait: cfg.Waits.DeadGrantWait,
		SweepEvery: cfg.Waits.SweepEvery, Slice: cfg.Waits.Slice, Retention: cfg.Retention, ContentKept: cfg.ContentKept})
	if err != nil {
		return nil, err
	}
	told, err := notificationsTo(cfg)
	if err != nil {
		return nil, err
	}
	auth, err := credentials(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	validator, err := api.NewValidator()
	if err != nil {
		return nil, err
	}
	h, err := handlers.New(handlers.Config{Store: st, Engine: engine, Connectors: crms, Apps: apps, Validator: validator,
		Notifications: told, AppBaseURL: cfg.AppBaseURL, RedirectOrigins: cfg.RedirectOrigins, Operators: operators(cfg, auth), Log: log, Observer: watch})
	if err != nil {
		return nil, err
	}
	router, err := api.NewRouter(api.Config{Handler: h, Auth: auth, HubSpotHooks: hubspotHooks(apps), Members: st, Log: log, Observer: watch, Origins: cfg.CORSOrigins,
		Rates: cfg.Limits.Rates, HSTS: strings.HasPrefix(cfg.PublicURL, "https://"),
		Ready: watch.ready(st), Away: store.Away})
	if err != nil {
		return nil, err
	}
	watch.Read(telemetry.Whole{Pool: pool, Ready: watch.ready(st),
		Figures: func(ctx context.Context) (store.Figures, error) { return st.Figures(ctx, delivery.SilentCalls) }})
	s := &service{pool: pool, engine: engine, notifier: notify.New(notify.Config{Store: st, Outbound: told, Log: log, Observer: watch}), handler: router, watch: watch, delay: cfg.ShutdownDelay, grace: cfg.ShutdownGrace, log: log}
	if err := s.addConsole(cfg, h); err != nil {
		return nil, err
	}
	return s, nil
}

// crmsOf lists the CRMs that this process is set up for, whose calls are watched. A new CRM is a line here.
func crmsOf(cfg Config, watched func(connectors.CRM, connectors.Doer) connectors.Doer) ([]connectors.Connector, map[connectors.CRM]connectors.App, error) {
	outbound := connectors.Outbound{Hosts: append(hubspotAPIHosts(), salesforceHosts), Trusted: cfg.TrustedHosts}
	var err error
	if outbound.Proxy, err = proxyOf(cfg); err != nil {
		return nil, nil, err
	}
	client := connectors.NewClient(outbound.Transport(), time.Now)
	client.Limit(cfg.Waits.CallTimeout)
	var crms []connectors.Connector
	apps := map[connectors.CRM]connectors.App{}
	if c := cfg.HubSpot; c != nil {
		crm, err := hubspot.New(hubspot.Config{APIURL: c.APIBaseURL, AuthorizeURL: c.App.LoginURL, Version: c.APIVersion, HTTP: watched(connectors.HubSpot, client), Now: time.Now,
			DailyShare: cfg.DailyShare})
		if err != nil {
			return nil, nil, err
		}
		crms, apps[connectors.HubSpot] = append(crms, crm), c.App
	}
	if c := cfg.Salesforce; c != nil {
		crm, err := salesforce.New(salesforce.Config{LoginURL: c.App.LoginURL, Version: c.APIVersion, HTTP: watched(connectors.Salesforce, client), Now: time.Now, TrustedHosts: cfg.TrustedHosts,
			DailyShare: cfg.DailyShare})
		if err != nil {
			return nil, nil, err
		}
		crms, apps[connectors.Salesforce] = append(crms, crm), c.App
	}
	return crms, apps, nil
}

// notificationsTo is where notifications may go: what whoever adds an endpoint chooses, but for what is private.
func notificationsTo(cfg Config) (connectors.Outbound, error) {
	proxy, err := proxyOf(cfg)
	return connectors.Outbound{Public: true, Trusted: cfg.NotifyHosts, Proxy: proxy}, err
}

func proxyOf(cfg Config) (*url.URL, error) {
	if cfg.Proxy.Empty() {
		return nil, nil
	}
	proxy, err := url.Parse(cfg.Proxy.Reveal())
	if err != nil {
		return nil, errors.New("CRM_PROXY_URL cannot be read") // the error quotes it
	}
	return proxy, nil
}

// hubspotHooks takes webhooks of the service's own HubSpot app, beside its redirect address.
func hubspotHooks(apps map[connectors.CRM]connectors.App) *api.HubSpotHooks {
	app := apps[connectors.HubSpot]
	at, err := url.Parse(app.RedirectURL)
	if err != nil || app.RedirectURL == "" {
		return nil
	}
	return api.NewHubSpotHooks(app.ClientSecret.Reveal(), at.ResolveReference(&url.URL{Path: "hubspot-webhooks"}).String(), time.Now)
}

// openPool opens the pool and makes sure that the database answers, so that a wrong address fails the start.
func openPool(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.DatabaseURL.Reveal())
	if err != nil {
		return nil, errors.New("DATABASE_URL cannot be read") // pgx's error quotes it
	}
	pc.MaxConns = cfg.DBMaxConns
	if cfg.PollOnly && pc.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // prepared statements do not survive a transaction pooler
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the database at %s:%d does not answer: %w", pc.ConnConfig.Host, pc.ConnConfig.Port, err)
	}
	return pool, nil
}

// run serves on at until ctx ends. From then on it says that it is not ready, and after the delay it takes no more requests; it lets those in
// flight and the drains finish for the length of the grace, and closes. What had not begun is left in the log for the next process. Metrics are
// answered to the last.
func (s *service) run(ctx context.Context, at listeners) error {
	defer s.close()
	work := context.WithoutCancel(ctx) // the signal stops intake, not what is under way
	if err := s.engine.Start(work); err != nil {
		return err
	}
	s.notifier.Start(work)
	srv, console, metrics := api.NewServer(at.api.Addr().String(), s.handler), api.NewServer("", s.console), api.NewServer("", s.watch.Handler())
	failed := make(chan error, 3)
	line := s.log.Info().Str("event", "serving").Stringer("addr", at.api.Addr())
	go func() { failed <- srv.Serve(at.api) }()
	if at.console != nil {
		go func() { failed <- console.Serve(at.console) }()
		line.Stringer("console_addr", at.console.Addr())
	}
	if at.metrics != nil {
		go func() { failed <- metrics.Serve(at.metrics) }()
		line.Stringer("metrics_addr", at.metrics.Addr())
	}
	line.Stringer("version", thisBuild()).Msg("serving")
	var err error
	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		s.log.Info().Str("event", "stopping").Dur("delay", s.delay).Dur("grace", s.grace).Msg("stopping")
	}
	s.watch.stopping.Store(true)
	if err == nil {
		select {
		case err = <-failed:
		case <-time.After(s.delay):
		}
	}
	grace, cancel := context.WithTimeout(work, s.grace)
	defer cancel()
	err = errors.Join(err, srv.Shutdown(grace), console.Shutdown(grace), s.engine.Stop(grace), s.notifier.Stop(grace), metrics.Close(), s.watch.flush(grace))
	s.log.Info().Str("event", "stopped").AnErr("error", err).Msg("stopped")
	return err
}

func (s *service) close() { s.pool.Close() }

// newLogger writes one line an event to w.
func newLogger(level, format string, w io.Writer) (zerolog.Logger, error) {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil {
		return zerolog.Nop(), fmt.Errorf("log level: %w", err)
	}
	if format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
	}
	return zerolog.New(w).Level(parsed).With().Timestamp().Logger(), nil
}

// isTerminal tells a person's screen from a file or pipe, where colours are noise.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
