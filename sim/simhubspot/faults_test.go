package simhubspot_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestACutAnswerStillStoredAndLoggedTheContact(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.want(p.json(http.MethodPost, "/__sim/faults", `{"method":"POST","path":"/contacts$","kind":"cut_after"}`), http.StatusCreated)
	if _, err := p.try(context.Background(), http.MethodPost, contactsPath, "application/json", `{"properties":{"email":"ada@example.com"}}`); err == nil {
		t.Fatal("cut answer: got an answer, want an error")
	}
	if got := p.sim.Objects("contacts"); len(got) != 1 || len(p.log()) != 1 || p.log()[0].ID != got[0].ID {
		t.Fatalf("stored: got %d contacts and %d log entries, want the same one in both", len(got), len(p.log()))
	}
	p.want(p.json(http.MethodPost, contactsPath, `{"properties":{"email":"ada@example.com"}}`), http.StatusConflict)
}

func TestAFaultBeforeStoresNothing(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	for _, f := range []string{
		`{"kind":"status","status":423,"body":"{}"}`,
		`{"kind":"status","status":477,"headers":{"Retry-After":"3"}}`,
		`{"kind":"status","status":502,"headers":{"Content-Type":"text/html"},"body":"<html>bad gateway</html>"}`,
	} {
		p.want(p.json(http.MethodPost, "/__sim/faults", f), http.StatusCreated)
	}
	for _, want := range []int{423, 477, 502, 201} {
		if a := p.json(http.MethodPost, contactsPath, `{"properties":{"email":"ada@example.com"}}`); a.status != want || (want == 477 && a.header.Get("Retry-After") != "3") {
			t.Fatalf("answer: got %d %v, want %d", a.status, a.header, want)
		}
		if got := len(p.log()); want != 201 && got != 0 {
			t.Fatalf("operation log after %d: got %d entries, want 0", want, got)
		}
	}
}

func TestAHangingRequestEndsWithItsClient(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"hang", "hang_after"} {
		p := newPortal(t, simhubspot.Config{})
		p.want(p.json(http.MethodPost, "/__sim/faults", `{"path":"/contacts$","kind":"`+kind+`"}`), http.StatusCreated)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		_, err := p.try(ctx, http.MethodPost, contactsPath, "application/json", `{"properties":{"email":"ada@example.com"}}`)
		cancel()
		if err == nil {
			t.Fatalf("%s: got an answer, want a timeout", kind)
		}
		want := map[string]int{"hang": 0, "hang_after": 1}[kind]
		if got := len(p.log()); got != want {
			t.Errorf("%s: got %d log entries, want %d", kind, got, want)
		}
	}
}

func TestRateLimitsRefuseAndRecover(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{Behaviour: simhubspot.Behaviour{EnforceRateLimits: true}})
	searchOnce := func() answer { return p.json(http.MethodPost, contactsPath+"/search", `{}`) }
	for range 5 {
		p.want(searchOnce(), http.StatusOK)
	}
	a := p.want(searchOnce(), http.StatusTooManyRequests, `"policyName":"SECONDLY"`, `"errorType":"RATE_LIMIT"`)
	if a.header.Get("X-HubSpot-RateLimit-Max") != "" || a.header.Get("Retry-After") != "" {
		t.Fatalf("search 429: got headers %v, want no limits and no Retry-After", a.header)
	}
	first := p.want(p.get("/crm/v3/owners"), http.StatusOK)
	if got := first.header.Get("X-HubSpot-RateLimit-Remaining"); got != "109" {
		t.Fatalf("remaining: got %q, want 109: searches do not count", got)
	}
	for range 109 {
		p.want(p.get("/crm/v3/owners"), http.StatusOK)
	}
	p.sim.SetBehaviour(simhubspot.Behaviour{EnforceRateLimits: true, RetryAfterSeconds: 7})
	a = p.want(p.get("/crm/v3/owners"), http.StatusTooManyRequests, "TEN_SECONDLY_ROLLING")
	if got := a.header.Get("Retry-After"); got != "7" {
		t.Fatalf("Retry-After: got %q, want 7", got)
	}
	p.sim.Core().Clock.Advance(10 * time.Second)
	p.want(p.get("/crm/v3/owners"), http.StatusOK)
	p.want(searchOnce(), http.StatusOK)
}

