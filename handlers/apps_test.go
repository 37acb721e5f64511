package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const ownClient = "client-of-a-workspace"

func ownSecret() string { return strings.Join([]string{"known", "to", "one", "workspace"}, "~") }

// putApp gives the workspace an app; more are names and values of further fields.
func (d *desk) putApp(crm, client, secret string, more ...any) reply {
	d.t.Helper()
	body := fields{"workspace_id": d.workspace, "client_id": client, "client_secret": secret}
	for i := 0; i < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return d.call(http.MethodPut, "/apps/"+crm, body)
}

func (d *desk) deleteApp(crm string) reply {
	d.t.Helper()
	return d.call(http.MethodDelete, "/apps/"+crm+"?workspace_id="+d.workspace.String(), nil)
}

// app is what GET /apps says of a CRM to a workspace.
func (d *desk) app(crm string, workspace uuid.UUID) api.App {
	d.t.Helper()
	for _, a := range decode[api.AppList](d.call(http.MethodGet, "/apps?workspace_id="+workspace.String(), nil), http.StatusOK).Apps {
		if string(a.Crm) == crm {
			return a
		}
	}
	d.t.Fatalf("no entry for %s", crm)
	return api.App{}
}

// storedInClear says whether any column of any table holds text.
func (d *desk) storedInClear(text string) bool {
	d.t.Helper()
	return d.count(`select count(*) from (select query_to_xml(format('select t::text from %I.%I t', n.nspname, c.relname), true, true, '')::text as rows
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema')) d where position($1 in rows) > 0`, text) > 0
}

func TestAWorkspaceConnectsAndRenewsWithItsOwnAppThoughTheServiceHasNone(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t, noApps)
			e := d.call(http.MethodPost, "/"+crm+"-oauth-start", fields{"workspace_id": d.workspace}).refused(http.StatusNotImplemented, api.CodeCrmNotConfigured)
			if !strings.Contains(e.Message, "/apps/"+crm) {
				t.Errorf("without any app the start says %q", e.Message)
			}
			callbackURL := d.url + "/functions/v1/" + crm + "-oauth-callback"
			if a := d.app(crm, d.workspace); a.Source != api.AppSourceNone || a.RedirectUrl != callbackURL || a.ClientId != nil {
				t.Errorf("before it is put: %+v", a)
			}
			a := decode[api.App](d.putApp(crm, ownClient, ownSecret()), http.StatusOK)
			if a.Source != api.AppSourceWorkspace || a.ClientId == nil || *a.ClientId != ownClient || a.RedirectUrl != callbackURL || a.LoginHost != nil || a.UpdatedAt == nil {
				t.Errorf("put: %+v", a)
			}
			if d.storedInClear(ownSecret()) || !d.storedInClear(ownClient) {
				t.Error("the secret is stored in clear, or the app is not")
			}
			conn := d.connect(crm)
			if listed := d.listed(crm); conn.AppClientID != ownClient || listed.AppClientId == nil || *listed.AppClientId != ownClient {
				t.Errorf("connected with %q, listed with %v", conn.AppClientID, listed.AppClientId)
			}
			d.hub.ExpireAccessTokens()
			d.org.ExpireAccessTokens()
			d.succeeded("/sync/"+crm, d.whole("e-1"))
			d.noteTokens(crm)
			if now := d.connection(crm); now.TokenGeneration != conn.TokenGeneration+1 {
				t.Errorf("generation %d, then %d; want one refresh", conn.TokenGeneration, now.TokenGeneration)
			}
			if out := d.disconnect(crm); !out.Revoked {
				t.Error("the grant was not revoked")
			}
			if a := decode[api.App](d.deleteApp(crm), http.StatusOK); a.Source != api.AppSourceNone || a.ClientId != nil {
				t.Errorf("after it is deleted: %+v", a)
			}
		})
	}
}

