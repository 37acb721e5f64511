package simhubspot_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim/simhubspot"
)

const redirectURI = "http://localhost:9999/functions/v1/hubspot-oauth-callback"

func authorizeQuery() url.Values {
	return url.Values{
		"client_id": {simhubspot.DefaultClientID}, "redirect_uri": {redirectURI}, "state": {"st1"},
		"scope": {"oauth crm.objects.contacts.read"}, "optional_scope": {"crm.objects.owners.read"},
	}
}

// consent presses a button on the consent page and returns where the browser is sent.
func (p *portal) consent(q url.Values, decision string) *url.URL {
	p.t.Helper()
	q.Set("decision", decision)
	a := p.want(p.form("/oauth/authorize", q), http.StatusFound)
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil {
		p.t.Fatal(err)
	}
	return u
}

func exchangeForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "client_id": {simhubspot.DefaultClientID}, "client_secret": {simhubspot.DefaultClientSecret},
		"redirect_uri": {redirectURI}, "code": {code},
	}
}

func refreshForm(token string) url.Values {
	return url.Values{
		"grant_type": {"refresh_token"}, "client_id": {simhubspot.DefaultClientID}, "client_secret": {simhubspot.DefaultClientSecret}, "refresh_token": {token},
	}
}

func TestTheConsentPageLeadsToTokensThatWork(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v3", "2026-03", "2026-09"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := newPortal(t, simhubspot.Config{})
			p.token = ""
			page := p.want(p.get("/oauth/authorize?"+authorizeQuery().Encode()), http.StatusOK, `value="allow"`, `value="deny"`, "crm.objects.owners.read", `name="state" value="st1"`)
			if got := page.header.Get("Content-Type"); !strings.HasPrefix(got, "text/html") {
				t.Fatalf("content type: got %q, want text/html", got)
			}
			back := p.consent(authorizeQuery(), "allow")
			if got := back.Query().Get("state"); got != "st1" {
				t.Fatalf("state: got %q, want st1", got)
			}
			a := p.want(p.form("/oauth/"+version+"/token", exchangeForm(back.Query().Get("code"))), http.StatusOK, `"hub_id":4242001`, `"expires_in":1800`)
			if got := len(at(a.body, "scopes").([]any)); got != 3 {
				t.Fatalf("scopes: got %d, want the 2 asked and the optional one", got)
			}
			p.token, _ = at(a.body, "access_token").(string)
			p.want(p.get("/account-info/"+version+"/details"), http.StatusOK, `"portalId":4242001`)
		})
	}
}

func TestDenyingSendsAccessDeniedBack(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	q := p.consent(authorizeQuery(), "deny").Query()
	if q.Get("error") != "access_denied" || q.Get("state") != "st1" || q.Has("code") {
		t.Fatalf("callback: got %v, want access_denied with the state and no code", q)
	}
}

func TestAutoConsentRedirectsAtOnceAlsoForAPreselectedPortal(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{AutoConsent: true})
	a := p.want(p.get("/oauth/4242001/authorize?"+authorizeQuery().Encode()), http.StatusFound)
	if !strings.Contains(a.header.Get("Location"), "code=") {
		t.Fatalf("location: got %q, want a code", a.header.Get("Location"))
	}
	p.want(p.get("/oauth/1/authorize?"+authorizeQuery().Encode()), http.StatusBadRequest)
}

func TestABadAuthorizeRequestIsNeverRedirected(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{AutoConsent: true})
	for name, change := range map[string][2]string{
		"client":    {"client_id", "someone-else"},
		"redirect":  {"redirect_uri", "https://evil.example.com/cb"},
		"scheme":    {"redirect_uri", "javascript://localhost/"},
		"no scope":  {"scope", " "},
		"plain":     {"code_challenge", "abc"},
		"no target": {"redirect_uri", ""},
	} {
		q := authorizeQuery()
		q.Set(change[0], change[1])
		if a := p.get("/oauth/authorize?" + q.Encode()); a.status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, a.status)
		}
	}
	fixed := newPortal(t, simhubspot.Config{AutoConsent: true, RedirectURLs: []string{"https://crm.example.com/cb"}})
	fixed.want(fixed.get("/oauth/authorize?"+authorizeQuery().Encode()), http.StatusBadRequest)
}