func TestIDsContinueAfterARestartOnTheSameLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "oplog.ndjson")
	log, err := sim.OpenOpLog(path)
	if err != nil {
		t.Fatal(err)
	}
	p := newPortal(t, simhubspot.Config{Log: log})
	id := p.createContact("ada@example.com")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := sim.OpenOpLog(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	restarted := newPortal(t, simhubspot.Config{Log: again})
	if next := restarted.createContact("bob@example.com"); next == id {
		t.Fatalf("id after a restart: got %s again, want a new one", next)
	}
}

func TestParallelCreatesOfOneAddressMakeOneContact(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 20 {
		wg.Go(func() {
			a, err := p.try(context.Background(), http.MethodPost, contactsPath, "application/json", `{"properties":{"email":"ada@example.com"}}`)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && a.status == http.StatusCreated {
				created++
			}
		})
	}
	wg.Wait()
	if created != 1 || len(p.log()) != 1 {
		t.Fatalf("created: got %d answers and %d log entries, want 1 and 1", created, len(p.log()))
	}
}

func TestTheControlAPIDoesWhatTheMethodsDo(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.want(p.json(http.MethodPost, "/__sim/seed", `{"contacts":[{"email":"ada@example.com"},{"email":"bob@example.com","hs_object_id":"700"}],
		"labels":[{"from":"notes","to":"contacts","label":"Weekly"}],"owners":[{"id":"5","email":"cy@example.com"}],
		"properties":[{"object_type":"contacts","name":"tier","label":"Tier","groupName":"contactinformation","type":"string","fieldType":"text"}]}`),
		http.StatusCreated, `"contacts":["501","700"]`, `"labels":[31]`)
	p.want(p.json(http.MethodPost, "/__sim/seed", `{"contacts":[{"email":"ada@example.com"}]}`), http.StatusConflict, "Existing ID: 501")
	p.want(p.json(http.MethodPost, "/__sim/seed", `{"pigeons":[]}`), http.StatusBadRequest)
	p.want(p.json(http.MethodPatch, contactsPath+"/700", `{"properties":{"tier":"gold"}}`), http.StatusOK)
	p.want(p.get("/__sim/objects?type=contacts"), http.StatusOK, `"id":"700"`, `"tier":"gold"`)
	p.want(p.get("/__sim/objects?type=deals"), http.StatusOK, `"9001"`, `"9002"`, `"9003"`)
	p.want(p.get("/__sim/objects?type=pigeons"), http.StatusBadRequest)

	a := p.want(p.json(http.MethodPut, "/__sim/behaviour", `{"search_lag_ms":1500,"rotate_refresh_tokens":true,"token_lifetime_s":60}`), http.StatusOK)
	if b := p.sim.Behaviour(); b.SearchLag != 1500*time.Millisecond || !b.RotateRefreshTokens || b.TokenLifetime != time.Minute {
		t.Fatalf("behaviour: got %+v, want what was put: %s", b, a.raw)
	}
	var shown simhubspot.Behaviour
	if err := json.Unmarshal(p.get("/__sim/behaviour").raw, &shown); err != nil || shown.SearchLag != 1500*time.Millisecond {
		t.Fatalf("behaviour shown: got %+v (%v), want the same back", shown, err)
	}
	p.want(p.json(http.MethodPut, "/__sim/behaviour", `{"search_lag":1}`), http.StatusBadRequest)
	p.want(p.form("/oauth/2026-09/token", refreshForm(p.refresh)), http.StatusOK, `"expires_in":60`)

	p.want(p.json(http.MethodPost, "/__sim/merge", `{"primary":"501","other":"700"}`), http.StatusOK, `"id":"502"`)
	p.want(p.json(http.MethodPost, "/__sim/archive", `{"type":"contacts","id":"502"}`), http.StatusNoContent)
	p.want(p.json(http.MethodPost, "/__sim/archive", `{"type":"contacts","id":"502"}`), http.StatusNotFound)
	p.want(p.json(http.MethodPost, "/__sim/expire-tokens", ``), http.StatusNoContent)
	p.want(p.get("/crm/v3/owners"), http.StatusUnauthorized, "EXPIRED_AUTHENTICATION")
	p.want(p.json(http.MethodPost, "/__sim/revoke-grants", ``), http.StatusNoContent)
	p.want(p.get("/crm/v3/owners"), http.StatusUnauthorized, "INVALID_AUTHENTICATION")
	p.want(p.get("/__sim/oplog"), http.StatusOK, `"op":"update"`)
	if got := p.get("/"); got.status != http.StatusOK || !strings.Contains(string(got.raw), "Deal 9001") {
		t.Fatalf("home page: got %d, want a list with the deals", got.status)
	}
}
