package hubspot

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func verifier() connectors.Secret {
	return connectors.NewSecret("verifier-of-at-least-forty-three-characters")
}

// signIn follows the authorize URL as a browser would and gives the code of the callback.
func (b *bench) signIn() string {
	b.t.Helper()
	at, err := b.AuthorizeURL(b.account.App, "state-1", verifier())
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, at, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	back, err := resp.Location()
	if err != nil {
		b.t.Fatalf("sign-in answered %d: %v", resp.StatusCode, err)
	}
	if got := back.Query().Get("state"); got != "state-1" {
		b.t.Errorf("state: got %q", got)
	}
	return back.Query().Get("code")
}

func TestTheAuthorizeURLHasWhatHubSpotAsksFor(t *testing.T) {
	t.Parallel()
	c, err := New(Config{HTTP: newClient(t)})
	if err != nil {
		t.Fatal(err)
	}
	app := connectors.App{ClientID: "client", RedirectURL: "https://crm.example.com/callback?x=1"}
	got, err := c.AuthorizeURL(app, "a state+", verifier())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(got)
	if err != nil || !strings.HasPrefix(got, "https://app.hubspot.com/oauth/authorize?") || strings.Contains(got, "+") {
		t.Fatalf("url: got %s, %v", got, err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"client_id": "client", "redirect_uri": app.RedirectURL, "state": "a state+", "code_challenge_method": "S256",
		"scope":          "oauth crm.objects.contacts.read crm.objects.contacts.write crm.objects.deals.read",
		"optional_scope": "crm.objects.owners.read crm.schemas.contacts.write",
	} {
		if q.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, q.Get(name), want)
		}
	}
	if q.Get("code_challenge") == "" || strings.Contains(got, verifier().Reveal()) {
		t.Errorf("url: got %s, want the challenge and not the verifier", got)
	}
	app.LoginURL = "https://login.example.com/"
	if got, _ = c.AuthorizeURL(app, "s", connectors.Secret{}); !strings.HasPrefix(got, "https://login.example.com/oauth/authorize?") || strings.Contains(got, "code_challenge") {
		t.Errorf("url: got %s", got)
	}
}

func TestAnAppThatIsNotSetUpIsNamed(t *testing.T) {
	t.Parallel()
	c, err := New(Config{HTTP: newClient(t)})
	if err != nil {
		t.Fatal(err)
	}
	for want, app := range map[string]connectors.App{
		"ClientID":    {RedirectURL: "https://example.com/cb"},
		"RedirectURL": {ClientID: "c", RedirectURL: "/cb"},
		"LoginURL":    {ClientID: "c", RedirectURL: "https://example.com/cb", LoginURL: "login"},
	} {
		if _, err := c.AuthorizeURL(app, "s", connectors.Secret{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that names %s", err, want)
		}
	}
}

func TestACodeBecomesAGrantOnce(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			at := newClock()
			b := newBench(t, func(c *Config) { c.Version, c.Now = version, at.now })
			code := b.signIn()
			g, err := b.Exchange(t.Context(), b.account.App, code, verifier())
			if err != nil {
				t.Fatal(err)
			}
			if g.AccountID != "4242001" || g.UserID != "7001" || g.AccountName != "example.com" || len(g.Scopes) != 6 || g.RefreshToken.Empty() {
				t.Errorf("grant: got %+v", g)
			}
			if want := at.now().Add(30 * time.Minute); !g.ExpiresAt.Equal(want) {
				t.Errorf("expires: got %s, want %s", g.ExpiresAt, want)
			}
			b.account.AccessToken = g.AccessToken
			wantOK(t, b.deliver(taskWrite()), connectors.Created)
			_, err = b.Exchange(t.Context(), b.account.App, code, verifier())
			wantError(t, err, connectors.ClassRejected, "oauth_code_refused")
			if n := b.sim.Core().Calls.Snapshot()["POST /oauth/v1/token"]; n != 0 {
				t.Errorf("v1 was called %d times", n)
			}
		})
	}
}

func TestAWrongVerifierIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.Exchange(t.Context(), b.account.App, b.signIn(), connectors.NewSecret("another-verifier"))
	wantError(t, err, connectors.ClassRejected, "oauth_code_refused")
}

func TestAFailedIntrospectionCostsOnlyTheName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/introspect$", Kind: sim.FaultStatus, Status: 500, Times: -1})
	g, err := b.Exchange(t.Context(), b.account.App, b.signIn(), verifier())
	if err != nil || g.AccountID != "4242001" || g.AccountName != "" {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestTheAccountComesFromIntrospectionWhereTheTokenDoesNotSay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		who  string
		code string
	}{
		"active":   {`{"active":true,"hub_id":42,"user_id":"7","user":"admin@example.com","scopes":["oauth"]}`, ""},
		"inactive": {`{"active":false}`, "oauth_account_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, Config{}, func(w http.ResponseWriter, call string, _ int) {
				if strings.HasSuffix(call, "/introspect") {
					reply(w, 200, tc.who)
					return
				}
				reply(w, 200, `{"access_token":"a","refresh_token":"r","expires_in":0}`)
			})
			g, err := s.Exchange(t.Context(), connectors.App{}, "code", connectors.Secret{})
			if tc.code != "" {
				wantError(t, err, connectors.ClassInDoubt, tc.code)
				return
			}
			if err != nil || g.AccountID != "42" || g.UserID != "7" || g.AccountName != "admin@example.com" || !g.ExpiresAt.IsZero() || len(g.Scopes) != 1 {
				t.Errorf("got %+v, %v", g, err)
			}
		})
	}
}

