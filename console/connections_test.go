package console_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
)

var linkToCRM = regexp.MustCompile(`<a class="button primary" href="([^"]+)">`)

// connect connects the workspace by the console's own pages, and gives the page that the browser ends on.
func (v *visitor) connect(crm string) page {
	v.d.t.Helper()
	return v.goOn(v.post("/console/connect", url.Values{"workspace_id": {v.d.workspace.String()}, "crm": {crm}}))
}

// goOn follows the link of a page to the CRM, which consents at once, and back.
func (v *visitor) goOn(p page) page {
	v.d.t.Helper()
	link := linkToCRM.FindStringSubmatch(p.shows(http.StatusOK, "Sign in at").body)
	if link == nil {
		v.d.t.Fatalf("the page has no link to the CRM: %s", p.body)
	}
	at, _ := v.follow(html.UnescapeString(link[1]))
	return v.get(at.RequestURI())
}

// follow opens an address of whatever host and gives where that ends, and with which status.
func (v *visitor) follow(address string) (*url.URL, int) {
	v.d.t.Helper()
	req, err := http.NewRequestWithContext(v.d.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		v.d.t.Fatal(err)
	}
	resp, err := v.http.Do(req)
	if err != nil {
		v.d.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.Request.URL, resp.StatusCode
}

func (d *desk) connection(crm string) store.Connection {
	d.t.Helper()
	c, err := d.store.Connection(d.t.Context(), d.workspace, crm)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

func pathOf(c store.Connection) string { return "/console/connections/" + c.ID.String() }

// acts are the recorded acts of the console's own.
func (d *desk) acts(action string) (actors []string) {
	d.t.Helper()
	rows, err := d.pool.Query(d.t.Context(), `select actor from crm_audit where action = $1 order by id`, action)
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var actor string
		if err := rows.Scan(&actor); err != nil {
			d.t.Fatal(err)
		}
		actors = append(actors, actor)
	}
	return actors
}

func TestAnOperatorConnectsAWorkspaceToEachCRMAndComesBackToItsPage(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.get("/console/connections").shows(http.StatusOK, "No workspace has connected a CRM yet.")
	for crm, name := range map[string]string{hubSpot: "HubSpot", salesForce: "Salesforce"} {
		p := v.connect(crm).shows(http.StatusOK, "The CRM is connected.", name, "Writing", d.connection(crm).AccountID, d.workspace.String())
		if want := pathOf(d.connection(crm)); !strings.HasPrefix(p.at, want+"?") {
			t.Errorf("the browser ends at %s, want %s", p.at, want)
		}
		if !strings.Contains(p.body, `href="`+map[string]string{hubSpot: d.hubURL, salesForce: d.orgURL}[crm]) {
			t.Error("the page has no link into the account")
		}
		v.get("/console/connections").shows(http.StatusOK, name, "Writing")
	}
	if got := d.acts("connection.connect"); len(got) != 2 || got[0] != "default" {
		t.Errorf("recorded: %v", got)
	}
}

func TestAFlowOfTheConsoleEndsInTheBrowserThatBeganItAlone(t *testing.T) {
	t.Parallel()
	d := open(t)
	begun := d.operator().post("/console/connect", url.Values{"workspace_id": {d.workspace.String()}, "crm": {hubSpot}})
	link := html.UnescapeString(linkToCRM.FindStringSubmatch(begun.body)[1])
	if at, status := d.operator().follow(link); status != http.StatusBadRequest { // another browser, also an operator's
		t.Errorf("another browser came to %s, status %d", at.Path, status)
	}
	if _, err := d.store.Connection(t.Context(), d.workspace, hubSpot); err == nil {
		t.Error("another browser has connected the workspace")
	}
}

func TestWhatIsWrongWithAConnectionToBeMadeStandsAtItsField(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.post("/console/connect", url.Values{"workspace_id": {"acme"}, "crm": {hubSpot}}).shows(http.StatusBadRequest, "is not the id of a workspace", `aria-describedby="wrong-w"`)
	v.post("/console/connect", url.Values{"workspace_id": {d.workspace.String()}, "crm": {salesForce}, "login_host": {"evil.example.com"}}).
		shows(http.StatusBadRequest, "login_host_not_allowed", `value="evil.example.com"`)
	v.get("/console/connected?crm=hubspot&workspace="+d.workspace.String()+"&error_code=oauth_access_denied&error_description=Call+0900+now").
		shows(http.StatusOK, "The customer declined.", "Start connecting again and allow the access.").showsNot("0900")
	v.get("/console/connections/"+uuid.NewString()).shows(http.StatusNotFound, "There is no connection with this id.")
	v.get("/console/connections/x").shows(http.StatusNotFound)
}

func TestTheListShowsTheWorseOffFirstAndIsNarrowed(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	v.connect(salesForce)
	d.sync("ada@example.com")
	hub := d.connection(hubSpot)
	if _, err := d.store.FailConnection(t.Context(), hub.ID, hub.TokenGeneration, store.Trouble{Code: "grant_revoked", Cause: "The app was uninstalled", Action: "Reconnect HubSpot."}); err != nil {
		t.Fatal(err)
	}
	all := v.get("/console/connections").shows(http.StatusOK, "In error", "The app was uninstalled.", "Reconnect HubSpot.", "1 blocked", "1 queued")
	if strings.Index(all.body, hub.ID.String()) > strings.Index(all.body, d.connection(salesForce).ID.String()) {
		t.Error("the connection in error does not stand first")
	}
	for query, fits := range map[string]bool{"health=error": true, "health=writing": false, "crm=hubspot": true, "crm=salesforce": false, "q=" + hub.AccountID: true,
		"q=" + strings.ToUpper(d.workspace.String()): true, "q=%25": false, "q=nobody": false, "health=error&crm=salesforce": false, "health=nonsense": false} {
		p := v.get("/console/connections?" + query).shows(http.StatusOK)
		if strings.Contains(p.body, hub.ID.String()) != fits {
			t.Errorf("%s: shows the connection: %v, want %v", query, !fits, fits)
		}
	}
	v.get("/console/connections?after=x.y").shows(http.StatusBadRequest, "validation_failed")
}

func TestALongListHasPagesThatLeaveNothingOut(t *testing.T) {
	t.Parallel()
	d := open(t)
	if _, err := d.pool.Exec(t.Context(), `insert into crm_connections (workspace_id, crm, status, account_id)
		select gen_random_uuid(), 'hubspot', case when n % 7 = 0 then 'error' else 'connected' end, n from generate_series(1, 120) n`); err != nil {
		t.Fatal(err)
	}
	v := d.operator()
	seen := map[string]int{}
	next := regexp.MustCompile(`<a class="button" href="(/console/connections\?[^"]+)">Next page`)
	at := "/console/connections"
	for n := 1; ; n++ {
		p := v.get(at).shows(http.StatusOK)
		for _, id := range regexp.MustCompile(`/console/connections/([0-9a-f-]{36})"`).FindAllStringSubmatch(p.body, -1) {
			seen[id[1]]++
		}
		link := next.FindStringSubmatch(p.body)
		if link == nil {
			if n != 3 {
				t.Errorf("%d pages, want 3", n)
			}
			break
		}
		at = html.UnescapeString(link[1])
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s stands there %d times", id, n)
		}
	}
	if len(seen) != 120 {
		t.Errorf("%d connections in all pages, want 120", len(seen))
	}
}

