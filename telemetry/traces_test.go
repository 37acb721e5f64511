package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"

// traced is a Telemetry whose spans are kept, under a sampler of OpenTelemetry's names.
func traced(t *testing.T, sampler string) (*Telemetry, func() tracetest.SpanStubs) {
	t.Helper()
	kept := tracetest.NewInMemoryExporter()
	tracing, err := newTracing(TracingConfig{ServiceName: "crm-connectors", Sampler: sampler, SamplerArg: 1}, kept)
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Tracing: tracing, Log: zerolog.Nop()}), func() tracetest.SpanStubs {
		if err := tracing.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		return kept.GetSpans()
	}
}

func TestWhetherACallerIsTracedGoesOnWithItsOutcome(t *testing.T) {
	t.Parallel()
	for sampler, want := range map[string]map[string]int{ // how many spans, by the caller's flag
		"parentbased_always_on":    {"01": 1, "00": 0},
		"parentbased_traceidratio": {"01": 1, "00": 0},
		"always_on":                {"01": 1, "00": 1},
		"traceidratio":             {"01": 1, "00": 1},
		"parentbased_always_off":   {"01": 1, "00": 0},
		"always_off":               {"01": 0, "00": 0},
	} {
		for flag, spans := range want {
			tel, kept := traced(t, sampler)
			ctx, row := tel.Routed(t.Context(), "POST", "/sync", parent+flag)
			tel.Answered(ctx, api.Answer{Method: "POST", Route: "/sync", Status: 202})
			if !strings.HasPrefix(row, parent[:36]) || strings.Contains(row, "b7ad6b7169203331") || strings.HasSuffix(row, "-01") != (spans == 1) {
				t.Errorf("%s, flag %s: the row is kept under %s", sampler, flag, row)
			}
			if got := len(kept()); got != spans {
				t.Errorf("%s, flag %s: %d spans, want %d", sampler, flag, got, spans)
			}
		}
	}
	if _, err := newTracing(TracingConfig{Sampler: "sometimes"}, tracetest.NewNoopExporter()); err == nil {
		t.Error("a sampler that does not exist was taken")
	}
}

func TestWithoutTracesTheContextIsLeftAlone(t *testing.T) {
	t.Parallel()
	tel := New(Config{})
	ctx, kept := tel.Routed(t.Context(), "POST", "/sync", parent+"01")
	later, _ := tel.Attempting(ctx, "send", []store.Claimed{{Write: store.Write{ID: uuid.New(), Traceparent: kept}}})
	if kept != parent+"01" || ctx != t.Context() || later != ctx {
		t.Errorf("kept %q; the context was changed: %t, %t", kept, ctx != t.Context(), later != ctx)
	}
}

func TestASpanTellsThatAJobFailedAndNotInWhichWords(t *testing.T) {
	t.Parallel()
	tel, kept := traced(t, "always_on")
	worker := tel.Jobs().(rivertype.WorkerMiddleware)
	work := func(do func(context.Context) error) {
		defer func() { _ = recover() }()
		_ = worker.Work(t.Context(), &rivertype.JobRow{Kind: "crm.drain", Queue: "drain_hubspot"}, do)
	}
	work(func(context.Context) error { return nil })
	work(func(context.Context) error { return errors.New("ada@example.com") })
	work(func(context.Context) error { panic("ada@example.com") })
	var told []string
	for _, span := range kept() {
		told = append(told, span.Status.Description)
		if strings.Contains(fmt.Sprint(span), "ada@example.com") {
			t.Errorf("a span holds the words of an error: %v", span)
		}
	}
	if fmt.Sprint(told) != "[ failed panicked]" {
		t.Errorf("told %v", told)
	}
	for result, want := range map[string]float64{"ok": 1, "failed": 1, "panicked": 1} {
		if got := counted(t, tel, "crm_jobs_worked_total", result); got != want {
			t.Errorf("%s: %v jobs, want %v", result, got, want)
		}
	}
}

// counted is the counter of that name with a label of that value.
func counted(t *testing.T, tel *Telemetry, name, label string) float64 {
	t.Helper()
	families, err := tel.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if f.GetName() == name && l.GetValue() == label {
					return m.Counter.GetValue()
				}
			}
		}
	}
	return -1
}

// refusing is an exporter that gets nowhere.
type refusing struct{ sdk.SpanExporter }

func (refusing) ExportSpans(context.Context, []sdk.ReadOnlySpan) error {
	return errors.New("connection refused")
}

func TestSpansThatCannotBeSentAreALineOfTheLogAndNoMore(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	tracing, err := newTracing(TracingConfig{Sampler: "always_on"}, &telling{SpanExporter: refusing{tracetest.NewNoopExporter()}, log: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	tel := New(Config{Tracing: tracing})
	ctx, _ := tel.Routed(t.Context(), "POST", "/sync", "")
	tel.Answered(ctx, api.Answer{Method: "POST", Route: "/sync", Status: 202})
	if err := tracing.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), `"event":"traces_lost","spans":1`) {
		t.Errorf("the log has %s", log.String())
	}
}

func TestACRMIsSentNoTraceContext(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	crm := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header }))
	t.Cleanup(crm.Close)
	tel, kept := traced(t, "always_on")
	ctx, _ := tel.Routed(t.Context(), "POST", "/sync", parent+"01")
	_, err := tel.Calls(connectors.HubSpot, connectors.NewClient(nil, time.Now)).Do(ctx, connectors.Call{Method: http.MethodGet, URL: crm.URL + "/things?email=ada@example.com",
		Route: "/things", Effect: connectors.Read})
	if err != nil {
		t.Fatal(err)
	}
	sent := <-got
	for _, name := range []string{"Traceparent", "Tracestate", "Baggage"} {
		if sent.Get(name) != "" {
			t.Errorf("the CRM was sent %s: %s", name, sent.Get(name))
		}
	}
	spans := kept()
	if len(spans) != 1 || spans[0].Name != "GET /things" || strings.Contains(fmt.Sprint(spans[0]), "ada@example.com") {
		t.Errorf("spans %v, want the call by its route", spans)
	}
}
