package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/handlers"

	"github.com/go-chi/chi/v5"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// token is the access token of a person with that app_metadata.
func token(t *testing.T, metadata map[string]any) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": uuid.NewString(), "email": "ada@example.com", "role": "authenticated",
		"user_metadata": map[string]any{"role": operatorRole}, "exp": time.Now().Add(time.Hour).Unix(), "app_metadata": metadata}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWhoIsNotSignedInIsAskedToAndThenComesToWhatTheyWanted(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.visitor()
	v.get("/console").shows(http.StatusOK, "Service key or access token")
	asked := v.get("/console/nowhere?x=1").shows(http.StatusOK, "Sign in").showsNot("Overview")
	if asked.at != "/console/sign-in" {
		t.Errorf("a page that does not exist leads to %s", asked.at)
	}
	if p := v.do(http.MethodGet, "/console/overview/live", nil, nil); p.status != http.StatusUnauthorized || p.body != "" {
		t.Errorf("what moves answers %d %q to nobody", p.status, p.body)
	}
	p := v.post("/console/sign-in", url.Values{"credential": {" " + operatorKey + " "}, "next": {"/console/overview/live"}})
	if p.shows(http.StatusOK, "Connections"); p.at != "/console/overview/live" {
		t.Errorf("signing in leads to %s", p.at)
	}
	v.get("/console").shows(http.StatusOK, "Overview", "Sign out", "default")
	v.get("/console/nowhere").shows(http.StatusNotFound, "There is no such page.")
	v.post("/console/sign-out", url.Values{}).shows(http.StatusOK, "Service key or access token")
	v.get("/console").shows(http.StatusOK, "Service key or access token")
}

func TestAPersonSignsInWithTheOperatorsRoleAndElseIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	d := open(t)
	for name, metadata := range map[string]map[string]any{"role": {"role": operatorRole}, "roles": {"roles": []string{"sales", operatorRole}}} {
		if p := d.visitor().signIn(token(t, metadata)); p.status != http.StatusOK || !strings.Contains(p.body, "ada@example.com") {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
	for name, metadata := range map[string]map[string]any{"no role": {}, "another": {"role": "admin"}, "another type": {"role": 1, "roles": operatorRole}} {
		p := d.visitor().signIn(token(t, metadata))
		if p.status != http.StatusForbidden || p.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
		p.shows(http.StatusForbidden, "not an operator", `set "role": "`+operatorRole+`" in your app_metadata`)
	}
}

func TestNothingElseThanAKeyOrATokenSignsIn(t *testing.T) {
	t.Parallel()
	d := open(t)
	expired, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": uuid.NewString(), "exp": time.Now().Add(-time.Hour).Unix(),
		"app_metadata": map[string]any{"role": operatorRole}}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	service, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	for name, credential := range map[string]string{"nothing": "", "another key": operatorKey + "x", "a publishable key": "sb_publishable_x", "an expired token": expired,
		"a token that no key of here is": service} {
		p := d.visitor().signIn(credential)
		if p.status != http.StatusUnauthorized || p.header.Get("Set-Cookie") != "" || !strings.Contains(p.body, `role="alert"`) {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
	}
}

func TestASessionEndsWithItsTimeItsKeyAndTheRoleThatItStandsOn(t *testing.T) {
	t.Parallel()
	d := open(t)
	byKey, byToken := d.operator(), d.visitor()
	byToken.signIn(token(t, map[string]any{"role": operatorRole})).shows(http.StatusOK, "Overview")
	signedIn := func(v *visitor) bool { return v.get("/console").at == "/console" }

	d.rekey("default", "another-key-of-that-name", "second", otherKey)
	if signedIn(byKey) || !signedIn(byToken) {
		t.Error("a key that was replaced still opens, or ends the session of somebody else")
	}
	d.rekey("second", otherKey)
	if signedIn(byKey) {
		t.Error("a key that was taken out still opens")
	}
	d.rekey("default", operatorKey, "second", otherKey)
	d.operators.Role = "another_role"
	if !signedIn(byKey) || signedIn(byToken) {
		t.Error("the role that a person stands on was changed, and the wrong sessions ended")
	}
	d.later(handlers.OperatorSession - time.Minute)
	if !signedIn(byKey) {
		t.Error("a session ended early")
	}
	d.later(handlers.OperatorSession + time.Second)
	if signedIn(byKey) {
		t.Error("a session outlived its time")
	}
}

func TestACookieThatNobodySealedOpensNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	elsewhere, err := d.keys.Seal(`{"key":"default","until":"2099-01-01T00:00:00Z"}`, "another place")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "x", elsewhere, strings.Repeat("A", 400)} {
		p := d.visitor().do(http.MethodGet, "/console", nil, http.Header{"Cookie": {"crm_console=" + value}})
		p.shows(http.StatusOK, "Service key or access token").showsNot("Overview")
	}
}

