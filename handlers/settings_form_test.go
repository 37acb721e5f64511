package handlers_test

import (
	"slices"
	"testing"

	"crm-connectors/api"
	"crm-connectors/handlers"

	"github.com/google/uuid"
)

func TestAFormOfSettingsIsSavedAndShownAsItWasFilledIn(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	c := d.connect(hubSpot)
	page, err := d.handlers.FleetConnection(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	f := page.Settings
	f.Contacts, f.RollupTarget = "create_only", "deal"
	f.Defaults = []handlers.DefaultField{{Object: "contact", Name: "lifecyclestage", Kind: "text", Value: "lead"}}
	if warnings, err := d.handlers.SaveFleetSettings(ctx, c.ID, f); err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", warnings, err)
	}
	saved, err := d.handlers.FleetConnection(ctx, c.ID)
	if err != nil || saved.Settings.Contacts != "create_only" || saved.Settings.RollupTarget != "deal" || !slices.Equal(saved.Settings.Defaults, f.Defaults) {
		t.Errorf("shown again: %+v, %v", saved.Settings, err)
	}
	f.Defaults, f.Contacts = nil, "upsert"
	if _, err := d.handlers.SaveFleetSettings(ctx, c.ID, f); err != nil {
		t.Fatal(err)
	}
	if saved, err = d.handlers.FleetConnection(ctx, c.ID); err != nil || len(saved.Settings.Defaults) > 0 || saved.Settings.Contacts != "upsert" {
		t.Errorf("taken back: %+v, %v", saved.Settings, err)
	}
}

func TestAFormOfSettingsThatIsWrongNamesTheFieldAndSavesNothing(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	ctx, _ := d.asOperator()
	c := d.connect(salesForce)
	page, err := d.handlers.FleetConnection(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for field, tc := range map[string]struct {
		value handlers.DefaultField
		code  api.ErrorCode
	}{
		"field_defaults.contact.Age__c":      {handlers.DefaultField{Object: "contact", Name: "Age__c", Kind: "number", Value: "many"}, api.CodeValidationFailed},
		"field_defaults.contact.Old__c":      {handlers.DefaultField{Object: "contact", Name: "Old__c", Kind: "boolean", Value: "perhaps"}, api.CodeValidationFailed},
		"field_defaults.contact.Nonsense__c": {handlers.DefaultField{Object: "contact", Name: "Nonsense__c", Kind: "number", Value: "-1.5"}, api.CodeSettingsInvalid},
	} {
		f := page.Settings
		f.CreateLeads, f.Defaults = true, []handlers.DefaultField{tc.value}
		_, err := d.handlers.SaveFleetSettings(ctx, c.ID, f)
		if p := handlers.ProblemOf(err); err == nil || p.Fields[field] == "" {
			t.Errorf("%s: %v is shown as %+v", field, err, p)
		}
	}
	if got := d.texts(`select settings_json::text from crm_connections`); !slices.Equal(got, []string{"{}"}) {
		t.Errorf("saved: %v", got)
	}
	_, err = d.handlers.SaveFleetSettings(ctx, uuid.New(), page.Settings)
	d.problem(err, api.CodeConnectionNotFound)
}
