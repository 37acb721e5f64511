package handlers_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/store"
)

// refusedSetting sends a patch that the CRM has something against, and gives what could stand in the field.
func (d *desk) refusedSetting(c store.Connection, patch, field string) []string {
	d.t.Helper()
	e := d.patch(c, json.RawMessage(patch)).refused(http.StatusUnprocessableEntity, api.CodeSettingsInvalid)
	var problems []struct {
		Field, Message string
		Allowed        []string
	}
	if err := json.Unmarshal([]byte(asJSON(d.t, e.Details["problems"])), &problems); err != nil {
		d.t.Fatal(err)
	}
	if len(problems) != 1 || problems[0].Field != field || problems[0].Message == "" {
		d.t.Errorf("%s is refused with %+v, want one problem with %s", patch, problems, field)
		return nil
	}
	return problems[0].Allowed
}

func TestAHubSpotPortalJudgesSettingsAndIsWrittenByThem(t *testing.T) {
	t.Parallel()
	d := open(t)
	c := d.connect(hubSpot)
	d.fault(hubSpot, sim.Fault{Kind: sim.FaultStatus, Status: 503, Times: -1})
	d.patch(c, json.RawMessage(`{"task_status":"WAITING"}`)).refused(http.StatusServiceUnavailable, api.CodeCrmUnavailable)
	d.hub.Core().Faults.Clear()
	d.hub.ExpireAccessTokens()
	out := decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"task_status":"WAITING","field_defaults":{"contact":{"city":"Turin","hs_lead_status":"NEW"}}}`)), http.StatusOK)
	d.noteTokens(hubSpot)
	if len(out.Warnings) != 0 {
		t.Errorf("warned of %+v", out.Warnings)
	}
	d.refusedSetting(c, `{"field_defaults":{"contact":{"no_such_property":"x"}}}`, "field_defaults.contact.no_such_property")
	d.refusedSetting(c, `{"field_defaults":{"contact":{"createdate":"x"}}}`, "field_defaults.contact.createdate")
	if allowed := d.refusedSetting(c, `{"field_defaults":{"contact":{"hs_lead_status":"GONE"}}}`, "field_defaults.contact.hs_lead_status"); !slices.Contains(allowed, "NEW") {
		t.Errorf("allowed %v", allowed)
	}
	if allowed := d.refusedSetting(c, `{"task_status":"SOON"}`, "task_status"); !slices.Contains(allowed, "WAITING") {
		t.Errorf("allowed %v", allowed)
	}
	d.refusedSetting(c, `{"association_labels":{"task_contact":"No such label"}}`, "association_labels.task_contact")
	d.refusedSetting(c, `{"create_leads":false}`, "create_leads")

	d.succeeded("/sync/hubspot", d.whole("e-1"))
	for _, o := range d.hub.Objects("contacts") {
		if o.Properties["city"] != "Turin" || o.Properties["hs_lead_status"] != "NEW" {
			t.Errorf("the contact is %v", o.Properties)
		}
	}
	for _, o := range d.hub.Objects("tasks") {
		if o.Properties["hs_task_status"] != "WAITING" {
			t.Errorf("the task is %v", o.Properties)
		}
	}
	decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"contacts":"create_only"}`)), http.StatusOK)
	if w := d.succeeded("/sync/hubspot", d.outcome("e-2", contact("e-1@example.com")))[0]; w.Outcome == nil || *w.Outcome != api.WriteOutcomeUnchanged {
		t.Errorf("a contact that is to be left as it is: %s", show(w))
	}
	decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"contacts":"update_only"}`)), http.StatusOK)
	if w := d.settled("/sync/hubspot", d.outcome("e-3", contact("new@example.com"))).Writes[0]; w.Error == nil || w.Error.Code != connectors.CodeContactCreationOff {
		t.Errorf("a contact that is not to be made: %s", show(w))
	}
}

func TestASalesforceOrgJudgesSettingsAndIsWrittenByThem(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.org.SetBehaviour(simsalesforce.Behaviour{RequiredLeadFields: []string{"Segment__c"}, RestrictedPicklists: map[string][]string{"Region__c": {"EMEA", "APAC"}}})
	c := d.connect(salesForce)
	d.fault(salesForce, sim.Fault{Kind: sim.FaultStatus, Status: 503, Times: -1})
	d.patch(c, json.RawMessage(`{"task_status":"In Progress"}`)).refused(http.StatusServiceUnavailable, api.CodeCrmUnavailable)
	d.org.Core().Faults.Clear()
	d.org.ExpireAccessTokens()
	out := decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"task_status":"In Progress","field_defaults":{"contact":{"Region__c":"EMEA"}}}`)), http.StatusOK)
	d.noteTokens(salesForce)
	if len(out.Warnings) != 1 || out.Warnings[0].Field != "field_defaults.contact.Segment__c" {
		t.Errorf("warned of %+v, want of Segment__c", out.Warnings)
	}
	d.refusedSetting(c, `{"field_defaults":{"contact":{"No_Such__c":"x"}}}`, "field_defaults.contact.No_Such__c")
	if allowed := d.refusedSetting(c, `{"field_defaults":{"contact":{"Region__c":"Nowhere"}}}`, "field_defaults.contact.Region__c"); !slices.Equal(allowed, []string{"EMEA", "APAC"}) {
		t.Errorf("allowed %v", allowed)
	}
	if allowed := d.refusedSetting(c, `{"task_status":"Soon"}`, "task_status"); !slices.Contains(allowed, "In Progress") {
		t.Errorf("allowed %v", allowed)
	}
	d.refusedSetting(c, `{"association_labels":{"task_deal":"Any"}}`, "association_labels.task_deal")
	if out = decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"field_defaults":{"contact":{"Segment__c":"Big"}}}`)), http.StatusOK); len(out.Warnings) != 0 {
		t.Errorf("warned of %+v", out.Warnings)
	}

	writes := d.succeeded("/sync/salesforce", d.whole("e-1"))
	for _, r := range slices.Concat(d.org.Records("Lead"), d.org.Records("Task")) {
		switch r.ID {
		case *writes[0].CrmObjectId:
			if r.Fields["Region__c"] != "EMEA" || r.Fields["Segment__c"] != "Big" {
				t.Errorf("the lead is %v", r.Fields)
			}
		case *writes[1].CrmObjectId:
			if r.Fields["Status"] != "In Progress" {
				t.Errorf("the task is %v", r.Fields)
			}
		}
	}
	decode[api.ConnectionSettings](d.patch(c, json.RawMessage(`{"create_leads":false}`)), http.StatusOK)
	if w := d.settled("/sync/salesforce", d.outcome("e-2", contact("new@example.com"))).Writes[0]; w.Error == nil || w.Error.Code != connectors.CodeLeadCreationOff {
		t.Errorf("a lead that is not to be made: %s", show(w))
	}
}
