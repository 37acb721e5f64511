package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

func TestAnOrgThatMovedIsFollowed(t *testing.T) {
	t.Parallel()
	d := open(t)
	before := d.connect(salesForce)
	d.org.SetBehaviour(simsalesforce.Behaviour{InstanceURL: d.sandboxURL()})
	d.succeeded("/sync/salesforce", d.whole("e-1"))
	d.noteTokens(salesForce)
	if c := d.connection(salesForce); before.InstanceURL != d.orgURL || c.InstanceURL != d.sandboxURL() || c.TokenGeneration != before.TokenGeneration+1 {
		t.Errorf("the org is at %s after %d refreshes, want %s after one", c.InstanceURL, c.TokenGeneration-before.TokenGeneration, d.sandboxURL())
	}
}

func TestAConnectionShowsWhatItsCRMSaysOfItsLimits(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(salesForce)
	d.org.SetBehaviour(simsalesforce.Behaviour{DailyLimit: 15_000, AppLimit: 250})
	d.succeeded("/sync/salesforce", d.whole("e-1"))
	d.eventually("the connection shows limits", func() bool { return len(d.listed(salesForce).Limits) > 0 }) // kept when the drain ends, after its writes
	c := d.listed(salesForce)
	if len(c.Limits) != 2 || c.Limits[0].Name != "daily" || c.Limits[0].Used < 1 || c.Limits[0].Max != 15_000 || c.Limits[0].AsOf == nil ||
		c.Limits[1].Name != "app_daily" || c.Limits[1].Max != 250 {
		t.Errorf("limits %+v", c.Limits)
	}
}

func TestAnOrgThatUsedUpItsCallsIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(salesForce)
	d.org.SetBehaviour(simsalesforce.Behaviour{DailyLimit: 1})
	a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/salesforce", d.whole("e-1")), http.StatusAccepted)
	d.eventually("the connection pauses", func() bool { return d.listed(salesForce).PausedUntil != nil })
	if c := d.listed(salesForce); c.Status != api.ConnectionStatusConnected || c.LastError == nil {
		t.Errorf("the connection is %+v", c)
	}
	for _, w := range a.Writes {
		d.until(w.Id, api.WriteStatusQueued)
	}
	if n := d.made(sim.OpCreate, "Lead"); n != 0 {
		t.Errorf("%d leads were made", n)
	}
}

func TestAFailureSaysWhatToDoAndDoingItHelps(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.org.SetBehaviour(simsalesforce.Behaviour{RequiredLeadFields: []string{"Region__c"}})
	c := d.connect(salesForce)
	w := d.settled("/sync/salesforce", d.outcome("e-1", contact("ada@example.com"))).Writes[0]
	if w.Error == nil || w.Error.Code != "field_required" || !strings.Contains(w.Error.Action, "Set a default for Lead.Region__c in the connection's settings") ||
		!strings.Contains(w.Error.Cause, "Required fields are missing: [Region__c]") {
		t.Fatalf("failed with %s", show(w))
	}
	decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"field_defaults":{"contact":{"Region__c":"EMEA"}}}`)), http.StatusOK)
	decode[api.Write](d.call(http.MethodPost, "/writes/"+w.Id.String()+"/retry", nil), http.StatusOK)
	done := d.until(w.Id, api.WriteStatusSucceeded)
	for _, r := range d.org.Records("Lead") {
		if r.ID == *done.CrmObjectId && r.Fields["Region__c"] != "EMEA" {
			t.Errorf("the lead is %v", r.Fields)
		}
	}
	if n := d.made(sim.OpCreate, "Lead"); n != 1 {
		t.Errorf("%d leads were made, want one", n)
	}
}
