package handlers_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// redeem hands a code to a CRM's token endpoint as somebody would who stole it, and the client secret with it.
func (d *desk) redeem(crm, code string, verifier ...string) (status int, body string) {
	d.t.Helper()
	h, path, form := d.hub.Handler(), "/oauth/2026-03/token", url.Values{"client_id": {simhubspot.DefaultClientID}, "client_secret": {simhubspot.DefaultClientSecret}}
	if crm == salesForce {
		h, path = d.org.Handler(), "/services/oauth2/token"
		form = url.Values{"client_id": {simsalesforce.DefaultClientID}, "client_secret": {simsalesforce.DefaultClientSecret}}
	}
	form.Set("grant_type", "authorization_code")
	form.Set("code", code)
	form.Set("redirect_uri", d.url+"/functions/v1/"+crm+"-oauth-callback")
	for _, v := range verifier {
		form.Set("code_verifier", v)
	}
	req := httptest.NewRequestWithContext(d.t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec.Code, rec.Body.String()
}

func TestThreat05_AStolenCodeIsWorthNothingWithoutItsVerifier(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			verifiers := make(chan string, 8)
			d := open(t, stopped, func(o *options) {
				o.wrap = func(c connectors.Connector) connectors.Connector {
					return &listener{Connector: c, verifiers: verifiers}
				}
			})
			v := d.person("vera@example.com", d.workspace)
			for what, stolen := range map[string]func(code, verifier string) []string{
				"no verifier":              func(string, string) []string { return nil },
				"an empty verifier":        func(string, string) []string { return []string{""} },
				"another verifier":         func(string, string) []string { return []string{strings.Repeat("A", 43)} },
				"the challenge":            func(_, verifier string) []string { return []string{challenge(verifier)} },
				"the verifier of another":  func(string, string) []string { v.begin(crm, d.url); return []string{<-verifiers} },
				"the verifier, cut short":  func(_, verifier string) []string { return []string{verifier[:len(verifier)-1]} },
				"the verifier, upper case": func(_, verifier string) []string { return []string{strings.ToUpper(verifier)} },
			} {
				link := v.begin(crm, d.url)
				verifier := <-verifiers
				asks, err := url.Parse(link)
				if err != nil || asks.Query().Get("code_challenge_method") != "S256" || asks.Query().Get("code_challenge") != challenge(verifier) || strings.Contains(link, verifier) {
					t.Fatalf("%s: the flow sends no S256 challenge of its verifier: %s, %v", what, link, err)
				}
				code := d.atCRM(link, "allow").Query().Get("code")
				if status, body := d.redeem(crm, code, stolen(code, verifier)...); status != http.StatusBadRequest || strings.Contains(body, "access_token") {
					t.Errorf("%s: answered %d %s", what, status, body)
				}
			}
			// Beside the verifier the same theft succeeds, so that it is the verifier that stood against it.
			link := v.begin(crm, d.url)
			verifier := <-verifiers
			if status, body := d.redeem(crm, d.atCRM(link, "allow").Query().Get("code"), verifier); status != http.StatusOK || !strings.Contains(body, "access_token") {
				t.Errorf("with the verifier: answered %d %s", status, body)
			}
			verifierIsNowhereAndSpent(t, d, crm, verifiers)
		})
	}
}

