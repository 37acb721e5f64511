package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TracingConfig says where spans go, and which. The names are those of OpenTelemetry's variables.
type TracingConfig struct {
	Endpoint    string            // URL of an OTLP receiver over HTTP, without /v1/traces
	Headers     map[string]string // with every export
	ServiceName string
	Version     string
	Instance    string  // of this process
	Sampler     string  // one of Samplers
	SamplerArg  float64 // of the samplers by ratio
}

// Samplers are the names that a TracingConfig takes, as OTEL_TRACES_SAMPLER has them.
func Samplers() []string {
	return []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}
}

func (c TracingConfig) sampler() (sdk.Sampler, error) {
	switch c.Sampler {
	case "always_on":
		return sdk.AlwaysSample(), nil
	case "always_off":
		return sdk.NeverSample(), nil
	case "traceidratio":
		return sdk.TraceIDRatioBased(c.SamplerArg), nil
	case "parentbased_always_on":
		return sdk.ParentBased(sdk.AlwaysSample()), nil
	case "parentbased_always_off":
		return sdk.ParentBased(sdk.NeverSample()), nil
	case "parentbased_traceidratio":
		return sdk.ParentBased(sdk.TraceIDRatioBased(c.SamplerArg)), nil
	}
	return nil, fmt.Errorf("there is no sampler %q", c.Sampler)
}

const (
	exportWithin = 10 * time.Second
	mostLinks    = 1000 // a call carries no more rows
)

// Tracing makes spans and sends them off, in the background. Its Shutdown sends what is left.
type Tracing = sdk.TracerProvider

// NewTracing makes a Tracing. It connects when there is something to send; a receiver that does not answer costs spans, and nothing else.
func NewTracing(ctx context.Context, cfg TracingConfig, log zerolog.Logger) (*Tracing, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint+"/v1/traces"), otlptracehttp.WithHeaders(cfg.Headers),
		otlptracehttp.WithTimeout(exportWithin))
	if err != nil {
		return nil, errors.New("the exporter of traces could not be made") // its error may quote the headers
	}
	return newTracing(cfg, &telling{SpanExporter: exporter, log: log})
}

func newTracing(cfg TracingConfig, exporter sdk.SpanExporter) (*Tracing, error) {
	sampler, err := cfg.sampler()
	if err != nil {
		return nil, err
	}
	limits := sdk.NewSpanLimits()
	limits.LinkCountLimit = mostLinks
	about := resource.NewSchemaless(attribute.String("service.name", cfg.ServiceName), attribute.String("service.version", cfg.Version),
		attribute.String("service.instance.id", cfg.Instance))
	return sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithRawSpanLimits(limits), sdk.WithResource(about), sdk.WithBatcher(exporter)), nil
}

// telling has failures of an exporter in the service's own log, in place of OpenTelemetry's, which is one for the whole process.
type telling struct {
	sdk.SpanExporter
	log zerolog.Logger
}

// ExportSpans is sdk.SpanExporter.
func (t *telling) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := t.SpanExporter.ExportSpans(ctx, spans); err != nil {
		t.log.Warn().Str("event", "traces_lost").Int("spans", len(spans)).Err(err).Msg("spans could not be sent")
	}
	return nil
}

// remote is ctx below the span that a W3C traceparent names; ctx itself where it names none.
func remote(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// traceparentOf is how sc is named to others; empty where it is not valid.
func traceparentOf(sc trace.SpanContext) string {
	if !sc.IsValid() {
		return ""
	}
	return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + sc.TraceFlags().String()
}
