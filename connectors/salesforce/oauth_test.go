package salesforce

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/connectors"
)

const tokenRoute = "POST /services/oauth2/token"

func tokenAnswer(change map[string]string) string {
	fields := map[string]string{"access_token": "new-access", "refresh_token": "new-refresh", "scope": "refresh_token api",
		"instance_url": "https://acme.my.salesforce.com", "id": "https://login.salesforce.com/id/00Dak00000OrG01/005ak00000UsR01",
		"token_type": "Bearer", "issued_at": "1795478400000"}
	for k, v := range change {
		fields[k] = v
	}
	var parts []string
	for k, v := range fields {
		if v != "-" {
			parts = append(parts, `"`+k+`":"`+v+`"`)
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func TestTheAuthorizeURLAsksForTheLeastWithPKCE(t *testing.T) {
	t.Parallel()
	c, _, account := newFake(t, nil)
	// Verifier and challenge are RFC 7636's own example.
	got, err := c.AuthorizeURL(account.App, "state+1", connectors.NewSecret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
	if err != nil {
		t.Fatalf("AuthorizeURL: %v", err)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if base := u.Scheme + "://" + u.Host + u.Path; base != "https://login.salesforce.com/services/oauth2/authorize" {
		t.Errorf("base = %s", base)
	}
	for k, want := range map[string]string{"response_type": "code", "client_id": "client", "scope": "api refresh_token", "state": "state+1",
		"redirect_uri": "https://app.example.com/callback", "code_challenge_method": "S256", "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"} {
		if v := u.Query().Get(k); v != want {
			t.Errorf("%s = %q, want %q", k, v, want)
		}
	}
	if strings.Contains(got, "+") || strings.Contains(got, "not-a-secret") || strings.Contains(got, "dBjftJeZ") {
		t.Errorf("%s holds a plus, the client secret or the verifier", got)
	}
}

func TestTheAuthorizeURLGoesToTheAppsOwnHostIfThatIsAllowed(t *testing.T) {
	t.Parallel()
	c, _, account := newFake(t, nil)
	account.App.LoginURL = "https://acme.my.salesforce.com"
	if got, err := c.AuthorizeURL(account.App, "s", connectors.NewSecret("v")); err != nil || !strings.HasPrefix(got, "https://acme.my.salesforce.com/services/") {
		t.Errorf("AuthorizeURL = %q, %v", got, err)
	}
	for _, change := range []func(*connectors.App){
		func(a *connectors.App) { a.LoginURL = "https://evil.example" },
		func(a *connectors.App) { a.ClientID = "" },
		func(a *connectors.App) { a.RedirectURL = "" },
	} {
		app := account.App
		change(&app)
		if got, err := c.AuthorizeURL(app, "s", connectors.NewSecret("v")); err == nil {
			t.Errorf("AuthorizeURL(%+v) = %q, want an error", app, got)
		}
	}
}

func TestExchangeGivesTheWholeGrant(t *testing.T) {
	t.Parallel()
	c, f, account := newFake(t, map[string][]answer{tokenRoute: {says(200, tokenAnswer(nil))}})
	g, err := c.Exchange(t.Context(), account.App, "aPrx%3D", connectors.NewSecret("the-verifier"))
	if err != nil {
		t.Fatalf("Exchange: %v", err)
	}
	if g.AccessToken.Reveal() != "new-access" || g.RefreshToken.Reveal() != "new-refresh" || !g.ExpiresAt.IsZero() || g.InstanceURL != fakeInstance ||
		g.AccountID != "00Dak00000OrG01EAF" || g.UserID != "005ak00000UsR01AAF" || strings.Join(g.Scopes, " ") != "refresh_token api" {
		t.Errorf("grant = %+v", g)
	}
	form := formOf(t, f.sent(tokenRoute)[0])
	for k, want := range map[string]string{"grant_type": "authorization_code", "code": "aPrx%3D", "code_verifier": "the-verifier",
		"client_id": "client", "client_secret": "not-a-secret", "redirect_uri": "https://app.example.com/callback"} {
		if form.Get(k) != want {
			t.Errorf("form %s = %q, want %q", k, form.Get(k), want)
		}
	}
	if call := f.calls[0]; call.URL != "https://login.salesforce.com/services/oauth2/token" || call.Effect != connectors.Once || call.Header.Get("Authorization") != "" {
		t.Errorf("call = %s %s", call.URL, call.Effect)
	}
}

func TestAnAnswerWithoutWhatAConnectionNeedsIsNotAGrant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		class connectors.Class
		code  string
	}{
		"no JSON":            {"<html>", inDoubt, "token_answer_unreadable"},
		"no access token":    {tokenAnswer(map[string]string{"access_token": "-"}), inDoubt, "token_answer_unreadable"},
		"no identity":        {tokenAnswer(map[string]string{"id": "-"}), inDoubt, "token_answer_unreadable"},
		"a strange identity": {tokenAnswer(map[string]string{"id": "https://login.salesforce.com/id/x/y"}), inDoubt, "token_answer_unreadable"},
		"no api scope":       {tokenAnswer(map[string]string{"scope": "refresh_token openid"}), reconnect, "scope_missing"},
		"no refresh token":   {tokenAnswer(map[string]string{"refresh_token": "-", "scope": "api"}), reconnect, "scope_missing"},
		"a foreign host":     {tokenAnswer(map[string]string{"instance_url": "https://evil.example"}), ours, "instance_url_refused"},
		"no host":            {tokenAnswer(map[string]string{"instance_url": "-"}), ours, "instance_url_refused"},
	} {
		conn, _, account := newFake(t, map[string][]answer{tokenRoute: {says(200, c.body)}})
		g, err := conn.Exchange(t.Context(), account.App, "code", connectors.NewSecret("v"))
		var e *connectors.Error
		if !errors.As(err, &e) || e.Class != c.class || e.Code != c.code || !g.AccessToken.Empty() {
			t.Errorf("%s: grant %+v, error %v; want %s %s", name, g, err, c.class, c.code)
		}
	}
}

func TestEveryTokenRefusalHasItsClass(t *testing.T) {
	t.Parallel()
	said := func(code, description string) string {
		return `{"error":"` + code + `","error_description":"` + description + `"}`
	}
	for _, c := range []struct {
		answer            answer
		exchange, refresh connectors.Class
	}{
		{says(400, said("invalid_grant", "expired access/refresh token")), reject, reconnect},
		{says(400, said("invalid_grant", "token request is already being processed")), retry, retry},
		{says(400, said("invalid_grant", "expired authorization code")), reject, retry},
		{says(400, said("invalid_grant", "authentication failure")), reject, reconnect},
		{says(400, said("invalid_grant", "ip restricted")), reconnect, reconnect},
		{says(400, said("invalid_grant", "user hasn't approved this consumer")), reconnect, reconnect},
		{says(400, said("inactive_user", "user is inactive")), reconnect, reconnect},
		{says(400, said("inactive_org", "organization is locked")), reconnect, reconnect},
		{says(400, said("OAUTH_APP_BLOCKED", "this app is blocked by admin")), reconnect, reconnect},
		{says(400, said("invalid_client", "app must be installed into org")), reconnect, reconnect},
		{says(401, said("invalid_client", "invalid client credentials")), ours, ours},
		{says(400, said("invalid_client_id", "client identifier invalid")), ours, ours},
		{says(400, said("redirect_uri_mismatch", "redirect_uri must match configuration")), ours, ours},
		{says(400, said("invalid_request", "invalid code verifier")), reject, ours},
		{says(400, said("invalid_request", "must use HTTP POST")), ours, ours},
		{says(400, said("unsupported_grant_type", "grant type not supported")), ours, ours},
		{says(400, said("rate_limit_exceeded", "login rate exceeded")), retry, retry},
		{says(400, said("something_new", "?")), retry, retry},
		{says(500, said("invalid_grant", "expired access/refresh token")), retry, retry},
		{says(503, "<html>maintenance</html>"), retry, retry},
		{says(429, ""), retry, retry},
		{says(403, "<html>"), retry, retry},
		{says(302, ""), inDoubt, inDoubt},
		{cut(true), inDoubt, inDoubt},
		{cut(false), retry, retry},
	} {
		conn, _, account := newFake(t, map[string][]answer{tokenRoute: {c.answer}})
		for want, do := range map[*connectors.Class]func() error{
			&c.exchange: func() error {
				_, err := conn.Exchange(t.Context(), account.App, "code", connectors.NewSecret("v"))
				return err
			},
			&c.refresh: func() error { _, err := conn.Refresh(t.Context(), account); return err },
		} {
			var e *connectors.Error
			if err := do(); !errors.As(err, &e) || e.Class != *want || e.Code == "" || e.Action == "" {
				t.Errorf("%d %s: %+v, want %s", c.answer.reply.Status, c.answer.reply.Body, err, *want)
			}
		}
	}
}

func TestRefreshKeepsTheTokenThatDidNotRotate(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]string{"absent": {"refresh_token": "-"}, "the same": {"refresh_token": "refresh"}} {
		c, f, account := newFake(t, map[string][]answer{tokenRoute: {says(200, tokenAnswer(change))}})
		g, err := c.Refresh(t.Context(), account)
		if err != nil || !g.RefreshToken.Empty() || g.AccessToken.Reveal() != "new-access" {
			t.Errorf("%s: grant %+v, %v; want no refresh token", name, g, err)
		}
		if form := formOf(t, f.sent(tokenRoute)[0]); form.Get("grant_type") != "refresh_token" || form.Get("refresh_token") != "refresh" {
			t.Errorf("%s: form = %v", name, form)
		}
	}
	c, _, account := newFake(t, map[string][]answer{tokenRoute: {says(200, tokenAnswer(nil))}})
	if g, err := c.Refresh(t.Context(), account); err != nil || g.RefreshToken.Reveal() != "new-refresh" {
		t.Errorf("rotated: grant %+v, %v; want the new refresh token", g, err)
	}
}

func TestRefreshForAnotherOrgIsNotBelieved(t *testing.T) {
	t.Parallel()
	c, _, account := newFake(t, map[string][]answer{tokenRoute: {says(200, tokenAnswer(nil))}})
	account.ID = "00Dak00000OtHeR"
	_, err := c.Refresh(t.Context(), account)
	wantClass(t, connectors.AsError(err), reconnect, "org_changed")
	account.RefreshToken = connectors.Secret{}
	_, err = c.Refresh(t.Context(), account)
	wantClass(t, connectors.AsError(err), reconnect, "refresh_token_missing")
}

func TestATokenCallIsNotCutByTheCallersCancellation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	asked := false
	c, err := New(Config{HTTP: doerFunc(func(inner context.Context, _ connectors.Call) (connectors.Reply, error) {
		cancel()
		asked = true
		if inner.Err() != nil {
			t.Error("the token call ended with its caller")
		}
		return connectors.JSONReply(200, tokenAnswer(nil)), nil
	})})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	account := connectors.Account{RefreshToken: connectors.NewSecret("refresh")}
	if _, err := c.Refresh(ctx, account); err != nil || !asked {
		t.Errorf("Refresh: %v", err)
	}
	_, err = c.Refresh(ctx, account) // already over: nothing is sent
	wantClass(t, connectors.AsError(err), retry, "crm_unreachable")
}

type doerFunc func(context.Context, connectors.Call) (connectors.Reply, error)

func (f doerFunc) Do(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
	return f(ctx, call)
}

func TestRevokingWhatIsRevokedSucceeds(t *testing.T) {
	t.Parallel()
	const route = "POST /services/oauth2/revoke"
	for _, c := range []struct {
		answer answer
		class  connectors.Class // "": success
	}{
		{says(200, ""), ""},
		{says(400, `{"error":"unsupported_token_type","error_description":"this token is not supported"}`), ""},
		{says(400, `{"error":"invalid_token"}`), ""},
		{says(503, "<html>"), retry},
		{cut(true), retry},
		{cut(false), retry},
		{says(401, `{"error":"invalid_client"}`), ours},
	} {
		conn, f, account := newFake(t, map[string][]answer{route: {c.answer}})
		err := conn.Revoke(t.Context(), account)
		if got := connectors.AsError(err); (got == nil) != (c.class == "") || got != nil && got.Class != c.class {
			t.Errorf("%d %s: %v, want %q", c.answer.reply.Status, c.answer.reply.Body, err, c.class)
		}
		if form := formOf(t, f.sent(route)[0]); form.Get("token") != "refresh" {
			t.Errorf("form = %v, want the refresh token", form)
		}
	}
	conn, f, account := newFake(t, map[string][]answer{route: {says(200, "")}})
	account.RefreshToken = connectors.Secret{}
	if err := conn.Revoke(t.Context(), account); err != nil || formOf(t, f.sent(route)[0]).Get("token") != "access" {
		t.Errorf("Revoke without a refresh token: %v, %v", err, f.sent(route))
	}
	if err := conn.Revoke(t.Context(), connectors.Account{}); err != nil || len(f.calls) != 1 {
		t.Errorf("Revoke of nothing: %v, %d calls", err, len(f.calls))
	}
}

func TestNoSecretGoesToAHostThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	for _, bad := range hostile {
		if bad == "" {
			continue // means the usual one
		}
		c, f, account := newFake(t, nil)
		account.App.LoginURL, account.InstanceURL = bad, bad
		_, err := c.Exchange(t.Context(), account.App, "code", connectors.NewSecret("v"))
		wantClass(t, connectors.AsError(err), ours, "login_url_refused")
		_, err = c.Refresh(t.Context(), account)
		wantClass(t, connectors.AsError(err), ours, "login_url_refused")
		wantClass(t, connectors.AsError(c.Revoke(t.Context(), account)), ours, "login_url_refused")
		w := contactWrite(connectors.Contact{Email: "ada@example.com"})
		wantClass(t, deliverOne(t, c, account, w).Err, ours, "instance_url_refused")
		_, err = c.Find(t.Context(), account, w)
		wantClass(t, connectors.AsError(err), ours, "instance_url_refused")
		if p := c.Plan(t.Context(), account, []connectors.Write{w}); p[0].Err == nil {
			t.Error("a plan was made for a host that is not allowed")
		}
		if len(f.calls) != 0 {
			t.Fatalf("%q: %d calls went out", bad, len(f.calls))
		}
	}
}