func TestAConnectionInErrorTellsWhatToDoAndIsMendedByReconnecting(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	d.sync("ada@example.com")
	c := d.connection(hubSpot)
	if _, err := d.store.FailConnection(t.Context(), c.ID, c.TokenGeneration, store.Trouble{Code: "grant_revoked", Cause: "The app was uninstalled", Action: "Reconnect HubSpot."}); err != nil {
		t.Fatal(err)
	}
	d.later(5 * time.Second) // the overview is looked up once in a while
	v.get("/console").shows(http.StatusOK, "1 of 1 connections are in error and are not written to.", "Blocked", "The app was uninstalled.")
	v.get(pathOf(c)).shows(http.StatusOK, "In error", "The app was uninstalled.", "What to do: Reconnect HubSpot.", "grant_revoked")
	p := v.goOn(v.post(pathOf(c)+"/reconnect", nil)).shows(http.StatusOK, "The CRM is connected.", "Writing").showsNot("uninstalled")
	if !strings.HasPrefix(p.at, pathOf(c)+"?") {
		t.Errorf("the browser ends at %s", p.at)
	}
	d.start()
	d.eventually("what was blocked is written", func() bool {
		return strings.Contains(v.get("/console").body, "Everything that was handed in is written.")
	})
	d.eventually("the overview shows it", func() bool {
		p := v.get("/console")
		return strings.Contains(p.body, "Every connected CRM is being written.") && strings.Contains(p.body, "Written 1")
	})
}

func TestTestingAsksTheCRMAndSaysWhatItSays(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	c := d.connection(hubSpot)
	v.get(pathOf(c)).shows(http.StatusOK, "The account was not asked yet.")
	if err := d.store.NoteTrouble(t.Context(), c.ID, store.Trouble{Code: "crm_silent", Cause: "The account did not answer.", Action: "Nothing to do."}, 0); err != nil {
		t.Fatal(err)
	}
	v.get(pathOf(c)).shows(http.StatusOK, "Writing with trouble", "The account did not answer.")
	v.post(pathOf(c)+"/test", nil).shows(http.StatusOK, "The CRM account was asked and can be used.", "a read of the CRM shows whether it is there").showsNot("did not answer")
	v.post(pathOf(c)+"/provision", nil).shows(http.StatusOK, "is made, as far as the grant allows", "The CRM itself refuses a second copy.")
	if got := d.acts("connection.provision"); len(got) != 1 {
		t.Errorf("recorded: %v", got)
	}
	d.hub.RevokeGrants()
	v.post(pathOf(c)+"/test", nil).shows(http.StatusConflict, "crm_not_connected", "Reconnect HubSpot")
}

