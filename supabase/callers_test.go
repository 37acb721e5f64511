package supabase_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const hookSecret = "a-webhook-secret-of-these-tests"

// Broken by: the envelope of a webhook is judged as an outcome.
// Broken by: a second delivery has keys of its own.
func TestSupabase27_ADatabaseWebhookIsTakenAndTakenOnce(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	carried := encode(t, outcome(w, "e1"))
	row := `{"id":9007199254740993,"price":12345678901234567890.123456789,"outcome":` + carried + `,"created_at":"2026-11-25T10:00:00+00:00"}`
	var jobs []any
	for range 2 { // as pg_net sends it: jsonb orders keys by their length
		began := time.Now()
		r := s.asService("POST", "/functions/v1/sync", `{"type":"INSERT","table":"outcomes","record":`+row+`,"schema":"public","user_id":null,"old_record":null,"later_key":1}`, "User-Agent", "pg_net/0.19.5")
		if took := time.Since(began); r.status != 202 || took > time.Second {
			t.Errorf("%d in %s: %s", r.status, took, r.body)
		}
		jobs = append(jobs, r.json()["job_id"])
	}
	if jobs[0] == nil || jobs[0] != jobs[1] || s.count(`select count(*) from crm_write_log where workspace_id = $1`, w) != 2 {
		t.Errorf("one delivery sent twice made the jobs %v", jobs)
	}
	if r := s.asService("POST", "/sync/hubspot", `{"type":"UPDATE","table":"outcomes","schema":"public","record":`+carried+`,"old_record":`+row+`}`); r.status != 202 || r.json()["job_id"] != jobs[0] {
		t.Errorf("a row that is an outcome: %d %s", r.status, r.body)
	}
	if r := s.asService("POST", "/sync", `{"type":"DELETE","table":"outcomes","schema":"public","record":null,"old_record":`+row+`}`); r.status != 200 || r.json()["status"] != "ignored" {
		t.Errorf("a deletion: %d %s", r.status, r.body)
	}
	s.refused(s.asService("POST", "/sync", `{"type":"TRUNCATE","table":"outcomes","schema":"public","record":null,"old_record":null}`), 400, "validation_failed")
}

// Broken by: a call of cron with an empty body is refused.
// Broken by: a wrong secret is passed over.
// Broken by: a webhook's secret opens everything.
func TestSupabase28_CronWakesTheServiceThroughPgNet(t *testing.T) {
	t.Parallel()
	s := start(t, options{env: []string{"WEBHOOK_SECRET=" + hookSecret + "|the-next-secret-of-these-tests"}})
	for _, prefix := range []string{"/functions/v1", ""} {
		for _, body := range []string{"", "{}", `{"time":"2026-11-25T10:00:00Z"}`, `{"time": "2026-11-25 10:00:00+00", "further": [1]}`} {
			for name, headers := range map[string][]string{"a key": {"apikey", secretKey}, "a secret": {"x-webhook-secret", hookSecret}, "the next secret": {"X-Webhook-Secret", "the-next-secret-of-these-tests"}} {
				if r := s.send("POST", prefix+"/sync/sweep", body, append(headers, "User-Agent", "pg_net/0.19.5")...); r.status != 200 || r.json()["status"] != "swept" || r.header.Get("Location") != "" {
					t.Errorf("%s with %q: %d %s", name, body, r.status, r.body)
				}
			}
		}
	}
	s.refused(s.send("POST", "/sync/sweep", "{}", "x-webhook-secret", hookSecret+"x"), 401, "webhook_refused")
	s.refused(s.send("POST", "/sync/sweep", "{}", "x_webhook_secret", hookSecret), 401, "UNAUTHORIZED_NO_AUTH_HEADER")
	s.refused(s.connections(uuid.New(), "x-webhook-secret", hookSecret), 403, "forbidden")
	s.refused(s.send("POST", "/disconnect-crm", `{"workspace_id":"`+uuid.NewString()+`","crm":"hubspot"}`, "x-webhook-secret", hookSecret), 403, "forbidden")
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	if r := s.send("POST", "/sync", encode(t, outcome(w, "e1")), "x-webhook-secret", hookSecret); r.status != 202 {
		t.Errorf("an outcome from a webhook: %d %s", r.status, r.body)
	}
	plain := start(t, options{})
	plain.refused(plain.send("POST", "/sync/sweep", "{}", "x-webhook-secret", hookSecret), 401, "UNAUTHORIZED_NO_AUTH_HEADER")
}

