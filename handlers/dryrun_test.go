package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/store"

	"github.com/google/uuid"
)

func plans(d *desk, path string, outcome fields) []api.Plan {
	d.t.Helper()
	r := decode[api.SyncResult](d.call(http.MethodPost, path, outcome), http.StatusOK)
	if r.Status != api.SyncStatusDryRun || r.Plans == nil || r.Writes != nil || r.JobId != nil {
		d.t.Fatalf("answered %+v", r)
	}
	return r.Plans
}

// nothingHappened checks that neither the log nor a CRM has changed.
func nothingHappened(d *desk) {
	d.t.Helper()
	if rows, ops := d.count(`select count(*) from crm_write_log`), len(d.oplog.Entries(0)); rows != 0 || ops != 0 {
		d.t.Errorf("%d rows in the log and %d operations in the CRMs, want none", rows, ops)
	}
}

func TestADryRunNamesTheCallsAndMakesNone(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	d.connect(salesForce)
	for name, got := range map[string][]api.Plan{
		"body":  plans(d, "/sync", d.outcome("e-1", contact("ada@example.com"), task("t"), rollup("r"), fields{"dry_run": true})),
		"query": plans(d, "/sync?dry_run=true", d.outcome("e-1", contact("ada@example.com"), task("t"), rollup("r"))),
	} {
		var lines []string
		for _, p := range got {
			if p.Error != nil || len(p.Calls) == 0 {
				t.Fatalf("%s: plan %+v", name, p)
			}
			for _, c := range p.Calls {
				lines = append(lines, string(p.Crm)+" "+string(p.ObjectType)+" "+c.Method+" "+c.Path)
				if len(c.Body) == 0 {
					t.Errorf("%s: %s %s has no body", name, c.Method, c.Path)
				}
			}
			action := map[api.ObjectType]string{"contact": "upsert"}[p.ObjectType]
			if action == "" {
				action = "create"
			}
			if want := store.IdempotencyKey(d.workspace.String(), string(p.Crm), string(p.ObjectType), p.ObjectId, action, "e-1"); p.IdempotencyKey != want {
				t.Errorf("%s: key of the %s is not the one of the real write", name, p.ObjectType)
			}
		}
		want := []string{
			"hubspot contact POST /crm/v3/objects/contacts", "hubspot task POST /crm/v3/objects/tasks", "hubspot rollup POST /crm/v3/objects/notes",
			"salesforce contact POST /services/data/v66.0/sobjects/Lead", "salesforce task POST /services/data/v66.0/sobjects/Task",
			"salesforce rollup POST /services/data/v66.0/sobjects/Task",
		}
		if !slices.Equal(lines, want) {
			t.Errorf("%s: %s\nwant %s", name, strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
		if text := string(got[1].Calls[0].Body); !strings.Contains(text, "Send the revised offer") {
			t.Errorf("%s: the task's body is %s", name, text)
		}
		if text := string(got[5].Calls[0].Body); !strings.Contains(text, "Weekly deal summary") {
			t.Errorf("%s: the rollup's body is %s", name, text)
		}
	}
	nothingHappened(d)
}

func TestADryRunFindsWhoIsThereAlready(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	d.connect(salesForce)
	id := d.hub.SeedContact(map[string]string{"email": "ada@example.com", "lastname": "Old"})
	lead := d.org.Seed("Lead", map[string]any{"Email": "ada@example.com", "LastName": "Old", "Company": "Example"})
	got := plans(d, "/sync", d.outcome("e-1", contact("ada@example.com"), fields{"dry_run": true}))
	if c := got[0].Calls[0]; c.Method != http.MethodPatch || !strings.HasSuffix(c.Path, "/contacts/"+id) {
		t.Errorf("HubSpot: %s %s", c.Method, c.Path)
	}
	if c := got[1].Calls[0]; c.Method != http.MethodPatch || !strings.HasSuffix(c.Path, "/Lead/"+lead) {
		t.Errorf("Salesforce: %s %s", c.Method, c.Path)
	}
	nothingHappened(d)
}

func TestADryRunRenewsATokenThatHasExpired(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		for name, expire := range map[string]func(*desk){
			"as the CRM says": func(d *desk) { d.hub.ExpireAccessTokens(); d.org.ExpireAccessTokens() },
			"as we know": func(d *desk) {
				d.exec(`update crm_connections set token_expires_at = now()`)
				d.hub.ExpireAccessTokens()
				d.org.ExpireAccessTokens()
			},
		} {
			t.Run(crm+" "+name, func(t *testing.T) {
				t.Parallel()
				d := open(t)
				before := d.connect(crm)
				expire(d)
				for _, p := range plans(d, "/sync/"+crm+"?dry_run=true", d.whole("e-1")) {
					if p.Error != nil || len(p.Calls) == 0 {
						t.Errorf("plan %+v", p)
					}
				}
				d.noteTokens(crm)
				if after := d.connection(crm); after.TokenGeneration != before.TokenGeneration+1 {
					t.Errorf("generation %d, then %d; want one refresh", before.TokenGeneration, after.TokenGeneration)
				}
				nothingHappened(d)
			})
		}
	}
}

func TestADryRunSaysWhatWouldFail(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.call(http.MethodPost, "/sync?dry_run=true", d.whole("e-1")).refused(http.StatusConflict, api.CodeCrmNotConnected)
	d.call(http.MethodPost, "/sync/hubspot?dry_run=true", d.whole("e-1")).refused(http.StatusConflict, api.CodeCrmNotConnected)
	d.connect(salesForce)
	d.call(http.MethodPost, "/sync/hubspot?dry_run=true", d.whole("e-1")).refused(http.StatusConflict, api.CodeCrmNotConnected)
	raw := d.outcome("e-1", task("t"))
	raw["task"].(fields)["body"] = "-----Original Message-----\nFrom: ada@example.com"
	d.call(http.MethodPost, "/sync/salesforce?dry_run=true", raw).refused(http.StatusUnprocessableEntity, api.CodeRawContentRefused)
	d.org.RevokeGrants()
	e := d.call(http.MethodPost, "/sync/salesforce?dry_run=true", d.whole("e-1")).refused(http.StatusConflict, api.CodeCrmNotConnected)
	if e.Details["cause_code"] != "grant_dead" || !strings.Contains(strings.ToLower(e.Message), "reconnect") {
		t.Errorf("a dead grant is told as %+v", e)
	}
	nothingHappened(d)
}

func TestADryRunOfAnotherWorkspaceSeesNoConnection(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	o := d.whole("e-1")
	o["workspace_id"] = uuid.New()
	d.call(http.MethodPost, "/sync?dry_run=true", o).refused(http.StatusConflict, api.CodeCrmNotConnected)
}
