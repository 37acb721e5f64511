package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// settingsForm is the form as a browser sends it, with changes: names and values.
func settingsForm(changes ...string) url.Values {
	form := url.Values{"rollup_target": {"both"}, "contacts": {"upsert"}, "task_status": {""}, "label_task_contact": {""}, "label_task_deal": {""},
		"label_rollup_contact": {""}, "label_rollup_deal": {""}}
	for i := 0; i < len(changes); i += 2 {
		form.Add(changes[i], changes[i+1])
		if n := form[changes[i]]; !strings.HasPrefix(changes[i], "default_") {
			form[changes[i]] = n[len(n)-1:]
		}
	}
	return form
}

func defaultField(object, name, kind, value string) []string {
	return []string{"default_object", object, "default_name", name, "default_kind", kind, "default_value", value}
}

func TestSettingsAreSavedByTheRulesOfTheAPIAndShownAgain(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	c := d.connection(hubSpot)
	form := settingsForm(append(defaultField("contact", "lifecyclestage", "text", "lead"), "contacts", "create_only", "rollup_target", "deal")...)
	v.post(pathOf(c)+"/settings", form).shows(http.StatusOK, "The settings are saved.", `value="create_only" selected`, `value="deal" selected`, `value="lifecyclestage"`, `value="lead"`)
	var out struct {
		Settings struct {
			Contacts      string                    `json:"contacts"`
			FieldDefaults map[string]map[string]any `json:"field_defaults"`
		} `json:"settings"`
	}
	d.api(http.MethodGet, "/connections/"+c.ID.String()+"/settings?workspace_id="+d.workspace.String(), nil, &out)
	if out.Settings.Contacts != "create_only" || out.Settings.FieldDefaults["contact"]["lifecyclestage"] != "lead" {
		t.Errorf("the API has %+v", out)
	}
	if got := d.acts("connection.settings"); len(got) != 1 || got[0] != "default" {
		t.Errorf("recorded: %v", got)
	}
	v.post(pathOf(c)+"/settings", settingsForm()).shows(http.StatusOK, "The settings are saved.", `value="upsert" selected`).showsNot(`value="lifecyclestage"`)
}

func TestWhatIsWrongWithASettingStandsAtItsFieldAndNothingIsSaved(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	v.connect(salesForce)
	for name, tc := range map[string]struct {
		crm    string
		form   url.Values
		status int
		shows  []string
	}{
		"a field that the CRM does not have": {hubSpot, settingsForm(defaultField("contact", "nonsense", "text", "x")...), http.StatusUnprocessableEntity, []string{`id="e0"`, `aria-invalid="true"`, `value="nonsense"`}},
		"a label that the CRM does not have": {hubSpot, settingsForm("label_task_deal", "Nobody's"), http.StatusUnprocessableEntity, []string{`id="wrong-association_labels.task_deal"`, `value="Nobody's"`}},
		"a number that is none":              {hubSpot, settingsForm(defaultField("contact", "age", "number", "many")...), http.StatusBadRequest, []string{"is not a number", `id="e0"`}},
		"a truth that is none":               {hubSpot, settingsForm(defaultField("contact", "age", "boolean", "perhaps")...), http.StatusBadRequest, []string{"is neither true nor false"}},
		"a name that is no field's":          {hubSpot, settingsForm(defaultField("contact", "a b", "text", "x")...), http.StatusBadRequest, []string{"letters, digits, _ and - alone"}},
		"an object that there is not":        {hubSpot, settingsForm(defaultField("deal", "x", "text", "x")...), http.StatusBadRequest, []string{"validation_failed"}},
		"a policy that there is not":         {hubSpot, settingsForm("contacts", "delete"), http.StatusBadRequest, []string{`id="wrong-contacts"`}},
		"a status that the CRM does not have": {salesForce, settingsForm("create_leads", "on", "task_status", "Whatever"), http.StatusUnprocessableEntity,
			[]string{`id="wrong-task_status"`, `value="Whatever"`}},
	} {
		c := d.connection(tc.crm)
		p := v.post(pathOf(c)+"/settings", tc.form).shows(tc.status, tc.shows...)
		if string(d.connection(tc.crm).Settings) != "{}" {
			t.Errorf("%s: saved %s: %s", name, d.connection(tc.crm).Settings, p.body)
		}
	}
}
