package simsalesforce

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The verifier and challenge of RFC 7636, appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	callback  = "http://localhost:8080/functions/v1/salesforce-oauth-callback"
)

func authorizeQuery(change ...string) url.Values {
	q := url.Values{
		"response_type": {"code"}, "client_id": {DefaultClientID}, "redirect_uri": {callback}, "scope": {"api refresh_token"},
		"state": {"st&ate=1"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	return q
}

// authorize follows the redirect by hand and gives the parameters that the callback would see.
func (o *org) authorizeAs(change ...string) url.Values {
	o.t.Helper()
	r, err := o.send("GET", "/services/oauth2/authorize?"+authorizeQuery(change...).Encode(), "", "")
	if err != nil {
		o.t.Fatal(err)
	}
	if r.status != http.StatusFound {
		o.t.Fatalf("authorize: got %d %s, want 302", r.status, r.body)
	}
	return location(o.t, r)
}

func location(t *testing.T, r response) url.Values {
	t.Helper()
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(to.String(), callback+"?") {
		t.Fatalf("Location: got %s, want %s", to, callback)
	}
	return to.Query()
}

func codeForm(code string, change ...string) url.Values {
	f := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {DefaultClientID}, "client_secret": {DefaultClientSecret},
		"redirect_uri": {callback}, "code_verifier": {verifier},
	}
	for i := 0; i+1 < len(change); i += 2 {
		f.Set(change[i], change[i+1])
	}
	return f
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {DefaultClientID}, "client_secret": {DefaultClientSecret}}
}

func (o *org) signIn() map[string]string {
	o.t.Helper()
	status, tokens := o.form("/services/oauth2/token", codeForm(o.authorizeAs("__allow", "1").Get("code")))
	if status != http.StatusOK {
		o.t.Fatalf("token: %d %v", status, tokens)
	}
	return tokens
}

func (o *org) refreshWith(token string) (int, map[string]string) {
	o.t.Helper()
	return o.form("/services/oauth2/token", refreshForm(token))
}

func (o *org) dataStatus(token string) int {
	o.t.Helper()
	r, err := o.send("GET", "/services/data/v66.0/limits", "", "", "Authorization", "Bearer "+token)
	if err != nil {
		o.t.Fatal(err)
	}
	return r.status
}

func TestTheConsentPageLeadsToACodeAndTheCodeToTokens(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	page, err := o.send("GET", "/services/oauth2/authorize?"+authorizeQuery().Encode(), "", "")
	if err != nil || page.status != http.StatusOK || !strings.Contains(page.body, ">Allow<") || !strings.Contains(page.body, ">Deny<") {
		t.Fatalf("consent page: %d %s %v", page.status, page.body, err)
	}
	form := url.Values{"decision": {"allow"}}
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page.body, -1) {
		form.Add(m[1], strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(m[2]))
	}
	back, err := o.send("POST", "/services/oauth2/authorize", "application/x-www-form-urlencoded", form.Encode())
	if err != nil || back.status != http.StatusFound {
		t.Fatalf("Allow: %d %s %v", back.status, back.body, err)
	}
	params := location(t, back)
	if got, want := params.Get("state"), "st&ate=1"; got != want {
		t.Errorf("state: got %q, want %q", got, want)
	}
	status, tokens := o.form("/services/oauth2/token", codeForm(params.Get("code")))
	if status != http.StatusOK {
		t.Fatalf("token: %d %v", status, tokens)
	}
	if got := o.dataStatus(tokens["access_token"]); got != http.StatusOK {
		t.Errorf("data API with the new token: got %d", got)
	}
}

func TestATokenAnswerHasTextsOnlyAndNoExpiry(t *testing.T) {
	t.Parallel()
	o := newOrgWith(t, Config{AutoConsent: true})
	r, err := o.send("POST", "/services/oauth2/token", "application/x-www-form-urlencoded", codeForm(o.authorizeAs().Get("code")).Encode())
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	decodeJSON(t, r.body, &fields)
	for name, value := range fields {
		if _, isText := value.(string); !isText {
			t.Errorf("%s: got %T, want a text", name, value)
		}
	}
	if _, has := fields["expires_in"]; has {
		t.Error("the answer has expires_in")
	}
	at, err := strconv.ParseInt(fields["issued_at"].(string), 10, 64)
	if err != nil || time.Since(time.UnixMilli(at)).Abs() > time.Minute {
		t.Errorf("issued_at: got %v, want epoch milliseconds", fields["issued_at"])
	}
	id := fields["id"].(string)
	if want := o.url + "/id/" + o.OrgID() + "/" + UserID; id != want {
		t.Errorf("id: got %s, want %s", id, want)
	}
	mac := hmac.New(sha256.New, []byte(DefaultClientSecret))
	_, _ = mac.Write([]byte(id + fields["issued_at"].(string)))
	if got, want := fields["signature"], base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature: got %v, want %v", got, want)
	}
	if fields["scope"] != "refresh_token api" || fields["token_type"] != "Bearer" || fields["instance_url"] != o.url {
		t.Errorf("got %v", fields)
	}
	if !strings.HasPrefix(fields["access_token"].(string), o.OrgID()[:15]+"!") {
		t.Errorf("access token begins %q", fields["access_token"].(string)[:16])
	}
}

