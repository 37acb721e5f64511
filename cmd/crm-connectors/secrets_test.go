//go:build !production

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestThreat09_ADumpOfTheDatabaseHoldsNoSecret(t *testing.T) {
	t.Parallel()
	th := openTheatre(t)
	th.life()
	dump := th.dump()
	for _, leak := range th.secrets.leaks(dump) {
		t.Errorf("the dump holds a %s", leak)
	}
	kinds := map[string]int{}
	for _, kind := range th.secrets.all() {
		kinds[kind]++
	}
	t.Logf("%d bytes were searched for %v", len(dump), kinds)
	for _, kind := range []string{"access_token", "refresh_token", "client_secret", "code", "code_verifier", "state", "ticket", "cookie", "service_key", "webhook_secret",
		"jwt", "jwt_secret", "keyset", "former_key"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s was met, so that it proves nothing that none is found", kind)
		}
	}
	// Whatever lies in the database is found: tables of River's, columns of every type.
	th.exec(`create table river.scratch (a text, b jsonb, c bytea, d text[])`)
	for secret, kind := range th.secrets.all() {
		if kind == "former_key" || kind == "keyset" { // may be no text
			continue
		}
		for _, column := range []string{"a", "b", "c", "d"} {
			value := map[string]any{"a": "before " + secret, "b": map[string]string{"in": secret}, "c": []byte("x" + secret), "d": []string{"", secret}}[column]
			th.exec(`insert into river.scratch (`+column+`) values ($1)`, value)
			if len(th.secrets.leaks(th.dump())) == 0 {
				t.Errorf("a %s in column %s is not seen", kind, column)
			}
			th.exec(`delete from river.scratch`)
		}
		break
	}
}

// streams are where a secret could come to light. What later tells more of itself is one more.
func (th *theatre) streams() []stream {
	return []stream{
		{name: "standard output", text: th.stdout.text()},
		{name: "standard error", text: th.stderr.text()},
		{name: "the answers to callers", text: th.answers.text(), may: []string{"state", "ticket", "cookie"}}, // they are for the browser of the flow
		{name: "the log of Postgres, with all parameters", text: th.postgresLog()},
		{name: "the database", text: th.dump()},
		{name: "the metrics", text: th.metrics},
		{name: "the traces", text: th.spans.text()},
		{name: "the other commands", text: th.commands()},
	}
}

type stream struct {
	name, text string
	may        []string // kinds of secret that it is there to show
}

func TestThreat17_NoSecretComesToLightWhateverTheCRMsAnswer(t *testing.T) {
	t.Parallel()
	th := openTheatre(t)
	th.life()
	for _, crm := range demoCRMs() {
		for _, refusal := range refusals(crm) {
			th.refusedCalls(crm, refusal)
		}
		for _, refusal := range tokenRefusals() {
			th.refusedExchange(crm, refusal)
			th.refusedRefresh(crm, refusal)
		}
		th.refusedRevocation(crm)
		th.refusedConsent(crm)
	}
	th.wrongCallers()
	th.databaseFails()
	th.asked()
	th.console()
	th.stop()
	for _, s := range th.streams() {
		if len(s.text) < 100 && s.name != "standard error" && s.name != "the log of Postgres, with all parameters" {
			t.Errorf("%s has %d bytes: is it read?", s.name, len(s.text))
		}
		t.Logf("%s: %d bytes", s.name, len(s.text))
		for _, leak := range th.secrets.leaks(s.text, s.may...) {
			t.Errorf("%s: %s", s.name, leak)
		}
	}
	if log := th.postgresLog(); log != "" && (!strings.Contains(log, "arameters: $1 = ") || !strings.Contains(log, "insert into oauth_states")) {
		t.Error("the log of Postgres has no parameters: is it at its most talkative?")
	}
	for table, sql := range map[string]string{
		"attempts that quote a CRM":    `select count(*) from crm_write_attempts where cause like '%redacted%'`,
		"writes that quote a CRM":      `select count(*) from crm_write_log where error_cause like '%redacted%'`,
		"connections that quote a CRM": `select count(*) from crm_connections where last_error like '%redacted%'`,
		"jobs that failed":             `select count(*) from river.river_job where errors is not null`,
	} {
		if th.count(sql) == 0 {
			t.Errorf("there are no %s, so that it proves nothing that no secret is there", table)
		}
	}
	for what, shown := range map[string]string{"the answers": th.answers.text(), "standard output": th.stdout.text()} {
		if !strings.Contains(shown, "redacted") {
			t.Errorf("%s quote no CRM", what)
		}
	}
}

