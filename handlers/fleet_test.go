package handlers_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/handlers"
	"crm-connectors/sim"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// acts are who did what of that name.
func (d *desk) acts(action string) []string {
	d.t.Helper()
	return d.texts(`select actor from crm_audit where action = $1 order by id`, action)
}

func TestOperatorsSeeEveryWorkspacesConnectionsTheWorseOffFirst(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	hub, org := d.connect(hubSpot), d.connect(salesForce)
	d.call("POST", "/sync", d.outcome("e1", contact("ada@example.com")))
	if _, err := d.store.FailConnection(ctx, org.ID, org.TokenGeneration, store.Trouble{Code: "grant_revoked", Cause: "The app was uninstalled.", Action: "Reconnect."}); err != nil {
		t.Fatal(err)
	}
	if err := d.store.Rest(ctx, hub.ID, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	fleet, err := d.handlers.Fleet(ctx, handlers.FleetQuery{})
	if err != nil || len(fleet.Connections) != 2 || fleet.Next != "" {
		t.Fatalf("%+v, %v", fleet, err)
	}
	first, second := fleet.Connections[0], fleet.Connections[1]
	if first.ID != org.ID || first.Health != store.ConnectionError || first.Trouble == nil || first.Trouble.Action != "Reconnect." || first.Waits.Blocked.N != 1 || !first.Waits.Any() {
		t.Errorf("the one in error is %+v", first)
	}
	if second.ID != hub.ID || second.Health != store.HealthPaused || second.PausedUntil == nil || second.Waits.Queued.N != 1 || !strings.HasPrefix(second.AccountURL, "http") {
		t.Errorf("the one that rests is %+v", second)
	}
	for q, want := range map[handlers.FleetQuery]int{{Health: "error"}: 1, {CRM: hubSpot}: 1, {Text: " " + hub.AccountID + " "}: 1, {Text: "nobody"}: 0} {
		if got, err := d.handlers.Fleet(ctx, q); err != nil || len(got.Connections) != want {
			t.Errorf("%+v finds %d, %v; want %d", q, len(got.Connections), err, want)
		}
	}
	_, err = d.handlers.Fleet(ctx, handlers.FleetQuery{After: "x.y"})
	if p := d.problem(err, api.CodeValidationFailed); p.Fields["after"] != "" {
		t.Errorf("%+v", p)
	}
}

func TestALongFleetHasPagesThatLeaveNothingOut(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	d.exec(`insert into crm_connections (workspace_id, crm, status, account_id)
		select gen_random_uuid(), 'hubspot', case when n % 7 = 0 then 'error' else 'connected' end, n from generate_series(1, 70) n`)
	seen := map[uuid.UUID]bool{}
	q := handlers.FleetQuery{}
	for {
		page, err := d.handlers.Fleet(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Connections {
			if seen[c.ID] {
				t.Errorf("%s comes twice", c.ID)
			}
			seen[c.ID] = true
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if len(seen) != 70 {
		t.Errorf("%d connections in all pages, want 70", len(seen))
	}
}

func TestAConnectionsPageHasItsScopesMarkersLimitsAndSettings(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	for _, crm := range []string{hubSpot, salesForce} {
		c := d.connect(crm)
		if id, err := d.handlers.FindConnection(ctx, d.workspace, crm); err != nil || id != c.ID {
			t.Errorf("the workspace's connection is %s, %v", id, err)
		}
		if err := d.store.SaveLimits(ctx, c.ID, c.AccountID, []byte(`[{"name":"daily","used":14000,"max":15000}]`)); err != nil {
			t.Fatal(err)
		}
		before, err := d.handlers.FleetConnection(ctx, c.ID)
		if err != nil || len(before.Markers) > 0 || before.Probed != nil || len(before.Limits) != 1 || before.Limits[0].Used != 14000 {
			t.Fatalf("before it was asked: %+v, %v", before, err)
		}
		if err := d.handlers.TestConnection(ctx, c.ID); err != nil {
			t.Fatal(err)
		}
		page, err := d.handlers.FleetConnection(ctx, c.ID)
		if err != nil || page.Probed == nil || len(page.Markers) != 3 || page.Markers[1].Words == "" {
			t.Fatalf("after: %+v, %v", page, err)
		}
		if !slices.ContainsFunc(page.Scopes, func(s handlers.Scope) bool { return s.Required && s.Granted }) {
			t.Errorf("no scope of %s that is needed was given: %+v", crm, page.Scopes)
		}
		if page.Settings.HasLabels != (crm == hubSpot) || page.Settings.HasCreateLeads != (crm == salesForce) {
			t.Errorf("the settings of %s are %+v", crm, page.Settings)
		}
	}
	_, err := d.handlers.FleetConnection(ctx, uuid.New())
	d.problem(err, api.CodeConnectionNotFound)
	_, err = d.handlers.FindConnection(ctx, uuid.New(), hubSpot)
	d.problem(err, api.CodeCrmNotConnected)
}

func TestScopesThatTheAccountDidNotGiveAreTold(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	c := d.connect(hubSpot)
	d.exec(`update crm_connections set scopes_json = '["oauth", "tickets"]'`)
	page, err := d.handlers.FleetConnection(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	missing := 0
	for _, s := range page.Scopes {
		if s.Required && !s.Granted {
			missing++
		}
	}
	last := page.Scopes[len(page.Scopes)-1]
	if missing == 0 || last.Name != "tickets" || last.WasWanted || !last.Granted {
		t.Errorf("%+v", page.Scopes)
	}
}

func TestAnOperatorsTestEndsTheTroubleThatIsOver(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	c := d.connect(hubSpot)
	if err := d.store.NoteTrouble(ctx, c.ID, store.Trouble{Code: "crm_silent", Cause: "The account did not answer.", Action: "Nothing to do."}, 0); err != nil {
		t.Fatal(err)
	}
	if page, err := d.handlers.FleetConnection(ctx, c.ID); err != nil || page.Health != store.HealthTrouble {
		t.Fatalf("%+v, %v", page, err)
	}
	if err := d.handlers.TestConnection(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if page, err := d.handlers.FleetConnection(ctx, c.ID); err != nil || page.Health != store.HealthWriting || page.Trouble != nil {
		t.Errorf("%+v, %v", page, err)
	}
	d.hub.RevokeGrants()
	d.problem(d.handlers.TestConnection(ctx, c.ID), api.CodeCrmNotConnected)
	d.problem(d.handlers.TestConnection(ctx, uuid.New()), api.CodeConnectionNotFound)
}

func TestAnOperatorMakesTheMarkersFieldsAndThatIsRecorded(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, op := d.asOperator()
	c := d.connect(hubSpot)
	if err := d.handlers.ProvisionFleetConnection(ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	page, err := d.handlers.FleetConnection(ctx, c.ID)
	if err != nil || page.Markers[1].Tier != "enforced" || page.Markers[1].Field == "" {
		t.Errorf("%+v, %v", page.Markers, err)
	}
	if got := d.acts("connection.provision"); !slices.Equal(got, []string{op.Name}) {
		t.Errorf("recorded: %v", got)
	}
	d.problem(d.handlers.ProvisionFleetConnection(ctx, uuid.New()), api.CodeConnectionNotFound)
}

func TestAnOperatorDisconnectsAWorkspaceAndIsToldWhetherTheCRMKnows(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, op := d.asOperator()
	hub, org := d.connect(hubSpot), d.connect(salesForce)
	if revoked, err := d.handlers.DisconnectFleetConnection(ctx, hub.ID); err != nil || !revoked {
		t.Errorf("HubSpot: %v, %v", revoked, err)
	}
	d.fault(salesForce, sim.Fault{Path: "/services/oauth2/revoke", Kind: sim.FaultStatus, Status: 503, Times: 10})
	if revoked, err := d.handlers.DisconnectFleetConnection(ctx, org.ID); err != nil || revoked {
		t.Errorf("Salesforce, which does not answer: %v, %v", revoked, err)
	}
	if got := d.acts("connection.disconnect"); !slices.Equal(got, []string{op.Name, op.Name}) {
		t.Errorf("recorded: %v", got)
	}
	_, err := d.handlers.DisconnectFleetConnection(ctx, uuid.New())
	d.problem(err, api.CodeConnectionNotFound)
}

func TestAnOperatorConnectsAndReconnectsAWorkspaceInTheirOwnBrowser(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, op := d.asOperator()
	flow := handlers.OperatorFlow{WorkspaceID: d.workspace, CRM: hubSpot, Origin: d.url, Path: "/console/connected"}
	link, cookie, until, err := d.handlers.ConnectAsOperator(ctx, op, flow)
	if err != nil || cookie == nil || time.Until(until) < time.Minute {
		t.Fatalf("%q, %v, %s, %v", link, cookie, until, err)
	}
	given, _, _ := strings.Cut(*cookie, ";")
	to := d.look(d.atCRM(link, "allow").String(), given)
	if back, err := url.Parse(to.header.Get("Location")); err != nil || back.Path != "/console/connected" || back.Query().Get("hubspot_success") != "1" {
		t.Fatalf("the browser is sent to %q, %v", to.header.Get("Location"), err)
	}
	d.noteTokens(hubSpot)
	c := d.connection(hubSpot)
	if again, _, _, err := d.handlers.ReconnectAsOperator(ctx, op, c.ID, d.url, "/console"); err != nil || again == link {
		t.Errorf("reconnecting leads to %q, %v", again, err)
	}
	if got := d.acts("connection.connect"); !slices.Equal(got, []string{op.Name, op.Name}) {
		t.Errorf("recorded: %v", got)
	}
	flow.WorkspaceID = uuid.Nil
	_, _, _, err = d.handlers.ConnectAsOperator(ctx, op, flow)
	if p := d.problem(err, api.CodeValidationFailed); p.Fields["workspace_id"] == "" {
		t.Errorf("%+v", p)
	}
	_, _, _, err = d.handlers.ReconnectAsOperator(ctx, op, uuid.New(), d.url, "/console")
	d.problem(err, api.CodeConnectionNotFound)
}
