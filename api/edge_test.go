package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestARequestIDIsCarriedOnOrMade(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	trace := "4bf92f3577b34da6a3ce929d0e0e4736"
	made := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	cases := []struct {
		name    string
		headers []string
		want    string // empty: a fresh one
	}{
		{"none", nil, ""},
		{"sb", []string{"sb-request-id", "sb-1"}, "sb-1"},
		{"x", []string{"x-request-id", "x.1:2_3"}, "x.1:2_3"},
		{"sb before x", []string{"x-request-id", "x-1", "sb-request-id", "sb-1"}, "sb-1"},
		{"traceparent", []string{"traceparent", "00-" + trace + "-00f067aa0ba902b7-01"}, trace},
		{"traceparent broken", []string{"traceparent", "00-" + trace}, ""},
		{"a line break", []string{"sb-request-id", "a\r\nb"}, ""},
		{"markup", []string{"x-request-id", "<b>"}, ""},
		{"too long", []string{"x-request-id", strings.Repeat("a", 129)}, ""},
		{"broken sb, good x", []string{"sb-request-id", "a b", "x-request-id", "x-1"}, "x-1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := b.send("GET", "/health", "", c.headers...).Header()
			got := h.Get("sb-request-id")
			if got != h.Get("x-request-id") || (c.want != "" && got != c.want) || (c.want == "" && !made.MatchString(got)) {
				t.Errorf("got %q and %q, want %q", got, h.Get("x-request-id"), c.want)
			}
		})
	}
}

func TestBrowsersAreToldToStayWithTLSWhereTheyComeOverIt(t *testing.T) {
	t.Parallel()
	for hsts, want := range map[bool]string{true: "max-age=31536000", false: ""} {
		b := newBench(t, func(c *Config) { c.HSTS = hsts })
		for _, path := range []string{"/health", "/nope", "/sync"} {
			if got := b.send("GET", path, "").Header().Get("Strict-Transport-Security"); got != want {
				t.Errorf("HSTS %v, %s: %q, want %q", hsts, path, got, want)
			}
		}
	}
}

func TestNoAnswerOfAnyOperationIsKeptSniffedFramedOrPassedOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	asked := 0
	for path, item := range published(t).Paths.Map() {
		for method := range item.Operations() {
			for _, key := range []string{secretKey, ""} {
				h := b.send(method, strings.NewReplacer("{id}", workspace, "{target}", "hubspot", "{crm}", "hubspot").Replace(path), "", "apikey", key).Header()
				if asked++; h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" {
					t.Errorf("%s %s: %v", method, path, h)
				}
			}
		}
	}
	if asked < 60 {
		t.Errorf("%d answers were looked at", asked)
	}
}

