package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"

	"github.com/google/uuid"
)

func crms() []string { return []string{hubSpot, salesForce} }

func TestAConsentingCustomerEndsInTheAppWithTheCRMConnected(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		for _, mode := range []struct {
			name   string
			change []func(*options)
		}{{"at once", nil}, {"on the page of consent", []func(*options){askConsent}}} {
			t.Run(crm+" "+mode.name, func(t *testing.T) {
				t.Parallel()
				d := open(t, mode.change...)
				link := d.begin(crm, "redirect_to", "/deals/7?tab=crm&tab=all#top")
				to := d.visit(d.atCRM(link, "allow").String()).backAtApp()
				want := appBase + "/deals/7?" + crm + "_success=1&tab=crm&tab=all#top"
				if to.String() != want {
					t.Errorf("ended at %s, want %s", to, want)
				}
				access, refresh := d.noteTokens(crm)
				if access == "" || refresh == "" {
					t.Error("no tokens are stored")
				}
				if n := d.count(`select count(*) from oauth_states`); n != 0 {
					t.Errorf("%d states are left", n)
				}
			})
		}
	}
}

func TestAConnectionIsListedWithItsAccountAndWithoutItsTokens(t *testing.T) {
	t.Parallel()
	d := open(t)
	hub, org := d.connect(hubSpot), d.connect(salesForce)
	for _, want := range []struct {
		crm, account, instance, scope string
		id                            uuid.UUID
	}{{hubSpot, "4242001", "", "crm.objects.contacts.write", hub.ID}, {salesForce, d.org.OrgID(), d.orgURL, "api", org.ID}} {
		c := d.listed(want.crm)
		if c.Id != want.id || c.Status != api.ConnectionStatusConnected || c.AccountId != want.account || c.LastError != nil || c.ConnectedAt.IsZero() {
			t.Errorf("%s: %+v", want.crm, c)
		}
		if !slices.Contains(c.Scopes, want.scope) {
			t.Errorf("%s: scopes %v lack %s", want.crm, c.Scopes, want.scope)
		}
		if got := (api.Connection{InstanceUrl: c.InstanceUrl}); (want.instance == "") != (got.InstanceUrl == nil) || (got.InstanceUrl != nil && *got.InstanceUrl != want.instance) {
			t.Errorf("%s: instance URL %v, want %q", want.crm, c.InstanceUrl, want.instance)
		}
		for _, column := range []string{"access_token_ciphertext", "refresh_token_ciphertext"} {
			if n := d.count(`select count(*) from crm_connections where crm = $1 and length(`+column+`) > 40`, want.crm); n != 1 {
				t.Errorf("%s: %s is empty", want.crm, column)
			}
		}
	}
	if len(d.secrets) != 4 {
		t.Errorf("%d tokens to search for, want 4", len(d.secrets)) // the search itself is in nothingSecretIsShown
	}
	other := decode[api.ConnectionList](d.call(http.MethodGet, "/connections?workspace_id="+uuid.NewString(), nil), http.StatusOK)
	if other.Connections == nil || len(other.Connections) != 0 {
		t.Errorf("another workspace sees %+v", other.Connections)
	}
}

func TestADeclinedConsentGoesBackToTheAppAndSpendsTheState(t *testing.T) {
	t.Parallel()
	d := open(t, askConsent)
	for _, crm := range crms() {
		back := d.atCRM(d.begin(crm, "redirect_to", "/setup?step=2"), "deny")
		to := d.visit(back.String()).backAtApp()
		q := to.Query()
		if to.Host != "app.example.com" || to.Path != "/setup" || q.Get("step") != "2" || q.Get("error") != "access_denied" ||
			q.Get("error_code") != string(api.CodeOAuthAccessDenied) || q.Get(crm+"_error") != string(api.CodeOAuthAccessDenied) ||
			q.Get("error_description") == "" || q.Has(crm+"_success") {
			t.Errorf("%s: ended at %s", crm, to)
		}
		invalidState(t, d.visit(back.String()))
		if n := d.oauthCalls(crm, ""); n != 0 {
			t.Errorf("%s: %d calls to the CRM, want none", crm, n)
		}
	}
}

func TestAnErrorOfTheCRMIsToldWithoutItsMarkup(t *testing.T) {
	t.Parallel()
	d := open(t)
	back := d.atCRM(d.begin(salesForce), "allow")
	q := url.Values{"state": {back.Query().Get("state")}, "error": {"OAUTH_APP_BLOCKED"}, "error_description": {"blocked\r\nSet-Cookie: a=b\x1b[31m"}}
	back.RawQuery = q.Encode()
	r := d.visit(back.String())
	to := r.backAtApp().Query()
	if to.Get("error") != "server_error" || to.Get("error_code") != string(api.CodeOAuthProviderError) || to.Get("salesforce_error") != string(api.CodeOAuthProviderError) {
		t.Errorf("ended at %v", to)
	}
	if said := to.Get("error_description"); !strings.Contains(said, "OAUTH_APP_BLOCKED") || strings.ContainsAny(said, "\r\n\x1b") {
		t.Errorf("description %q", said)
	}
	if r.header.Get("Set-Cookie") != "" {
		t.Error("a header was smuggled in")
	}
}