// refusedCalls has every call of a delivery refused in one way.
func (th *theatre) refusedCalls(crm string, refusal squawk) {
	th.t.Helper()
	workspace, p := uuid.New(), th.parrots[crm]
	th.connect(crm, workspace)
	p.refuse(&refusal)
	th.sync(crm, workspace, "refused")
	th.eventually(crm+" has refused a call with "+refusal.name, func() bool {
		return p.quoted() > 0 && th.count(`select (select count(*) from crm_write_attempts a join crm_write_log w on w.id = a.write_id where w.workspace_id = $1)
			+ (select count(*) from crm_connections where workspace_id = $1 and (last_error is not null or silent_calls > 0))`, workspace) > 0
	})
	th.ask(http.MethodGet, "/writes?workspace_id="+workspace.String(), nil)
	th.ask(http.MethodGet, "/connections?workspace_id="+workspace.String(), nil)
	th.ask(http.MethodPost, "/sync/"+crm+"?dry_run=true", map[string]any{"workspace_id": workspace, "source_event_id": "dry", "contact": map[string]any{"email": "dry@example.com", "last_name": "Byron"}})
	p.refuse(nil)
}

// refusedExchange has the code refused, and reads what the browser is told.
func (th *theatre) refusedExchange(crm string, refusal squawk) {
	th.t.Helper()
	p := th.parrots[crm]
	p.refuse(&refusal)
	if err := th.service.connect(th.t.Context(), crm, uuid.New()); err == nil || p.quoted() == 0 {
		th.t.Errorf("%s, exchange, %s: %v, %d quotations", crm, refusal.name, err, p.quoted())
	}
	p.refuse(nil)
}

// refusedRefresh has a renewal refused that a caller waits for, and one of a delivery.
func (th *theatre) refusedRefresh(crm string, refusal squawk) {
	th.t.Helper()
	workspace, p := uuid.New(), th.parrots[crm]
	th.connect(crm, workspace)
	th.expire[crm]()
	th.exec(`update crm_connections set token_expires_at = now() where workspace_id = $1 and crm = 'hubspot'`, workspace)
	p.refuse(&refusal)
	th.sync(crm, workspace, "refresh")
	th.eventually(crm+" has refused a refresh with "+refusal.name, func() bool {
		return p.quoted() > 0 && th.count(`select count(*) from crm_connections where workspace_id = $1 and (last_error is not null or refresh_in_doubt_at is not null)`, workspace) > 0
	})
	th.ask(http.MethodGet, "/connections?workspace_id="+workspace.String(), nil)
	p.refuse(nil)
}

func (th *theatre) refusedRevocation(crm string) {
	th.t.Helper()
	for _, say := range refusals(crm) {
		workspace, p := uuid.New(), th.parrots[crm]
		if say.name != "400" && say.name != "500" && say.name != "redirect to nowhere" {
			continue
		}
		th.connect(crm, workspace)
		p.refuse(&say)
		if status, said := th.ask(http.MethodPost, "/disconnect-crm", map[string]any{"workspace_id": workspace, "crm": crm}); status != http.StatusOK || p.quoted() == 0 {
			th.t.Errorf("%s, %s: %d %v, %d quotations", crm, say.name, status, said, p.quoted())
		}
		p.refuse(nil)
	}
}