func TestACodeIsGoodOnceAndForItsOwnRequest(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	for _, tc := range []struct {
		name, field, value, status, code string
		wait                             time.Duration
	}{
		{name: "wrong secret", field: "client_secret", value: "x", status: "BAD_CLIENT_SECRET", code: "invalid_client"},
		{name: "wrong client", field: "client_id", value: "x", status: "BAD_CLIENT_ID", code: "invalid_client"},
		{name: "unknown code", field: "code", value: "x", status: "BAD_AUTH_CODE", code: "invalid_grant"},
		{name: "other redirect", field: "redirect_uri", value: redirectURI + "/", status: "BAD_REDIRECT_URI", code: "invalid_request"},
		{name: "other grant", field: "grant_type", value: "password", status: "BAD_GRANT_TYPE", code: "unsupported_grant_type"},
		{name: "too late", field: "client_id", value: simhubspot.DefaultClientID, status: "BAD_AUTH_CODE", code: "invalid_grant", wait: time.Minute},
	} {
		f := exchangeForm(p.consent(authorizeQuery(), "allow").Query().Get("code"))
		f.Set(tc.field, tc.value)
		p.sim.Core().Clock.Advance(tc.wait)
		a := p.form("/oauth/2026-03/token", f)
		if a.status != http.StatusBadRequest || at(a.body, "status") != tc.status || at(a.body, "error") != tc.code {
			t.Errorf("%s: got %d %s, want 400 %s", tc.name, a.status, a.raw, tc.status)
		}
	}
	f := exchangeForm(p.consent(authorizeQuery(), "allow").Query().Get("code"))
	p.want(p.form("/oauth/2026-03/token", f), http.StatusOK)
	p.want(p.form("/oauth/2026-03/token", f), http.StatusBadRequest, "BAD_AUTH_CODE")
}

func TestPKCEIsVerifiedWhenAChallengeWasGiven(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	verifier := strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	q := authorizeQuery()
	q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
	q.Set("code_challenge_method", "S256")
	for _, tc := range []struct {
		verifier string
		status   int
	}{{verifier, http.StatusOK}, {"", http.StatusBadRequest}, {verifier + "x", http.StatusBadRequest}} {
		f := exchangeForm(p.consent(q, "allow").Query().Get("code"))
		f.Set("code_verifier", tc.verifier)
		if a := p.form("/oauth/v3/token", f); a.status != tc.status {
			t.Errorf("verifier of %d characters: got %d %s, want %d", len(tc.verifier), a.status, a.raw, tc.status)
		}
	}
}

func TestTheTokenEndpointTakesOnlyAFormBodyAndNoV1(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	f := refreshForm(p.refresh)
	p.want(p.form("/oauth/v1/token", f), http.StatusNotFound)
	p.want(p.form("/oauth/v3/token?"+f.Encode(), url.Values{}), http.StatusBadRequest, "BAD_CLIENT_ID")
	p.want(p.json(http.MethodPost, "/oauth/v3/token", `{}`), http.StatusUnsupportedMediaType)
}

func TestRefreshingKeepsOrRotatesTheRefreshToken(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	a := p.want(p.form("/oauth/2026-09/token", refreshForm(p.refresh)), http.StatusOK)
	if got := at(a.body, "refresh_token"); got != p.refresh {
		t.Fatalf("refresh token: got a new one, want the same")
	}
	p.sim.SetBehaviour(simhubspot.Behaviour{RotateRefreshTokens: true})
	a = p.want(p.form("/oauth/2026-09/token", refreshForm(p.refresh)), http.StatusOK)
	rotated, _ := at(a.body, "refresh_token").(string)
	if rotated == p.refresh {
		t.Fatal("refresh token: got the same, want a rotated one")
	}
	p.want(p.form("/oauth/2026-09/token", refreshForm(p.refresh)), http.StatusBadRequest, "BAD_REFRESH_TOKEN", "invalid_grant")
	p.want(p.form("/oauth/2026-09/token", refreshForm(rotated)), http.StatusOK)
	p.sim.SetBehaviour(simhubspot.Behaviour{PortalDeleted: true})
	p.want(p.form("/oauth/2026-09/token", refreshForm(rotated)), http.StatusBadRequest, "BAD_HUB", "access_denied")
}

