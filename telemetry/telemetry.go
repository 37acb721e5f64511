package telemetry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/delivery"
	"crm-connectors/handlers"
	"crm-connectors/notify"
	"crm-connectors/store"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/trace"
)

// Config is what a Telemetry needs.
type Config struct {
	CRMs    []connectors.CRM // those that this process is set up for: their figures are there from the start, at zero
	Build   Build
	Tracing trace.TracerProvider // see NewTracing; nil: no traces
	Log     zerolog.Logger
	Now     func() time.Time // nil: time.Now
}

// Build says which program this is.
type Build struct{ Version, Commit, Go string }

// Telemetry observes one process. It is safe for concurrent use.
type Telemetry struct {
	registry *prometheus.Registry
	metrics  metrics
	crms     []connectors.CRM
	budgets  *budgets
	tracer   trace.Tracer // nil: no traces
	now      func() time.Time
	log      zerolog.Logger
}

var (
	_ api.Observer      = (*Telemetry)(nil)
	_ handlers.Observer = (*Telemetry)(nil)
	_ delivery.Observer = (*Telemetry)(nil)
	_ notify.Observer   = (*Telemetry)(nil)
)

const instrument = "crm-connectors"

// New makes a Telemetry whose figures are at zero.
func New(cfg Config) *Telemetry {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t := &Telemetry{registry: prometheus.NewRegistry(), crms: cfg.CRMs, now: cfg.Now, log: cfg.Log, budgets: newBudgets(cfg.Now)}
	if cfg.Tracing != nil {
		t.tracer = cfg.Tracing.Tracer(instrument)
	}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), t.budgets)
	t.metrics = newMetrics(t.registry)
	t.metrics.build.WithLabelValues(cfg.Build.Version, cfg.Build.Commit, cfg.Build.Go).Set(1)
	t.metrics.begin(cfg.CRMs)
	return t
}

// Whole is what is read at each scrape of what this process shares with others.
type Whole struct {
	Pool    *pgxpool.Pool
	Figures func(ctx context.Context) (store.Figures, error)
	Ready   func(ctx context.Context) error
}

// Read has w read at each scrape, from now on. It is called once, before the first scrape.
func (t *Telemetry) Read(w Whole) {
	t.registry.MustRegister(newWholeCollector(w, t.crms, t.now, t.log), newPoolCollector(w.Pool))
}

// Handler answers scrapes, and nothing else.
func (t *Telemetry) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.InstrumentMetricHandler(t.registry, promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4})))
	return mux
}

// errorType names a failure for a span: never its words, which may hold what was sent.
func errorType(err error) string {
	var crm *connectors.Error
	var lost *connectors.TransportError
	switch {
	case errors.As(err, &crm):
		return crm.Code
	case errors.As(err, &lost) && lost.Sent:
		return "no_answer"
	case errors.As(err, &lost):
		return "not_sent"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case store.Away(err):
		return "database_away"
	}
	return "failed"
}
