package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestEveryFailureHasTheOneEnvelope(t *testing.T) {
	t.Parallel()
	good := outcomeWith(`"contact":{"email":"ada@example.com"}`)
	fails := func(err error) func(*bench) {
		return func(b *bench) { b.stub.do = func(context.Context) error { return err } }
	}
	cases := []struct {
		name, method, target, body string
		headers                    []string
		set                        func(*bench)
		status                     int
		code                       ErrorCode
	}{
		{"empty body", "POST", "/sync", "", nil, nil, 400, CodeValidationFailed},
		{"blank body", "POST", "/sync", "  \n", nil, nil, 400, CodeValidationFailed},
		{"empty object, as cron sends", "POST", "/sync", "{}", nil, nil, 400, CodeValidationFailed},
		{"broken JSON", "POST", "/sync", `{"a":`, nil, nil, 400, CodeInvalidJSON},
		{"no key", "POST", "/sync", good, []string{"apikey", ""}, nil, 401, CodeNoAuthHeader},
		{"no key, unknown fields", "POST", "/sync", `{"x":1}`, []string{"apikey", ""}, nil, 401, CodeNoAuthHeader},
		{"forbidden", "POST", "/sync", good, nil, fails(&Error{Code: CodeForbidden}), 403, CodeForbidden},
		{"unknown function", "POST", "/functions/v1/nope", good, nil, nil, 404, CodeNotFound},
		{"the prefix alone", "GET", "/functions/v1", "", nil, nil, 404, CodeNotFound},
		{"no key, unknown function", "GET", "/nope", "", []string{"apikey", ""}, nil, 404, CodeNotFound},
		{"escaped slash", "POST", "/sync%2Fhubspot", good, nil, nil, 404, CodeNotFound},
		{"sub-path of a leaf", "POST", "/sync/hubspot/batch/more", good, nil, nil, 404, CodeNotFound},
		{"wrong method", "GET", "/sync", "", nil, nil, 405, CodeMethodNotAllowed},
		{"PUT", "PUT", "/hubspot-oauth-start/", good, nil, nil, 405, CodeMethodNotAllowed},
		{"HEAD", "HEAD", "/hubspot-oauth-callback", "", nil, nil, 405, CodeMethodNotAllowed},
		{"TRACE", "TRACE", "/sync", "", nil, nil, 405, CodeMethodNotAllowed},
		{"a method nobody knows", "BREW", "/sync", "", nil, nil, 405, CodeMethodNotAllowed},
		{"health by POST", "POST", "/health", "", nil, nil, 405, CodeMethodNotAllowed},
		{"conflict", "POST", "/sync", good, nil, fails(fmt.Errorf("sync: %w", &Error{Code: CodeIdempotencyConflict})), 409, CodeIdempotencyConflict},
		{"too large", "POST", "/sync", strings.Repeat("x", 1<<20+1), nil, nil, 413, CodeRequestTooLarge},
		{"a form", "POST", "/sync", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, nil, 415, CodeUnsupportedMediaType},
		{"multipart", "POST", "/sync", "--x--", []string{"Content-Type", "multipart/form-data; boundary=x"}, nil, 415, CodeUnsupportedMediaType},
		{"latin 1", "POST", "/sync", good, []string{"Content-Type", "application/json; charset=iso-8859-1"}, nil, 415, CodeUnsupportedMediaType},
		{"gzip", "POST", "/sync", good, []string{"Content-Encoding", "gzip"}, nil, 415, CodeUnsupportedMediaType},
		{"raw content", "POST", "/sync", good, nil, fails(&Error{Code: CodeRawContentRefused}), 422, CodeRawContentRefused},
		{"rate", "POST", "/sync", good, nil, fails(&Error{Code: CodeRateLimited, RetryAfter: 1500 * time.Millisecond}), 429, CodeRateLimited},
		{"an unforeseen error", "POST", "/sync", good, nil, fails(errors.New("pq: relation zanzibar does not exist")), 500, CodeInternal},
		{"a code that is none", "POST", "/sync", good, nil, fails(&Error{Code: "zanzibar", Message: "zanzibar"}), 500, CodeInternal},
		{"a panic", "POST", "/sync", good, nil, func(b *bench) { b.stub.do = func(context.Context) error { panic("zanzibar") } }, 500, CodeInternal},
		{"no database", "POST", "/sync", good, nil, fails(&Error{Code: CodeDatabaseUnavailable}), 503, CodeDatabaseUnavailable},
		{"details that cannot be encoded", "POST", "/sync", good, nil, fails(&Error{Code: CodeForbidden, Details: map[string]any{"f": func() {}}}), 500, CodeInternal},
		{"no answer", "POST", "/writes/" + workspace + "/retry", "", nil, nil, 500, CodeInternal},
		{"no CRM app", "POST", "/sync", good, nil, fails(&Error{Code: CodeCrmNotConfigured}), 501, CodeCrmNotConfigured},
		{"too slow", "POST", "/sync", good, nil, func(b *bench) {
			b.stub.do = func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("query: %w", ctx.Err()) }
		}, 504, CodeTimeout},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(cfg *Config) { cfg.RequestTimeout = 300 * time.Millisecond })
			if c.set != nil {
				c.set(b)
			}
			w := b.send(c.method, c.target, c.body, c.headers...)
			refused(t, w, c.status, c.code)
			if strings.Contains(w.Body.String(), secretText) || strings.Contains(w.Body.String(), ".go:") {
				t.Errorf("the response gives away the inside: %s", w.Body)
			}
			if allow := w.Header().Get("Allow"); (c.status == 405) != (allow != "") {
				t.Errorf("Allow: got %q", allow)
			}
			if wait := w.Header().Get("Retry-After"); (c.status == 429 || c.status == 503) != (wait != "") {
				t.Errorf("Retry-After: got %q", wait)
			}
		})
	}
}