// verifierIsNowhereAndSpent looks for the verifiers of two flows, one under way and one that was finished, in all that the service keeps and says.
func verifierIsNowhereAndSpent(t *testing.T, d *desk, crm string, verifiers chan string) {
	t.Helper()
	v := d.person("vera@example.com", d.workspace)
	asked(t, v.open(d.atCRM(v.begin(crm, appBase), "allow").String())) // waits for its page's answer, code and verifier with it
	waiting := <-verifiers
	v.open(d.atCRM(v.begin(crm, d.url), "allow").String()).backAtApp()
	spent := <-verifiers
	for _, verifier := range []string{waiting, spent} {
		if d.storedInClear(verifier) {
			t.Error("the database holds a verifier in the clear")
		}
		if strings.Contains(d.seen.text()+d.log.text(), verifier) {
			t.Error("an answer or the log shows a verifier")
		}
	}
	if n := d.count(`select count(*) from oauth_states where verifier_ciphertext <> '' and stage = 'confirm'`); n != 1 {
		t.Errorf("%d flows wait with their verifier, want the one", n)
	}
	d.exec(`delete from oauth_states where stage = 'confirm' or crm <> $1`, crm)
	if n := d.count(`select count(*) from oauth_states where crm = $1`, crm); n > 9 {
		t.Errorf("%d flows are left: those that were not finished, and no other", n)
	}
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// listener hears the verifier of each flow as it begins.
type listener struct {
	connectors.Connector
	verifiers chan string
}

// AuthorizeURL passes the call on.
func (l *listener) AuthorizeURL(app connectors.App, state string, verifier connectors.Secret) (string, error) {
	l.verifiers <- verifier.Reveal()
	return l.Connector.AuthorizeURL(app, state, verifier)
}

// connectAs connects a further workspace to the simulated org and gives it and where its browser ended.
func (d *desk) connectAs(crm string) (uuid.UUID, url.Values) {
	d.t.Helper()
	workspace := uuid.New()
	back := d.visit(d.atCRM(d.begin(crm, "workspace_id", workspace), "allow").String()).backAtApp()
	if back.Query().Get(crm+"_success") != "1" {
		d.t.Fatalf("connecting ended at %s", back)
	}
	return workspace, back.Query()
}

func (d *desk) connectionsOf(workspace uuid.UUID) []api.Connection {
	d.t.Helper()
	return decode[api.ConnectionList](d.call(http.MethodGet, "/connections?workspace_id="+workspace.String(), nil), http.StatusOK).Connections
}

func TestThreat12_WhoApprovesForAFifthWorkspaceIsToldAndASixthEndsNoGrantUnexplained(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.org.SetBehaviour(simsalesforce.Behaviour{MaxApprovals: 5})
	first := d.connect(salesForce)
	workspaces := []uuid.UUID{d.workspace}
	for n := 2; n <= 6; n++ {
		workspace, said := d.connectAs(salesForce)
		workspaces = append(workspaces, workspace)
		warned := said.Get("warning_code") == "user_approvals_full" && strings.Contains(said.Get("warning_description"), "user of its own")
		if warned != (n >= 5) || said.Has("warning_code") != (n >= 5) {
			t.Errorf("workspace %d of one user: the browser went back with %v", n, said)
		}
		shown := d.connectionsOf(workspace)[0].Warnings
		if (len(shown) == 1) != (n >= 5) || n >= 5 && (shown[0].Code != "user_approvals_full" || shown[0].Action == "") {
			t.Errorf("workspace %d of one user: GET /connections warns of %v", n, shown)
		}
		for _, other := range workspaces[:n-1] {
			if strings.Contains(said.Encode()+asJSON(t, shown), other.String()) {
				t.Errorf("workspace %d is told of another: %v %v", n, said, shown)
			}
		}
	}
	d.org.ExpireAccessTokens()
	a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+salesForce, d.outcome("e-1", contact("ada@example.com"))), http.StatusAccepted)
	d.until(a.Writes[0].Id, api.WriteStatusBlocked)
	if c := d.listed(salesForce); c.Status != api.ConnectionStatusError || c.LastError == nil || c.LastError.Code != "approval_displaced" ||
		!strings.Contains(c.LastError.Action, "this workspace's own") || c.Id != first.ID {
		t.Errorf("the first workspace is told %+v", c.LastError)
	}
}

