package supabase_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Broken by: an outcome that waits is answered 200.
// Broken by: an accepted outcome has no job_id.
func TestSupabase16_SuccessIsJSONThatIsNotEmpty(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	r := s.asService("POST", "/functions/v1/sync", outcome(w, "e1"))
	if got := r.json(); r.status != 202 || got["status"] != "queued" || got["job_id"] == "" || got["job_id"] != got["sync_id"] {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, call := range [][2]string{{"GET", "/connections?workspace_id=" + w.String()}, {"GET", "/writes?workspace_id=" + w.String()}, {"GET", "/apps?workspace_id=" + w.String()},
		{"GET", "/sync/" + r.json()["sync_id"].(string)}, {"GET", "/health"}, {"POST", "/sync/sweep"}} {
		got := s.asService(call[0], call[1], nil)
		if got.status != 200 || got.header.Get("Content-Type") != "application/json" || len(got.json()) == 0 {
			t.Errorf("%s %s: %d %q %s", call[0], call[1], got.status, got.header.Get("Content-Type"), got.body)
		}
	}
}

// Broken by: a failure is application/problem+json.
// Broken by: a failure has nothing in its field error.
func TestSupabase17_EveryFailureIsOneJSONObject(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	w := uuid.NewString()
	for _, call := range [][3]string{{"GET", "/nope", ""}, {"GET", "/sync", ""}, {"POST", "/sync", "{"}, {"POST", "/sync", "[]"}, {"POST", "/sync", `{"a":1}`}, {"POST", "/sync", ""},
		{"POST", "/sync/pipedrive", "{}"}, {"POST", "/sync", encode(t, outcome(uuid.New(), "e"))}, {"GET", "/writes", ""}, {"GET", "/writes?workspace_id=1", ""},
		{"GET", "/writes/" + w, ""}, {"GET", "/sync/" + w, ""}, {"POST", "/disconnect-crm", `{"workspace_id":"` + w + `","crm":"hubspot"}`}, {"POST", "/disconnect-crm", "{}"},
		{"POST", "/hubspot-oauth-start", `{"workspace_id":"x"}`}, {"POST", "/claim-install", `{}`}, {"PUT", "/apps/hubspot", `{"x":1}`}} {
		for _, key := range []string{secretKey, "", publishableKey} {
			r := s.send(call[0], "/functions/v1"+call[1], call[2], "apikey", key)
			got := r.json()
			text := func(name string) bool { v, ok := got[name].(string); return ok && v != "" }
			if r.status < 400 || r.status > 599 || r.header.Get("Content-Type") != "application/json" || !text("error") || !text("code") || !text("message") ||
				!text("msg") || r.header.Get("x-relay-error") != "" || r.header.Get("sb-error-code") != got["code"] {
				t.Errorf("%s %s: %d %v %s", call[0], call[1], r.status, r.header, r.body)
			}
		}
	}
}

// Broken by: JSON under text/plain is refused.
// Broken by: an unknown field of an envelope is refused.
// Broken by: broken JSON is a fault of ours.
// Broken by: a body may be of any size.
func TestSupabase18_BodiesAreTakenAsTheClientsSendThem(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	body := encode(t, outcome(w, "e1"))
	jobs := map[any]bool{}
	for _, media := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON", "text/plain", "text/plain;charset=UTF-8"} {
		r := s.send("POST", "/sync", body, "apikey", secretKey, "Content-Type", media)
		if r.status != 202 {
			t.Errorf("%s: %d %s", media, r.status, r.body)
		}
		jobs[r.json()["job_id"]] = true
	}
	if len(jobs) != 1 {
		t.Errorf("one outcome made %d jobs", len(jobs))
	}
	if r := s.asService("POST", "/hubspot-oauth-start", `{"workspace_id":"`+w.String()+`","redirect_to":null,"unheard":{"of":[1]}}`); r.status != 200 {
		t.Errorf("a start with an unknown field: %d %s", r.status, r.body)
	}
	if r := s.asService("POST", "/disconnect-crm", `{"workspace_id":"`+w.String()+`","crm":"salesforce","unheard":1}`); r.status != 404 {
		t.Errorf("a disconnect with an unknown field: %d %s", r.status, r.body)
	}
	if r := s.asService("POST", "/sync", strings.Replace(body, `"task"`, `"raw_email":"x","task"`, 1)); r.status != 400 {
		t.Errorf("an outcome with an unknown field: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/sync", "/hubspot-oauth-start", "/claim-install", "/disconnect-crm"} {
		s.refused(s.asService("POST", path, ""), 400, "validation_failed")
		s.refused(s.asService("POST", path, `{"a":`), 400, "invalid_json")
		s.refused(s.asService("POST", path, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`), 413, "request_too_large")
	}
	s.refused(s.send("POST", "/sync", "a=b", "apikey", secretKey, "Content-Type", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")
}

// Broken by: the text of an error of the database is answered.
// Broken by: an id that came in is not carried on.
func TestSupabase19_AFaultOfOursSaysNothingAndIsFoundByItsRequestID(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	s.exec(`alter table crm_write_log rename to gone`)
	trace := "0af7651916cd43dd8448eb211c80319c"
	for header, c := range map[string]struct{ sent, want string }{
		"sb-request-id": {"0199b5a2-7c1e-7d30-8a55-3f0b9c1d2e4f", "0199b5a2-7c1e-7d30-8a55-3f0b9c1d2e4f"}, "x-request-id": {"from-a-gateway-7", "from-a-gateway-7"},
		"traceparent": {"00-" + trace + "-b7ad6b7169203331-01", trace}, "x-nothing": {"", ""},
	} {
		r := s.asService("GET", "/functions/v1/writes?workspace_id="+uuid.NewString(), nil, header, c.sent)
		s.refused(r, 500, "EDGE_FUNCTION_ERROR")
		id := r.header.Get("sb-request-id")
		if id == "" || c.want != "" && id != c.want || r.json()["request_id"] != id {
			t.Errorf("%s: the request is called %q: %s", header, id, r.body)
		}
		if regexp.MustCompile(`(?i)select|relation|crm_write_log|goroutine|\.go:|postgres|SQLSTATE`).MatchString(r.body) {
			t.Errorf("the answer tells what is beneath: %s", r.body)
		}
		s.eventually("the log tells what happened to "+id, func() bool {
			return regexp.MustCompile(`SQLSTATE 42P01.*"request_id":"` + regexp.QuoteMeta(id) + `"`).MatchString(s.log.text())
		})
	}
	one, two := s.send("GET", "/nope", ""), s.send("GET", "/nope", "")
	if one.header.Get("sb-request-id") == two.header.Get("sb-request-id") {
		t.Error("two requests have one id")
	}
}
