package console_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/sim"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// The incidents that docs/runbook.md walks through: each is seeded, found and mended by what the console says, and by nothing else.

// outcome hands in a contact with a task of a thread.
func (d *desk) outcome(email string) {
	d.t.Helper()
	d.api(http.MethodPost, "/sync", map[string]any{"workspace_id": d.workspace, "source_event_id": uuid.NewString(), "thread_id": "thread-1",
		"contact": map[string]any{"email": email, "first_name": "Ada", "last_name": "Byron"},
		"task":    map[string]any{"id": uuid.NewString(), "subject": "Send the offer", "due_at": "2026-12-01T15:00:00Z"}}, nil)
}

// becomes waits until the page of the newest write in that status is there, and gives it.
func (v *visitor) becomes(status string) (store.Write, page) {
	v.d.t.Helper()
	w := v.d.write(status)
	return w, v.get(writePath(w))
}

// overview waits until the overview, which is made anew every two seconds at most, says a text.
func (v *visitor) overview(text string) {
	v.d.t.Helper()
	v.d.eventually("the overview says "+text, func() bool { return strings.Contains(html.UnescapeString(v.get("/console").body), text) })
}

func TestIncidentARevokedGrantIsReconnectedAndWhatWaitedGoesOn(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	d.start()
	d.hub.RevokeGrants()
	d.sync("ada@example.com")
	d.write(store.Blocked)
	c := d.connection(hubSpot)
	v.overview("1 of 1 connections are in error")
	v.get("/console/errors").shows(http.StatusOK, c.LastErrorCode, "Reconnect")
	v.get(pathOf(c)).shows(http.StatusOK, "In error", "What to do: ")
	v.goOn(v.post(pathOf(c)+"/reconnect", nil)).shows(http.StatusOK, "The CRM is connected.")
	d.write(store.Succeeded)
	v.overview("Every connected CRM is being written.")
}

func TestIncidentAMissingScopeIsNamedAndGrantedByReconnecting(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	d.start()
	if err := d.hub.Core().Faults.Add(sim.Fault{Path: "/crm/", Kind: sim.FaultStatus, Status: http.StatusForbidden, Times: -1,
		Body: `{"status":"error","category":"MISSING_SCOPES","message":"missing scopes","errors":[{"context":{"requiredGranularScopes":["crm.objects.contacts.write"]}}]}`}); err != nil {
		t.Fatal(err)
	}
	d.sync("ada@example.com")
	d.write(store.Blocked)
	v.get("/console/errors").shows(http.StatusOK, "scopes_missing", "crm.objects.contacts.write", "Reconnect")
	d.hub.Core().Faults.Clear() // the administrator has added the scope
	v.goOn(v.post(pathOf(d.connection(hubSpot))+"/reconnect", nil)).shows(http.StatusOK, "The CRM is connected.")
	d.write(store.Succeeded)
}

func TestIncidentAFieldThatTheOrgRequiresIsFilledInTheSettingsAndTheWriteRetried(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	b := d.org.Behaviour()
	b.RequiredLeadFields = []string{"Region__c"}
	d.org.SetBehaviour(b)
	v.connect(salesForce)
	d.start()
	d.sync("ada@example.com")
	w, p := v.becomes(store.Failed)
	p.shows(http.StatusOK, "Region__c", "What to do: ")
	v.post(pathOf(d.connection(salesForce))+"/settings", url.Values{"rollup_target": {"both"}, "contacts": {"upsert"}, "create_leads": {"on"},
		"default_object": {"contact"}, "default_name": {"Region__c"}, "default_kind": {"text"}, "default_value": {"EMEA"}}).shows(http.StatusOK, "The settings are saved.")
	v.post(writePath(w)+"/retry", nil).shows(http.StatusOK, "The write is due again.")
	d.eventually("the lead is written", func() bool {
		now, err := d.store.Write(t.Context(), d.workspace, w.ID)
		return err == nil && now.Status == store.Succeeded
	})
}