func TestARefusalThatAnAdministratorCanMendSaysHow(t *testing.T) {
	t.Parallel()
	d := open(t, askConsent)
	for decision, want := range map[string]string{"blocked": "Ask the Salesforce administrator to allow the app", "notinstalled": "Ask the Salesforce administrator to install the app"} {
		q := d.visit(d.atCRM(d.begin(salesForce), decision).String()).backAtApp().Query()
		if said := q.Get("error_description"); q.Get("error_code") != string(api.CodeOAuthProviderError) || !strings.Contains(said, want) {
			t.Errorf("%s: %q, want %q in it", decision, said, want)
		}
	}
}

func invalidState(t *testing.T, r reply) {
	t.Helper()
	if got := string(r.body); r.status != http.StatusBadRequest || got != "Invalid OAuth state" || !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") ||
		r.header.Get("sb-error-code") != string(api.CodeOAuthStateInvalid) || r.header.Get("Location") != "" {
		t.Errorf("answered %d %q (%s, %s), want 400 Invalid OAuth state as text", r.status, got, r.header.Get("Content-Type"), r.header.Get("sb-error-code"))
	}
}

func TestACallbackWhoseStateIsNotGoodReachesNoCRM(t *testing.T) {
	t.Parallel()
	d := open(t)
	hubBack, orgBack := d.atCRM(d.begin(hubSpot), "allow"), d.atCRM(d.begin(salesForce), "allow")
	expired := d.atCRM(d.begin(hubSpot), "allow")
	d.exec(`update oauth_states set expires_at = now() - interval '1 second' where crm = 'hubspot' and created_at = (select max(created_at) from oauth_states where crm = 'hubspot')`)
	at := func(crm string, q url.Values) string {
		return d.url + "/functions/v1/" + crm + "-oauth-callback?" + q.Encode()
	}
	state := hubBack.Query().Get("state")
	for name, address := range map[string]string{
		"unknown":      at(hubSpot, url.Values{"code": {"c"}, "state": {"unknown"}}),
		"wrong case":   at(hubSpot, url.Values{"code": {"c"}, "state": {strings.ToUpper(state)}}),
		"with a space": at(hubSpot, url.Values{"code": {"c"}, "state": {state + " "}}),
		"other CRM's":  at(salesForce, hubBack.Query()),
		"and back":     at(hubSpot, orgBack.Query()),
		"expired":      expired.String(),
		"very long":    at(hubSpot, url.Values{"code": {"c"}, "state": {strings.Repeat("s", 5000)}}),
	} {
		t.Run(name, func(t *testing.T) { r := d.visit(address); r.t = t; invalidState(t, r) })
	}
	if n := d.oauthCalls(hubSpot, "") + d.oauthCalls(salesForce, ""); n != 0 {
		t.Errorf("%d calls to the CRMs, want none", n)
	}
	// None of it has spent the good states.
	for crm, back := range map[string]*url.URL{hubSpot: hubBack, salesForce: orgBack} {
		if to := d.visit(back.String()).backAtApp(); to.Query().Get(crm+"_success") != "1" {
			t.Errorf("ended at %s", to)
		}
		calls := d.oauthCalls(crm, "")
		invalidState(t, d.visit(back.String())) // replayed
		if got := d.oauthCalls(crm, ""); got != calls {
			t.Errorf("%s: a replay made %d calls", crm, got-calls)
		}
	}
}

func TestACallbackWithoutCodeOrStateIsRefusedAsText(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, crm := range crms() {
		state := d.atCRM(d.begin(crm), "allow").Query().Get("state")
		for _, q := range []string{"", "code=c", "state=" + state, "state=&code=c", "state=" + state + "&code=", "error=access_denied"} {
			r := d.visit(d.url + "/functions/v1/" + crm + "-oauth-callback?" + q)
			if r.status != http.StatusBadRequest || string(r.body) != "Missing code/state" || r.header.Get("sb-error-code") != string(api.CodeOAuthCodeMissing) {
				t.Errorf("%s ?%s: %d %s", crm, q, r.status, r.body)
			}
		}
	}
	if n := d.count(`select count(*) from oauth_states`); n != 2 {
		t.Errorf("%d states are left, want both", n)
	}
}

func TestOfManyCallbacksWithOneStateASingleOneIsExchanged(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			back := d.atCRM(d.begin(crm), "allow").String()
			replies := make(chan reply)
			for range 20 {
				go func() { replies <- d.visit(back) }()
			}
			connected := 0
			for range 20 {
				r := <-replies
				if r.header.Get("Location") != "" {
					connected++
					continue
				}
				invalidState(t, r)
			}
			if n := d.oauthCalls(crm, "/token"); connected != 1 || n != 1 {
				t.Errorf("%d browsers connected with %d exchanges, want one with one", connected, n)
			}
			d.noteTokens(crm)
		})
	}
}