func TestAnAppServesItsOwnWorkspaceAlone(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		d := open(t, stopped)
		decode[api.App](d.putApp(crm, ownClient, ownSecret()), http.StatusOK)
		mine, other := d.workspace, uuid.New()
		if link := d.begin(crm); !strings.Contains(link, "client_id="+ownClient+"&") {
			t.Errorf("%s: the workspace is sent to %s", crm, link)
		}
		if a := d.app(crm, other); a.Source != api.AppSourceInstallation || a.ClientId != nil || a.UpdatedAt != nil || a.RedirectUrl == "" {
			t.Errorf("%s: another workspace sees %+v", crm, a)
		}
		d.workspace = other
		d.deleteApp(crm).refused(http.StatusNotFound, api.CodeAppNotFound)
		if c := d.connect(crm); c.AppClientID != "" {
			t.Errorf("%s: another workspace connected with %q", crm, c.AppClientID)
		}
		if a := d.app(crm, mine); a.Source != api.AppSourceWorkspace {
			t.Errorf("%s: the app is %+v", crm, a)
		}
	}
}

func TestAnAppThatIsInUseKeepsItsClientId(t *testing.T) {
	t.Parallel()
	d := open(t, ownApps, stopped)
	decode[api.App](d.putApp(hubSpot, ownClient, ownSecret()), http.StatusOK)
	d.connect(hubSpot)
	for _, r := range []reply{d.putApp(hubSpot, "another", "secret"), d.deleteApp(hubSpot)} {
		if e := r.refused(http.StatusConflict, api.CodeAppInUse); e.Details["crm"] != hubSpot || !strings.Contains(e.Message, "Disconnect") {
			t.Errorf("refused with %+v", e)
		}
	}
	decode[api.App](d.putApp(hubSpot, ownClient, ownSecret()), http.StatusOK)
	d.disconnect(hubSpot)
	if a := decode[api.App](d.putApp(hubSpot, "another", "secret"), http.StatusOK); *a.ClientId != "another" {
		t.Errorf("once disconnected: %+v", a)
	}
	if a := decode[api.App](d.deleteApp(hubSpot), http.StatusOK); a.Source != api.AppSourceInstallation {
		t.Errorf("deleted: %+v", a)
	}
}

func TestAMendedSecretLetsTheConnectionGoOn(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t, noApps, stopped)
			decode[api.App](d.putApp(crm, ownClient, ownSecret()), http.StatusOK)
			d.connect(crm)
			decode[api.App](d.putApp(crm, ownClient, "mistyped"), http.StatusOK)
			d.start()
			d.exec(`update crm_connections set token_expires_at = now()`)
			d.hub.ExpireAccessTokens()
			d.org.ExpireAccessTokens()
			a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+crm, d.outcome("e-1", contact("ada@example.com"))), http.StatusAccepted)
			d.eventually("the connection has trouble", func() bool { return d.listed(crm).LastError != nil })
			if c := d.listed(crm); c.Status != api.ConnectionStatusConnected || c.PausedUntil == nil {
				t.Errorf("with a wrong secret the connection is %+v", c)
			}
			d.eventually("the turn that had the wrong secret is over", func() bool {
				return d.count(`select count(*) from `+store.JobSchema+`.river_job where state = 'running' and kind = 'crm.drain'`) == 0
			})
			decode[api.App](d.putApp(crm, ownClient, ownSecret()), http.StatusOK)
			d.exec(`update crm_write_log set next_attempt_at = now() where status = 'queued'`)
			d.until(a.Writes[0].Id, api.WriteStatusSucceeded)
			d.noteTokens(crm)
		})
	}
}

