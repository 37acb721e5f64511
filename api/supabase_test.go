package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Broken by: the headers of CORS come after the search for the route.
// Broken by: sb-error-code is not exposed to the page.
func TestSupabase05_EveryAnswerIsReadableByABrowser(t *testing.T) {
	t.Parallel()
	good := `{"workspace_id":"` + workspace + `","source_event_id":"e","contact":{"email":"ada@example.com"}}`
	for name, c := range map[string]struct {
		method, path, body, key string
		do                      func(context.Context) error
		status                  int
		code                    ErrorCode
	}{
		"success":       {"POST", "/sync", good, secretKey, nil, 202, ""},
		"401":           {"POST", "/sync", good, "", nil, 401, CodeNoAuthHeader},
		"404":           {"POST", "/nope", good, secretKey, nil, 404, CodeNotFound},
		"405":           {"GET", "/sync", "", secretKey, nil, 405, CodeMethodNotAllowed},
		"413":           {"POST", "/sync", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, secretKey, nil, 413, CodeRequestTooLarge},
		"429":           {"POST", "/sync", good, secretKey, func(context.Context) error { return &Error{Code: CodeRateLimited} }, 429, CodeRateLimited},
		"500":           {"POST", "/sync", good, secretKey, func(context.Context) error { return context.Canceled }, 500, CodeInternal},
		"a panic":       {"POST", "/sync", good, secretKey, func(context.Context) error { panic("zanzibar") }, 500, CodeInternal},
		"504":           {"POST", "/sync", good, secretKey, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 504, CodeTimeout},
		"escaped slash": {"POST", "/sync%2fhubspot", good, secretKey, nil, 404, CodeNotFound},
		"a callback":    {"GET", "/hubspot-oauth-callback", "", "", func(context.Context) error { return &Error{Code: CodeOAuthStateInvalid} }, 400, CodeOAuthStateInvalid},
		"health":        {"GET", "/health", "", "", nil, 200, ""},
	} {
		for _, origins := range [][]string{nil, {"https://app.example.com"}} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, func(cfg *Config) { cfg.Origins, cfg.RequestTimeout = origins, 50*time.Millisecond })
				b.stub.do = c.do
				w := b.send(c.method, "/functions/v1"+c.path, c.body, "apikey", c.key, "Origin", "https://app.example.com")
				h := w.Header()
				want := map[bool]string{true: "*", false: "https://app.example.com"}[origins == nil]
				if w.Code != c.status || h.Get("sb-error-code") != string(c.code) {
					t.Errorf("got %d %s, want %d %s", w.Code, h.Get("sb-error-code"), c.status, c.code)
				}
				if h.Get("Access-Control-Allow-Origin") != want || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "sb-error-code") ||
					(origins != nil) != (h.Get("Vary") == "Origin") || h.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("headers %v", h)
				}
				if c.status == http.StatusGatewayTimeout && CodeTimeout != "IDLE_TIMEOUT" {
					t.Errorf("the code is %s", CodeTimeout)
				}
			})
		}
	}
}

func TestTheTableOfAccessKnowsEveryOperationOfTheContract(t *testing.T) {
	t.Parallel()
	v, err := NewValidator()
	if err != nil {
		t.Fatal(err)
	}
	rules := access()
	for path, item := range v.spec.Paths.Map() {
		for method, op := range item.Operations() {
			if len(op.Tags) > 0 && op.Tags[0] == "Health" {
				continue // answered before routing
			}
			rule, known := rules[op.OperationID]
			if !known {
				t.Errorf("%s %s (%s) is not in the table", method, path, op.OperationID)
			}
			if open := op.Security != nil && len(*op.Security) == 0; open != rule.open {
				t.Errorf("%s %s: open in the contract: %v, in the table: %v", method, path, open, rule.open)
			}
			delete(rules, op.OperationID)
		}
	}
	for name := range rules {
		t.Errorf("the table has %s, which the contract does not", name)
	}
}