// Of other users, apps or orgs, and where a grant died for another reason, nobody speaks of the limit.
func TestThreat12_OtherUsersAppsAndEndsCountForNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(salesForce)
	for _, change := range []string{`crm_user_id = '005ak00000UsR09AAF'`, `crm_user_id = ''`, `account_id = '00Dak00000OrG09EAF'`, `app_client_id = 'another'`,
		`status = 'disconnected'`, `crm_user_id = '005ak00000UsR08AAF'`} {
		for range 4 { // with the desk's own that would be five
			workspace, _ := d.connectAs(salesForce)
			d.exec(`update crm_connections set `+change+` where workspace_id = $1`, workspace)
		}
	}
	if c := d.listed(salesForce); len(c.Warnings) != 0 {
		t.Errorf("it is warned of %v", c.Warnings)
	}
	d.org.RevokeGrants()
	d.org.ExpireAccessTokens()
	a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+salesForce, d.outcome("e-1", contact("ada@example.com"))), http.StatusAccepted)
	d.until(a.Writes[0].Id, api.WriteStatusBlocked)
	if c := d.listed(salesForce); c.LastError == nil || c.LastError.Code != "grant_dead" {
		t.Errorf("a grant that somebody revoked: %+v", c.LastError)
	}
}

// What a page's answer refuses is ended at the CRM, and what is connected goes on.
func TestARefusedReplacementIsRevokedAtTheCRMAndTouchesNothingElse(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			gained := make(chan connectors.Grant, 8)
			d := open(t, stopped, func(o *options) {
				o.wrap = func(c connectors.Connector) connectors.Connector { return witnessing(c, gained) }
			})
			d.connect(crm)
			kept := <-gained
			deny := func() connectors.Grant {
				d.exec(`update crm_connections set account_id = 'former' where workspace_id = $1`, d.workspace)
				v := d.person("vera@example.com", d.workspace)
				to := d.answer(asked(t, v.open(d.atCRM(v.begin(crm, d.url), "allow").String())), "deny").backAtApp()
				if to.Query().Get("error_code") != string(api.CodeOAuthAccessDenied) {
					t.Errorf("ended at %s", to)
				}
				return <-gained
			}
			if refused := deny(); d.stillGood(crm, refused.RefreshToken.Reveal()) {
				t.Error("the grant that was refused still works")
			}
			if crm == salesForce && !d.stillGood(crm, kept.RefreshToken.Reveal()) {
				t.Error("the grant that is connected was ended")
			}
			// Another workspace uses the new account. HubSpot has the app once an account: nothing is ended there.
			d.connectAs(crm)
			others := <-gained
			refused := deny()
			if !d.stillGood(crm, others.RefreshToken.Reveal()) {
				t.Error("another workspace's grant was ended")
			}
			if d.stillGood(crm, refused.RefreshToken.Reveal()) != (crm == hubSpot) {
				t.Errorf("%s: is the refused grant ended? not as it has to be", crm)
			}
			if c, err := d.store.Connection(t.Context(), d.workspace, crm); err != nil || c.Status != store.ConnectionConnected || c.AccountID != "former" {
				t.Errorf("the connection is %s to %s, %v", c.Status, c.AccountID, err)
			}
		})
	}
}

// witnessing tells of each grant that a code was exchanged for. It keeps the abilities of the connector that the flow asks for.
func witnessing(c connectors.Connector, gained chan connectors.Grant) connectors.Connector {
	w := witness{c, gained}
	if limiter, ok := c.(connectors.ApprovalLimiter); ok {
		return struct {
			witness
			connectors.ApprovalLimiter
		}{w, limiter}
	}
	return w
}

type witness struct {
	connectors.Connector
	gained chan connectors.Grant
}

// Exchange passes the call on.
func (w witness) Exchange(ctx context.Context, app connectors.App, code string, verifier connectors.Secret) (connectors.Grant, error) {
	g, err := w.Connector.Exchange(ctx, app, code, verifier)
	if err == nil {
		w.gained <- g
	}
	return g, err
}