func TestAFlowWhoseAppWasChangedMeanwhileExchangesNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(d *desk, crm string){
		"deleted": func(d *desk, crm string) { decode[api.App](d.deleteApp(crm), http.StatusOK) },
		"changed": func(d *desk, crm string) { decode[api.App](d.putApp(crm, "another", "secret"), http.StatusOK) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, ownApps, stopped)
			for _, crm := range crms() {
				decode[api.App](d.putApp(crm, ownClient, ownSecret()), http.StatusOK)
				back := d.atCRM(d.begin(crm, "redirect_to", "/x?a=1"), "allow").String()
				change(d, crm)
				to := d.visit(back).backAtApp()
				q := to.Query()
				if to.Path != "/x" || q.Get("a") != "1" || q.Get("error") != "server_error" || q.Get("error_code") != string(api.CodeOAuthAppChanged) ||
					!strings.Contains(q.Get("error_description"), "Start the connection again") {
					t.Errorf("%s: ended at %s", crm, to)
				}
				if n := d.oauthCalls(crm, ""); n != 0 {
					t.Errorf("%s: %d calls to the CRM, want none", crm, n)
				}
				invalidState(t, d.visit(back))
			}
			if n := d.count(`select count(*) from crm_connections`); n != 0 {
				t.Errorf("%d connections were stored", n)
			}
		})
	}
}

func TestAFlowGoesOnWithTheAppThatItBeganWith(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	for _, crm := range crms() {
		back := d.atCRM(d.begin(crm), "allow").String()
		decode[api.App](d.putApp(crm, ownClient, ownSecret()), http.StatusOK) // the simulators do not know it
		if to := d.visit(back).backAtApp(); to.Query().Get(crm+"_success") != "1" {
			t.Errorf("%s: ended at %s", crm, to)
		}
		d.noteTokens(crm)
		if c := d.connection(crm); c.AppClientID != "" {
			t.Errorf("%s: connected with %q", crm, c.AppClientID)
		}
	}
}

func TestAConnectionWhoseAppIsGoneSaysSo(t *testing.T) {
	t.Parallel()
	d := open(t, noApps, stopped)
	for client, want := range map[string]string{"": "service's own hubspot app", "gone": "hubspot app gone"} {
		c, err := d.store.Connect(t.Context(), store.NewGrant{WorkspaceID: d.workspace, CRM: hubSpot, AccountID: "a", AccessToken: "t1~", RefreshToken: "t2~"}, d.engine.Wake)
		if err != nil {
			t.Fatal(err)
		}
		d.exec(`update crm_connections set app_client_id = $1`, client)
		e := d.call(http.MethodPost, "/connections/"+c.ID.String()+"/probe?workspace_id="+d.workspace.String(), nil).refused(http.StatusConflict, api.CodeCrmRefused)
		if e.Details["cause_code"] != "app_missing" || !strings.Contains(e.Message, want) {
			t.Errorf("%q: %+v", client, e)
		}
	}
	decode[api.App](d.putApp(hubSpot, "other", "secret"), http.StatusOK)
	e := d.call(http.MethodPost, "/sync/hubspot?dry_run=true", d.whole("e-1")).refused(http.StatusConflict, api.CodeCrmRefused)
	if e.Details["cause_code"] != "app_missing" {
		t.Errorf("with another app: %+v", e)
	}
}

func TestAnAppSignsInWhereItWasPutFor(t *testing.T) {
	t.Parallel()
	d := open(t, ownApps, stopped)
	a := decode[api.App](d.putApp(salesForce, ownClient, ownSecret(), "login_host", d.sandboxURL()), http.StatusOK)
	if a.LoginHost == nil || *a.LoginHost != d.sandboxURL() {
		t.Errorf("put: %+v", a)
	}
	if link := d.begin(salesForce); !strings.HasPrefix(link, d.sandboxURL()) {
		t.Errorf("the start leads to %s", link)
	}
	if link := d.begin(salesForce, "login_host", d.orgURL); !strings.HasPrefix(link, d.orgURL) {
		t.Errorf("a start that names a host leads to %s", link)
	}
	c := d.connect(salesForce)
	if c.LoginURL != d.sandboxURL() || c.AppClientID != ownClient {
		t.Errorf("connected at %s with %s", c.LoginURL, c.AppClientID)
	}
	d.org.ExpireAccessTokens()
	at := "/connections/" + c.ID.String() + "/settings?workspace_id=" + d.workspace.String()
	decode[api.ConnectionSettings](d.call(http.MethodPatch, at, fields{"task_status": "In Progress"}), http.StatusOK)
	d.noteTokens(salesForce)
	if now := d.connection(salesForce); now.TokenGeneration != c.TokenGeneration+1 || now.InstanceURL != d.sandboxURL() {
		t.Errorf("renewed %d times, and the org is at %s", now.TokenGeneration-c.TokenGeneration, now.InstanceURL)
	}
	if a := decode[api.App](d.putApp(salesForce, ownClient, ownSecret(), "login_host", nil), http.StatusOK); a.LoginHost != nil {
		t.Errorf("put without a host: %+v", a)
	}
	if a := decode[api.App](d.putApp(salesForce, ownClient, ownSecret(), "login_host", "example.my.salesforce.com"), http.StatusOK); *a.LoginHost != "example.my.salesforce.com" {
		t.Errorf("put with a My Domain: %+v", a)
	}
}

