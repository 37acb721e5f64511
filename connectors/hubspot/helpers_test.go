package hubspot

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simtest"
)

const email = "ada@example.com"

// bench is a simulated portal with a connector that is signed in to it.
type bench struct {
	*Connector
	t       *testing.T
	sim     *simhubspot.Sim
	url     string
	account connectors.Account
}

func newBench(t *testing.T, set ...func(*Config)) *bench {
	t.Helper()
	s := simhubspot.New(simhubspot.Config{Log: simtest.Log(t), AutoConsent: true})
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	cfg := Config{APIURL: srv.URL, AuthorizeURL: srv.URL, HTTP: newClient(t)}
	for _, f := range set {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Connector: c, t: t, sim: s, url: srv.URL}
	b.connect(append(DefaultScopes(), DefaultOptionalScopes()...)...)
	return b
}

func newClient(t *testing.T) *connectors.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return connectors.NewClient(transport, time.Now)
}

func (b *bench) connect(scopes ...string) {
	refresh, access := b.sim.Connect(scopes...)
	b.account = connectors.Account{
		App: connectors.App{ClientID: simhubspot.DefaultClientID, ClientSecret: connectors.NewSecret(simhubspot.DefaultClientSecret), RedirectURL: "http://localhost/callback"},
		ID:  strconv.FormatInt(b.sim.HubID(), 10), AccessToken: connectors.NewSecret(access), RefreshToken: connectors.NewSecret(refresh),
	}
}

func (b *bench) fault(f sim.Fault) {
	b.t.Helper()
	if err := b.sim.Core().Faults.Add(f); err != nil {
		b.t.Fatal(err)
	}
}

// deliver delivers one write.
func (b *bench) deliver(w connectors.Write) connectors.Result {
	b.t.Helper()
	results := b.Deliver(context.Background(), b.account, []connectors.Write{w})
	if len(results) != 1 {
		b.t.Fatalf("results: got %d, want 1", len(results))
	}
	return results[0]
}

// log is the operation log as "op object id" lines.
func (b *bench) log() []string {
	var out []string
	for _, e := range b.sim.Core().Log.Entries(0) {
		out = append(out, string(e.Op)+" "+e.Object+" "+e.ID)
	}
	return out
}

func (b *bench) wantLog(want ...string) {
	b.t.Helper()
	if got := b.log(); strings.Join(got, "; ") != strings.Join(want, "; ") {
		b.t.Errorf("operation log: got %q, want %q", got, want)
	}
}

func (b *bench) wantCalls(shape string, want int) {
	b.t.Helper()
	got := 0
	for call, n := range b.sim.Core().Calls.Snapshot() {
		if call == shape {
			got += n
		}
	}
	if got != want {
		b.t.Errorf("calls of %s: got %d, want %d; all: %v", shape, got, want, b.sim.Core().Calls.Snapshot())
	}
}

func wantOK(t *testing.T, r connectors.Result, outcome connectors.Outcome) {
	t.Helper()
	if r.Err != nil || r.Outcome != outcome || r.Ref.ID == "" {
		t.Fatalf("result: got %+v, error %v, want %s", r, r.Err, outcome)
	}
}

func wantError(t *testing.T, err error, class connectors.Class, code string) connectors.Error {
	t.Helper()
	e := connectors.AsError(err)
	if e == nil {
		t.Fatalf("error: got none, want %s %s", class, code)
	}
	if e.Class != class || e.Code != code {
		t.Fatalf("error: got %s %s (%s), want %s %s", e.Class, e.Code, e.Cause, class, code)
	}
	if e.Cause == "" || e.Action == "" {
		t.Errorf("error %s: cause %q and action %q must both say something", code, e.Cause, e.Action)
	}
	return *e
}

func noteCodes(r connectors.Result) string {
	var codes []string
	for _, n := range r.Notes {
		codes = append(codes, n.Code)
	}
	return strings.Join(codes, " ")
}

func contactWrite(c connectors.Contact) connectors.Write {
	return connectors.Write{ID: "c1", Key: "k-c1", Object: connectors.ObjectContact, Contact: &c}
}

func taskWrite(set ...func(*connectors.Write)) connectors.Write {
	w := connectors.Write{ID: "t1", Key: "k-t1", Object: connectors.ObjectTask, Task: &connectors.Task{
		ID: "task-1", Subject: "Send proposal", DueAt: time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC)}}
	for _, f := range set {
		f(&w)
	}
	return w
}

func rollupWrite(set ...func(*connectors.Write)) connectors.Write {
	w := connectors.Write{ID: "r1", Key: "k-r1", Object: connectors.ObjectRollup, Rollup: &connectors.Rollup{
		ID: "rollup-1", WeekStart: "2026-11-02", Summary: "Agreed on scope.\n\nNext: price & terms."}}
	for _, f := range set {
		f(&w)
	}
	return w
}

// scripted is a HubSpot that answers from a list of routes, and counts.
type scripted struct {
	*Connector
	account connectors.Account

	mu    sync.Mutex
	calls map[string]int
}

// newScripted makes a connector whose every call is answered by answer, which gets the method and path and how often
// that call came before.
func newScripted(t *testing.T, cfg Config, answer func(w http.ResponseWriter, call string, before int)) *scripted {
	t.Helper()
	s := &scripted{calls: map[string]int{}, account: connectors.Account{ID: "1", AccessToken: connectors.NewSecret("fake-access")}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + r.URL.Path
		s.mu.Lock()
		before := s.calls[call]
		s.calls[call]++
		s.mu.Unlock()
		answer(w, call, before)
	}))
	t.Cleanup(srv.Close)
	cfg.APIURL = srv.URL
	cfg.HTTP = newClient(t)
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Connector = c
	return s
}

func (s *scripted) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[call]
}

// reply answers with a status and a JSON body.
func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// doerFunc is a Doer that looks at each call before it passes it on.
type doerFunc func(context.Context, connectors.Call) (connectors.Reply, error)

func (f doerFunc) Do(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
	return f(ctx, call)
}

func doer(look func(connectors.Call), next connectors.Doer) connectors.Doer {
	return doerFunc(func(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
		look(call)
		return next.Do(ctx, call)
	})
}
