package telemetry

import (
	"context"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/delivery"
	"crm-connectors/store"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Draining is delivery.Observer.
func (t *Telemetry) Draining(ctx context.Context, crm string) func(error) {
	began := t.now()
	t.metrics.drainsRunning.WithLabelValues(crm).Inc()
	if t.tracer != nil {
		trace.SpanFromContext(ctx).SetAttributes(attribute.String("crm.system", crm))
	}
	return func(err error) {
		t.metrics.drainsRunning.WithLabelValues(crm).Dec()
		t.metrics.drains.WithLabelValues(crm, resultOf(err)).Inc()
		t.metrics.drainDuration.WithLabelValues(crm).Observe(t.now().Sub(began).Seconds())
	}
}

func resultOf(err error) string {
	if err != nil {
		return resultFailed
	}
	return resultOK
}

// Attempting is delivery.Observer: the span of the calls for rows that go together.
func (t *Telemetry) Attempting(ctx context.Context, kind string, rows []store.Claimed) (context.Context, func()) {
	if t.tracer == nil || len(rows) == 0 {
		return ctx, func() {}
	}
	parents := parentsOf(rows)
	turn := trace.SpanContextFromContext(ctx)
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attribute.String("crm.system", rows[0].CRM),
		attribute.String("crm.connection_id", rows[0].ConnectionID.String()), attribute.Int("messaging.batch.message_count", len(rows)))}
	if len(parents) == 1 {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: turn}))
		ctx = trace.ContextWithRemoteSpanContext(ctx, parents[0])
	} else {
		for _, p := range parents {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: p}))
		}
	}
	ctx, span := t.tracer.Start(ctx, kind+" "+rows[0].CRM, options...)
	return ctx, func() { span.End() }
}

// parentsOf are the requests that handed rows in, each once.
func parentsOf(rows []store.Claimed) []trace.SpanContext {
	var all []trace.SpanContext
	seen := map[string]bool{}
	for _, r := range rows {
		if r.Traceparent == "" || seen[r.Traceparent] {
			continue
		}
		seen[r.Traceparent] = true
		if sc := trace.SpanContextFromContext(remote(context.Background(), r.Traceparent)); sc.IsValid() {
			all = append(all, sc)
		}
	}
	return all
}

// Attempted is delivery.Observer.
func (t *Telemetry) Attempted(ctx context.Context, a delivery.Attempt) {
	r, s := a.Row, a.Settlement
	t.metrics.attempts.WithLabelValues(r.CRM, r.ObjectType, s.Kind, s.Result).Inc()
	t.metrics.attemptDuration.WithLabelValues(r.CRM, s.Kind).Observe(s.EndedAt.Sub(s.StartedAt).Seconds())
	if !a.LostTurn && store.Settled(s.Status) {
		t.metrics.settled.WithLabelValues(r.CRM, r.ObjectType, s.Status, s.Outcome).Inc()
		if s.Status == store.Succeeded {
			t.metrics.delay.WithLabelValues(r.CRM).Observe(max(0, s.EndedAt.Sub(r.CreatedAt).Seconds()))
		}
	}
	if t.tracer != nil && r.Traceparent != "" {
		t.attemptSpan(ctx, r, s)
	}
}

// attemptSpan shows in the trace of a write's own request what became of an attempt, with a link to the calls that it shared with others.
func (t *Telemetry) attemptSpan(ctx context.Context, r store.Claimed, s store.Settlement) {
	calls := trace.SpanContextFromContext(ctx)
	own := remote(ctx, r.Traceparent)
	if trace.SpanContextFromContext(own).TraceID() == calls.TraceID() {
		own = ctx
	}
	_, span := t.tracer.Start(own, "attempt "+s.Kind+" "+r.ObjectType, trace.WithTimestamp(s.StartedAt), trace.WithLinks(trace.Link{SpanContext: calls}),
		trace.WithAttributes(attribute.String("crm.system", r.CRM), attribute.String("crm.object", r.ObjectType), attribute.String("crm.action", r.Action),
			attribute.String("crm.write_id", r.ID.String()), attribute.String("crm.workspace_id", r.WorkspaceID.String()), attribute.Int64("crm.attempt", r.Attempt),
			attribute.String("crm.result", s.Result), attribute.String("crm.status", s.Status)))
	if s.ErrorCode != "" && s.Status != store.Succeeded {
		span.SetAttributes(attribute.String("error.type", s.ErrorCode), attribute.String("crm.request_id", s.RequestID), attribute.Int("http.response.status_code", s.HTTPStatus))
	}
	if s.Status == store.Failed || s.Status == store.NeedsReview {
		span.SetStatus(codes.Error, s.ErrorCode)
	}
	span.End(trace.WithTimestamp(s.EndedAt))
}

// Refreshed is delivery.Observer.
func (t *Telemetry) Refreshed(crm string, failed *connectors.Error) {
	result := resultOK
	if failed != nil {
		result = string(failed.Class)
	}
	t.metrics.refreshes.WithLabelValues(crm, result).Inc()
}

// Paused is delivery.Observer.
func (t *Telemetry) Paused(crm, code string) {
	t.metrics.pauses.WithLabelValues(crm, t.metrics.codes.value(code)).Inc()
}

// Lost is delivery.Observer.
func (t *Telemetry) Lost(crm, code string) {
	t.metrics.lost.WithLabelValues(crm, t.metrics.codes.value(code)).Inc()
}

// Allowed is delivery.Observer.
func (t *Telemetry) Allowed(conn store.Connection, limits []connectors.Limit) {
	t.budgets.note(conn.ID, conn.CRM, limits)
}

// Swept is delivery.Observer.
func (t *Telemetry) Swept(found delivery.Swept, err error) {
	m := t.metrics
	m.sweeps.WithLabelValues(resultOf(err)).Inc()
	if err == nil {
		m.lastSweep.Set(float64(t.now().Unix()))
	}
	m.sweepFound.WithLabelValues(sweptAbandoned).Add(float64(found.Abandoned))
	m.sweepFound.WithLabelValues(sweptRevived).Add(float64(found.Revived))
	m.sweepFound.WithLabelValues(sweptWoken).Add(float64(found.Woken))
	m.sweepFound.WithLabelValues(sweptParked).Add(float64(found.Parked))
}

// Notified is notify.Observer.
func (t *Telemetry) Notified(event, result string, took time.Duration) {
	t.metrics.notifications.WithLabelValues(event, result).Inc()
	t.metrics.notificationDuration.Observe(took.Seconds())
}