func TestNewNamesTheSettingThatIsWrong(t *testing.T) {
	t.Parallel()
	f := &fake{}
	for want, cfg := range map[string]Config{
		"HTTP":         {},
		"Version":      {HTTP: f, Version: "66"},
		"LoginURL":     {HTTP: f, LoginURL: "https://evil.example"},
		"TrustedHosts": {HTTP: f, TrustedHosts: []string{"http://x"}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want an error about %s", err, want)
		}
	}
	c, err := New(Config{HTTP: f, LoginURL: "http://127.0.0.1:9", TrustedHosts: []string{"127.0.0.1:9"}})
	if err != nil || c.CRM() != connectors.Salesforce {
		t.Errorf("New with a trusted login host: %v", err)
	}
	if got, err := c.CheckLoginURL("https://Acme.My.Salesforce.com/"); err != nil || got != "https://acme.my.salesforce.com" {
		t.Errorf("CheckLoginURL = %q, %v", got, err)
	}
}

func TestWhatThePageOfConsentRefusesHasAMend(t *testing.T) {
	t.Parallel()
	c, _, _ := newFake(t, nil)
	for said, want := range map[[2]string]consequence{
		{"OAUTH_APP_BLOCKED", "this app is blocked by admin"}:         {class: reconnect, code: "app_blocked", tells: "administrator"},
		{"invalid_client", "app must be installed into org"}:          {class: reconnect, code: "app_not_installed", tells: "install"},
		{"OAUTH_APPROVAL_ERROR_GENERIC", ""}:                          {class: reconnect, code: "app_not_installed", tells: "install"},
		{"OAUTH_AUTHORIZATION_BLOCKED", "user is not admin approved"}: {class: reconnect, code: "app_not_approved", tells: "administrator"},
		{"OAUTH_APP_ACCESS_DENIED", "user is not admin approved"}:     {class: reconnect, code: "app_not_approved", tells: "administrator"},
		{"invalid_scope", "the requested scope is not allowed"}:       {class: ours, code: "scope_refused", tells: "refresh_token"},
		{"unsupported_response_type", "response type not supported"}:  {class: ours, code: "token_request_refused", tells: "settings"},
		{"invalid_request", "missing required code challenge"}:        {class: ours, code: "token_request_refused", tells: "settings"},
		{"server_error", ""}:                             {class: retry, code: "login_unavailable", tells: "again"},
		{"temporarily_unavailable", "later <b>\nplease"}: {class: retry, code: "login_unavailable", tells: "again"},
	} {
		e := c.ConsentRefused(said[0], said[1])
		if wantClass(t, e, want.class, want.code); !strings.Contains(e.Action, want.tells) || strings.Contains(e.Cause, "\n") {
			t.Errorf("%v: %+v", said, e)
		}
	}
	if e := c.ConsentRefused("something_new", ""); e != nil {
		t.Errorf("what nobody knows: %+v", e)
	}
}