func TestABrowserThatDoesNotKeepTheSessionIsToldWhatHelps(t *testing.T) {
	t.Parallel()
	v := open(t).visitor()
	v.http.Jar = nil
	v.signIn(operatorKey).shows(http.StatusOK, "your browser has not kept the session", "Open the console over https")
}

func TestTheCookieOverTLSIsForThisHostAloneAndNotForScripts(t *testing.T) {
	t.Parallel()
	d := open(t, overTLS)
	v := d.visitor()
	v.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cookie := v.signIn(operatorKey).header.Get("Set-Cookie")
	for _, part := range []string{"__Host-crm_console=", "Path=/", "Max-Age=28800", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie %q lacks %s", cookie, part)
		}
	}
	if strings.Contains(cookie, "Domain") {
		t.Errorf("the cookie %q goes to other hosts", cookie)
	}
}

func TestWrongKeysWithoutEndAreNotJudged(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.visitor()
	for range 10 {
		v.signIn("wrong").shows(http.StatusUnauthorized)
	}
	v.signIn(operatorKey).shows(http.StatusTooManyRequests, "Wait a minute")
	d.later(time.Minute)
	v.signIn(operatorKey).shows(http.StatusOK, "Overview")
}

func TestAFormOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	for name, header := range map[string]http.Header{
		"another site":         {"Origin": {"https://evil.example.com"}, "Sec-Fetch-Site": {"cross-site"}},
		"a site beside":        {"Origin": {"http://other.localhost"}, "Sec-Fetch-Site": {"same-site"}},
		"an origin alone":      {"Origin": {"https://evil.example.com"}},
		"an origin of nothing": {"Origin": {"null"}},
	} {
		for _, path := range []string{"/console/sign-out", "/console/sign-in"} {
			if p := v.do(http.MethodPost, path, url.Values{"credential": {operatorKey}}, header); p.status != http.StatusForbidden || p.header.Get("Set-Cookie") != "" {
				t.Errorf("%s at %s: %d", name, path, p.status)
			}
		}
	}
	v.get("/console").shows(http.StatusOK, "Overview")
}

func TestSigningInLeadsNowhereOutsideTheConsole(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.visitor()
	for _, next := range []string{"https://evil.example.com/console/", "//evil.example.com/console/", "/console/../sync", "/functions/v1/health", `/\evil.example.com`, "/consolex", "/console/%0d"} {
		p := v.post("/console/sign-in", url.Values{"credential": {operatorKey}, "next": {next}})
		if want := "/console"; p.at != want && p.at != "/console/%0D" {
			t.Errorf("%q leads to %q", next, p.at)
		}
	}
}

func TestEveryAnswerForbidsFramesForeignContentAndKeeping(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	paths := []string{"/console/nowhere"}
	if err := chi.Walk(d.pages.(chi.Routes), func(_, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		paths = append(paths, strings.NewReplacer("{id}", uuid.NewString(), "{name}", "console.css").Replace(pattern))
		return nil
	}); err != nil || len(paths) < 10 {
		t.Fatalf("%d paths, %v", len(paths), err)
	}
	for _, path := range paths { // where a form is wanted, what says so
		h := v.get(path).header
		if policy := h.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
}
