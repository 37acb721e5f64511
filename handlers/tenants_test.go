package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// as calls the service as this person, with JSON unless body is nil.
func (p *person) as(method, path string, body any) reply {
	p.d.t.Helper()
	var payload string
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			p.d.t.Fatal(err)
		}
		payload = string(raw)
	}
	req, err := http.NewRequestWithContext(p.d.t.Context(), method, p.d.url+"/functions/v1"+path, strings.NewReader(payload))
	if err != nil {
		p.d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	return p.d.do(req)
}

// attempt is a call of a person with what belongs to another workspace.
type attempt struct {
	method, path string
	body         any
	status       int
}

// attempts are by operation: what names the other workspace is forbidden, and a record of it under a name of one's own is not there. nil: the
// operation knows no person.
func attempts(theirs, own, connection, write, sync string) map[string][]attempt {
	in := "?workspace_id="
	record := func(method, path string, body any) []attempt {
		return []attempt{{method, path + in + theirs, body, http.StatusForbidden}, {method, path + in + own, body, http.StatusNotFound}}
	}
	named := func(method, path string, body fields) []attempt {
		body["workspace_id"] = theirs
		return []attempt{{method, path, body, http.StatusForbidden}}
	}
	outcome := fields{"workspace_id": theirs, "source_event_id": "e", "contact": fields{"email": "eve@example.com"}}
	return map[string][]attempt{
		"hubspotOAuthStart": named("POST", "/hubspot-oauth-start", fields{}), "salesforceOAuthStart": named("POST", "/salesforce-oauth-start", fields{}),
		"claimInstall":               named("POST", "/claim-install", fields{"install_id": connection}),
		"disconnectCrm":              named("POST", "/disconnect-crm", fields{"crm": hubSpot}),
		"listConnections":            {{"GET", "/connections" + in + theirs, nil, http.StatusForbidden}},
		"getConnectionSettings":      record("GET", "/connections/"+connection+"/settings", nil),
		"updateConnectionSettings":   record("PATCH", "/connections/"+connection+"/settings", fields{"contacts": "create_only"}),
		"probeConnection":            record("POST", "/connections/"+connection+"/probe", nil),
		"provisionConnection":        record("POST", "/connections/"+connection+"/provision", nil),
		"listApps":                   {{"GET", "/apps" + in + theirs, nil, http.StatusForbidden}},
		"putApp":                     named("PUT", "/apps/hubspot", fields{"client_id": "c", "client_secret": "s"}),
		"deleteApp":                  {{"DELETE", "/apps/hubspot" + in + theirs, nil, http.StatusForbidden}},
		"getOverview":                {{"GET", "/overview", nil, http.StatusForbidden}},
		"listNotificationEndpoints":  {{"GET", "/notification-endpoints" + in + theirs, nil, http.StatusForbidden}},
		"addNotificationEndpoint":    {{"POST", "/notification-endpoints", fields{"workspace_id": own, "url": "https://hooks.example.com/", "events": []string{"write.failed"}}, http.StatusForbidden}},
		"changeNotificationEndpoint": {{"PATCH", "/notification-endpoints/" + write, fields{"enabled": false}, http.StatusForbidden}},
		"deleteNotificationEndpoint": {{"DELETE", "/notification-endpoints/" + write, nil, http.StatusForbidden}},
		"rotateNotificationSecret":   {{"POST", "/notification-endpoints/" + write + "/secret", nil, http.StatusForbidden}},
		"testNotificationEndpoint":   {{"POST", "/notification-endpoints/" + write + "/test", nil, http.StatusForbidden}},
		"listNotifications":          {{"GET", "/notifications" + in + theirs, nil, http.StatusForbidden}},
		"getNotification":            {{"GET", "/notifications/" + write, nil, http.StatusForbidden}},
		"resendNotification":         {{"POST", "/notifications/" + write + "/resend", nil, http.StatusForbidden}},
		"eraseWorkspace":             {{"DELETE", "/workspaces/" + theirs, nil, http.StatusForbidden}},
		"eraseContact":               {{"DELETE", "/workspaces/" + theirs + "/contacts?email=ada@example.com", nil, http.StatusForbidden}},
		"sync":                       {{"POST", "/sync", outcome, http.StatusForbidden}},
		"syncCrm":                    {{"POST", "/sync/hubspot", outcome, http.StatusForbidden}},
		"syncBatch":                  {{"POST", "/sync/hubspot/batch", fields{"outcomes": []any{outcome}}, http.StatusForbidden}},
		"sweep":                      {{"POST", "/sync/sweep", nil, http.StatusForbidden}},
		"getSync":                    {{"GET", "/sync/" + sync, nil, http.StatusNotFound}},
		"listWrites":                 {{"GET", "/writes" + in + theirs, nil, http.StatusForbidden}},
		"getWrite":                   {{"GET", "/writes/" + write, nil, http.StatusNotFound}},
		"retryWrites":                {{"POST", "/writes/retry", fields{"workspace_id": theirs}, http.StatusForbidden}},
		"retryWrite":                 {{"POST", "/writes/" + write + "/retry", nil, http.StatusNotFound}},
		"resolveWrite":               {{"POST", "/writes/" + write + "/resolve", fields{"how": "cancel"}, http.StatusNotFound}},
		"hubspotOAuthCallback":       nil, "salesforceOAuthCallback": nil, "oAuthConfirm": nil, "hubspotWebhooks": nil,
		"health": nil, "healthz": nil, "readyz": nil, "internalHealth": nil,
	}
}

