package console

import (
	"net/http"
	"net/url"
	"strings"

	"crm-connectors/handlers"
)

// freshRows are the empty rows for further defaults.
const freshRows = 2

// settingsForm is the form as it is shown: what is stored, or what was entered and is wrong.
type settingsForm struct {
	handlers.SettingsFields
	Labelled []labelField
	Rows     []handlers.DefaultField
	Wrong    map[string]string // by the name that the API has for the field
}

type labelField struct{ Name, Label, Value string }

func formOf(s handlers.SettingsFields) settingsForm {
	f := settingsForm{SettingsFields: s, Rows: append([]handlers.DefaultField{}, s.Defaults...)}
	words := [4]string{"Task and contact", "Task and deal", "Rollup and contact", "Rollup and deal"}
	for i, name := range handlers.LabelNames() {
		f.Labelled = append(f.Labelled, labelField{Name: name, Label: words[i], Value: s.Labels[i]})
	}
	for range freshRows {
		f.Rows = append(f.Rows, handlers.DefaultField{Object: "contact", Kind: "text"})
	}
	return f
}

// WrongRow is what is wrong with the default of a row.
func (f settingsForm) WrongRow(d handlers.DefaultField) string {
	if d.Name == "" {
		return ""
	}
	if wrong := f.Wrong["field_defaults."+d.Object+"."+d.Name]; wrong != "" {
		return wrong
	}
	return ""
}

// WrongDefaults is what is wrong with the defaults as a whole.
func (f settingsForm) WrongDefaults() string {
	for _, at := range []string{"field_defaults", "field_defaults.contact", "field_defaults.task", "field_defaults.rollup", "body"} {
		if wrong := f.Wrong[at]; wrong != "" {
			return wrong
		}
	}
	return ""
}

func (c *Console) saveSettings(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form is too large or damaged.", http.StatusBadRequest)
		return
	}
	entered := readSettings(r.PostForm)
	warnings, err := c.handlers.SaveFleetSettings(r.Context(), idOf(r), entered)
	if err == nil && len(warnings) == 0 {
		c.back(w, r, "saved")
		return
	}
	view, unread := c.readConnection(r)
	switch {
	case unread != nil:
		c.unavailable(w, r, unread)
	case err != nil:
		p := handlers.ProblemOf(err)
		c.noteProblem(r, p, err)
		entered.HasLabels, entered.HasCreateLeads = view.Settings.HasLabels, view.Settings.HasCreateLeads
		view.Form = formOf(entered)
		view.Form.Wrong = p.Fields
		c.showConnection(w, r, p.Status, view, &p)
	default:
		view.Warnings = warnings
		c.showConnection(w, r, http.StatusOK, view, nil)
	}
}

// readSettings reads the form. A default without a name is an empty row.
func readSettings(form url.Values) handlers.SettingsFields {
	f := handlers.SettingsFields{TaskStatus: strings.TrimSpace(form.Get("task_status")), RollupTarget: form.Get("rollup_target"), Contacts: form.Get("contacts"),
		CreateLeads: form.Get("create_leads") != ""}
	for i, name := range handlers.LabelNames() {
		f.Labels[i] = strings.TrimSpace(form.Get("label_" + name))
	}
	objects, names, kinds, values := form["default_object"], form["default_name"], form["default_kind"], form["default_value"]
	for i := range min(len(objects), len(names), len(kinds), len(values)) {
		if name := strings.TrimSpace(names[i]); name != "" {
			f.Defaults = append(f.Defaults, handlers.DefaultField{Object: objects[i], Name: name, Kind: kinds[i], Value: values[i]})
		}
	}
	return f
}
