package telemetry

import (
	"sync"

	"crm-connectors/connectors"
	"crm-connectors/handlers"
	"crm-connectors/notify"
	"crm-connectors/store"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are those that this process counts by itself. Their help says so where somebody might take them for those of the whole installation.
type metrics struct {
	build *prometheus.GaugeVec

	requests        *prometheus.CounterVec
	requestDuration *prometheus.HistogramVec
	outcomes        *prometheus.CounterVec
	acceptDuration  prometheus.Histogram
	webhookEvents   *prometheus.CounterVec

	attempts        *prometheus.CounterVec
	attemptDuration *prometheus.HistogramVec
	settled         *prometheus.CounterVec
	delay           *prometheus.HistogramVec
	calls           *prometheus.CounterVec
	callDuration    *prometheus.HistogramVec
	refreshes       *prometheus.CounterVec
	lost            *prometheus.CounterVec
	pauses          *prometheus.CounterVec

	drains        *prometheus.CounterVec
	drainDuration *prometheus.HistogramVec
	drainsRunning *prometheus.GaugeVec
	jobs          *prometheus.CounterVec
	jobDuration   *prometheus.HistogramVec
	sweeps        *prometheus.CounterVec
	sweepFound    *prometheus.CounterVec
	lastSweep     prometheus.Gauge

	notifications        *prometheus.CounterVec
	notificationDuration prometheus.Histogram

	codes, operations *bounded
}

func newMetrics(registry *prometheus.Registry) metrics {
	f := promauto.With(registry)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return f.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return f.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	short := []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30}
	remote := []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	long := []float64{.25, .5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 6 * 3600, 24 * 3600}
	return metrics{
		build: gauge("crm_build_info", "1, for the program that this process runs.", "version", "commit", "go_version"),

		requests:        counter("crm_http_requests_total", "Requests answered by this replica, by the contract's path (none: there is no such path) and by who called.", "method", "route", "status", "caller"),
		requestDuration: histogram("crm_http_request_duration_seconds", "Time to the answer of requests, with what callers asked to wait.", short, "method", "route"),
		outcomes:        counter("crm_outcomes_total", "Outcomes handed to the log by this replica, by what became of them.", "result"),
		acceptDuration: f.NewHistogram(prometheus.HistogramOpts{Name: "crm_accept_duration_seconds", Buckets: short,
			Help: "Time until the log had an outcome, or all outcomes of a batch. What callers asked to wait after that is not in it."}),
		webhookEvents: counter("crm_webhook_events_total", "Events of CRMs' webhooks taken by this replica.", "crm", "kind"),

		attempts:        counter("crm_attempts_total", "Attempts on writes settled by this replica: kind is send or find.", "crm", "object", "kind", "result"),
		attemptDuration: histogram("crm_attempt_duration_seconds", "Time of attempts on writes; those that went together share theirs.", remote, "crm", "kind"),
		settled:         counter("crm_writes_settled_total", "Writes that this replica brought to an end; outcome says how, of those that succeeded.", "crm", "object", "status", "outcome"),
		delay:           histogram("crm_write_delay_seconds", "Time from the acceptance of writes to their success.", long, "crm"),
		calls:           counter("crm_calls_total", "Calls to CRMs by this replica, with their short repeats as one: operation is method and path.", "crm", "operation", "result"),
		callDuration:    histogram("crm_call_duration_seconds", "Time of calls to CRMs that were sent: effect is read, idempotent or once.", remote, "crm", "effect"),
		refreshes:       counter("crm_token_refreshes_total", "Refreshes of tokens by this replica: ok, or the class of the failure.", "crm", "result"),
		lost:            counter("crm_connection_errors_total", "Connections that this replica found to be in error, by the code of why.", "crm", "code"),
		pauses:          counter("crm_connection_pauses_total", "Times that this replica let a connection rest, by the code of why.", "crm", "code"),

		drains:        counter("crm_drains_total", "Turns of connections that this replica has ended.", "crm", "result"),
		drainDuration: histogram("crm_drain_duration_seconds", "Time of turns of connections.", remote, "crm"),
		drainsRunning: gauge("crm_drains_running", "Turns of connections under way in this replica.", "crm"),
		jobs:          counter("crm_jobs_worked_total", "River's jobs that this replica has worked, drains among them.", "kind", "result"),
		jobDuration:   histogram("crm_job_duration_seconds", "Time of River's jobs.", remote, "kind"),
		sweeps:        counter("crm_sweeps_total", "Sweeps by this replica.", "result"),
		sweepFound:    counter("crm_sweep_found_total", "What sweeps by this replica had to mend; nothing in a healthy installation.", "what"),
		lastSweep: f.NewGauge(prometheus.GaugeOpts{Name: "crm_sweep_last_success_timestamp_seconds",
			Help: "When a sweep by this replica last went well; 0: never yet."}),

		notifications: counter("crm_notifications_total", "Tries at messages to notification endpoints by this replica: delivered, retried later, or failed, that is given up.", "event", "result"),
		notificationDuration: f.NewHistogram(prometheus.HistogramOpts{Name: "crm_notification_duration_seconds", Buckets: remote,
			Help: "Time of tries at messages to notification endpoints."}),

		codes: newBounded(100), operations: newBounded(100),
	}
}

// begin puts what is alerted on at zero, so that its first step is seen.
func (m *metrics) begin(crms []connectors.CRM) {
	for _, result := range []handlers.Acceptance{handlers.AcceptedOutcome, handlers.RefusedAsConflict, handlers.RefusedNotConnected, handlers.NotStored} {
		m.outcomes.WithLabelValues(string(result))
	}
	for _, result := range []string{resultOK, resultFailed} {
		m.sweeps.WithLabelValues(result)
	}
	for _, what := range []string{sweptAbandoned, sweptRevived, sweptWoken, sweptParked} {
		m.sweepFound.WithLabelValues(what)
	}
	for _, result := range []string{notify.ResultDelivered, notify.ResultRetried, notify.ResultFailed} {
		m.notifications.WithLabelValues(store.EventWriteFailed, result)
	}
	for _, crm := range crms {
		for _, result := range []string{resultOK, string(connectors.ClassRetry), string(connectors.ClassInDoubt), string(connectors.ClassNeedsReconnect), string(connectors.ClassMisconfigured)} {
			m.refreshes.WithLabelValues(string(crm), result)
		}
		for _, result := range []string{resultOK, resultFailed} {
			m.drains.WithLabelValues(string(crm), result)
		}
		m.drainsRunning.WithLabelValues(string(crm))
		for _, object := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
			for _, status := range []string{store.Failed, store.NeedsReview} {
				m.settled.WithLabelValues(string(crm), string(object), status, "")
			}
		}
	}
}

const (
	resultOK     = "ok"
	resultFailed = "failed"

	sweptAbandoned = "abandoned_writes"
	sweptRevived   = "dead_drains"
	sweptWoken     = "lost_wakeups"
	sweptParked    = "old_doubts"
)

// bounded lets so many values of a label through, and calls the others other. The values are all from the code; this is for the day on which
// one is not.
type bounded struct {
	mu    sync.RWMutex
	most  int
	known map[string]bool
}

func newBounded(most int) *bounded { return &bounded{most: most, known: map[string]bool{}} }

const otherValue = "other"

func (b *bounded) value(v string) string {
	b.mu.RLock()
	known := b.known[v]
	b.mu.RUnlock()
	if known {
		return v
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= b.most && !b.known[v] {
		return otherValue
	}
	b.known[v] = true
	return v
}