func TestARefreshGivesANewAccessToken(t *testing.T) {
	t.Parallel()
	for _, rotate := range []bool{false, true} {
		b := newBench(t)
		b.sim.SetBehaviour(simhubspot.Behaviour{RotateRefreshTokens: rotate})
		b.sim.ExpireAccessTokens()
		g, err := b.Refresh(t.Context(), b.account)
		if err != nil || g.AccessToken.Empty() || g.AccessToken.Equal(b.account.AccessToken) || !g.RefreshToken.Equal(b.account.RefreshToken) != rotate {
			t.Fatalf("rotate %t: got %+v, %v", rotate, g, err)
		}
		b.account.AccessToken = g.AccessToken
		wantOK(t, b.deliver(taskWrite()), connectors.Created)
	}
}

func TestEveryRefusalOfATokenBecomesOneClass(t *testing.T) {
	t.Parallel()
	const code, refresh = "authorization_code", "refresh_token"
	body := func(oauthError, status string) string {
		return `{"error":"` + oauthError + `","status":"` + status + `","message":"m"}`
	}
	for _, tc := range []struct {
		name, grant string
		status      int
		body        string
		class       connectors.Class
		code        string
	}{
		{"revoked", refresh, 400, body("invalid_grant", "BAD_REFRESH_TOKEN"), connectors.ClassNeedsReconnect, "grant_revoked"},
		{"revoked, without HubSpot's code", refresh, 400, body("invalid_grant", ""), connectors.ClassNeedsReconnect, "grant_revoked"},
		{"revoked as 401", refresh, 401, body("", "BAD_REFRESH_TOKEN"), connectors.ClassNeedsReconnect, "grant_revoked"},
		{"portal deleted", refresh, 400, body("access_denied", "BAD_HUB"), connectors.ClassNeedsReconnect, "account_gone"},
		{"portal deleted at exchange", code, 400, body("access_denied", "BAD_HUB"), connectors.ClassRejected, "oauth_denied"},
		{"code used", code, 400, body("invalid_grant", "BAD_AUTH_CODE"), connectors.ClassRejected, "oauth_code_refused"},
		{"verifier wrong", code, 400, body("invalid_grant", "BAD_CODE_VERIFIER"), connectors.ClassRejected, "oauth_code_refused"},
		{"secret wrong", refresh, 400, body("invalid_client", "BAD_CLIENT_SECRET"), connectors.ClassMisconfigured, "oauth_client_refused"},
		{"secret wrong beside invalid_grant", refresh, 400, body("invalid_grant", "BAD_CLIENT_SECRET"), connectors.ClassMisconfigured, "oauth_client_refused"},
		{"client unknown", code, 401, body("unauthorized_client", ""), connectors.ClassMisconfigured, "oauth_client_refused"},
		{"redirect wrong", code, 400, body("invalid_request", "BAD_REDIRECT_URI"), connectors.ClassMisconfigured, "oauth_redirect_refused"},
		{"scopes wrong", code, 400, body("", "BAD_SCOPES"), connectors.ClassMisconfigured, "oauth_scopes_refused"},
		{"grant type wrong", refresh, 400, body("unsupported_grant_type", "BAD_GRANT_TYPE"), connectors.ClassMisconfigured, "oauth_request_refused"},
		{"unknown refusal", refresh, 400, body("new_one", "NEW_ONE"), connectors.ClassMisconfigured, "oauth_refused"},
		{"401 without a mark", refresh, 401, `{}`, connectors.ClassMisconfigured, "oauth_refused"},
		{"gateway page", refresh, 403, `<html>`, connectors.ClassRetry, "crm_forbidden"},
		{"limit", refresh, 429, ``, connectors.ClassRetry, "crm_rate_limited"},
		{"locked", refresh, 423, `{}`, connectors.ClassRetry, "record_locked"},
		{"migration", refresh, 477, `{}`, connectors.ClassRetry, "crm_migrating"},
		{"failed", refresh, 502, `<html>`, connectors.ClassRetry, "crm_unavailable"},
		{"redirect", refresh, 302, ``, connectors.ClassRetry, "crm_redirected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := classifyToken(connectors.Reply{Status: tc.status, Body: []byte(tc.body)}, tc.grant, time.Now())
			if wantError(t, e, tc.class, tc.code); e.Status != tc.status {
				t.Errorf("status: got %d, want %d", e.Status, tc.status)
			}
		})
	}
}

