package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"crm-connectors/api"
)

func TestBrowsersAreSentBackToTheAppAlone(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	hostile := []string{
		"//evil.example", "///evil.example", "////evil.example", `/\evil.example`, `\\evil.example`, `\/evil.example`, `/\/evil.example`,
		"https://evil.example", "http://evil.example/integrations", "HTTPS://EVIL.EXAMPLE/", "https:evil.example", "https:/evil.example", "https:///evil.example",
		"http://app.example.com/", "https://app.example.com.evil.example/", "https://evil.example/app.example.com", "https://evilapp.example.com/",
		"https://app.example.com:8443/", "https://app.example.com@evil.example/", "https://user@app.example.com/", "https://user:word@app.example.com/",
		`https://app.example.com\@evil.example/`, "https://evil.example#https://app.example.com", "https://evil.example?https://app.example.com",
		"https://app.example.com%2eevil.example/", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "mailto:ada@example.com",
		"/%2fevil.example", "/%2Fevil.example", "%2f%2fevil.example", "/\tevil.example", "\t//evil.example", "/\n/evil.example", "/a\r\nSet-Cookie: a=b", "/a\x7f",
		" /integrations", " https://evil.example", "integrations", "evil.example", "./x", "../x", "?next=/x", "#x", "/%zz", "https://[::1/", "https://", "ftp://app.example.com/",
		"/a/..//evil.example", "/../x", "/x/./y", "/x//y", "/" + strings.Repeat("a", 2000), "/" + strings.Repeat("a", 3000),
	}
	for _, to := range hostile {
		r := d.call(http.MethodPost, "/hubspot-oauth-start", map[string]any{"workspace_id": d.workspace, "redirect_to": to})
		e := decode[api.ErrorEnvelope](r, http.StatusBadRequest)
		if e.Code != api.CodeRedirectNotAllowed && (e.Code != api.CodeValidationFailed || len(to) <= 2048) {
			t.Errorf("%q: %s", to, e.Code)
		}
		if len(to) > 12 && strings.Contains(string(r.body), to) {
			t.Errorf("%q is repeated: %s", to, r.body)
		}
	}
	if n := d.count(`select count(*) from oauth_states`); n != 0 {
		t.Errorf("%d flows have begun", n)
	}
	for to, want := range map[string]string{
		"/integrations":                          appBase + "/integrations?hubspot_success=1",
		"":                                       appBase + "/integrations?hubspot_success=1",
		"/":                                      appBase + "/?hubspot_success=1",
		"/a/b?x=1&y=2":                           appBase + "/a/b?hubspot_success=1&x=1&y=2",
		"/a?hubspot_success=0":                   appBase + "/a?hubspot_success=1",
		"/a#part":                                appBase + "/a?hubspot_success=1#part",
		"/search?q=https://evil.example":         appBase + "/search?hubspot_success=1&q=https%3A%2F%2Fevil.example",
		"/größe/東京":                              appBase + "/gr%C3%B6%C3%9Fe/%E6%9D%B1%E4%BA%AC?hubspot_success=1",
		appBase + "/settings?tab=crm":            appBase + "/settings?hubspot_success=1&tab=crm",
		appBase:                                  appBase + "?hubspot_success=1",
		partnerBase + "/embed":                   partnerBase + "/embed?hubspot_success=1",
		"/" + strings.Repeat("a", 1900) + "/end": appBase + "/" + strings.Repeat("a", 1900) + "/end?hubspot_success=1",
	} {
		back := d.visit(d.atCRM(d.begin(hubSpot, "redirect_to", to), "allow").String()).backAtApp()
		if back.String() != want {
			t.Errorf("%q ended at %s, want %s", to, back, want)
		}
	}
}

func TestPeopleSignInAtSalesforcesHostsAlone(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	for host, want := range map[string]string{
		"login.salesforce.com":                      "https://login.salesforce.com/",
		"test.salesforce.com":                       "https://test.salesforce.com/",
		"https://test.salesforce.com":               "https://test.salesforce.com/",
		"Example.My.Salesforce.com":                 "https://example.my.salesforce.com/",
		"example--uat.sandbox.my.salesforce.com":    "https://example--uat.sandbox.my.salesforce.com/",
		"https://example-dev-ed.my.salesforce.com/": "https://example-dev-ed.my.salesforce.com/",
		"example-dev-ed.develop.my.salesforce.com":  "https://example-dev-ed.develop.my.salesforce.com/",
		d.orgURL: d.orgURL + "/", // trusted by configuration
	} {
		if link := d.begin(salesForce, "login_host", host); !strings.HasPrefix(link, want+"services/oauth2/authorize?") {
			t.Errorf("%s leads to %.80s, want %s", host, link, want)
		}
		if n := d.count(`select count(*) from oauth_states where login_url || '/' = $1`, want); n == 0 {
			t.Errorf("%s: the state does not remember %s for the exchange", host, want)
		}
	}
	began := d.count(`select count(*) from oauth_states`)
	for _, host := range []string{
		"evil.example", "https://evil.example", "login.salesforce.com.evil.example", "evilsalesforce.com", "salesforce.com", "my.salesforce.com",
		"login.salesforce.com@evil.example", "user@login.salesforce.com", "login.salesforce.com:8443", "login.salesforce.com/path", "login.salesforce.com?x=1",
		"login.salesforce.com#x", `login.salesforce.com\evil.example`, "evil.example/.my.salesforce.com", "http://login.salesforce.com", "ftp://login.salesforce.com",
		"javascript://login.salesforce.com", "//login.salesforce.com", " login.salesforce.com", "login.salesforce.com ", "login.salesforce.com\r\nx: y", "example.my.salesforce.com%00.evil.example",
		"127.0.0.1", "localhost", "[::1]", "169.254.169.254", "éxample.my.salesforce.com", "-.my.salesforce.com", "..my.salesforce.com", ".",
	} {
		r := d.call(http.MethodPost, "/salesforce-oauth-start", map[string]any{"workspace_id": d.workspace, "login_host": host})
		e := r.refused(http.StatusBadRequest, api.CodeLoginHostNotAllowed)
		if e.Details["field"] != "login_host" || !strings.Contains(e.Message, "login.salesforce.com") {
			t.Errorf("%q: %+v; want the field and what is allowed", host, e)
		}
	}
	d.call(http.MethodPost, "/hubspot-oauth-start", map[string]any{"workspace_id": d.workspace, "login_host": "login.salesforce.com"}).
		refused(http.StatusBadRequest, api.CodeLoginHostNotAllowed)
	if n := d.count(`select count(*) from oauth_states`); n != began {
		t.Errorf("%d flows have begun", n-began)
	}
}