func TestAnAppThatIsNotWholeIsRefusedWithoutRepeatingItsSecret(t *testing.T) {
	t.Parallel()
	d := open(t, stopped, func(o *options) { o.without = hubSpot })
	good := fields{"workspace_id": d.workspace, "client_id": ownClient, "client_secret": ownSecret()}
	for name, c := range map[string]struct {
		change fields
		field  string
		code   api.ErrorCode
	}{
		"no secret":         {fields{"client_secret": nil}, "client_secret", api.CodeValidationFailed},
		"an empty secret":   {fields{"client_secret": ""}, "client_secret", api.CodeValidationFailed},
		"a secret in lines": {fields{"client_secret": ownSecret() + "\n"}, "client_secret", api.CodeValidationFailed},
		"a blank client":    {fields{"client_id": " "}, "client_id", api.CodeValidationFailed},
		"an unknown field":  {fields{"secret": ownSecret()}, "secret", api.CodeValidationFailed},
		"no workspace":      {fields{"workspace_id": "mine"}, "workspace_id", api.CodeValidationFailed},
		"a foreign host":    {fields{"login_host": "login.salesforce.com.example.com"}, "login_host", api.CodeLoginHostNotAllowed},
		"plain HTTP":        {fields{"login_host": "http://login.salesforce.com"}, "login_host", api.CodeLoginHostNotAllowed},
	} {
		body := fields{}
		for _, f := range []fields{good, c.change} {
			for k, v := range f {
				body[k] = v
			}
		}
		if e := d.call(http.MethodPut, "/apps/salesforce", body).refused(http.StatusBadRequest, c.code); e.Details["field"] != c.field {
			t.Errorf("%s: details %v, want the field %s", name, e.Details, c.field)
		}
	}
	d.call(http.MethodPut, "/apps/hubspot", good).refused(http.StatusNotImplemented, api.CodeCrmNotConfigured)
	d.call(http.MethodPut, "/apps/other", good).refused(http.StatusBadRequest, api.CodeValidationFailed)
	d.call(http.MethodDelete, "/apps/salesforce?"+url.Values{"workspace_id": {"mine"}}.Encode(), nil).refused(http.StatusBadRequest, api.CodeValidationFailed)
	if list := decode[api.AppList](d.call(http.MethodGet, "/apps?workspace_id="+d.workspace.String(), nil), http.StatusOK); len(list.Apps) != 1 || list.Apps[0].Crm != salesForce {
		t.Errorf("apps %+v, want Salesforce's entry alone", list.Apps)
	}
	hub := open(t, stopped)
	if e := hub.putApp(hubSpot, ownClient, ownSecret(), "login_host", "app.hubspot.com").refused(http.StatusBadRequest, api.CodeLoginHostNotAllowed); e.Details["field"] != "login_host" {
		t.Errorf("a host for HubSpot: %+v", e)
	}
	if d.count(`select count(*) from crm_apps`)+hub.count(`select count(*) from crm_apps`) != 0 {
		t.Error("something was stored")
	}
}