func TestATokenAnswerThatIsLostIsInDoubt(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]sim.Fault{
		"cut": {Kind: sim.FaultCutAfter}, "truncated": {Kind: sim.FaultTruncate},
		"no token": {Kind: sim.FaultStatusAfter, Status: 200, Body: `{}`}, "no JSON": {Kind: sim.FaultStatusAfter, Status: 200, Body: `<html>`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			f.Path = "/token$"
			b.fault(f)
			_, err := b.Refresh(t.Context(), b.account)
			wantError(t, err, connectors.ClassInDoubt, "oauth_answer_lost")
			b.wantCalls("POST /oauth/2026-03/token", 1)
		})
	}
}

func TestARefreshThatCannotBeSentIsTriedLater(t *testing.T) {
	t.Parallel()
	c, err := New(Config{APIURL: "http://127.0.0.1:1", HTTP: newClient(t)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Refresh(t.Context(), connectors.Account{RefreshToken: connectors.NewSecret("r")})
	wantError(t, err, connectors.ClassRetry, "crm_unreachable")
	_, err = c.Refresh(t.Context(), connectors.Account{})
	wantError(t, err, connectors.ClassNeedsReconnect, "refresh_token_missing")
}

func TestRevokeUninstallsAndIsDoneTwiceWithoutHarm(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 2 {
		if err := b.Revoke(t.Context(), b.account); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.Refresh(t.Context(), b.account)
	wantError(t, err, connectors.ClassNeedsReconnect, "grant_revoked")
	wantError(t, b.deliver(taskWrite()).Err, connectors.ClassNeedsAuth, "access_token_refused")
}

func TestRevokeRenewsATokenThatHasExpired(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{RotateRefreshTokens: true})
	b.sim.ExpireAccessTokens()
	if err := b.Revoke(t.Context(), b.account); err != nil {
		t.Fatal(err)
	}
	b.wantCalls("DELETE /appinstalls/v3/external-install", 2)
}

func TestRevokeTriesBothAndReportsTheFirstFailure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		uninstall, refresh, revoke int
		class                      connectors.Class
	}{
		"uninstall fails":    {500, 200, 200, connectors.ClassRetry},
		"revoke fails":       {204, 200, 503, connectors.ClassRetry},
		"both fail":          {403, 200, 503, connectors.ClassRejected},
		"refresh fails":      {401, 503, 200, connectors.ClassRetry},
		"still refused":      {401, 200, 200, connectors.ClassNeedsAuth},
		"nothing left":       {404, 200, 400, ""},
		"renewal is refused": {401, 400, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScripted(t, Config{}, func(w http.ResponseWriter, call string, _ int) {
				switch {
				case strings.HasPrefix(call, "DELETE"):
					reply(w, tc.uninstall, `{"category":"`+map[int]string{403: "FORBIDDEN"}[tc.uninstall]+`"}`)
				case strings.HasSuffix(call, "/revoke"):
					reply(w, tc.revoke, `{"error":"invalid_grant"}`)
				default:
					reply(w, tc.refresh, `{"access_token":"a2","refresh_token":"r2","expires_in":1800,"error":"invalid_grant"}`)
				}
			})
			s.account.RefreshToken = connectors.NewSecret("r")
			err := s.Revoke(t.Context(), s.account)
			if s.count("POST /oauth/2026-03/token/revoke") == 0 {
				t.Error("the refresh token was not revoked")
			}
			if tc.class == "" {
				if err != nil {
					t.Errorf("got %v, want success", err)
				}
				return
			}
			if err == nil || connectors.AsError(err).Class != tc.class {
				t.Errorf("got %v, want %s", err, tc.class)
			}
		})
	}
}

func TestNoErrorHoldsASecret(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.account.App.ClientSecret = connectors.NewSecret("wrong-and-secret")
	_, err := b.Refresh(t.Context(), b.account)
	e := wantError(t, err, connectors.ClassMisconfigured, "oauth_client_refused")
	for _, secret := range []connectors.Secret{b.account.App.ClientSecret, b.account.RefreshToken, b.account.AccessToken} {
		if text := e.Error() + e.Action; strings.Contains(text, secret.Reveal()) {
			t.Errorf("the error holds a secret: %s", text)
		}
	}
}

func TestRevokingASharedAccountLeavesTheAppInstalledForTheOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine := b.account
	mine.Shared = true
	b.connect(DefaultScopes()...) // another workspace connects the same portal
	if err := b.Revoke(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	_, err := b.Refresh(t.Context(), mine)
	wantError(t, err, connectors.ClassNeedsReconnect, "grant_revoked")
	if _, err := b.Refresh(t.Context(), b.account); err != nil {
		t.Errorf("the other workspace's grant ended too: %v", err)
	}
}
