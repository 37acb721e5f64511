package hubspot

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim/simhubspot"
)

// takenSettings are what a portal with the seeded properties and labels takes.
func takenSettings() connectors.Settings {
	return connectors.Settings{
		FieldDefaults: map[connectors.Object]map[string]any{
			connectors.ObjectContact: {"hs_legal_basis": "x", "hs_lead_status": "NEW", "vip": true, "score": 1.5, "hubspot_owner_id": "41629779", "closedate": "2026-11-30T15:00:00Z"},
			connectors.ObjectTask:    {"topics": "a;b", "hs_task_reminders": 1790000000000.0},
			connectors.ObjectRollup:  {"day": "2026-11-30"},
		},
		TaskStatus: "WAITING", Labels: connectors.Labels{TaskContact: "follow-up OWNER"}, RollupTarget: connectors.RollupDeal, Contacts: connectors.ContactsUpdateOnly,
	}
}

func TestSettingsAreHeldAgainstThePortal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for typ, p := range map[string]simhubspot.Property{
		contactsType: {Name: "total", Label: "Total", GroupName: "contactinformation", Type: "number", FieldType: "calculation_equation", Calculated: true},
		tasksType: {Name: "topics", Label: "Topics", GroupName: "task", Type: "enumeration", FieldType: "checkbox",
			Options: []simhubspot.Option{{Label: "A", Value: "a"}, {Label: "B", Value: "b"}}},
		notesType: {Name: "day", Label: "Day", GroupName: "engagement", Type: "date", FieldType: "date"},
	} {
		b.seedProperty(typ, p)
	}
	b.seedProperty(contactsType, simhubspot.Property{Name: "vip", Label: "VIP", GroupName: "contactinformation", Type: "bool", FieldType: "booleancheckbox"})
	b.seedProperty(contactsType, simhubspot.Property{Name: "score", Label: "Score", GroupName: "contactinformation", Type: "number", FieldType: "number"})
	b.sim.SeedLabel(tasksType, contactsType, "Follow-up owner")
	good, bad := takenSettings(), connectors.Settings{
		FieldDefaults: map[connectors.Object]map[string]any{
			connectors.ObjectContact: {"shoe_size": "9", "hs_object_id": "9", "total": 1.0, "hs_lead_status": "new", "vip": "yes", "score": "1,5", "closedate": "soon",
				"company": strings.Repeat("x", 65_537), "city": []any{"a"}, "country": ""},
			connectors.ObjectTask:   {"topics": "a;c", "outcome_marker": "x"},
			connectors.ObjectRollup: {"day": "2026-11-30T15:00:00Z"},
			"deal":                  {"amount": 1.0},
		},
		TaskStatus: "LATER", Labels: connectors.Labels{TaskContact: "Nobody", TaskDeal: "Nobody"}, RollupTarget: "company", Contacts: "delete_only", NoNewLeads: true,
	}
	leads := []string{"NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"}
	want := map[string][]string{
		"field_defaults.contact.shoe_size": nil, "field_defaults.contact.hs_object_id": nil, "field_defaults.contact.total": nil,
		"field_defaults.contact.hs_lead_status": leads, "field_defaults.contact.vip": {"true", "false"}, "field_defaults.contact.score": nil,
		"field_defaults.contact.closedate": nil, "field_defaults.contact.company": nil, "field_defaults.contact.city": nil, "field_defaults.contact.country": nil,
		"field_defaults.task.topics": {"a", "b"}, "field_defaults.task.outcome_marker": nil, "field_defaults.rollup.day": nil,
		"field_defaults.deal": {"contact", "task", "rollup"}, "task_status": {"NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"},
		"labels.task_contact": {"Follow-up owner"}, "labels.task_deal": nil, "rollup_target": {"deal", "contact"}, "contacts": {"create_only", "update_only"},
		"no_new_leads": nil,
	}
	report, err := b.CheckSettings(t.Context(), b.account, bad)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, p := range report.Problems {
		got[p.Field] = p.Allowed
		if allowed, known := want[p.Field]; !known || !slices.Equal(p.Allowed, allowed) || p.Message == "" {
			t.Errorf("problem: got %+v, want allowed %v", p, allowed)
		}
	}
	for field := range want {
		if _, found := got[field]; !found {
			t.Errorf("%s: no problem", field)
		}
	}
	if report, err = b.CheckSettings(t.Context(), b.account, good); err != nil || len(report.Problems) != 0 || len(report.Missing) != 0 {
		t.Errorf("good settings: got %+v, %v", report, err)
	}
	// What is said to be good is taken.
	b.account.Settings = good
	b.account.Settings.Contacts = connectors.ContactsUpsert
	for _, w := range append(marked(), contactWrite(connectors.Contact{Email: email})) {
		wantOK(t, b.deliver(w), connectors.Created)
	}
}

func TestSettingsThatTouchNothingAskForNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if report, err := b.CheckSettings(t.Context(), b.account, connectors.Settings{}); err != nil || len(report.Problems) != 0 {
		t.Errorf("got %+v, %v", report, err)
	}
	if n := b.sim.Core().Calls.API(); n != 0 {
		t.Errorf("calls: got %d, want none", n)
	}
}

func TestSettingsThatCannotBeHeldAgainstThePortalSaySo(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]connectors.Settings{
		"defaults": {FieldDefaults: map[connectors.Object]map[string]any{connectors.ObjectContact: {"city": "x"}}},
		"status":   {TaskStatus: "WAITING"},
		"labels":   {Labels: connectors.Labels{TaskDeal: "x"}},
	} {
		s := newScripted(t, Config{}, func(w http.ResponseWriter, _ string, _ int) { reply(w, 500, `{}`) })
		_, err := s.CheckSettings(t.Context(), s.account, settings)
		if e := wantError(t, err, connectors.ClassRetry, "crm_unavailable"); e.Status != 500 {
			t.Errorf("%s: got %+v", name, e)
		}
	}
}
