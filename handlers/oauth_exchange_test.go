package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/store"

	"github.com/google/uuid"
)

func TestAFailedExchangeGoesBackToTheAppWithTheReason(t *testing.T) {
	t.Parallel()
	d := open(t)
	for name, fault := range map[string]sim.Fault{
		"unavailable": {Path: `/token$`, Kind: sim.FaultStatus, Status: 503},
		"cut":         {Path: `/token$`, Kind: sim.FaultCutAfter},
		"not JSON":    {Path: `/token$`, Kind: sim.FaultStatusAfter, Status: 200, Body: "<html>"},
		"code refused": {Path: `/token$`, Kind: sim.FaultStatus, Status: 400,
			Body: `{"error":"invalid_grant","error_description":"expired authorization code","status":"BAD_AUTH_CODE","message":"unknown auth code"}`},
	} {
		for _, crm := range crms() {
			d.fault(crm, fault)
			to := d.visit(d.atCRM(d.begin(crm, "redirect_to", "/x?a=1"), "allow").String()).backAtApp()
			q := to.Query()
			if to.Path != "/x" || q.Get("a") != "1" || q.Get("error") == "" || q.Get("error_description") == "" || q.Has(crm+"_success") ||
				(q.Get("error_code") != string(api.CodeOAuthExchangeFailed) && q.Get("error_code") != string(api.CodeOAuthMissingScopes)) || q.Get(crm+"_error") != q.Get("error_code") {
				t.Errorf("%s, %s: ended at %s", name, crm, to)
			}
			if name == "code refused" && q.Get("error_code") != string(api.CodeOAuthExchangeFailed) {
				t.Errorf("%s: a code that came too late is told as %s", crm, q.Get("error_code"))
			}
		}
	}
	if n := d.count(`select count(*) from crm_connections`); n != 0 {
		t.Errorf("%d connections were stored", n)
	}
}

func TestAnExchangeThatTheAdministratorForbidsIsNotTakenForMissingScopes(t *testing.T) {
	t.Parallel()
	d := open(t)
	for said, want := range map[string]api.ErrorCode{
		`{"error":"OAUTH_APP_BLOCKED","error_description":"this app is blocked by admin"}`: api.CodeOAuthExchangeFailed,
		`{"error":"invalid_grant","error_description":"ip restricted"}`:                    api.CodeOAuthExchangeFailed,
		`{"error":"inactive_user","error_description":"user is inactive"}`:                 api.CodeOAuthExchangeFailed,
	} {
		d.fault(salesForce, sim.Fault{Path: `/token$`, Kind: sim.FaultStatus, Status: 400, Body: said})
		q := d.visit(d.atCRM(d.begin(salesForce), "allow").String()).backAtApp().Query()
		if q.Get("salesforce_error") != string(want) {
			t.Errorf("%s is told as %s, want %s", said, q.Get("salesforce_error"), want)
		}
	}
	d.fault(salesForce, sim.Fault{Path: `/token$`, Kind: sim.FaultStatus, Status: 200,
		Body: `{"access_token":"a","scope":"api","instance_url":"` + d.orgURL + `","id":"` + d.orgURL + `/id/` + d.org.OrgID() + `/` + simsalesforce.UserID + `"}`})
	q := d.visit(d.atCRM(d.begin(salesForce), "allow").String()).backAtApp().Query()
	if q.Get("error_code") != string(api.CodeOAuthMissingScopes) || !strings.Contains(q.Get("error_description"), "refresh_token") {
		t.Errorf("a grant without a refresh token is told as %v", q)
	}
}

func TestAGrantThatCannotBeStoredStillSendsTheBrowserBack(t *testing.T) {
	t.Parallel()
	d := open(t)
	back := d.atCRM(d.begin(hubSpot), "allow").String()
	d.exec(`alter table crm_connections add constraint full_disk check (false) not valid`)
	q := d.visit(back).backAtApp().Query()
	if q.Get("error") != "server_error" || q.Get("error_code") != string(api.CodeInternal) || strings.Contains(q.Encode(), "full_disk") {
		t.Errorf("ended with %v", q)
	}
}

func TestASandboxExchangesAndRenewsWhereItSignedIn(t *testing.T) {
	t.Parallel()
	d := open(t)
	to := d.visit(d.atCRM(d.begin(salesForce, "login_host", d.sandboxURL()), "allow").String()).backAtApp()
	d.noteTokens(salesForce)
	if c := d.connection(salesForce); to.Query().Get("salesforce_success") != "1" || c.LoginURL != d.sandboxURL() || c.InstanceURL != d.sandboxURL() {
		t.Errorf("ended at %s with login URL %s and instance URL %s, want %s", to, c.LoginURL, c.InstanceURL, d.sandboxURL())
	}
	d.org.ExpireAccessTokens()
	d.succeeded("/sync/salesforce", d.whole("e-1"))
	d.noteTokens(salesForce)
	if c := d.connection(salesForce); c.LoginURL != d.sandboxURL() || c.InstanceURL != d.sandboxURL() {
		t.Errorf("after a refresh: login URL %s and instance URL %s", c.LoginURL, c.InstanceURL)
	}
}

func TestReconnectingKeepsTheConnectionAndReplacesItsTokens(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, crm := range crms() {
		first := d.connect(crm)
		access, _ := d.noteTokens(crm)
		again := d.connect(crm)
		if now, _ := d.noteTokens(crm); again.ID != first.ID || again.TokenGeneration <= first.TokenGeneration || now == access {
			t.Errorf("%s: %s generation %d, then %s generation %d", crm, first.ID, first.TokenGeneration, again.ID, again.TokenGeneration)
		}
	}
}

func TestACRMThatIsNotSetUpIsSaidToBe(t *testing.T) {
	t.Parallel()
	d := open(t, func(o *options) { o.without = salesForce })
	d.call(http.MethodPost, "/salesforce-oauth-start", map[string]any{"workspace_id": d.workspace}).refused(http.StatusNotImplemented, api.CodeCrmNotConfigured)
	r := d.visit(d.url + "/functions/v1/salesforce-oauth-callback?code=c&state=s")
	r.refused(http.StatusNotImplemented, api.CodeCrmNotConfigured)
	d.call(http.MethodPost, "/sync/salesforce", d.outcome("e-1", contact("ada@example.com"))).refused(http.StatusConflict, api.CodeCrmNotConnected)
	d.connect(hubSpot) // the other one is not touched
}

func TestAStateIsBoundToTheWorkspaceThatBegan(t *testing.T) {
	t.Parallel()
	d := open(t)
	mine := d.workspace
	back := d.atCRM(d.begin(hubSpot), "allow")
	q := back.Query()
	q.Set("workspace_id", uuid.NewString())
	back.RawQuery = q.Encode()
	d.visit(back.String()).backAtApp()
	if c := d.connection(hubSpot); c.WorkspaceID != mine || c.Status != store.ConnectionConnected {
		t.Errorf("connected %+v", c.WorkspaceID)
	}
}