// refusedConsent comes back from the CRM with an error that quotes what the address held.
func (th *theatre) refusedConsent(crm string) {
	th.t.Helper()
	_, started := th.ask(http.MethodPost, "/"+crm+"-oauth-start", map[string]any{"workspace_id": uuid.New()})
	asks, err := url.Parse(started["url"].(string))
	if err != nil {
		th.t.Fatal(err)
	}
	code, state := ofThisRun("code"), asks.Query().Get("state")
	th.secrets.note("code", code)
	th.secrets.note("state", state)
	q := url.Values{"state": {state}, "code": {code}, "error": {"server_error"}, "error_description": {"the code " + code + " of state " + state + " is of no use"}}
	if status, _ := th.ask(http.MethodGet, "/"+crm+"-oauth-callback?"+q.Encode(), nil); status != http.StatusFound {
		th.t.Errorf("a callback with an error: %d", status)
	}
	for _, odd := range []url.Values{{"state": {state}, "code": {code}}, {"state": {state}}, {"code": {code}}, {"state": {strings.Repeat(state, 3)}, "code": {code}}} {
		if status, _ := th.ask(http.MethodGet, "/"+crm+"-oauth-callback?"+odd.Encode(), nil); status != http.StatusBadRequest {
			th.t.Errorf("an odd callback: %d", status)
		}
	}
}

