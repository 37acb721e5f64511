//go:build !production

package main

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
)

func named(spans []*otlp.Span, name string) []*otlp.Span {
	return slices.DeleteFunc(slices.Clone(spans), func(s *otlp.Span) bool { return s.Name != name })
}

// one is the span of that name in a trace.
func one(t *testing.T, spans []*otlp.Span, trace, name string) *otlp.Span {
	t.Helper()
	found := slices.DeleteFunc(named(spans, name), func(s *otlp.Span) bool { return hex.EncodeToString(s.TraceId) != trace })
	if len(found) != 1 {
		t.Fatalf("%d spans %q in trace %s, want one of:%s", len(found), name, trace, listed(spans))
	}
	return found[0]
}

func listed(spans []*otlp.Span) string {
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, "\n%x %x < %x %s", s.TraceId, s.SpanId, s.ParentSpanId, s.Name)
	}
	return b.String()
}

func linksTo(s *otlp.Span, to *otlp.Span) bool {
	return slices.ContainsFunc(s.Links, func(l *otlp.Span_Link) bool { return string(l.SpanId) == string(to.SpanId) })
}

func TestOneTraceLeadsFromTheRequestOverRiverToTheCRMAndBack(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	writes := s.sync("/sync/hubspot", map[string]any{"source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com", "last_name": "Byron"}},
		"traceparent", "00-"+trace+"-"+caller+"-01")
	s.until("succeeded", 1)
	pool := s.service.pool
	var kept string
	if err := pool.QueryRow(t.Context(), `select traceparent from crm_write_log where id = $1`, writes[0]).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	log := &s.said
	s.end()
	spans := s.spans.all()
	request := one(t, spans, trace, "POST /sync/{target}")
	if hex.EncodeToString(request.ParentSpanId) != caller || kept != "00-"+trace+"-"+hex.EncodeToString(request.SpanId)+"-01" {
		t.Errorf("the request's parent is %x, its row has %s", request.ParentSpanId, kept)
	}
	send := one(t, spans, trace, "send hubspot")
	attempt := one(t, spans, trace, "attempt send contact")
	call := one(t, spans, trace, "POST /crm/v3/objects/contacts")
	if string(send.ParentSpanId) != string(request.SpanId) || string(attempt.ParentSpanId) != string(send.SpanId) || string(call.ParentSpanId) != string(send.SpanId) {
		t.Errorf("the spans do not hang together:%s", listed(spans))
	}
	jobs := named(spans, "job crm.drain")
	if !slices.ContainsFunc(jobs, func(j *otlp.Span) bool { return linksTo(send, j) }) {
		t.Errorf("what was sent is linked to none of %d drains", len(jobs))
	}
	for _, line := range []string{`"event":"attempt"`, `"message":"request"`} {
		if !slices.ContainsFunc(strings.Split(log.text(), "\n"), func(l string) bool {
			return strings.Contains(l, line) && strings.Contains(l, `"trace_id":"`+trace+`"`)
		}) {
			t.Errorf("no line with %s has the trace's id", line)
		}
	}
	for _, span := range spans {
		said := span.Name
		for _, a := range span.Attributes {
			said += " " + a.Value.GetStringValue()
		}
		if strings.Contains(said, "example.com") || strings.Contains(said, "Byron") || strings.Contains(said, "?") {
			t.Errorf("a span has what is nobody's business: %s", said)
		}
	}
	if !strings.Contains(s.spans.resource, "crm-connectors") {
		t.Errorf("the spans are of %s", s.spans.resource)
	}
}

func TestACallWithRowsOfManyTracesIsLinkedToEachAndEachHasItsAttempt(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	s.exec(`update crm_connections set paused_until = now() + interval '1 hour'`)
	var traces []string
	for i := range 3 {
		traces = append(traces, fmt.Sprintf("%032x", 0xabc0+i))
		s.sync("/sync/hubspot", map[string]any{"source_event_id": fmt.Sprint("e", i), "contact": map[string]any{"email": fmt.Sprintf("c%d@example.com", i)}},
			"traceparent", "00-"+traces[i]+"-b7ad6b7169203331-01")
	}
	s.exec(`update crm_connections set paused_until = null`)
	s.exec(`select river.crm_wake(id) from crm_connections where crm = 'hubspot'`)
	s.until("succeeded", 3)
	s.end()
	spans := s.spans.all()
	shared := named(spans, "send hubspot")
	if len(shared) != 1 || slices.Contains(traces, hex.EncodeToString(shared[0].TraceId)) {
		t.Fatalf("want one span of a trace of its own for all three:%s", listed(spans))
	}
	for _, trace := range traces {
		if !linksTo(shared[0], one(t, spans, trace, "POST /sync/{target}")) || !linksTo(one(t, spans, trace, "attempt send contact"), shared[0]) {
			t.Errorf("trace %s is not linked both ways", trace)
		}
	}
}
