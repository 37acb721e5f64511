package telemetry

import (
	"context"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Jobs watches River's jobs. River's own middleware for OpenTelemetry would put the words of errors into spans, and trace the insertion of jobs,
// which here carry no trace.
func (t *Telemetry) Jobs() rivertype.Middleware { return &jobs{t: t} }

type jobs struct {
	river.MiddlewareDefaults
	t *Telemetry
}

// Work is rivertype.WorkerMiddleware.
func (j *jobs) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) (err error) {
	began := j.t.now()
	result := "panicked"
	var span trace.Span
	if j.t.tracer != nil {
		ctx, span = j.t.tracer.Start(ctx, "job "+job.Kind, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
			attribute.String("messaging.system", "river"), attribute.String("messaging.destination.name", job.Queue),
			attribute.Int64("messaging.message.id", job.ID), attribute.Int("crm.job_attempt", job.Attempt)))
	}
	defer func() {
		j.t.metrics.jobs.WithLabelValues(job.Kind, result).Inc()
		j.t.metrics.jobDuration.WithLabelValues(job.Kind).Observe(j.t.now().Sub(began).Seconds())
		if span == nil {
			return
		}
		if result != resultOK {
			span.SetStatus(codes.Error, result)
		}
		if err != nil {
			span.SetAttributes(attribute.String("error.type", errorType(err)))
		}
		span.End()
	}()
	err = work(ctx)
	result = resultOf(err)
	return err
}
