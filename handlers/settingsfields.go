package handlers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"crm-connectors/api"
	"crm-connectors/connectors"

	"github.com/google/uuid"
)

// SettingsFields are a connection's settings as a form has them: all of it text. Of a CRM that has no such setting the field is left out.
type SettingsFields struct {
	TaskStatus     string
	RollupTarget   string // both, deal, contact
	Contacts       string // upsert, create_only, update_only
	HasLabels      bool
	Labels         [4]string // in the order of LabelNames
	HasCreateLeads bool
	CreateLeads    bool
	Defaults       []DefaultField
}

// LabelNames are the names of the association labels, as the contract has them.
func LabelNames() [4]string {
	return [4]string{"task_contact", "task_deal", "rollup_contact", "rollup_deal"}
}

// DefaultField is a value for a field of the CRM's own. Kind is text, number or boolean.
type DefaultField struct{ Object, Name, Kind, Value string }

// fieldsOf shows s.
func fieldsOf(crm string, s connectors.Settings) SettingsFields {
	p := published(s)
	out := SettingsFields{TaskStatus: text(p.TaskStatus), RollupTarget: string(p.RollupTarget), Contacts: string(p.Contacts), CreateLeads: p.CreateLeads,
		HasLabels: crm == string(connectors.HubSpot), HasCreateLeads: crm == string(connectors.Salesforce),
		Labels: [4]string{s.Labels.TaskContact, s.Labels.TaskDeal, s.Labels.RollupContact, s.Labels.RollupDeal}}
	for _, object := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
		for _, name := range slices.Sorted(maps.Keys(s.FieldDefaults[object])) {
			f := DefaultField{Object: string(object), Name: name}
			switch v := s.FieldDefaults[object][name].(type) {
			case string:
				f.Kind, f.Value = "text", v
			case bool:
				f.Kind, f.Value = "boolean", strconv.FormatBool(v)
			default:
				raw, _ := json.Marshal(v) // a number that JSON gave
				f.Kind, f.Value = "number", string(raw)
			}
			out.Defaults = append(out.Defaults, f)
		}
	}
	return out
}

// patch is what makes settings that were before into f. An empty text goes back to the default.
func (f SettingsFields) patch(before SettingsFields) (map[string]any, error) {
	word := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	out := map[string]any{"task_status": word(f.TaskStatus), "rollup_target": word(f.RollupTarget), "contacts": word(f.Contacts)}
	if before.HasCreateLeads {
		out["create_leads"] = f.CreateLeads
	}
	if before.HasLabels {
		labels := map[string]any{}
		for i, name := range LabelNames() {
			labels[name] = word(f.Labels[i])
		}
		out["association_labels"] = labels
	}
	defaults := map[string]any{}
	of := func(object string) map[string]any {
		if defaults[object] == nil {
			defaults[object] = map[string]any{}
		}
		return defaults[object].(map[string]any)
	}
	for _, d := range before.Defaults {
		of(d.Object)[d.Name] = nil
	}
	for _, d := range f.Defaults {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		of(d.Object)[d.Name] = v
	}
	if len(defaults) > 0 {
		out["field_defaults"] = defaults
	}
	return out, nil
}

func (d DefaultField) value() (any, error) {
	at := "field_defaults." + d.Object + "." + d.Name
	switch d.Kind {
	case "number":
		if !json.Valid([]byte(d.Value)) || d.Value[0] != '-' && (d.Value[0] < '0' || d.Value[0] > '9') {
			return nil, invalidSetting(at, "is not a number, such as 12 or 0.5")
		}
		return json.Number(d.Value), nil
	case "boolean":
		b, err := strconv.ParseBool(d.Value)
		if err != nil {
			return nil, invalidSetting(at, "is neither true nor false")
		}
		return b, nil
	}
	return d.Value, nil
}

// SaveFleetSettings stores the settings of a form, by all the rules of the API, and gives what is still missing.
func (h *Handlers) SaveFleetSettings(ctx context.Context, id uuid.UUID, f SettingsFields) (warnings []string, err error) {
	conn, err := h.anyConnection(ctx, id)
	if err != nil {
		return nil, err
	}
	s, err := storedSettings(conn)
	if err != nil {
		return nil, err
	}
	patch, err := f.patch(fieldsOf(conn.CRM, s))
	if err != nil {
		return nil, err
	}
	raw, err := encode(patch)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	if invalid := h.cfg.Validator.SettingsPatch(raw); invalid != nil {
		return nil, invalid
	}
	answer, err := h.UpdateConnectionSettings(ctx, api.UpdateConnectionSettingsRequestObject{Id: id, Body: &raw,
		Params: api.UpdateConnectionSettingsParams{WorkspaceId: conn.WorkspaceID}})
	if err != nil {
		return nil, err
	}
	saved, _ := answer.(api.UpdateConnectionSettings200JSONResponse)
	for _, w := range saved.Warnings {
		warnings = append(warnings, cmp.Or(w.Message, w.Field))
	}
	return warnings, nil
}
