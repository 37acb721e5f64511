package handlers_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/handlers"
	"crm-connectors/store"
)

func TestTheOverviewCountsWhatWaitsAndWhyAndWhatWasSettled(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	c := d.connect(salesForce)
	for _, event := range []string{"a", "b", "c"} {
		d.call("POST", "/sync", d.outcome(event, contact(event+"@example.com")))
	}
	d.exec(`insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id, idempotency_key,
			payload_json, payload_hash, status, settled_at)
		select gen_random_uuid(), gen_random_uuid(), workspace_id, crm, id, account_id, 'task', 'o', 'create', 'd', 'k', '{}', '', 'succeeded', now() - interval '1 minute'
		from crm_connections`)
	for event, set := range map[string]string{
		"b": `status = 'failed', settled_at = now(), error_code = 'contact_invalid', error_cause = 'Refused', error_action = 'Mend the field'`,
		"c": `status = 'needs_review', settled_at = now(), error_code = 'unknown_fate', error_cause = 'Nobody knows', error_action = 'Look'`,
	} {
		d.exec(`update crm_write_log set `+set+` where source_event_id = $1`, event)
	}
	if err := d.store.SaveLimits(ctx, c.ID, c.AccountID, []byte(`[{"name":"daily","used":14000,"max":15000}]`)); err != nil {
		t.Fatal(err)
	}
	o, err := d.handlers.Overview(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(o.Healths, func(h handlers.Health) bool { return h.Name == store.HealthWriting }); i < 0 || o.Healths[i].Total != 1 || o.Healths[i].ByCRM[salesForce] != 1 || len(o.Healths) != 6 {
		t.Errorf("the connections are %+v", o.Healths)
	}
	if o.Review.N != 1 || o.InDoubt.N != 0 || len(o.Waiting) != 3 || time.Since(o.Oldest) > time.Minute {
		t.Errorf("what waits is %+v", o)
	}
	var sum handlers.Minute
	for _, m := range o.Minutes {
		sum.Written, sum.Failed, sum.Review = sum.Written+m.Written, sum.Failed+m.Failed, sum.Review+m.Review
	}
	if sum.Written != 1 || sum.Failed != 1 || sum.Review != 1 || len(o.Minutes) != 60 {
		t.Errorf("in %d minutes were settled %+v", len(o.Minutes), sum)
	}
	told := decode[api.Overview](d.call("GET", "/overview", nil), http.StatusOK)
	if len(told.Connections) != 6 || len(told.Waiting) != len(o.Waiting) || told.Waiting[0].Code != "unknown_fate" || told.Waiting[0].Action != "Look" || len(told.Minutes) != 60 ||
		told.NeedsReview.Count != 1 || told.Oldest == nil || len(told.Allowances) != 1 || *told.Allowances[0].Max != 15000 || told.Allowances[0].ConnectionId != c.ID {
		t.Errorf("a service is told %+v", told)
	}
	if len(o.Allowances) != 1 || o.Allowances[0].Used != 14000 || o.Allowances[0].Connection.ID != c.ID {
		t.Errorf("the budgets are %+v", o.Allowances)
	}
}

func TestTheOverviewIsLookedUpOnceInAWhileForAllWhoWatchIt(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	first, err := d.handlers.Overview(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d.connect(hubSpot)
	if again, err := d.handlers.Overview(ctx); err != nil || !again.At.Equal(first.At) {
		t.Errorf("looked again at once: %v", err)
	}
	d.clock.later(5 * time.Second)
	later, err := d.handlers.Overview(ctx)
	if err != nil || !later.At.After(first.At) || later.Healths[3].Total != 1 {
		t.Errorf("%+v, %v", later.Healths, err)
	}
	if len(later.Minutes) != 60 {
		t.Errorf("%d minutes, want 60", len(later.Minutes))
	}
}