func TestAnUnforeseenErrorIsInTheLogUnderItsRequestID(t *testing.T) {
	t.Parallel()
	for kind, fault := range map[string]func(){"string": func() { panic("zanzibar") }, "integer divide by zero": func() { zero := 0; _ = 1 / zero }} {
		b := newBench(t, nil)
		b.stub.do = func(context.Context) error { fault(); return nil }
		id := b.send("GET", "/connections?workspace_id="+workspace, "").Header().Get("sb-request-id")
		for _, want := range []string{kind, "router_test.go", `"request_id":"` + id + `"`} {
			if !strings.Contains(b.log.String(), want) {
				t.Errorf("the log lacks %s: %s", want, b.log)
			}
		}
		if strings.Contains(b.log.String(), "zanzibar") {
			t.Errorf("the log holds what the code panicked with: %s", b.log)
		}
	}
}

func TestBrokenJSONIsLocatedByItsByte(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for body, offset := range map[string]float64{`{"a":1,}`: 7, `{"a":`: 5, `{} x`: 3, "{\"a\":\"\xff\"}": 6, `zanzibar`: 0} {
		e := refused(t, b.send("POST", "/disconnect-crm", body), http.StatusBadRequest, CodeInvalidJSON)
		if e.Details["offset"] != offset {
			t.Errorf("%s: got %v, want %v", body, e.Details["offset"], offset)
		}
	}
}

func TestEveryPathAnswersWithAndWithoutPrefixAndSlash(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	paths := map[string]string{
		"GET /connections?workspace_id=" + workspace: "", "GET /writes?workspace_id=" + workspace: "",
		"GET /writes/" + workspace: "", "GET /sync/" + workspace: "",
		"POST /sync":                                    outcomeWith(`"contact":{"email":"a@example.com"}`),
		"POST /sync/salesforce":                         outcomeWith(`"contact":{"email":"a@example.com"}`),
		"POST /sync/hubspot/batch":                      `{"outcomes":[{}]}`,
		"POST /disconnect-crm":                          fmt.Sprintf(`{"workspace_id":%q,"crm":"hubspot"}`, workspace),
		"POST /crm-disconnect":                          fmt.Sprintf(`{"workspace_id":%q,"crm":"hubspot"}`, workspace),
		"POST /hubspot-oauth-start":                     fmt.Sprintf(`{"workspace_id":%q}`, workspace),
		"GET /salesforce-oauth-callback?code=c&state=s": "",
		"GET /health":                                   "", "GET /_internal/health": "", "GET /healthz": "", "GET /readyz": "",
	}
	for key, body := range paths {
		method, target, _ := strings.Cut(key, " ")
		path, query, _ := strings.Cut(target, "?")
		for _, form := range []string{path, path + "/", "/functions/v1" + path, "/functions/v1" + path + "/"} {
			if w := b.send(method, form+"?"+query, body); w.Code >= 400 {
				t.Errorf("%s %s: got %d %s", method, form, w.Code, w.Body)
			}
		}
	}
	refused(t, b.send("GET", "/functions/v1health", ""), http.StatusNotFound, CodeNotFound)
}

func TestHealthNeedsNoCredentialsAndLeavesNoLine(t *testing.T) {
	t.Parallel()
	down := errors.New("zanzibar is down")
	b := newBench(t, func(cfg *Config) { cfg.Ready = func(context.Context) error { return down } })
	for path, want := range map[string]string{"/health": `{"status":"ok"}`, "/functions/v1/health": `{"status":"ok"}`,
		"/healthz": `{"status":"ok"}`, "/_internal/health": `{"message":"ok"}`} {
		w := b.send("GET", path, "", "apikey", "")
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %d %s", path, w.Code, got)
		}
	}
	if b.log.String() != "" {
		t.Errorf("the log has %s", b.log)
	}
	w := b.send("GET", "/readyz", "", "apikey", "")
	refused(t, w, http.StatusServiceUnavailable, CodeDatabaseUnavailable)
	if strings.Contains(w.Body.String(), secretText) || !strings.Contains(b.log.String(), secretText) {
		t.Errorf("the reason belongs in the log alone: %s", w.Body)
	}
}

