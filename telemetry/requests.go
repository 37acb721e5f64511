package telemetry

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/handlers"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Routed is api.Observer.
func (t *Telemetry) Routed(ctx context.Context, method, route, traceparent string) (context.Context, string) {
	if t.tracer == nil {
		return ctx, traceparent
	}
	ctx, span := t.tracer.Start(remote(ctx, traceparent), method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route)))
	return ctx, traceparentOf(span.SpanContext())
}

// Answered is api.Observer.
func (t *Telemetry) Answered(ctx context.Context, a api.Answer) {
	method := a.Method
	if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}, method) {
		method = otherValue
	}
	route := cmp.Or(a.Route, "none")
	t.metrics.requests.WithLabelValues(method, route, strconv.Itoa(a.Status), cmp.Or(string(a.Caller), "nobody")).Inc()
	t.metrics.requestDuration.WithLabelValues(method, route).Observe(a.Took.Seconds())
	if t.tracer == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(attribute.Int("http.response.status_code", a.Status), attribute.String("crm.caller", string(a.Caller)))
	if a.Code != "" {
		span.SetAttributes(attribute.String("error.type", string(a.Code)))
	}
	if a.Status >= http.StatusInternalServerError && !a.Gone {
		span.SetStatus(codes.Error, string(a.Code))
	}
	span.End()
}

// Accepted is handlers.Observer.
func (t *Telemetry) Accepted(took time.Duration, outcomes map[handlers.Acceptance]int) {
	t.metrics.acceptDuration.Observe(took.Seconds())
	for result, n := range outcomes {
		t.metrics.outcomes.WithLabelValues(string(result)).Add(float64(n))
	}
}

// HubSpotEvent is handlers.Observer.
func (t *Telemetry) HubSpotEvent(kind string) {
	t.metrics.webhookEvents.WithLabelValues(string(connectors.HubSpot), kind).Inc()
}
