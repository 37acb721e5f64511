// Package telemetry tells those who watch the service how it does: figures for Prometheus, and traces for OpenTelemetry.
//
//	api, handlers, delivery ──their Observers──► Telemetry ──► /metrics, on a port of its own
//	connectors' Doer ────────────── Calls ───────►    │
//	store.Figures, the pool ◄── at each scrape ───────┘──► spans, over OTLP where it is configured
//
// It is the one room that knows Prometheus and OpenTelemetry. The others tell an Observer of their own what happens, and need not know who
// listens; their log lines are theirs. Labels are bounded: they come from the contract and the code, never from what callers or CRMs send.
// docs/observability.md lists all of it, and a test holds that page against a scrape.
//
// A trace crosses the queue on the write's row, not on River's job, which carries nothing: many rows share one drain, and one call. A call that
// carries rows of one trace is part of that trace; one that carries rows of several is linked to each, and each has an attempt of its own that
// is linked to the call. CRMs are sent no trace context: it would tell them of others' systems and is of no use to them.
package telemetry
