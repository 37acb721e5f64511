package api

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// watcher is an Observer that keeps what it is told, and knows requests by a trace of its own.
type watcher struct {
	mu       sync.Mutex
	incoming []string
	answers  []Answer
	mine     []bool // whether Answered came with Routed's context
}

type watched struct{}

const (
	callers = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ours    = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
)

func (w *watcher) Routed(ctx context.Context, _, _, traceparent string) (context.Context, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.incoming = append(w.incoming, traceparent)
	return context.WithValue(ctx, watched{}, true), ours
}

func (w *watcher) Answered(ctx context.Context, a Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers, w.mine = append(w.answers, a), append(w.mine, ctx.Value(watched{}) != nil)
}

func TestAnObserverSeesEveryRequestByItsRouteAndNotByItsPath(t *testing.T) {
	t.Parallel()
	w := &watcher{}
	b := newBench(t, func(cfg *Config) { cfg.Observer = w })
	b.send("GET", "/functions/v1/writes/0199b5a2-7c1e-7d30-8a55-3f0b9c1d2e4f", "", "traceparent", callers)
	b.send("GET", "/functions/v1/nothing/here?code=secret", "", "traceparent", callers)
	b.send("GET", "/functions/v1/readyz", "")
	b.send("GET", "/writes", "", "apikey", "")
	for i, want := range []Answer{{Method: "GET", Route: "/writes/{id}", Caller: CallerService}, {Method: "GET", Status: 404, Code: CodeNotFound}, {Method: "GET", Route: "/readyz", Status: 200},
		{Method: "GET", Route: "/writes", Status: 401, Code: CodeNoAuthHeader}} {
		got := w.answers[i]
		if got.Method != want.Method || got.Route != want.Route || want.Status != 0 && got.Status != want.Status || got.Caller != want.Caller || want.Code != "" && got.Code != want.Code {
			t.Errorf("request %d: told %+v, want %+v", i, got, want)
		}
		if w.mine[i] != (i == 0 || i == 3) {
			t.Errorf("request %d: answered with the context of Routed: %t", i, w.mine[i])
		}
	}
	if len(w.incoming) != 2 || w.incoming[0] != callers || w.incoming[1] != "" {
		t.Errorf("trace contexts %q, want the caller's and none", w.incoming)
	}
	if first, _, _ := strings.Cut(b.log.String(), "\n"); !strings.Contains(first, `"trace_id":"0af7651916cd43dd8448eb211c80319c"`) {
		t.Errorf("the line of the request lacks its trace: %s", first)
	}
}

func TestATraceContextThatIsNotWellFormedIsNone(t *testing.T) {
	t.Parallel()
	for parent, want := range map[string]string{
		callers: callers,
		"":      "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": "",
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "", // a later version may be longer
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": "",
		callers + "-x":          "",
		strings.Repeat("0", 55): "",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-'; ": "",
	} {
		h := http.Header{}
		h.Set("traceparent", parent)
		if got := incoming(h); got != want {
			t.Errorf("%q became %q, want %q", parent, got, want)
		}
	}
}

func TestWithoutAnObserverTheCallersTraceContextGoesOn(t *testing.T) {
	t.Parallel()
	ctx, got := unwatched{}.Routed(t.Context(), "POST", "/sync", callers)
	if got != callers || ctx != t.Context() {
		t.Errorf("got %q", got)
	}
}

func TestReadyzAnswersWhyThisProcessTakesNoRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *Config) {
		cfg.Ready = func(context.Context) error { return &Error{Code: CodeNotReady, Message: "This process is stopping"} }
	})
	w := b.send("GET", "/readyz", "", "apikey", "")
	refused(t, w, http.StatusServiceUnavailable, CodeNotReady)
	if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "stopping") {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	if b.log.String() != "" {
		t.Errorf("nobody need look into this: %s", b.log)
	}
	if w := b.send("GET", "/healthz", "", "apikey", ""); w.Code != http.StatusOK {
		t.Errorf("/healthz: %d, want 200: nothing is mended by a restart", w.Code)
	}
}