func TestDisconnectingAsksFirstEndsTheGrantAndKeepsWhatWaits(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	d.sync("ada@example.com")
	c := d.connection(hubSpot)
	v.get(pathOf(c)+"/disconnect").shows(http.StatusOK, "Disconnect HubSpot?", "Queued now: 1")
	if d.connection(hubSpot).Status != store.ConnectionConnected {
		t.Fatal("asking has disconnected")
	}
	v.post(pathOf(c)+"/disconnect", nil).shows(http.StatusOK, "the CRM has confirmed that the grant is over", "Disconnected", "Connect again").showsNot(`/test"`)
	if got := d.acts("connection.disconnect"); len(got) != 1 || got[0] != "default" {
		t.Errorf("recorded: %v", got)
	}
	v.post(pathOf(c)+"/test", nil).shows(http.StatusConflict, "crm_not_connected")
	v.get("/console/connections").shows(http.StatusOK, "1 blocked")
}

func TestScopesThatWereNotGrantedAreMarked(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	c := d.connection(hubSpot)
	granted := len(c.Scopes)
	if granted == 0 {
		t.Fatal("no scope was granted")
	}
	v.get(pathOf(c)).shows(http.StatusOK, c.Scopes[0])
	if _, err := d.pool.Exec(t.Context(), `update crm_connections set scopes_json = '["oauth", "tickets"]'`); err != nil {
		t.Fatal(err)
	}
	p := v.get(pathOf(c)).shows(http.StatusOK, "tickets")
	if n := strings.Count(p.body, "&nbsp;missing"); n < granted-1 {
		t.Errorf("%d scopes are marked as missing of %d", n, granted)
	}
}

func TestAnAccountThatRestsOrHasUsedItsDayIsOnTheOverview(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	v.connect(salesForce)
	v.get("/console").shows(http.StatusOK, "No account rests")
	hub, org := d.connection(hubSpot), d.connection(salesForce)
	if err := d.store.Rest(t.Context(), hub.ID, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := d.store.SaveLimits(t.Context(), org.ID, org.AccountID, []byte(`[{"name":"daily","used":14000,"max":15000}]`)); err != nil {
		t.Fatal(err)
	}
	d.later(5 * time.Second)
	v.get("/console").shows(http.StatusOK, "Rests; goes on", "14,000 of 15,000 calls of today", "93 %", "Every connection stands; 1 of 2 wait")
	v.get(pathOf(hub)).shows(http.StatusOK, "Paused", "Rests until")
	v.get(pathOf(org)).shows(http.StatusOK, "Calls of a day, by everybody: 14,000 of 15,000")
}

func TestTheOverviewSaysWhatIsNotWrittenAndWhy(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.get("/console").shows(http.StatusOK, "No CRM is connected yet.", "Nothing was written in the last hour.")
	v.connect(hubSpot)
	d.sync("a@example.com", "b@example.com", "c@example.com")
	if _, err := d.pool.Exec(t.Context(), `with one as (select id from crm_write_log limit 1) update crm_write_log set status = 'failed', settled_at = now(),
		error_code = 'contact_invalid', error_cause = 'HubSpot refuses the contact <b>', error_action = 'Mend the field' where id = (select id from one)`); err != nil {
		t.Fatal(err)
	}
	d.later(5 * time.Second)
	p := v.get("/console").shows(http.StatusOK, "Queued", "Its turn has not come yet.", "Failed 1", "HubSpot refuses the contact <b>.", "Mend the field.", "contact_invalid")
	if strings.Contains(p.body, "<b>.") || !strings.Contains(p.body, "1 failed in the last hour") {
		t.Errorf("the page shows foreign text as markup, or no text for the chart: %s", p.body)
	}
}

func TestTheOverviewFindsItsRowsByAnIndex(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	if _, err := d.pool.Exec(t.Context(), `insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
			idempotency_key, payload_json, payload_hash, status, settled_at, created_at)
		select gen_random_uuid(), gen_random_uuid(), c.workspace_id, 'hubspot', c.id, 'x', 'task', 'o' || n, 'create', 'e' || n, 'k' || n, '{}', '', 'succeeded',
			now() - n * interval '1 second', now() - n * interval '1 second' from crm_connections c, generate_series(1, 30000) n`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.pool.Exec(t.Context(), `analyze crm_write_log`); err != nil {
		t.Fatal(err)
	}
	before := d.scans(t.Context())
	v.get("/console").shows(http.StatusOK, "written, 0 for review")
	if n := d.scans(t.Context()) - before; n != 0 {
		t.Errorf("the overview read the whole log %d times", n)
	}
}

// scans is how often the log was read from one end to the other. Counters follow at a distance, so that it is read until it stands.
func (d *desk) scans(ctx context.Context) int64 {
	d.t.Helper()
	var n int64
	for range 3 {
		time.Sleep(1100 * time.Millisecond)
		if err := d.pool.QueryRow(ctx, `select seq_scan from pg_stat_user_tables where relname = 'crm_write_log'`).Scan(&n); err != nil {
			d.t.Fatal(err)
		}
	}
	return n
}

func (d *desk) eventually(what string, yes func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if yes() {
			return
		}
	}
	d.t.Fatalf("not in time: %s", what)
}