func TestThreat15_NoRouteGivesOrChangesWhatIsAnotherWorkspaces(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	c := d.connect(hubSpot)
	d.putApp(salesForce, ownClient, ownSecret())
	taken := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync", d.outcome("e1", contact("ada@example.com"))), http.StatusAccepted)
	eve := d.person("eve@example.com")
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	cases := attempts(d.workspace.String(), eve.workspace.String(), c.ID.String(), taken.Writes[0].Id.String(), taken.SyncId.String())
	rows := func() []string {
		return slices.Concat(d.everything(), d.texts(`select to_jsonb(c)::text from crm_connections c order by id`), d.texts(`select to_jsonb(a)::text from crm_apps a order by 1`),
			d.texts(`select count(*)::text from oauth_states`))
	}
	before := rows()
	for path, item := range spec.Paths.Map() {
		for method, operation := range item.Operations() {
			name := strings.ToLower(operation.OperationID[:1]) + operation.OperationID[1:]
			calls, known := cases[name]
			if !known {
				t.Errorf("nobody tries %s %s (%s)", method, path, operation.OperationID)
			}
			for _, call := range calls {
				r := eve.as(call.method, call.path, call.body)
				if r.status != call.status {
					t.Errorf("%s %s: %d, want %d: %s", call.method, call.path, r.status, call.status, r.body)
				}
				for _, what := range []string{"ada@example.com", c.AccountID, taken.Writes[0].IdempotencyKey, ownClient} {
					if strings.Contains(string(r.body), what) {
						t.Errorf("%s %s shows %q", call.method, call.path, what)
					}
				}
			}
		}
	}
	if after := rows(); !slices.Equal(before, after) {
		t.Errorf("what is another workspace's was changed:\n%q\n%q", before, after)
	}
}

// leftOn is what a connection of the pool carries from one request to the next.
func leftOn(t *testing.T, pool *pgxpool.Pool) (left []string) {
	t.Helper()
	for _, conn := range pool.AcquireAllIdle(context.WithoutCancel(t.Context())) {
		rows, err := conn.Query(t.Context(), `select name || '=' || setting from pg_settings where source = 'session' order by 1`)
		if err != nil {
			t.Fatal(err)
		}
		var text, all string
		for rows.Next() {
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			all += text + " "
		}
		var open bool
		if err := conn.QueryRow(t.Context(), `select current_user <> session_user or pg_my_temp_schema() <> 0 or exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())`).Scan(&open); err != nil {
			t.Fatal(err)
		}
		if open || conn.Conn().PgConn().TxStatus() != 'I' {
			all += "a role, a table, a lock or a transaction"
		}
		left = append(left, all)
		conn.Release()
	}
	return left
}

func TestThreat16_NoRequestLeavesAnythingOnItsConnection(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	if err := d.pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	clean := leftOn(t, d.pool)
	c := d.connect(hubSpot)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = d.handlers.Overview(ctx) // given up
		d.call(http.MethodPost, "/sync", d.outcome(uuid.NewString(), contact("ada@example.com")))
		d.call(http.MethodPost, "/sync", fields{"workspace_id": d.workspace, "source_event_id": "e", "contact": fields{"email": "x"}})
		d.call(http.MethodPatch, d.settingsPath(c), fields{"contacts": "create_only"})
		d.call(http.MethodGet, "/writes?workspace_id="+d.workspace.String(), nil)
		d.call(http.MethodPost, "/writes/"+uuid.NewString()+"/retry", nil)
		d.person("eve@example.com").as(http.MethodGet, "/writes?workspace_id="+d.workspace.String(), nil)
	}
	d.call(http.MethodDelete, "/workspaces/"+d.workspace.String(), nil)
	left := leftOn(t, d.pool)
	if len(left) == 0 || len(clean) == 0 {
		t.Fatal("no connection was looked at")
	}
	for _, l := range left {
		if l != clean[0] {
			t.Errorf("a connection carries %q from one request to the next, where a new one has %q", l, clean[0])
		}
	}
}