func TestTheAPITellsTheIdentityURLWhichNamesTheUser(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	var root, who map[string]any
	decodeJSON(t, o.call("GET", "", nil).body, &root)
	address, _ := root["identity"].(string)
	if want := o.url + "/id/" + o.OrgID() + "/" + UserID; address != want {
		t.Fatalf("identity: got %q, want %q", address, want)
	}
	r, err := o.send("GET", strings.TrimPrefix(address, o.url), "", "", "Authorization", "Bearer "+o.token)
	if err != nil || r.status != http.StatusOK {
		t.Fatalf("got %d %s, %v", r.status, r.body, err)
	}
	decodeJSON(t, r.body, &who)
	for name, want := range map[string]any{"id": address, "user_id": UserID, "organization_id": o.OrgID(), "username": "ops@example.com", "active": true} {
		if got := who[name]; got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if r, err := o.send("GET", strings.TrimPrefix(address, o.url), "", ""); err != nil || r.status != http.StatusForbidden || r.body != "Missing_OAuth_Token" {
		t.Errorf("without a token: got %d %s, %v", r.status, r.body, err)
	}
}

func TestBaseURLReplacesTheHost(t *testing.T) {
	t.Parallel()
	o := newOrgWith(t, Config{BaseURL: "https://sim.example.com/"})
	tokens := o.signIn()
	if got, want := tokens["instance_url"], "https://sim.example.com"; got != want {
		t.Errorf("instance_url: got %s, want %s", got, want)
	}
}

func TestRefusedSignInsComeBackWithTheirReason(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	for _, c := range []struct {
		name, code, description string
		change                  []string
	}{
		{"deny", "access_denied", "end-user denied authorization", []string{"__deny", "1"}},
		{"blocked", "OAUTH_APP_BLOCKED", "this app is blocked by admin", []string{"__blocked", "1"}},
		{"not installed", "invalid_client", "app must be installed into org", []string{"__notinstalled", "1"}},
		{"no challenge", "invalid_request", "missing required code challenge", []string{"code_challenge", ""}},
		{"plain challenge", "invalid_request", "missing required code challenge", []string{"code_challenge_method", "plain"}},
		{"implicit flow", "unsupported_response_type", "response type not supported", []string{"response_type", "token"}},
		{"odd scope", "invalid_scope", "the requested scope is not allowed", []string{"scope", "api everything"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := o.authorizeAs(c.change...)
			if got.Get("error") != c.code || got.Get("error_description") != c.description || got.Get("state") != "st&ate=1" || got.Get("code") != "" {
				t.Errorf("got %v, want %s: %s", got, c.code, c.description)
			}
		})
	}
}

func TestAWrongAppOrRedirectIsAnErrorPage(t *testing.T) {
	t.Parallel()
	fixed := newOrgWith(t, Config{RedirectURLs: []string{callback}})
	open := newOrg(t, Behaviour{})
	for _, c := range []struct {
		name   string
		o      *org
		change []string
		want   string
	}{
		{"client", open, []string{"client_id", "other"}, "invalid_client_id"},
		{"other host", open, []string{"redirect_uri", "https://evil.example.com/"}, "redirect_uri_mismatch"},
		{"host that looks local", open, []string{"redirect_uri", "http://localhost.example.com/"}, "redirect_uri_mismatch"},
		{"one letter more", fixed, []string{"redirect_uri", callback + "/"}, "redirect_uri_mismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			q := authorizeQuery(append(c.change, "__allow", "1")...)
			r, err := c.o.send("GET", "/services/oauth2/authorize?"+q.Encode(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			if r.status != http.StatusBadRequest || r.header.Get("Location") != "" || !strings.Contains(r.body, c.want) {
				t.Errorf("got %d %q %s, want a page that says %s", r.status, r.header.Get("Location"), r.body, c.want)
			}
		})
	}
}

func TestCodesAreRefused(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	for _, c := range []struct {
		name, code, description string
		change                  []string
	}{
		{"wrong verifier", "invalid_request", "invalid code verifier", []string{"code_verifier", strings.Repeat("a", 43)}},
		{"no verifier", "invalid_grant", "code verifier is required", []string{"code_verifier", ""}},
		{"other redirect", "redirect_uri_mismatch", "redirect_uri must match configuration", []string{"redirect_uri", "http://localhost/"}},
		{"unknown", "invalid_grant", "invalid authorization code", []string{"code", "aPrxUnknown=="}},
		{"wrong secret", "invalid_client", "invalid client credentials", []string{"client_secret", "x"}},
		{"wrong client", "invalid_client_id", "client identifier invalid", []string{"client_id", "x"}},
		{"wrong grant type", "unsupported_grant_type", "grant type not supported", []string{"grant_type", "password"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, got := o.form("/services/oauth2/token", codeForm(o.authorizeAs("__allow", "1").Get("code"), c.change...))
			if status != http.StatusBadRequest || got["error"] != c.code || got["error_description"] != c.description {
				t.Errorf("got %d %v, want %s: %s", status, got, c.code, c.description)
			}
		})
	}
}

func TestACodeWorksOnceAndForFifteenMinutes(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	code := o.authorizeAs("__allow", "1").Get("code")
	if status, got := o.form("/services/oauth2/token", codeForm(code)); status != http.StatusOK {
		t.Fatalf("first use: %d %v", status, got)
	}
	if status, got := o.form("/services/oauth2/token", codeForm(code)); status != 400 || got["error_description"] != "expired authorization code" {
		t.Errorf("second use: got %d %v", status, got)
	}
	code = o.authorizeAs("__allow", "1").Get("code")
	o.Core().Clock.Advance(16 * time.Minute)
	if status, got := o.form("/services/oauth2/token", codeForm(code)); status != 400 || got["error_description"] != "expired authorization code" {
		t.Errorf("after 16 minutes: got %d %v", status, got)
	}
}

func TestTokensOfASmallScope(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	_, tokens := o.form("/services/oauth2/token", codeForm(o.authorizeAs("__allow", "1", "scope", "api").Get("code")))
	if tokens["refresh_token"] != "" || tokens["scope"] != "api" {
		t.Errorf("scope api: got %v, want no refresh token", tokens)
	}
	_, tokens = o.form("/services/oauth2/token", codeForm(o.authorizeAs("__allow", "1", "scope", "id offline_access").Get("code")))
	if tokens["refresh_token"] == "" || tokens["scope"] != "refresh_token id" {
		t.Errorf("scope id offline_access: got %v", tokens)
	}
	r, err := o.send("GET", "/services/data/v66.0/limits", "", "", "Authorization", "Bearer "+tokens["access_token"])
	if err != nil || r.status != http.StatusUnauthorized || !strings.Contains(r.body, "not valid for use with the REST API") {
		t.Errorf("data API without the scope api: got %d %s %v", r.status, r.body, err)
	}
}

func TestRevokeIntrospectAndUserinfo(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	tokens := o.signIn()
	introspect := func(token string) (out map[string]any) {
		t.Helper()
		r, err := o.send("POST", "/services/oauth2/introspect", "application/x-www-form-urlencoded", url.Values{"token": {token}}.Encode(),
			"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(DefaultClientID+":"+DefaultClientSecret)))
		if err != nil {
			t.Fatal(err)
		}
		decodeJSON(t, r.body, &out)
		return out
	}
	userinfo := func() response {
		t.Helper()
		r, err := o.send("GET", "/services/oauth2/userinfo", "", "", "Authorization", "Bearer "+tokens["access_token"])
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got := introspect(tokens["access_token"])
	if got["active"] != true || got["exp"].(float64)-got["iat"].(float64) != 7200 || got["token_type"] != "access_token" {
		t.Errorf("introspect: got %v", got)
	}
	var user map[string]any
	if err := json.Unmarshal([]byte(userinfo().body), &user); err != nil || user["organization_id"] != o.OrgID() || user["email"] != "ops@example.com" {
		t.Errorf("userinfo: got %v %v", user, err)
	}
	if status, body := o.form("/services/oauth2/revoke", url.Values{"token": {tokens["refresh_token"]}}); status != 200 || len(body) != 0 {
		t.Errorf("revoke: got %d %v, want an empty 200", status, body)
	}
	if got := introspect(tokens["access_token"]); got["active"] != false || len(got) != 1 {
		t.Errorf("introspect after revoke: got %v", got)
	}
	if r := userinfo(); r.status != http.StatusForbidden || r.body != "Bad_OAuth_Token" {
		t.Errorf("userinfo after revoke: got %d %q", r.status, r.body)
	}
	if status, body := o.form("/services/oauth2/revoke", url.Values{"token": {"nonsense"}}); status != 400 || body["error"] != "unsupported_token_type" {
		t.Errorf("revoke of nonsense: got %d %v", status, body)
	}
}

func TestTheDiscoveryDocumentNamesTheEndpoints(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	r, err := o.send("GET", "/.well-known/openid-configuration", "", "")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	decodeJSON(t, r.body, &doc)
	if got, want := doc["token_endpoint"], o.url+"/services/oauth2/token"; got != want {
		t.Errorf("token_endpoint: got %v, want %s", got, want)
	}
}