// wrongCallers send secrets where they do not belong, and bodies that are refused.
func (th *theatre) wrongCallers() {
	th.t.Helper()
	refused := func(what string, status int, _ map[string]any) {
		th.t.Helper()
		if status < 400 {
			th.t.Errorf("%s: answered %d", what, status)
		}
	}
	refuse := func(what, method, path string, body any, headers ...string) {
		status, said := th.ask(method, path, body, headers...)
		refused(what, status, said)
	}
	note := func(kind string) string { s := ofThisRun(kind); th.secrets.note("wrong_"+kind, s); return s }
	refuse("a key that is none", http.MethodGet, "/writes?workspace_id="+th.workspace.String(), nil, "apikey", note("key"))
	refuse("a token that is none", http.MethodGet, "/writes?workspace_id="+th.workspace.String(), nil, "Authorization", "Bearer "+note("token"))
	foreign := th.token(uuid.New())
	refuse("somebody else's token", http.MethodGet, "/writes?workspace_id="+th.workspace.String(), nil, "Authorization", "Bearer "+foreign)
	refuse("a token that was changed", http.MethodGet, "/writes?workspace_id="+th.workspace.String(), nil, "Authorization", "Bearer "+foreign[:len(foreign)-3]+"abc")
	refuse("a basic password", http.MethodGet, "/writes?workspace_id="+th.workspace.String(), nil, "Authorization", "Basic "+note("basic"))
	for what, secret := range map[string]any{"an object": map[string]any{"v": note("secret")}, "a list": []string{note("secret")}, "too long": strings.Repeat(note("secret"), 200)} {
		refuse("a client secret that is "+what, http.MethodPut, "/apps/hubspot", map[string]any{"workspace_id": th.workspace, "client_id": "c", "client_secret": secret})
	}
	refuse("a client secret in a body that is no JSON", http.MethodPut, "/apps/hubspot", `{"client_secret": "`+note("secret")+`" nonsense`)
	refuse("a client secret for a CRM that is none", http.MethodPut, "/apps/pipedrive", map[string]any{"workspace_id": th.workspace, "client_id": "c", "client_secret": note("secret")})
	th.connect("hubspot", th.workspace)
	refuse("a login host that is none", http.MethodPut, "/apps/salesforce", map[string]any{"workspace_id": th.workspace, "client_id": "c", "client_secret": note("secret"), "login_host": "evil.example"})
	refuse("a ticket that is none", http.MethodPost, "/oauth-confirm", url.Values{"crm": {"hubspot"}, "ticket": {note("ticket")}, "decision": {"allow"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// databaseFails has statements fail that carry what is secret, or stand beside it.
func (th *theatre) databaseFails() {
	th.t.Helper()
	for _, table := range []string{"crm_connections", "oauth_states", "crm_apps", "crm_write_log"} {
		secret := ofThisRun("beside-a-fault")
		th.secrets.note("client_secret", secret)
		workspace := uuid.New()
		if table == "crm_write_log" {
			th.connect("hubspot", workspace)
			th.exec(`update crm_connections set capabilities_at = null where workspace_id = $1`, workspace)
		}
		th.exec(`alter table ` + table + ` rename to away`)
		failed := 0
		for _, call := range []func() (int, map[string]any){
			func() (int, map[string]any) {
				return th.ask(http.MethodPut, "/apps/hubspot", map[string]any{"workspace_id": workspace, "client_id": "c", "client_secret": secret})
			},
			func() (int, map[string]any) {
				return th.ask(http.MethodPost, "/hubspot-oauth-start", map[string]any{"workspace_id": workspace})
			},
			func() (int, map[string]any) {
				return th.ask(http.MethodGet, "/hubspot-oauth-callback?"+url.Values{"code": {secret}, "state": {secret}}.Encode(), nil)
			},
			func() (int, map[string]any) {
				return th.ask(http.MethodPost, "/sync", map[string]any{"workspace_id": workspace, "source_event_id": "e", "contact": map[string]any{"email": "ada@example.com", "last_name": "Byron"}})
			},
		} {
			if status, _ := call(); status >= 500 {
				failed++
			}
		}
		if failed == 0 {
			th.t.Errorf("without %s nothing fails", table)
		}
		if table == "crm_connections" { // a drain fails, and its job says why
			th.exec(`insert into river.river_job (kind, queue, args, max_attempts, state) values ('crm.drain', 'drain_hubspot', jsonb_build_object('connection_id', gen_random_uuid()), 2, 'available')`)
			th.eventually("a job has failed", func() bool { return th.count(`select count(*) from river.river_job where errors is not null`) > 0 })
		}
		th.exec(`alter table away rename to ` + table)
	}
}

// asked reads what can be read.
func (th *theatre) asked() {
	for _, path := range []string{"/health", "/connections?workspace_id=" + th.workspace.String(), "/writes?workspace_id=" + th.workspace.String(), "/apps?workspace_id=" + th.workspace.String()} {
		if status, said := th.ask(http.MethodGet, path, nil); status != http.StatusOK {
			th.t.Errorf("GET %s: %d %v", path, status, said)
		}
	}
	status, said := th.ask(http.MethodGet, "/connections?workspace_id="+th.workspace.String(), nil)
	for _, c := range said["connections"].([]any) {
		id := fmt.Sprint(c.(map[string]any)["id"])
		for _, path := range []string{"/connections/" + id + "/settings?workspace_id=" + th.workspace.String()} {
			if status, said := th.ask(http.MethodGet, path, nil); status != http.StatusOK {
				th.t.Errorf("GET %s: %d %v", path, status, said)
			}
		}
		th.ask(http.MethodPost, "/connections/"+id+"/probe?workspace_id="+th.workspace.String(), nil)
	}
	if status != http.StatusOK {
		th.t.Errorf("GET /connections: %d", status)
	}
}

// console signs in with keys that are none and with one that is, and reads what an operator sees.
func (th *theatre) console() {
	th.t.Helper()
	wrong := ofThisRun("operator")
	th.secrets.note("wrong_key", wrong)
	session := ""
	visit := func(method, path, form string) int {
		req, err := http.NewRequestWithContext(th.t.Context(), method, th.service.base+path, strings.NewReader(form))
		if err != nil {
			th.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", th.service.base)
		req.Header.Set("Cookie", session)
		resp, err := th.service.http.Transport.RoundTrip(req)
		if err != nil {
			th.t.Fatal(err)
		}
		_ = resp.Body.Close()
		for _, c := range resp.Cookies() {
			session = c.Name + "=" + c.Value
		}
		return resp.StatusCode
	}
	for _, credential := range []string{wrong, th.token(th.workspace)} {
		if got := visit(http.MethodPost, "/console/sign-in", url.Values{"credential": {credential}}.Encode()); got < 400 {
			th.t.Errorf("a credential that is none: %d", got)
		}
	}
	if got := visit(http.MethodPost, "/console/sign-in", url.Values{"credential": {th.service.key}}.Encode()); got != http.StatusSeeOther || session == "" {
		th.t.Errorf("signing in: %d", got)
	}
	if got := visit(http.MethodGet, "/console", ""); got != http.StatusOK {
		th.t.Errorf("the overview: %d", got)
	}
}

// commands are what the other commands print on the same environment, and on one in which every variable is wrong.
func (th *theatre) commands() string {
	var out bytes.Buffer
	for _, args := range [][]string{{"keys", "show"}, {"keys", "reencrypt"}, {"keys", "rotate", "retire"}, {"health"}, {"migrate"}, {"version"}, {"failures"}, {"help", "config"}, {"serve", "--loud"}} {
		run(th.t.Context(), env{args: args, getenv: func(name string) string { return th.vars[name] }, stdout: &out, stderr: &out})
	}
	for name, value := range th.vars {
		if strings.Contains(strings.ToUpper(name), "PORT") || name == "LISTEN_ADDR" {
			continue
		}
		spoilt := func(asked string) string {
			if asked == name {
				return "://" + value + "\x7f%zz"
			}
			return th.vars[asked]
		}
		if _, err := LoadConfig(spoilt); err != nil {
			_, _ = fmt.Fprintln(&out, err)
		}
		for _, command := range []string{"migrate", "keys show"} {
			if strings.HasPrefix(name, "DATABASE_URL") || strings.HasPrefix(name, "TOKEN_") {
				run(th.t.Context(), env{args: strings.Fields(command), getenv: spoilt, stdout: &out, stderr: &out})
			}
		}
	}
	return out.String()
}

func TestThreat17_AConfigPrintsWithoutAnyOfItsSecrets(t *testing.T) {
	t.Parallel()
	th := &theatre{t: t, secrets: &sentinels{kind: map[string]string{}}, vars: map[string]string{}}
	set := func(name, before, after string) {
		secret := ofThisRun(strings.ToLower(name) + "-of-this-run")
		if after != "" {
			secret = strings.NewReplacer("/", "-", "+", "-", "=", "-").Replace(secret)
		}
		th.secrets.note(name, secret)
		th.vars[name] = before + secret + after
	}
	set("DATABASE_URL", "postgres://crm:", "@db.example.com:5432/postgres")
	set("CRM_PROXY_URL", "http://proxy:", "@proxy.example.com:3128")
	for _, name := range []string{"SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_JWT_SECRET", "WEBHOOK_SECRET", "HUBSPOT_CLIENT_SECRET", "SALESFORCE_CLIENT_SECRET"} {
		set(name, "", "")
	}
	th.vars["SALESFORCE_CLIENT_ID"] = "app"
	cfg, err := LoadConfig(with(t, th.vars))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	text := string(asJSON)
	var each func(v reflect.Value)
	each = func(v reflect.Value) { // also what lies behind pointers, which fmt does not follow
		if !v.IsValid() || !v.CanInterface() {
			return
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text += fmt.Sprintf(verb, v.Interface()) + "\n"
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			each(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				each(v.Field(i))
			}
		}
	}
	each(reflect.ValueOf(cfg))
	if found := th.secrets.leaks(text); len(found) != 0 || !strings.Contains(text, "redacted") || len(th.secrets.all()) != 8 {
		t.Errorf("it prints %v", found)
	}
}