// Broken by: a signature is not compared with the body.
// Broken by: a signature is good for ever.
// Broken by: of several signatures the first alone is read.
func TestSupabase29_SignedWebhooksAreVerified(t *testing.T) {
	t.Parallel()
	secret := func(s string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(s)) }
	current, next, foreign := secret("a-signing-secret-of-these-tests-1"), secret("a-signing-secret-of-these-tests-2"), secret("a-signing-secret-of-somebody-else")
	s := start(t, options{env: []string{"WEBHOOK_SIGNING_SECRET=v1," + current + "|v1," + next}})
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	body := encode(t, outcome(w, "e1"))
	signature := func(secret string, at time.Time, body string) string {
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		text, err := hook.Sign("msg_1", at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	send := func(signatures string, at time.Time, body string) reply {
		return s.send("POST", "/sync", body, standardwebhooks.HeaderWebhookID, "msg_1", standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(at.Unix()),
			standardwebhooks.HeaderWebhookSignature, signatures)
	}
	now := time.Now()
	good := signature(current, now, body)
	for name, signatures := range map[string]string{"good": good, "the next secret": signature(next, now, body), "two by a space": signature(foreign, now, body) + " " + good,
		"two by a comma": good + ", " + signature(foreign, now, body), "two by a comma, the other first": signature(foreign, now, body) + ", " + good, "another version too": "v1a,xyz " + good} {
		if r := send(signatures, now, body); r.status != 202 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for _, off := range []time.Duration{-290 * time.Second, 290 * time.Second} {
		if r := send(signature(current, now.Add(off), body), now.Add(off), body); r.status != 202 {
			t.Errorf("%s off: %d %s", off, r.status, r.body)
		}
	}
	for _, off := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
		s.refused(send(signature(current, now.Add(off), body), now.Add(off), body), 401, "webhook_refused")
	}
	s.refused(send(good, now, strings.Replace(body, "Send the offer", "Send nothing", 1)), 401, "webhook_refused")
	s.refused(send(good, now.Add(time.Second), body), 401, "webhook_refused")
	s.refused(send(signature(foreign, now, body), now, body), 401, "webhook_refused")
	s.refused(send("v1,", now, body), 401, "webhook_refused")
	s.refused(s.send("POST", "/sync", body, standardwebhooks.HeaderWebhookSignature, good), 401, "webhook_refused")
	r := s.send("GET", "/writes?workspace_id="+w.String(), "", standardwebhooks.HeaderWebhookID, "msg_1", standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(now.Unix()),
		standardwebhooks.HeaderWebhookSignature, signature(current, now, ""))
	s.refused(r, http.StatusForbidden, "forbidden")
}

// Broken by: the header Idempotency-Key does not stand for a missing event.
// Broken by: a replay is appended again.
// Broken by: the parts of a key are joined as they are.
func TestSupabase30_AReplayGivesTheFirstResult(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	body := outcome(w, "x")
	delete(body, "source_event_id")
	first := s.asService("POST", "/sync/hubspot", body, "Idempotency-Key", "retry-1", "Prefer", "wait=20")
	again := s.asService("POST", "/sync/hubspot", body, "Idempotency-Key", "retry-1", "Prefer", "wait=20")
	named := outcome(w, "x")
	named["source_event_id"] = "retry-1"
	body3 := s.asService("POST", "/sync/hubspot", named, "Idempotency-Key", "another", "Prefer", "wait=20")
	if first.status != 200 || first.json()["job_id"] == nil || again.body != first.body || body3.body != first.body {
		t.Errorf("the same was answered in different ways:\n%d %s\n%d %s\n%d %s", first.status, first.body, again.status, again.body, body3.status, body3.body)
	}
	if n := s.count(`select count(*) from crm_write_log where workspace_id = $1`, w); n != 2 {
		t.Errorf("%d rows of one outcome, want 2", n)
	}
	if other := s.asService("POST", "/sync/hubspot", outcome(w, "y"), "Idempotency-Key", "retry-1"); other.status != 202 || other.json()["job_id"] == first.json()["job_id"] {
		t.Errorf("an outcome that names its event: %d %s", other.status, other.body)
	}
	changed := outcome(w, "x")
	delete(changed, "source_event_id")
	changed["task"].(map[string]any)["subject"] = "Send another offer"
	s.refused(s.asService("POST", "/sync/hubspot", changed, "Idempotency-Key", "retry-1"), 409, "idempotency_conflict")
	s.refused(s.asService("POST", "/sync/hubspot", body), 400, "validation_failed")
	for parts, want := range map[[6]string]string{
		{"w1", "hubspot", "thread", "t1", "sync", "event1"}:                                                                 "ed15c24f4b0f31440cf40339bdcb62b4b62e1f85a33c7868e06a9e03bd69c8ca",
		{"11111111-1111-1111-1111-111111111111", "hubspot", "thread", "22222222-2222-2222-2222-222222222222", "sync", "v1"}: "47f3d7fc630b509ab225f5de7fd51d3d3ef8d75fb2a9e29ab3a98835d0f3f033",
		{"w1", "deal_link", "t1", "d1", "link", "event1"}:                                                                   "581e71402429a46e8909bc8e4597f3538e9bfa388919531cd30ddda146453a07",
	} {
		if got := store.IdempotencyKey(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]); got != want {
			t.Errorf("%v: %s, want %s", parts, got, want)
		}
		if n := s.count(`select (build_crm_idempotency_key($1, $2, $3, $4, $5, $6) = $7)::int`, parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], want); n != 1 {
			t.Errorf("%v: the database has another key", parts)
		}
	}
	if store.IdempotencyKey("w1", "hubspot", "task", "a:b", "create", "e") == store.IdempotencyKey("w1", "hubspot", "task:a", "b", "create", "e") {
		t.Error("two objects have one key")
	}
}