func TestIncidentADealThatIsGoneIsSaidOnTheWriteThatWentWithoutIt(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	gone := d.hub.SeedDeal(map[string]string{"dealname": "Example"})
	d.hub.Archive("deals", gone)
	if _, err := d.pool.Exec(t.Context(), `with d as (insert into deals (workspace_id, crm, crm_deal_id) values ($1, 'hubspot', $2) returning id)
		insert into thread_links (workspace_id, thread_id, deal_id) select $1, 'thread-1', id from d`, d.workspace, gone); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.outcome("ada@example.com")
	d.eventually("the task is written", func() bool {
		found, err := d.store.Search(t.Context(), store.Search{WorkspaceID: d.workspace, Text: "thread-1", Status: store.Succeeded, Limit: 10})
		return err == nil && len(found) == 2
	})
	found, err := d.store.Search(t.Context(), store.Search{WorkspaceID: d.workspace, Text: "thread-1", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range found {
		if w.ObjectType == "task" {
			v.get(writePath(w)).shows(http.StatusOK, "is no longer in HubSpot", "association_dropped")
		}
	}
}

func TestIncidentADaysLimitThatIsUsedUpIsSeenAndWaitedFor(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	d.start()
	if err := d.hub.Core().Faults.Add(sim.Fault{Path: "/crm/", Kind: sim.FaultStatus, Status: http.StatusTooManyRequests, Times: -1, Headers: map[string]string{"Retry-After": "600"},
		Body: `{"status":"error","errorType":"RATE_LIMIT","policyName":"DAILY","message":"You have reached your daily limit."}`}); err != nil {
		t.Fatal(err)
	}
	d.sync("ada@example.com")
	d.eventually("the account rests", func() bool {
		c := d.connection(hubSpot)
		return c.PausedUntil != nil && c.PausedUntil.After(time.Now())
	})
	v.get("/console/connections").shows(http.StatusOK, "Paused", "until")
	_, p := v.becomes(store.Queued)
	p.shows(http.StatusOK, "Looked at again", "Paused")
	v.overview("example.com") // among the accounts that rest
	v.get("/console/errors").showsNot("/console/writes/retry")
}

func TestIncidentATaskInDoubtIsSettledByWhoLookedInTheCRM(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	w := d.settled("ada@example.com", store.NeedsReview, "fate_unknown")
	v.overview("fate_unknown")
	v.get("/console/errors").shows(http.StatusOK, "fate_unknown", "/console/writes?")
	v.get(writePath(w)).shows(http.StatusOK, "Look in the CRM first", "carry", w.Marker)
	id := d.hub.SeedContact(map[string]string{"email": "ada@example.com"})
	v.post(writePath(w)+"/found", url.Values{"record": {id}}).shows(http.StatusOK, "The service reads the record")
	d.start()
	done, p := v.becomes(store.Succeeded)
	if p.shows(http.StatusOK, id, "write.resolve"); done.CRMObjectID != id {
		t.Errorf("it is the record %s, want %s", done.CRMObjectID, id)
	}
}

func TestIncidentAWriteThatTakesItsWorkersDownIsPutAsideAndDecidedByAPerson(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	d.sync("ada@example.com")
	c := d.connection(hubSpot)
	for range 3 {
		drain, err := d.store.BeginDrain(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		lease := store.Lease{Hold: time.Millisecond, Send: time.Millisecond}
		taken, err := d.store.Claim(t.Context(), c.ID, drain.DrainEpoch, 10, lease)
		if err == nil && len(taken) == 0 {
			taken, err = d.store.ClaimDoubtful(t.Context(), c.ID, drain.DrainEpoch, 10, lease)
		}
		if err != nil || len(taken) != 1 {
			t.Fatalf("%d rows, %v", len(taken), err)
		}
		time.Sleep(10 * time.Millisecond)
		if n, err := d.store.Sweep(t.Context(), 0, d.engine.Wake); err != nil || n != 1 { // the worker is dead
			t.Fatalf("%d rows, %v", n, err)
		}
	}
	w, p := v.becomes(store.NeedsReview)
	p.shows(http.StatusOK, "worker_lost_repeatedly", "has taken down several workers")
	v.post(writePath(w)+"/absent", url.Values{"sure": {"yes"}}).shows(http.StatusOK, "looks for the record once more")
	d.sync("eve@example.com")
	d.start() // a release that no longer dies over it
	d.eventually("both are written", func() bool {
		found, err := d.store.Search(t.Context(), store.Search{WorkspaceID: d.workspace, Status: store.Succeeded, Limit: 10})
		return err == nil && len(found) == 2
	})
}
