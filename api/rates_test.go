package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
)

const otherWorkspace = "6a0d3f2e-5b1c-4d8e-9f00-1a2b3c4d5e6a"

// rated is a router whose clock stands until it is moved.
func rated(t *testing.T, rates Rates) (b *bench, move func(time.Duration)) {
	t.Helper()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	b = newBench(t, func(c *Config) { c.Rates, c.Now = rates, func() time.Time { return now } })
	b.stub.do = func(context.Context) error { return &Error{Code: CodeWriteNotFound} }
	return b, func(by time.Duration) { now = now.Add(by) }
}

func TestThreat21_WhoCallsTooOftenIsToldWhenToComeAgainAndOthersAreServed(t *testing.T) {
	t.Parallel()
	b, move := rated(t, Rates{Service: 60, Workspace: 30, Address: 30})
	list := func(workspace string) string { return "/writes?workspace_id=" + workspace }
	for range 6 {
		if w := b.send("GET", list(workspace), ""); w.Code != http.StatusNotFound {
			t.Fatalf("within the rate: %d %s", w.Code, w.Body)
		}
	}
	w := b.send("GET", list(workspace), "")
	e := refused(t, w, http.StatusTooManyRequests, CodeRateLimited)
	if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 1 || after > 2 || e.Details["of"] != "workspace" {
		t.Errorf("Retry-After %q, details %v; want 2 seconds of a workspace", w.Header().Get("Retry-After"), e.Details)
	}
	if w := b.send("GET", list(otherWorkspace), ""); w.Code != http.StatusNotFound {
		t.Errorf("another workspace: %d %s", w.Code, w.Body)
	}
	move(2 * time.Second)
	if w := b.send("GET", list(workspace), ""); w.Code != http.StatusNotFound {
		t.Errorf("after the time that was named: %d %s", w.Code, w.Body)
	}
	codes := map[int]int{}
	for range 20 {
		codes[b.send("GET", list(uuid.NewString()), "").Code]++
	}
	if codes[http.StatusTooManyRequests] < 8 {
		t.Errorf("a key that calls for ever is answered %v", codes)
	}
}

func TestThreat21_WhoTriesKeysIsSlowedAndAGoodKeyBesideItIsNot(t *testing.T) {
	t.Parallel()
	b, _ := rated(t, Rates{Service: 6000, Address: 30})
	codes := map[int]int{}
	for i := range 20 {
		codes[b.send("GET", "/writes?workspace_id="+workspace, "", "apikey", fmt.Sprintf("sb_secret_guess%d", i)).Code]++
	}
	if codes[http.StatusUnauthorized] != 6 || codes[http.StatusTooManyRequests] != 14 {
		t.Errorf("20 guesses were answered %v, want 6 and then refusals", codes)
	}
	if w := b.send("GET", "/writes?workspace_id="+workspace, ""); w.Code != http.StatusNotFound {
		t.Errorf("a good key from the same address: %d %s", w.Code, w.Body)
	}
	if w := b.send("GET", "/hubspot-oauth-callback?code=c&state=s", "", "apikey", ""); w.Code != http.StatusTooManyRequests {
		t.Errorf("a page without credentials, from the same address: %d %s", w.Code, w.Body)
	}
}

func TestTheClientsAddressIsTheConnectionsOrWhatTheGatewaySays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ header, sent, remote, want string }{
		{"", "198.51.100.9", "203.0.113.5:4711", "203.0.113.5"},
		{"X-Forwarded-For", "198.51.100.9, 192.0.2.1", "203.0.113.5:4711", "192.0.2.1"},
		{"X-Forwarded-For", "", "203.0.113.5:4711", "203.0.113.5"},
		{"X-Forwarded-For", "[2001:db8:1:2:3::4]:99", "203.0.113.5:4711", "2001:db8:1:2::/64"},
		{"X-Forwarded-For", "nonsense", "203.0.113.5:4711", "unknown"},
		{"", "", "[::ffff:203.0.113.5]:4711", "203.0.113.5"},
	} {
		m, err := newMeter(Rates{AddressHeader: tc.header}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RemoteAddr = tc.remote
		if tc.sent != "" {
			r.Header.Set("X-Forwarded-For", tc.sent)
		}
		if got := m.clientAddress(r); got != tc.want {
			t.Errorf("%+v: got %q", tc, got)
		}
	}
}
