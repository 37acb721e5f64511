//go:build !production

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

// value is that of the series of a scrape; its labels are in alphabetical order, as Prometheus writes them.
func value(t *testing.T, scrape, series string) float64 {
	t.Helper()
	for line := range strings.SplitSeq(scrape, "\n") {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			v, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// aLife is one of writes that go well, are lost on the way, refused, contradicted and repeated. It leaves a write in review.
func (s *stage) aLife() {
	s.t.Helper()
	s.sync("/sync", map[string]any{"source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com", "last_name": "Byron"},
		"task": map[string]any{"id": "t1", "subject": "Send the offer", "due_at": "2026-12-01T15:00:00Z"}, "rollup": map[string]any{"id": "r1", "week_start": "2026-11-16", "summary": "Price is settled."}})
	s.until("succeeded", 6)
	s.fault(sim.Fault{Method: http.MethodPost, Path: "^/crm/v3/objects/contacts$", Kind: sim.FaultStatusAfter, Status: http.StatusBadGateway})
	s.sync("/sync/hubspot", map[string]any{"source_event_id": "e2", "contact": map[string]any{"email": "grace@example.com"}})
	s.until("succeeded", 7)
	s.sync("/sync/hubspot", map[string]any{"source_event_id": "e3", "contact": map[string]any{"email": "nobody@example.invalid"}})
	s.until("failed", 1)
	s.hubspot.ExpireAccessTokens()
	s.sync("/sync/hubspot", map[string]any{"source_event_id": "e4", "contact": map[string]any{"email": "mary@example.com"}})
	s.until("succeeded", 8)
	var answer struct{}
	for path, body := range map[string]map[string]any{
		"/sync/hubspot":    {"workspace_id": s.workspace, "source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com", "last_name": "Lovelace"}},
		"/sync/salesforce": {"workspace_id": "0199b5a2-7c1e-7d30-8a55-3f0b9c1d2e4f", "source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com"}},
	} {
		if status, err := s.client.call(s.t.Context(), http.MethodPost, path, body, &answer); err != nil || status != http.StatusConflict {
			s.t.Fatalf("%s: %d, %v", path, status, err)
		}
	}
	s.exec(`do $$ begin -- at once, or the delivery takes it in between
		update crm_write_log set status = 'queued' where source_event_id = 'e3';
		update crm_write_log set status = 'needs_review' where source_event_id = 'e3';
		end $$`)
	if err := s.service.engine.Sweep(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

var personal = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-|@|example`)

func TestAScrapeAfterALifeOfWritesTellsWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	s.aLife()
	if status, _ := s.get(s.serviceURL + "/nothing/like/this"); status != http.StatusNotFound {
		t.Fatal(status)
	}
	scrape := s.eventually("no drain runs", `crm_drains_running{crm="hubspot"} 0`)
	for series, want := range map[string]float64{
		`crm_writes_settled_total{crm="hubspot",object="contact",outcome="created",status="succeeded"}`:    2, // ada and mary
		`crm_writes_settled_total{crm="hubspot",object="contact",outcome="found",status="succeeded"}`:      1,
		`crm_writes_settled_total{crm="hubspot",object="contact",outcome="",status="failed"}`:              1,
		`crm_writes_settled_total{crm="hubspot",object="task",outcome="",status="failed"}`:                 0,
		`crm_writes_settled_total{crm="hubspot",object="rollup",outcome="created",status="succeeded"}`:     1,
		`crm_writes_settled_total{crm="salesforce",object="contact",outcome="created",status="succeeded"}`: 1,
		`crm_attempts_total{crm="hubspot",kind="send",object="contact",result="in_doubt"}`:                 1,
		`crm_attempts_total{crm="hubspot",kind="find",object="contact",result="found"}`:                    1,
		`crm_attempts_total{crm="hubspot",kind="send",object="contact",result="rejected"}`:                 1,
		`crm_write_delay_seconds_count{crm="hubspot"}`:                                                     5,
		`crm_token_refreshes_total{crm="hubspot",result="ok"}`:                                             1,
		`crm_token_refreshes_total{crm="salesforce",result="ok"}`:                                          0,
		`crm_outcomes_total{result="accepted"}`:                                                            4,
		`crm_outcomes_total{result="conflict"}`:                                                            1,
		`crm_outcomes_total{result="not_connected"}`:                                                       1,
		`crm_accept_duration_seconds_count`:                                                                6,
		`crm_http_requests_total{caller="service",method="POST",route="/sync",status="202"}`:               1,
		`crm_http_requests_total{caller="service",method="POST",route="/sync/{target}",status="202"}`:      3,
		`crm_http_requests_total{caller="nobody",method="GET",route="none",status="404"}`:                  1,
		`crm_calls_total{crm="hubspot",operation="POST /crm/v3/objects/contacts",result="502"}`:            1,
		`crm_writes_open{crm="hubspot",status="needs_review"}`:                                             1,
		`crm_writes_open{crm="hubspot",status="queued"}`:                                                   0,
		`crm_connections{crm="salesforce",health="writing"}`:                                               1,
		`crm_connections_silent{crm="hubspot"}`:                                                            0,
		`crm_ready`:                                                                                        1,
		`crm_db_pool_max_connections`:                                                                      20,
		`crm_drains_running{crm="hubspot"}`:                                                                0,
		`crm_sweep_found_total{what="abandoned_writes"}`:                                                   0,
	} {
		if got := value(t, scrape, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	// Least, for one drain may find the work of several.
	for series, least := range map[string]float64{`crm_drains_total{crm="hubspot",result="ok"}`: 1, `crm_sweeps_total{result="ok"}`: 1, `crm_jobs_worked_total{kind="crm.drain",result="ok"}`: 2,
		`crm_call_duration_seconds_count{crm="salesforce",effect="once"}`: 1, `go_goroutines`: 5, `process_open_fds`: 3} {
		if got := value(t, scrape, series); got < least {
			t.Errorf("%s is %v, want %v or more", series, got, least)
		}
	}
	if left := value(t, scrape, `crm_budget_left_ratio{crm="salesforce",limit="daily"}`); left <= .9 || left > 1 {
		t.Errorf("of Salesforce's day %v is left:\n%s", left, scrape)
	}
	for line := range strings.SplitSeq(scrape, "\n") {
		if personal.MatchString(line) {
			t.Errorf("a figure is of somebody: %s", line)
		}
	}
	if status, _ := s.get(s.serviceURL + "/metrics"); status != http.StatusNotFound {
		t.Errorf("callers of the API get %d for /metrics, want 404: it has a port of its own", status)
	}
}

func TestWithoutADatabaseAScrapeSaysSoAndStillHasWhatTheProcessKnows(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	if got := value(t, s.scrape(), "crm_ready"); got != 1 {
		t.Errorf("crm_ready is %v, want 1", got)
	}
	s.exec(`alter table crm_figures rename to gone`)
	s.exec(`alter table crm_secrets rename to gone_too`)
	status, scrape := s.get(s.metricsURL)
	if got := value(t, scrape, "crm_ready"); status != http.StatusOK || got != 0 || strings.Contains(scrape, "crm_writes_open{") || value(t, scrape, `crm_outcomes_total{result="accepted"}`) != 0 {
		t.Errorf("status %d, crm_ready %v:\n%s", status, got, scrape)
	}
}

func TestAScrapeTellsOfConnectionsThatRestAreSilentOrAreLostAndOfWebhooks(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	s.hubspotSays(`{"subscriptionType":"contact.deletion","portalId":`+strconv.FormatInt(s.hubspot.HubID(), 10)+`,"objectId":1}`, `{"subscriptionType":"contact.creation"}`)
	faults := s.salesforce.Core().Faults
	if err := faults.Add(sim.Fault{Path: "^/services/data", Kind: sim.FaultCut, Times: -1}); err != nil {
		t.Fatal(err)
	}
	s.sync("/sync/salesforce", map[string]any{"source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com", "last_name": "Byron"}})
	s.eventually("Salesforce's account rests", `crm_connections_silent{crm="salesforce"} 1`)
	s.hubspot.ExpireAccessTokens()
	s.fault(sim.Fault{Method: http.MethodPost, Path: "^/oauth/", Kind: sim.FaultStatus, Status: http.StatusBadRequest, Times: -1, Headers: map[string]string{"Content-Type": "application/json"},
		Body: `{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"}`})
	s.sync("/sync/hubspot", map[string]any{"source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com"}})
	scrape := s.eventually("HubSpot's connection is lost", `crm_connections{crm="hubspot",health="error"} 1`)
	for series, want := range map[string]float64{
		`crm_webhook_events_total{crm="hubspot",kind="deleted"}`:                                      1,
		`crm_webhook_events_total{crm="hubspot",kind="ignored"}`:                                      1,
		`crm_http_requests_total{caller="hook",method="POST",route="/hubspot-webhooks",status="200"}`: 1,
		`crm_connections{crm="hubspot",health="writing"}`:                                             0,
		`crm_connections{crm="salesforce",health="paused"}`:                                           1,
		`crm_connection_pauses_total{code="crm_silent",crm="salesforce"}`:                             1,
		`crm_token_refreshes_total{crm="hubspot",result="needs_reconnect"}`:                           1,
		`crm_writes_open{crm="hubspot",status="blocked"}`:                                             1,
	} {
		if got := value(t, scrape, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	if got := regexp.MustCompile(`crm_connection_errors_total\{code="[a-z_]+",crm="hubspot"\} 1\n`).FindString(scrape); got == "" {
		t.Errorf("no connection is counted as lost:\n%s", scrape)
	}
}

// eventually scrapes until a line is there.
func (s *stage) eventually(what, line string) string {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		s.exec(`update crm_write_log set next_attempt_at = now() where status = 'queued' and next_attempt_at > now()`) // no test waits for a second try
		s.exec(`select river.crm_wake(id) from crm_connections where status = 'connected'`)
		scrape := s.scrape()
		if strings.Contains(scrape, "\n"+line+"\n") {
			return scrape
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("after a minute it is still not so that %s:\n%s", what, scrape)
		}
	}
}

// hubspotSays delivers events as HubSpot does.
func (s *stage) hubspotSays(events ...string) {
	s.t.Helper()
	address, body, at := s.serviceURL+"/functions/v1/hubspot-webhooks", "["+strings.Join(events, ",")+"]", strconv.FormatInt(time.Now().UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(simhubspot.DefaultClientSecret))
	_, _ = mac.Write([]byte("POST" + address + body + at))
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-HubSpot-Request-Timestamp", at)
	req.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("webhooks answered %d", resp.StatusCode)
	}
}
