package telemetry

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"crm-connectors/connectors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Calls is next, watched: it belongs below whatever holds calls back, for its times are those of the CRM. No trace context is sent.
func (t *Telemetry) Calls(crm connectors.CRM, next connectors.Doer) connectors.Doer {
	return &calls{t: t, crm: string(crm), next: next}
}

type calls struct {
	t    *Telemetry
	crm  string
	next connectors.Doer
}

// Do is connectors.Doer.
func (c *calls) Do(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
	began := c.t.now()
	operation := c.t.metrics.operations.value(call.Method + " " + call.Route)
	var span trace.Span
	if c.t.tracer != nil {
		ctx, span = c.t.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("http.request.method", call.Method), attribute.String("url.template", call.Route),
			attribute.String("crm.system", c.crm), attribute.String("crm.effect", string(call.Effect))))
	}
	reply, err := c.next.Do(ctx, call)
	result := callResult(reply, err)
	c.t.metrics.calls.WithLabelValues(c.crm, operation, result).Inc()
	if result != callNotSent {
		c.t.metrics.callDuration.WithLabelValues(c.crm, string(call.Effect)).Observe(c.t.now().Sub(began).Seconds())
	}
	if span != nil {
		if reply.Status != 0 {
			span.SetAttributes(attribute.Int("http.response.status_code", reply.Status))
		}
		if err != nil || reply.Status >= http.StatusBadRequest {
			span.SetAttributes(attribute.String("error.type", result))
			span.SetStatus(codes.Error, result)
		}
		span.End()
	}
	return reply, err
}

const (
	callNotSent  = "not_sent"
	callNoAnswer = "no_answer"
)

// callResult is the status of an answer, or that there was none.
func callResult(reply connectors.Reply, err error) string {
	var lost *connectors.TransportError
	switch {
	case errors.As(err, &lost) && !lost.Sent:
		return callNotSent
	case err != nil:
		return callNoAnswer
	case reply.Status < 100 || reply.Status > 599:
		return otherValue
	}
	return strconv.Itoa(reply.Status)
}
