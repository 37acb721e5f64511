package supabase_test

import (
	"encoding/base64"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Broken by: a request without credentials is answered with the code for a bad key.
func TestSupabase06_WithoutCredentialsTheHeaderIsMissing(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	r := s.connections(uuid.New())
	s.refused(r, 401, "UNAUTHORIZED_NO_AUTH_HEADER")
	if got := r.json(); got["message"] != "Missing authorization header" || got["msg"] != got["message"] || got["error"] != got["message"] {
		t.Errorf("got %s", r.body)
	}
}

// Broken by: the algorithm of a token does not choose the code.
// Broken by: a token without an end is taken.
func TestSupabase07_ABadTokenHasTheCodeOfItsAlgorithm(t *testing.T) {
	t.Parallel()
	good, unknown := ecKey(t), ecKey(t)
	s := start(t, options{env: []string{"SUPABASE_JWKS=" + encode(t, map[string]any{"keys": []any{jwk(t, "k1", &good.PublicKey)}})}})
	past := time.Now().Add(-time.Minute).Unix()
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	unsigned := func(alg string) string {
		return part(`{"alg":"`+alg+`","typ":"JWT"}`) + "." + part(`{"sub":"u","exp":9999999999}`) + "." + part("x")
	}
	for name, c := range map[string]struct{ authorization, code string }{
		"no scheme":         {"abc", "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		"scheme alone":      {"Bearer", "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		"two tokens":        {"Bearer a b", "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		"basic":             {"Basic dTpw", "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		"no token":          {"Bearer garbage", "UNAUTHORIZED_INVALID_JWT_FORMAT"},
		"another secret":    {"Bearer " + sign(t, jwt.SigningMethodHS256, []byte("another-secret-of-thirty-two-characters"), "", claimsOf("u")), "UNAUTHORIZED_LEGACY_JWT"},
		"expired":           {"Bearer " + hs256(t, "u", "exp", past), "UNAUTHORIZED_LEGACY_JWT"},
		"without an end":    {"Bearer " + hs256(t, "u", "exp", nil), "UNAUTHORIZED_LEGACY_JWT"},
		"not yet":           {"Bearer " + hs256(t, "u", "nbf", time.Now().Add(time.Hour).Unix()), "UNAUTHORIZED_LEGACY_JWT"},
		"another key":       {"Bearer " + sign(t, jwt.SigningMethodES256, unknown, "k1", claimsOf("u")), "UNAUTHORIZED_ASYMMETRIC_JWT"},
		"unknown kid":       {"Bearer " + sign(t, jwt.SigningMethodES256, unknown, "k2", claimsOf("u")), "UNAUTHORIZED_ASYMMETRIC_JWT"},
		"expired ES256":     {"Bearer " + sign(t, jwt.SigningMethodES256, good, "k1", claimsOf("u", "exp", past)), "UNAUTHORIZED_ASYMMETRIC_JWT"},
		"RS256 of no key":   {"Bearer " + sign(t, jwt.SigningMethodRS256, rsaKey(t), "k1", claimsOf("u")), "UNAUTHORIZED_ASYMMETRIC_JWT"},
		"none":              {"Bearer " + unsigned("none"), "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM"},
		"EdDSA":             {"Bearer " + unsigned("EdDSA"), "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM"},
		"PS256":             {"Bearer " + unsigned("PS256"), "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM"},
		"lower-case scheme": {"bearer " + hs256(t, "u", "exp", past), "UNAUTHORIZED_LEGACY_JWT"},
	} {
		t.Run(name, func(t *testing.T) {
			s.refused(s.connections(uuid.New(), "Authorization", c.authorization), 401, c.code)
		})
	}
}

// Broken by: a token that is signed with a public key as the secret is taken.
// Broken by: a token without a person is taken.
// Broken by: the issuer is not compared.
// Broken by: the audience is not compared.
// Broken by: a key set that is a bare list is refused.
func TestSupabase08_GoodTokensOfEveryKindAreTaken(t *testing.T) {
	t.Parallel()
	ec, rs := ecKey(t), rsaKey(t)
	keys := []any{jwk(t, "ec", &ec.PublicKey), jwk(t, "rs", &rs.PublicKey)}
	served := &jwks{keys: []map[string]any{jwk(t, "ec", &ec.PublicKey), jwk(t, "rs", &rs.PublicKey)}}
	public, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"object":              {"SUPABASE_JWKS=" + encode(t, map[string]any{"keys": keys})},
		"list":                {"SUPABASE_JWKS=" + encode(t, keys)},
		"URL":                 {"SUPABASE_JWKS_URL=" + listen(t, served) + "/auth/v1/.well-known/jwks.json"},
		"the project's":       {"SUPABASE_URL=" + listen(t, served)},
		"issuer and audience": {"SUPABASE_JWKS=" + encode(t, keys), "JWT_ISSUER=https://project.example.com/auth/v1", "JWT_AUDIENCE=authenticated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{env: env})
			user, workspace := uuid.NewString(), uuid.New()
			s.member(user, workspace)
			for kind, token := range map[string]string{
				"HS256": hs256(t, user), "ES256": sign(t, jwt.SigningMethodES256, ec, "ec", claimsOf(user)), "RS256": sign(t, jwt.SigningMethodRS256, rs, "rs", claimsOf(user)),
				"audience in a list": hs256(t, user, "aud", []string{"other", "authenticated"}),
			} {
				if r := s.connections(workspace, bearer(token)...); r.status != 200 {
					t.Errorf("%s: %d %s", kind, r.status, r.body)
				}
			}
			s.refused(s.connections(workspace, bearer(sign(t, jwt.SigningMethodHS256, public, "ec", claimsOf(user)))...), 401, "UNAUTHORIZED_LEGACY_JWT")
			s.refused(s.connections(workspace, bearer(hs256(t, user, "sub", nil))...), 401, "UNAUTHORIZED_LEGACY_JWT")
			s.refused(s.connections(workspace, bearer(sign(t, jwt.SigningMethodES256, ec, "ec", claimsOf(user, "sub", nil)))...), 401, "UNAUTHORIZED_ASYMMETRIC_JWT")
			if name == "issuer and audience" {
				s.refused(s.connections(workspace, bearer(hs256(t, user, "iss", "https://other.example.com/auth/v1"))...), 401, "UNAUTHORIZED_LEGACY_JWT")
				s.refused(s.connections(workspace, bearer(hs256(t, user, "aud", []string{"other"}))...), 401, "UNAUTHORIZED_LEGACY_JWT")
			}
		})
	}
	none := start(t, options{env: []string{"SUPABASE_JWT_SECRET="}})
	none.refused(none.connections(uuid.New(), bearer(hs256(t, "u"))...), 401, "UNAUTHORIZED_LEGACY_JWT")
}

// Broken by: an unknown key id fetches without a cool-down.
// Broken by: a failed fetch forgets the keys.
// Broken by: a set that was never fetched is taken for one without the key.
func TestSupabase09_TheKeySetIsCachedAndSurvivesAnOutage(t *testing.T) {
	t.Parallel()
	first, second := ecKey(t), ecKey(t)
	served := &jwks{keys: []map[string]any{jwk(t, "first", &first.PublicKey)}}
	url := listen(t, served) + "/auth/v1/.well-known/jwks.json"
	s := start(t, options{env: []string{"SUPABASE_JWKS_URL=" + url}})
	user, workspace := uuid.NewString(), uuid.New()
	s.member(user, workspace)
	ask := func(method *jwt.SigningMethodECDSA, kid string) reply {
		key := first
		if kid != "first" {
			key = second
		}
		return s.connections(workspace, bearer(sign(t, method, key, kid, claimsOf(user)))...)
	}
	for range 5 {
		if r := ask(jwt.SigningMethodES256, "first"); r.status != 200 {
			t.Fatalf("got %d %s", r.status, r.body)
		}
	}
	if n := served.count(); n != 1 {
		t.Errorf("%d fetches for five tokens of a known key, want 1", n)
	}
	served.set(false, jwk(t, "second", &second.PublicKey))
	if r := ask(jwt.SigningMethodES256, "second"); r.status != 200 {
		t.Errorf("after a rotation: %d %s", r.status, r.body)
	}
	for range 5 {
		s.refused(ask(jwt.SigningMethodES256, "junk"), 401, "UNAUTHORIZED_ASYMMETRIC_JWT")
	}
	if n := served.count(); n != 2 {
		t.Errorf("%d fetches after a rotation and five junk tokens, want 2", n)
	}
	served.set(true)
	if r := ask(jwt.SigningMethodES256, "second"); r.status != 200 {
		t.Errorf("while the set cannot be fetched: %d %s", r.status, r.body)
	}

	outage := &jwks{keys: []map[string]any{jwk(t, "first", &first.PublicKey)}}
	during := start(t, options{env: []string{"SUPABASE_JWKS_URL=" + listen(t, outage) + "/auth/v1/.well-known/jwks.json"}})
	during.member(user, workspace)
	outage.set(true)
	during.refused(during.connections(workspace, bearer(sign(t, jwt.SigningMethodES256, second, "junk", claimsOf(user)))...), 401, "UNAUTHORIZED_ASYMMETRIC_JWT")
	if n := outage.count(); n != 2 {
		t.Errorf("%d fetches at the start and for an unknown key, want 2", n)
	}
	if r := during.connections(workspace, bearer(sign(t, jwt.SigningMethodES256, first, "first", claimsOf(user)))...); r.status != 200 {
		t.Errorf("after a fetch that failed: %d %s", r.status, r.body)
	}

	without := start(t, options{env: []string{"SUPABASE_JWKS_URL=" + url}})
	r := without.connections(workspace, bearer(sign(t, jwt.SigningMethodES256, second, "second", claimsOf(user)))...)
	without.refused(r, 503, "signing_keys_unavailable")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if r := without.connections(workspace, "apikey", secretKey); r.status != 200 {
		t.Errorf("a service needs no key set: %d %s", r.status, r.body)
	}
}

// Broken by: only the key named default is known.
// Broken by: a bearer that is an API key is judged as a token.
func TestSupabase10_ASecretKeyIsAServiceOnEitherHeader(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	w := uuid.New()
	for name, headers := range map[string][]string{
		"apikey":                  {"apikey", secretKey},
		"another name":            {"apikey", otherSecretKey},
		"on both, as up to 2.110": {"apikey", secretKey, "Authorization", "Bearer " + secretKey},
		"bearer alone":            {"Authorization", "Bearer " + secretKey},
	} {
		if r := s.connections(w, headers...); r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for name, key := range map[string]string{"part": secretKey[:len(secretKey)-1], "more": secretKey + "x", "unknown": "sb_" + "secret_" + "unknown"} {
		s.refused(s.connections(w, "apikey", key), 401, "UNAUTHORIZED_INVALID_API_KEY")
		s.refused(s.connections(w, "apikey", key, "Authorization", "Bearer "+key), 401, "UNAUTHORIZED_INVALID_API_KEY")
		_ = name
	}
	single := start(t, options{env: []string{"SUPABASE_SECRET_KEYS=", "SUPABASE_SECRET_KEY=" + otherSecretKey}})
	if r := single.connections(w, "apikey", otherSecretKey); r.status != 200 {
		t.Errorf("the single key: %d %s", r.status, r.body)
	}
	single.refused(single.connections(w, "apikey", secretKey), 401, "UNAUTHORIZED_INVALID_API_KEY")
}

// Broken by: the anon key counts as a person because its signature is good.
// Broken by: the service_role key counts as nobody.
func TestSupabase11_TheServiceRoleKeyIsAServiceAndThePublicKeysAreNobody(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	role, anon, w := projectKey(t, "service_role"), projectKey(t, "anon"), uuid.New()
	for name, headers := range map[string][]string{"bearer": bearer(role), "both": {"apikey", role, "Authorization", "Bearer " + role}} {
		if r := s.connections(w, headers...); r.status != 200 {
			t.Errorf("service_role as %s: %d %s", name, r.status, r.body)
		}
	}
	exact := start(t, options{env: []string{"SUPABASE_JWT_SECRET=", "SUPABASE_SECRET_KEYS=", "SUPABASE_SERVICE_ROLE_KEY=" + role}})
	if r := exact.connections(w, bearer(role)...); r.status != 200 {
		t.Errorf("the key as it is configured, without the secret: %d %s", r.status, r.body)
	}
	for _, path := range []string{"/hubspot-oauth-start", "/salesforce-oauth-start", "/sync", "/sync/hubspot", "/sync/hubspot/batch", "/claim-install", "/disconnect-crm", "/crm-disconnect"} {
		for name, headers := range map[string][]string{
			"anon": {"apikey", anon, "Authorization", "Bearer " + anon}, "anon as apikey": {"apikey", anon}, "publishable": {"apikey", publishableKey},
			"publishable twice": {"apikey", publishableKey, "Authorization", "Bearer " + publishableKey}, "another's service_role": bearer(
				sign(t, jwt.SigningMethodHS256, []byte("another-secret-of-thirty-two-characters"), "", jwt.MapClaims{"role": "service_role", "exp": time.Now().Add(time.Hour).Unix()})),
		} {
			if r := s.send("POST", path, `{}`, headers...); r.status != 401 {
				t.Errorf("%s with %s: %d %s", path, name, r.status, r.body)
			}
		}
	}
}

// Broken by: a bad token falls through to the key beside it.
func TestSupabase12_ABadTokenIsRefusedBesideAGoodKey(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	user, mine, other := uuid.NewString(), uuid.New(), uuid.New()
	s.member(user, mine)
	s.refused(s.connections(mine, "apikey", secretKey, "Authorization", "Bearer "+hs256(t, user)+"x"), 401, "UNAUTHORIZED_LEGACY_JWT")
	s.refused(s.connections(mine, "apikey", secretKey, "Authorization", "Bearer nonsense"), 401, "UNAUTHORIZED_INVALID_JWT_FORMAT")
	if r := s.connections(mine, "apikey", publishableKey, "Authorization", "Bearer "+hs256(t, user)); r.status != 200 {
		t.Errorf("a person beside a publishable key: %d %s", r.status, r.body)
	}
	s.refused(s.connections(other, "apikey", publishableKey, "Authorization", "Bearer "+hs256(t, user)), 403, "forbidden")
	s.refused(s.connections(other, "apikey", secretKey, "Authorization", "Bearer "+hs256(t, user)), 403, "forbidden")
}

// Broken by: membership of the workspace is not asked.
// Broken by: user_metadata, which people edit themselves, names workspaces.
// Broken by: a record of another workspace is shown to whoever knows its id.
func TestSupabase13_APersonReachesTheirOwnWorkspacesOnly(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	mine, foreign, named := uuid.New(), uuid.New(), uuid.New()
	me, other := uuid.NewString(), uuid.NewString()
	s.member(me, mine)
	s.member(other, foreign)
	c := s.connectAs(foreign, "hubspot", "apikey", secretKey)
	handed := s.asService("POST", "/sync/hubspot", outcome(foreign, "e1"), "Prefer", "wait=10").json()
	write := handed["writes"].([]any)[0].(map[string]any)["id"].(string)
	before := s.everything()
	id, w := c.String(), foreign.String()
	for _, call := range [][3]string{
		{"POST", "/hubspot-oauth-start", `{"workspace_id":"` + w + `","user_id":"` + other + `"}`},
		{"POST", "/salesforce-oauth-start", `{"workspace_id":"` + w + `"}`},
		{"POST", "/claim-install", `{"install_id":"` + uuid.NewString() + `","workspace_id":"` + w + `","user_id":"` + other + `"}`},
		{"POST", "/disconnect-crm", `{"workspace_id":"` + w + `","crm":"hubspot","user_id":"` + other + `"}`},
		{"POST", "/crm-disconnect", `{"workspace_id":"` + w + `","crm":"hubspot"}`},
		{"GET", "/connections?workspace_id=" + w, ""},
		{"GET", "/connections/" + id + "/settings?workspace_id=" + w, ""},
		{"PATCH", "/connections/" + id + "/settings?workspace_id=" + w, `{"contacts":"create_only"}`},
		{"PATCH", "/connections/" + id + "/settings?workspace_id=" + mine.String(), `{"contacts":"create_only"}`},
		{"POST", "/connections/" + id + "/probe?workspace_id=" + w, ""},
		{"POST", "/connections/" + id + "/provision?workspace_id=" + mine.String(), ""},
		{"GET", "/apps?workspace_id=" + w, ""},
		{"PUT", "/apps/hubspot", `{"workspace_id":"` + w + `","client_id":"c","client_secret":"s"}`},
		{"DELETE", "/apps/hubspot?workspace_id=" + w, ""},
		{"GET", "/writes?workspace_id=" + w, ""},
		{"GET", "/writes/" + write, ""},
		{"POST", "/writes/" + write + "/retry", ""},
		{"POST", "/writes/" + write + "/resolve", `{"how":"cancel"}`},
		{"GET", "/sync/" + handed["sync_id"].(string), ""},
		{"POST", "/sync", encode(t, outcome(foreign, "e2"))},
		{"POST", "/sync/hubspot", encode(t, outcome(mine, "e2"))},
		{"POST", "/sync/hubspot/batch", `{"outcomes":[` + encode(t, outcome(foreign, "e3")) + `]}`},
		{"POST", "/sync/sweep", ""},
	} {
		for _, token := range []string{hs256(t, me), hs256(t, me, "user_metadata", map[string]any{"workspace_id": w}), hs256(t, me, "app_metadata", map[string]any{"workspace_id": 7})} {
			if r := s.send(call[0], "/functions/v1"+call[1], call[2], bearer(token)...); r.status != 403 && r.status != 404 {
				t.Errorf("%s %s: %d %s", call[0], call[1], r.status, r.body)
			}
		}
	}
	if after := s.everything(); after != before {
		t.Errorf("something was written:\n%s\n%s", before, after)
	}
	for name, token := range map[string]string{"the table": hs256(t, other), "app_metadata": hs256(t, me, "app_metadata", map[string]any{"workspace_ids": []any{named, foreign}}),
		"app_metadata, one": hs256(t, me, "app_metadata", map[string]any{"workspace_id": strings.ToUpper(w)})} {
		if r := s.connections(foreign, bearer(token)...); r.status != 200 || !strings.Contains(r.body, id) {
			t.Errorf("by %s: %d %s", name, r.status, r.body)
		}
		if r := s.send("GET", "/writes/"+write, "", bearer(token)...); r.status != 200 {
			t.Errorf("a write by %s: %d %s", name, r.status, r.body)
		}
	}
}

// everything is what a caller could have changed.
func (s *service) everything() string {
	s.t.Helper()
	var text string
	if err := s.db.QueryRow(s.t.Context(), `select concat((select string_agg(c::text, ',' order by id) from (select id, workspace_id, crm, status, settings_json from crm_connections) c),
		(select count(*) from crm_write_log), (select string_agg(status, ',' order by id) from crm_write_log), (select count(*) from crm_apps),
		(select count(*) from oauth_states), (select count(*) from pending_installs), (select count(*) from crm_audit))`).Scan(&text); err != nil {
		s.t.Fatal(err)
	}
	return text
}

// Broken by: sb-api-key, which a gateway sets, counts as a credential.
// Broken by: a callback needs credentials.
func TestSupabase14_CallbacksNeedNoCredentialsAndGatewayHeadersProveNothing(t *testing.T) {
	t.Parallel()
	s := start(t, options{})
	for _, path := range []string{"/functions/v1/hubspot-oauth-callback", "/salesforce-oauth-callback"} {
		for _, headers := range [][]string{nil, {"Authorization", "Basic x"}, {"apikey", publishableKey}} {
			if r := s.send("GET", path+"?code=c&state=s", "", headers...); r.status != 400 || r.body != "Invalid OAuth state" {
				t.Errorf("%s %v: %d %s", path, headers, r.status, r.body)
			}
		}
	}
	role := projectKey(t, "service_role")
	w := uuid.New()
	r := s.connections(w, "sb-api-key", role, "x-forwarded-for", "127.0.0.1", "x-forwarded-user", "admin", "x-user-id", uuid.NewString(), "x-forwarded-host", "localhost")
	s.refused(r, 401, "UNAUTHORIZED_NO_AUTH_HEADER")
	user := uuid.NewString()
	s.refused(s.connections(w, "sb-api-key", role, "x-workspace-id", w.String(), "Authorization", "Bearer "+hs256(t, user)), 403, "forbidden")
}

// Broken by: a service without keys starts.
// Broken by: keys that are no JSON are passed over.
// Broken by: a key set is fetched without TLS.
func TestSupabase15_WithoutGoodKeysTheServiceDoesNotStart(t *testing.T) {
	t.Parallel()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  []string
		says string
	}{
		"none":                {nil, "SUPABASE_SECRET_KEYS"},
		"blank":               {[]string{"SUPABASE_SECRET_KEY=  "}, "SUPABASE_SECRET_KEYS"},
		"no JSON":             {[]string{"SUPABASE_SECRET_KEYS=" + secretKey}, "SUPABASE_SECRET_KEYS"},
		"no JSON, and a key":  {[]string{"SUPABASE_SECRET_KEYS=" + secretKey, "SUPABASE_SERVICE_ROLE_KEY=k"}, "SUPABASE_SECRET_KEYS"},
		"no keys":             {[]string{"SUPABASE_SECRET_KEYS={}"}, "SUPABASE_SECRET_KEYS"},
		"an empty key":        {[]string{`SUPABASE_SECRET_KEYS={"default":""}`}, "SUPABASE_SECRET_KEYS"},
		"key set no JSON":     {[]string{"SUPABASE_SECRET_KEY=k", "SUPABASE_JWKS=nonsense"}, "SUPABASE_JWKS"},
		"empty key set":       {[]string{"SUPABASE_SECRET_KEY=k", `SUPABASE_JWKS={"keys":[]}`}, "SUPABASE_JWKS"},
		"key set without TLS": {[]string{"SUPABASE_SECRET_KEY=k", "SUPABASE_JWKS_URL=http://kong:8000/auth/v1/.well-known/jwks.json"}, "SUPABASE_JWKS_URL"},
		"short secret":        {[]string{"SUPABASE_SECRET_KEY=k", "JWT_SECRET=short"}, "JWT_SECRET"},
		"short hook secret":   {[]string{"SUPABASE_SECRET_KEY=k", "WEBHOOK_SECRET=short"}, "WEBHOOK_SECRET"},
		"bad signing secret":  {[]string{"SUPABASE_SECRET_KEY=k", "WEBHOOK_SIGNING_SECRET=v1,whsec_!"}, "WEBHOOK_SIGNING_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, "serve")
			cmd.Env = append([]string{"DATABASE_URL=postgres://crm@127.0.0.1:1/none", "APP_BASE_URL=" + appURL, "PUBLIC_URL=http://localhost:9", "LISTEN_ADDR=127.0.0.1:0"}, c.env...)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "\n  "+c.says+" ") {
				t.Errorf("%v: %s", err, out)
			}
			for _, line := range c.env {
				if _, value, _ := strings.Cut(line, "="); len(strings.TrimSpace(value)) > 5 && strings.Contains(string(out), value) {
					t.Errorf("the value is shown: %s", out)
				}
			}
		})
	}
}
