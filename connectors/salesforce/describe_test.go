package salesforce

import (
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim/simsalesforce"
)

func (o *org) step() *step {
	o.t.Helper()
	s, refusal := o.c.open(o.account)
	if refusal != nil {
		o.t.Fatalf("open: %v", refusal)
	}
	return &step{session: s, doer: o.c.cfg.HTTP}
}

func TestADefinitionIsReadOnceForASession(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{RestrictedPicklists: map[string][]string{"Lead.Region__c": {"EMEA", "APAC"}}})
	before := o.Core().Calls.API()
	for range 2 {
		d, err := o.step().describe(t.Context(), typeLead)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := d.field("lastname")
		region, _ := d.field("Region__c")
		if !d.Createable || name.Length != 80 || name.Nillable || !region.RestrictedPicklist || len(region.PicklistValues) != 2 || !region.PicklistValues[0].Active {
			t.Errorf("LastName %+v, Region__c %+v", name, region)
		}
	}
	if n := o.Core().Calls.API() - before; n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	o.SetBehaviour(simsalesforce.Behaviour{HiddenFields: []string{"Lead.Phone"}})
	if d, err := o.step().describe(t.Context(), typeLead); err != nil || !has(d, "Phone") {
		t.Errorf("the cache was not used: %v", err)
	}
	o.signIn()
	if d, err := o.step().describe(t.Context(), typeLead); err != nil || has(d, "Phone") {
		t.Errorf("another session got what the first one may see: %v", err)
	}
	o.SetBehaviour(simsalesforce.Behaviour{})
	if d, err := o.step().describeNow(t.Context(), typeLead); err != nil || !has(d, "Phone") {
		t.Errorf("describeNow gave what was: %v", err)
	}
	if d, err := o.step().describe(t.Context(), typeLead); err != nil || !has(d, "Phone") {
		t.Errorf("describe forgot what describeNow had learned: %v", err)
	}
}

func TestADefinitionThatCannotBeReadIsNoneAtAll(t *testing.T) {
	t.Parallel()
	for _, a := range []answer{says(200, `{"name":"Lead"}`), says(200, `<html>`), says(503, ""), refusedWith(404, "NOT_FOUND")} {
		c, _, account := newFake(t, map[string][]answer{"GET /sobjects/Lead/describe": {a}})
		s, _ := c.open(account)
		if _, err := (&step{session: s, doer: c.cfg.HTTP}).describe(t.Context(), typeLead); err == nil || err.Class == connectors.ClassInDoubt {
			t.Errorf("%d %s: %v, want an error that is no doubt", a.reply.Status, a.reply.Body, err)
		}
	}
}

func has(d definition, field string) bool {
	_, ok := d.field(field)
	return ok
}
