package handlers_test

import (
	"net/http"
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