func TestRevokingEndsRefreshingButNotTheAccessToken(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	f := refreshForm(p.refresh)
	f.Set("token", p.refresh)
	p.want(p.form("/oauth/2026-03/token/introspect", f), http.StatusOK, `"active":true`, `"token_use":"refresh_token"`)
	p.want(p.form("/oauth/2026-03/token/revoke", f), http.StatusOK)
	p.want(p.form("/oauth/2026-03/token", f), http.StatusBadRequest, "BAD_REFRESH_TOKEN")
	p.want(p.form("/oauth/2026-03/token/introspect", f), http.StatusOK, `{"active":false}`)
	p.want(p.get("/crm/v3/owners"), http.StatusOK)
	f.Set("token", p.token)
	p.want(p.form("/oauth/2026-03/token/introspect", f), http.StatusOK, `"hub_id":4242001`, `"token_use":"access_token"`)
}

func TestUninstallingEndsEverything(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.want(p.send(http.MethodDelete, "/appinstalls/2026-03/external-install", "", ""), http.StatusNoContent)
	p.want(p.get("/crm/v3/owners"), http.StatusUnauthorized, "INVALID_AUTHENTICATION")
	p.want(p.form("/oauth/2026-03/token", refreshForm(p.refresh)), http.StatusBadRequest, "BAD_REFRESH_TOKEN")
}

func TestAnAccessTokenExpiresAndSaysWhen(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	p.sim.Core().Clock.Advance(29 * time.Minute)
	p.want(p.get("/crm/v3/owners"), http.StatusOK)
	p.sim.Core().Clock.Advance(2 * time.Minute)
	a := p.want(p.get("/crm/v3/owners"), http.StatusUnauthorized, "EXPIRED_AUTHENTICATION", "second(s) ago", "expire time")
	if id, _ := at(a.body, "correlationId").(string); len(id) != 36 {
		t.Errorf("correlationId: got %q, want a UUID", id)
	}
	p.token = "unknown"
	p.want(p.get("/crm/v3/owners"), http.StatusUnauthorized, "INVALID_AUTHENTICATION")
	p.token = ""
	p.want(p.get("/crm/v3/owners"), http.StatusUnauthorized, "INVALID_AUTHENTICATION")
}

func TestACallWithoutTheScopeIsRefusedAndNamesIt(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{Behaviour: simhubspot.Behaviour{GrantedScopes: []string{"oauth", "crm.objects.contacts.read"}}})
	p.want(p.get("/crm/v3/objects/contacts/501"), http.StatusNotFound)
	for path, scope := range map[string]string{
		"/crm/v3/objects/deals/9001": "crm.objects.deals.read", "/crm/objects/2026-09/0-3/9001": "crm.objects.deals.read", "/crm/v3/owners": "crm.objects.owners.read",
	} {
		a := p.want(p.get(path), http.StatusForbidden, "MISSING_SCOPES")
		if got := at(a.body, "errors", 0, "context", "requiredGranularScopes", 0); got != scope {
			t.Errorf("%s: got %v, want %s", path, got, scope)
		}
	}
	p.want(p.json(http.MethodPost, contactsPath, `{"properties":{"email":"ada@example.com"}}`), http.StatusForbidden, "crm.objects.contacts.write")
	p.want(p.json(http.MethodPost, tasksPath, `{}`), http.StatusForbidden, "crm.objects.contacts.write")
	if got := len(p.log()); got != 0 {
		t.Errorf("operation log: got %d entries, want 0", got)
	}
}
