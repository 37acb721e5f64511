package supabase_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
)

// functions are the names under which Supabase's clients call this service, with the method they use.
func functions() map[string]string {
	return map[string]string{"hubspot-oauth-start": "POST", "salesforce-oauth-start": "POST", "hubspot-oauth-callback": "GET", "salesforce-oauth-callback": "GET",
		"claim-install": "POST", "disconnect-crm": "POST", "crm-disconnect": "POST", "sync": "POST", "sync/hubspot": "POST", "sync/hubspot/batch": "POST", "sync/sweep": "POST",
		"connections": "GET", "apps": "GET", "writes": "GET", "overview": "GET", "health": "GET"}
}

// Broken by: a slash at the end of a path is kept.
// Broken by: the prefix /functions/v1 is not taken off.
func TestSupabase01_EveryFunctionAnswersWithAndWithoutThePrefix(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for name, method := range functions() {
		bodies := map[string]bool{}
		for _, path := range []string{"/" + name, "/" + name + "/", "/functions/v1/" + name, "/functions/v1/" + name + "/"} {
			r := s.asService(method, path+"?forceFunctionRegion=us-east-1&unheard=of", map[string]any{"nonsense": true}, "x-region", "us-east-1")
			if r.status == 404 || r.status == 405 || r.status >= 500 {
				t.Errorf("%s %s: %d %s", method, path, r.status, r.body)
			}
			body, _, _ := strings.Cut(r.body, `"request_id"`)
			bodies[body] = true
		}
		if len(bodies) != 1 {
			t.Errorf("%s answers in %d ways: %v", name, len(bodies), bodies)
		}
	}
	w := uuid.New()
	s.connectAs(w, "hubspot", "apikey", secretKey)
	for _, prefix := range []string{"", "/functions/v1"} {
		r := s.asService("POST", prefix+"/sync/hubspot/?dry_run=true&forceFunctionRegion=eu", outcome(w, "e1"))
		if r.status != 200 || r.json()["status"] != "dry_run" {
			t.Errorf("sub-path and query below %q: %d %s", prefix, r.status, r.body)
		}
	}
}

// Broken by: a wrong method is a path that does not exist.
// Broken by: a 405 has no header Allow.
func TestSupabase02_UnknownFunctionsAndWrongMethodsAreToldApart(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, path := range []string{"/functions/v1/no-such", "/no-such", "/", "/functions/v1", "/functions/v1/sync%2fhubspot", "/functions/v2/sync"} {
		s.refused(s.asService("POST", path, "{}"), 404, "NOT_FOUND")
	}
	for name, method := range functions() {
		wrong := map[string]string{"POST": "GET", "GET": "POST"}[method]
		r := s.asService(wrong, "/functions/v1/"+name, nil)
		s.refused(r, 405, "METHOD_NOT_ALLOWED")
		if r.json()["error"] != "Method not allowed" || !strings.Contains(r.header.Get("Allow"), method) || r.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s %s: %s %v", wrong, name, r.body, r.header)
		}
		for _, rare := range []string{"HEAD", "TRACE", "PROPFIND", "CONNECT"} {
			if r := s.asService(rare, "/functions/v1/"+name, nil); r.status >= 500 || r.status < 200 {
				t.Errorf("%s %s: %d %s", rare, name, r.status, r.body)
			}
		}
	}
}

// Broken by: the edge runtime's own probe is not known.
func TestSupabase03_HealthIsAnsweredWithoutCredentials(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for path, want := range map[string]string{"/_internal/health": `{"message":"ok"}`, "/functions/v1/health": `{"status":"ok"}`, "/health": `{"status":"ok"}`, "/readyz": `{"status":"ok"}`} {
		if r := s.send("GET", path, ""); r.status != 200 || strings.TrimSpace(r.body) != want || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

// Broken by: a preflight has to prove itself.
// Broken by: the header x-region, which the SDK sends, is not allowed.
func TestSupabase04_APreflightIsAnsweredForEveryFunction(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for name := range functions() {
		for _, prefix := range []string{"/", "/functions/v1/"} {
			r := s.send("OPTIONS", prefix+name, "", "Origin", appURL, "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "apikey,authorization,content-type,x-client-info")
			if r.status != 204 && r.status != 200 {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
			for header, want := range map[string]string{
				"Access-Control-Allow-Headers": "authorization x-client-info apikey content-type x-retry-count traceparent tracestate baggage x-region idempotency-key",
				"Access-Control-Allow-Methods": "GET POST PUT PATCH DELETE OPTIONS", "Access-Control-Allow-Origin": "*",
			} {
				has := strings.Split(strings.ReplaceAll(r.header.Get(header), " ", ""), ",")
				for _, word := range strings.Fields(want) {
					if !contains(has, word) {
						t.Errorf("%s: %s lacks %s: %v", name, header, word, has)
					}
				}
			}
		}
	}
}

func contains(list []string, word string) bool {
	for _, v := range list {
		if v == word {
			return true
		}
	}
	return false
}
