//go:build !production

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"crm-connectors/sim"

	"github.com/google/uuid"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// stage is the service as 'dev' runs it, with metrics, traces and its log at hand.
type stage struct {
	*local
	t      *testing.T
	client *client
	spans  *receiver
	said   transcript
}

// receiver is an OTLP receiver that keeps what it gets.
type receiver struct {
	mu       sync.Mutex
	spans    []*otlp.Span
	resource string
	raw      []byte // all that came
	url      string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var got collector.ExportTraceServiceRequest
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &got) != nil {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, body...)
	for _, rs := range got.ResourceSpans {
		r.resource = rs.Resource.String()
		for _, ss := range rs.ScopeSpans {
			r.spans = append(r.spans, ss.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (r *receiver) all() []*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*otlp.Span(nil), r.spans...)
}

func (r *receiver) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.raw)
}

// openStage starts it all, with a workspace that has connected both CRMs.
func openStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, spans: newReceiver(t)}
	database := onTestDatabase(t)
	getenv := func(name string) string {
		switch name {
		case "OTEL_EXPORTER_OTLP_ENDPOINT":
			return s.spans.url
		}
		return database(name)
	}
	l, err := startLocal(t.Context(), env{getenv: getenv, stdout: io.Discard, stderr: io.Discard},
		localOptions{autoConsent: true, logTo: &s.said, logFormat: "json", metrics: "127.0.0.1:0", progress: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	s.local = l
	t.Cleanup(s.end)
	s.client = newClient(l.serviceURL, l.key)
	s.connect(l.workspace)
	return s
}

// end stops it, after which all spans have arrived.
func (s *stage) end() {
	if s.local == nil {
		return
	}
	if err := s.local.close(); err != nil {
		s.t.Error(err)
	}
	s.local = nil
}

func (s *stage) connect(workspace uuid.UUID) {
	s.t.Helper()
	for _, crm := range demoCRMs() {
		if err := s.client.connect(s.t.Context(), crm, workspace); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stage) fault(f sim.Fault) {
	s.t.Helper()
	if err := s.hubspot.Core().Faults.Add(f); err != nil {
		s.t.Fatal(err)
	}
}

// sync hands an outcome in, with headers in pairs, and gives the ids of its writes.
func (s *stage) sync(path string, outcome map[string]any, headers ...string) []string {
	s.t.Helper()
	outcome["workspace_id"] = s.workspace
	raw, err := json.Marshal(outcome)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.serviceURL+"/functions/v1"+path, bytes.NewReader(raw))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("apikey", s.key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Writes []struct{ ID string } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode >= 300 {
		s.t.Fatalf("%s answered %d, %v", path, resp.StatusCode, err)
	}
	var ids []string
	for _, w := range answer.Writes {
		ids = append(ids, w.ID)
	}
	return ids
}

// until waits for so many writes to have that status.
func (s *stage) until(status string, n int) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var have int
		if err := s.service.pool.QueryRow(s.t.Context(), `select count(*) from crm_write_log where status = $1`, status).Scan(&have); err != nil {
			s.t.Fatal(err)
		}
		if have >= n {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("after a minute %d writes are %s, want %d; the end of the log:\n%s", have, status, n, tail(s.said.text()))
		}
	}
}

func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.service.pool.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

// scrape is what Prometheus would get, with figures of this moment.
func (s *stage) scrape() string {
	s.t.Helper()
	s.exec(`update crm_figures set due_at = now()`)
	status, body := s.get(s.metricsURL)
	if status != http.StatusOK {
		s.t.Fatalf("a scrape answered %d", status)
	}
	return body
}

func (s *stage) get(url string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