func TestACallbackNeedsNoCredentialsAndFailsInPlainText(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	target := "/functions/v1/hubspot-oauth-callback?code=c&state=s&forceFunctionRegion=x&error="
	w := b.send("GET", target, "", "apikey", "", "Authorization", "Basic nobody")
	h := w.Header()
	if w.Code != http.StatusFound || h.Get("Location") == "" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got %d %v", w.Code, h)
	}
	if _, params, caller := b.stub.last(); *params.(HubspotOAuthCallbackParams).Code != "c" || caller.Kind != "" {
		t.Errorf("got %+v by %+v", params, caller)
	}
	for _, code := range []ErrorCode{CodeOAuthStateInvalid, CodeOAuthCodeMissing} {
		b.stub.do = func(context.Context) error { return &Error{Code: code} }
		w := b.send("GET", "/salesforce-oauth-callback", "")
		if got, want := w.Body.String(), codes[code].message; w.Code != 400 || got != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("got %d %q %v, want %q", w.Code, got, w.Header(), want)
		}
		if got := w.Header().Get("sb-error-code"); got != string(code) {
			t.Errorf("sb-error-code: got %q, want %q", got, code)
		}
	}
	b.stub.do = func(context.Context) error { return errors.New("no database") }
	refused(t, b.send("GET", "/salesforce-oauth-callback", ""), http.StatusInternalServerError, CodeInternal)
	if strings.Contains(b.log.String(), "code=c") {
		t.Errorf("the log holds the query: %s", b.log)
	}
}

func TestJSONIsTakenUnderTheNamesThatClientsGiveIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, name := range []string{"application/json", "application/json; charset=utf-8", "text/plain;charset=UTF-8", "application/vnd.api+json", ""} {
		if w := b.send("POST", "/sync", outcomeWith(`"contact":{"email":"a@example.com"}`), "Content-Type", name); w.Code != http.StatusAccepted {
			t.Errorf("%q: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestABatchMayBeLargerThanASingleOutcome(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *Config) { cfg.MaxBody, cfg.MaxBatchBody = 100, 1000 })
	filler := func(n int) string { return `{"outcomes":["` + strings.Repeat("x", n) + `"]}` }
	if w := b.send("POST", "/sync/hubspot/batch", filler(500)); w.Code != http.StatusAccepted {
		t.Errorf("500 bytes: got %d %s", w.Code, w.Body)
	}
	e := refused(t, b.send("POST", "/sync/hubspot/batch", filler(1000)), http.StatusRequestEntityTooLarge, CodeRequestTooLarge)
	if e.Details["limit"] != 1000.0 {
		t.Errorf("limit: got %v", e.Details)
	}
	// A body whose length nobody declares is cut off all the same.
	r := httptest.NewRequestWithContext(context.Background(), "POST", "/sync", strings.NewReader(strings.Repeat(" ", 200)))
	r.ContentLength = -1
	r.Header.Set("apikey", secretKey)
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	refused(t, w, http.StatusRequestEntityTooLarge, CodeRequestTooLarge)
}

func TestTheServerLimitsSlowClients(t *testing.T) {
	t.Parallel()
	s := NewServer(":0", http.NotFoundHandler())
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", s)
	}
}

func TestWaitIsReadFromPrefer(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]time.Duration{"wait=10": 10 * time.Second, "respond-async, wait=5": 5 * time.Second, "Wait = 7 ; x=y": 7 * time.Second,
		"wait=900": time.Minute, `wait="3"`: 3 * time.Second, "wait=-1": 0, "wait": 0, "return=minimal": 0, "": 0, "wait=99999999999999": 0} {
		if got := Wait(&prefer); got != want {
			t.Errorf("%q: got %v, want %v", prefer, got, want)
		}
	}
	if got := Wait(nil); got != 0 {
		t.Errorf("nil: got %v", got)
	}
}

func TestARouterNeedsHandlerAndAuthenticator(t *testing.T) {
	t.Parallel()
	if _, err := NewRouter(Config{Handler: &stubHandler{}}); err == nil {
		t.Error("a router without an authenticator was made")
	}
}

func TestTheAccessLogHasOneLineARequest(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.send("GET", "/functions/v1/connections?workspace_id="+workspace, "", "x-request-id", "req-7")
	b.send("GET", "/nope?email=zanzibar", "")
	lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %d lines: %s", len(lines), b.log)
	}
	for i, want := range []map[string]any{
		{"level": "info", "method": "GET", "path": "/functions/v1/connections", "status": 200.0, "request_id": "req-7", "caller": "service:conduit", "operation": "ListConnections"},
		{"level": "warn", "path": "/nope", "status": 404.0, "error_code": "NOT_FOUND"},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("line %d, %s: got %v, want %v", i, key, got[key], value)
			}
		}
	}
	if strings.Contains(b.log.String(), secretText) {
		t.Errorf("the log holds a query: %s", b.log)
	}
}

func TestAClientWhoLeavesIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	b.stub.do = func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() }
	r := httptest.NewRequestWithContext(ctx, "GET", "/connections?workspace_id="+workspace, nil)
	r.Header.Set("apikey", secretKey)
	b.ServeHTTP(httptest.NewRecorder(), r)
	if log := b.log.String(); strings.Contains(log, `"level":"error"`) || !strings.Contains(log, `"client_gone":true`) {
		t.Errorf("got %s", log)
	}
}