func TestAPreflightIsAnsweredWithoutCredentials(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, path := range []string{"/functions/v1/sync", "/hubspot-oauth-start", "/health", "/nope"} {
		w := b.send("OPTIONS", path, "", "apikey", "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST")
		h := w.Header()
		if w.Code != http.StatusNoContent || w.Body.Len() != 0 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "" {
			t.Errorf("%s: got %d %v", path, w.Code, h)
		}
		for header, words := range map[string]string{
			"Access-Control-Allow-Headers":  "authorization x-client-info apikey content-type x-retry-count traceparent tracestate baggage x-region idempotency-key prefer",
			"Access-Control-Allow-Methods":  "GET POST PUT PATCH DELETE OPTIONS",
			"Access-Control-Expose-Headers": "sb-error-code sb-request-id x-request-id retry-after",
		} {
			has := strings.Split(h.Get(header), ", ")
			for _, word := range strings.Fields(words) {
				if !contains(has, word) {
					t.Errorf("%s lacks %s: %v", header, word, has)
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

func TestConfiguredOriginsAreEchoedAndOthersAreNot(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *Config) { cfg.Origins = []string{"https://app.example.com"} })
	for origin, want := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example.com": "",
		"https://app.example.com.evil.example": "", "": "", "null": ""} {
		h := b.send("GET", "/nope", "", "Origin", origin).Header()
		if got := h.Get("Access-Control-Allow-Origin"); got != want || h.Get("Vary") != "Origin" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%q: got %q, Vary %q", origin, got, h.Get("Vary"))
		}
	}
}

func TestKeysAreTakenAndRefusedAsTheGatewayDoes(t *testing.T) {
	t.Parallel()
	other := "sb_" + "secret_" + "other"
	anon := fakeJWT("HS256", "anon")
	conduit, legacy := Caller{Kind: CallerService, Name: "conduit"}, Caller{Kind: CallerService, Name: "service_role"}
	cases := []struct {
		name           string
		apikey, bearer string // bearer is the whole header Authorization
		want           Caller
		code           ErrorCode
	}{
		{"nothing", "", "", Caller{}, CodeNoAuthHeader},
		{"secret key", secretKey, "", conduit, ""},
		{"secret key twice, as older clients", secretKey, "Bearer " + secretKey, conduit, ""},
		{"secret key as bearer alone", "", "Bearer " + secretKey, conduit, ""},
		{"lower-case scheme", "", "bearer " + secretKey, conduit, ""},
		{"legacy key", serviceRole, "Bearer " + serviceRole, legacy, ""},
		{"legacy key as bearer alone", "", "Bearer " + serviceRole, legacy, ""},
		{"legacy key as apikey alone", serviceRole, "", legacy, ""},
		{"unknown secret key", other, "", Caller{}, CodeInvalidAPIKey},
		{"unknown secret key as bearer", "", "Bearer " + other, Caller{}, CodeInvalidAPIKey},
		{"part of a key", secretKey[:len(secretKey)-1], "", Caller{}, CodeInvalidAPIKey},
		{"publishable", publishableKey, "", Caller{}, CodeInvalidAPIKey},
		{"publishable twice", publishableKey, "Bearer " + publishableKey, Caller{}, CodeInvalidAPIKey},
		{"good key beside a publishable bearer", secretKey, "Bearer " + publishableKey, conduit, ""},
		{"anon alone", anon, "", Caller{}, CodeNoAuthHeader},
		{"anon twice", anon, "Bearer " + anon, Caller{}, CodeLegacyJWT},
		{"bad token beside a good key", secretKey, "Bearer " + anon, Caller{}, CodeLegacyJWT},
		{"ES256", publishableKey, "Bearer " + fakeJWT("ES256", "authenticated"), Caller{}, CodeAsymmetricJWT},
		{"RS256", "", "Bearer " + fakeJWT("RS256", "authenticated"), Caller{}, CodeAsymmetricJWT},
		{"none", "", "Bearer " + fakeJWT("none", "service_role"), Caller{}, CodeUnsupportedTokenAlgorithm},
		{"EdDSA", "", "Bearer " + fakeJWT("EdDSA", "service_role"), Caller{}, CodeUnsupportedTokenAlgorithm},
		{"PS256", "", "Bearer " + fakeJWT("PS256", "service_role"), Caller{}, CodeUnsupportedTokenAlgorithm},
		{"no scheme", secretKey, "abc", Caller{}, CodeInvalidJWTFormat},
		{"scheme alone", secretKey, "Bearer", Caller{}, CodeInvalidJWTFormat},
		{"two tokens", secretKey, "Bearer a b", Caller{}, CodeInvalidJWTFormat},
		{"basic", "", "Basic dTpw", Caller{}, CodeInvalidJWTFormat},
		{"garbage", "", "Bearer garbage", Caller{}, CodeInvalidJWTFormat},
		{"three parts of garbage", "", "Bearer a.b.c", Caller{}, CodeInvalidJWTFormat},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			w := b.send("GET", "/connections?workspace_id="+workspace, "", "apikey", c.apikey, "Authorization", c.bearer,
				"sb-api-key", serviceRole, "x-forwarded-for", "127.0.0.1")
			_, _, caller := b.stub.last()
			if caller.Kind != c.want.Kind || caller.Name != c.want.Name {
				t.Errorf("caller: got %+v, want %+v", caller, c.want)
			}
			if c.code != "" {
				refused(t, w, http.StatusUnauthorized, c.code)
			} else if w.Code != http.StatusOK {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestWithoutKeysNobodyIsLetIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *Config) {
		cfg.Auth = &Credentials{Keys: NewServiceKeys(map[string]string{"default": " "}, "")}
	})
	for _, key := range []string{"", " ", secretKey} {
		refused(t, b.send("GET", "/connections?workspace_id="+workspace, "", "apikey", key), http.StatusInternalServerError, CodeNotConfigured)
	}
	if w := b.send("GET", "/health", ""); w.Code != http.StatusOK {
		t.Errorf("health: got %d", w.Code)
	}
}

type nobody struct{}

func (nobody) Authenticate(*http.Request) (Caller, error) { return Caller{}, nil }

func TestAnAuthenticatorThatNamesNobodyLetsNobodyIn(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *Config) { cfg.Auth = nobody{} })
	refused(t, b.send("GET", "/connections?workspace_id="+workspace, ""), http.StatusUnauthorized, CodeNoAuthHeader)
}

func TestTwoAuthorizationHeadersAreRefused(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(context.Background(), "GET", "/", nil)
	r.Header["Authorization"] = []string{"Bearer " + secretKey, "Bearer x"}
	if _, err := (&Credentials{Keys: NewServiceKeys(map[string]string{"a": secretKey}, "")}).Authenticate(r); err == nil {
		t.Error("two headers were taken")
	}
}
