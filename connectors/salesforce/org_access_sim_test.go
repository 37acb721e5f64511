package salesforce

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim/simsalesforce"
)

func TestACodeIsRedeemedWithTheAddressAndTheAppItWasGivenTo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*connectors.App)
		code   string
	}{
		"another address": {func(a *connectors.App) { a.RedirectURL = "http://localhost/another" }, "redirect_refused"},
		"another id":      {func(a *connectors.App) { a.ClientID = "another" }, "client_refused"},
		"another secret":  {func(a *connectors.App) { a.ClientSecret = connectors.NewSecret("another") }, "client_refused"},
	} {
		o := newOrg(t, simsalesforce.Behaviour{})
		app := o.account.App
		tc.change(&app)
		_, err := o.c.Exchange(t.Context(), app, o.code(), connectors.NewSecret(testVerifier))
		if err == nil {
			t.Errorf("%s: got a grant, want a refusal", name)
			continue
		}
		wantClass(t, connectors.AsError(err), ours, tc.code)
	}
}

func TestARefreshTokenThatNobodyUsedForAMonthIsDead(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.Core().Clock.Advance(29 * 24 * time.Hour)
	g, err := o.c.Refresh(t.Context(), o.account)
	if err != nil {
		t.Fatalf("after 29 days: %v", err)
	}
	o.use(g)
	o.Core().Clock.Advance(31 * 24 * time.Hour)
	_, err = o.c.Refresh(t.Context(), o.account)
	wantClass(t, connectors.AsError(err), reconnect, "grant_dead")
}

func TestOneApprovalTooManyEndsTheOldestGrant(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{MaxApprovals: 2})
	first := o.account
	o.signIn()
	if g, err := o.c.Refresh(t.Context(), first); err != nil {
		t.Fatalf("of two: %v", err)
	} else if !g.RefreshToken.Empty() {
		first.RefreshToken = g.RefreshToken
	}
	o.signIn()
	_, err := o.c.Refresh(t.Context(), first)
	wantClass(t, connectors.AsError(err), reconnect, "grant_dead")
	o.deliver(taskWrite(nil))
}

// codeFor is a code for other scopes than the connector asks for, as where an administrator took one from the app.
func (o *org) codeFor(scope string) string {
	o.t.Helper()
	to, err := o.c.AuthorizeURL(o.account.App, "the-state", connectors.NewSecret(testVerifier))
	if err != nil {
		o.t.Fatal(err)
	}
	at, err := url.Parse(to)
	if err != nil {
		o.t.Fatal(err)
	}
	q := at.Query()
	q.Set("scope", scope)
	at.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, at.String(), nil)
	if err != nil {
		o.t.Fatal(err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	back, err := resp.Location()
	if err != nil {
		o.t.Fatal(err)
	}
	return back.Query().Get("code")
}

func TestAGrantWithoutTheAPIIsRefusedAtOnceAndItsSessionLater(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	_, err := o.c.Exchange(t.Context(), o.account.App, o.codeFor("refresh_token"), connectors.NewSecret(testVerifier))
	wantClass(t, connectors.AsError(err), reconnect, "scope_missing")

	// The session itself, taken past the connector: an administrator can narrow an app after it was connected.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.account.InstanceURL+"/services/oauth2/token", strings.NewReader(url.Values{
		"grant_type": {"authorization_code"}, "code": {o.codeFor("refresh_token")}, "redirect_uri": {o.account.App.RedirectURL}, "code_verifier": {testVerifier},
		"client_id": {o.account.App.ClientID}, "client_secret": {o.account.App.ClientSecret.Reveal()}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("token endpoint: %d, %v", resp.StatusCode, err)
	}
	o.account.AccessToken = connectors.NewSecret(answer.AccessToken)
	wantClass(t, o.deliverOne(taskWrite(nil)).Err, reconnect, "session_not_for_api")
}
