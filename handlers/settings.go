package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// settingsTries bounds how often a patch is checked anew because others changed the settings meanwhile. Each time one of them got through.
const settingsTries = 20

// GetConnectionSettings shows how a connection is to be written.
func (h *Handlers) GetConnectionSettings(ctx context.Context, r api.GetConnectionSettingsRequestObject) (api.GetConnectionSettingsResponseObject, error) {
	conn, err := h.connectionOf(ctx, r.Params.WorkspaceId, r.Id)
	if err != nil {
		return nil, err
	}
	s, err := storedSettings(conn)
	if err != nil {
		return nil, err
	}
	return api.GetConnectionSettings200JSONResponse(renderSettings(conn, s, nil)), nil
}

// UpdateConnectionSettings merges a patch into the settings, once the CRM has nothing against the result. No transaction is open
// while the CRM is asked: what was checked is stored only over what was read.
func (h *Handlers) UpdateConnectionSettings(ctx context.Context, r api.UpdateConnectionSettingsRequestObject) (api.UpdateConnectionSettingsResponseObject, error) {
	patch, err := readPatch(*r.Body)
	if err != nil {
		return nil, err
	}
	for range settingsTries {
		conn, err := h.connectionOf(ctx, r.Params.WorkspaceId, r.Id)
		if err != nil {
			return nil, err
		}
		out, saved, err := h.patchSettings(ctx, conn, patch)
		if err != nil {
			return nil, err
		}
		if saved {
			return api.UpdateConnectionSettings200JSONResponse(out), nil
		}
	}
	return nil, fail(api.CodeSettingsConflict, "The settings were changed by others while these were being checked. Read them and send the patch again.", nil)
}

func (h *Handlers) patchSettings(ctx context.Context, conn store.Connection, patch map[string]any) (api.ConnectionSettings, bool, error) {
	none := api.ConnectionSettings{}
	before, err := storedSettings(conn)
	if err != nil {
		return none, false, err
	}
	after, err := patched(before, patch)
	if err != nil {
		return none, false, err
	}
	raw, err := encode(after)
	if err != nil {
		return none, false, err
	}
	if len(raw) > maxSettings {
		return none, false, invalidSetting("body", fmt.Sprintf("would make the settings larger than %d bytes", maxSettings))
	}
	if conn.Status == store.ConnectionDisconnected {
		return none, false, notConnected(conn.CRM)
	}
	report, err := h.engine.CheckSettings(ctx, conn, after)
	if err != nil {
		return none, false, explain(err)
	}
	if len(report.Problems) > 0 {
		return none, false, settingsInvalid(report.Problems)
	}
	saved, err := h.store.SaveSettings(ctx, conn, raw, actor(ctx), leaves("", patch))
	if err != nil || !saved {
		return none, false, err
	}
	h.log.Info().Str("event", "settings_changed").Stringer("connection_id", conn.ID).Stringer("workspace_id", conn.WorkspaceID).Str("crm", conn.CRM).
		Int("missing", len(report.Missing)).Str("by", actor(ctx)).Msg("settings changed")
	return renderSettings(conn, after, report.Missing), true, nil
}

// connectionOf is a connection of the workspace, or the failure that says that it has no such one.
func (h *Handlers) connectionOf(ctx context.Context, workspaceID, id uuid.UUID) (store.Connection, error) {
	conn, err := h.store.ConnectionOf(ctx, workspaceID, id)
	if errors.Is(err, store.ErrNotFound) {
		return conn, fail(api.CodeConnectionNotFound, "This workspace has no connection with this id.", nil)
	}
	return conn, err
}

func invalidSetting(field, reason string) *api.Error {
	return fail(api.CodeValidationFailed, field+" "+reason, map[string]any{"field": field, "reason": reason})
}

// settingProblem is a connectors.SettingProblem in the words of the contract.
type settingProblem struct {
	Field   string   `json:"field"`
	Message string   `json:"message"`
	Allowed []string `json:"allowed,omitempty"`
}

// settingsInvalid tells what the CRM would refuse.
func settingsInvalid(problems []connectors.SettingProblem) *api.Error {
	list := make([]settingProblem, len(problems))
	for i, p := range problems {
		list[i] = settingProblem{Field: settingName(p.Field), Message: p.Message, Allowed: p.Allowed}
	}
	message := "The CRM would refuse these settings. " + list[0].Field + ": " + list[0].Message
	if more := len(list) - 1; more > 0 {
		message += fmt.Sprintf(" (and %d more)", more)
	}
	return fail(api.CodeSettingsInvalid, message, map[string]any{"problems": list})
}

// settingName is what a setting is called in the contract.
func settingName(field string) string {
	if label, ok := strings.CutPrefix(field, "labels."); ok {
		return "association_labels." + label
	}
	if field == "no_new_leads" {
		return "create_leads"
	}
	return field
}

func renderSettings(conn store.Connection, s connectors.Settings, missing []connectors.MissingDefault) api.ConnectionSettings {
	out := api.ConnectionSettings{ConnectionId: conn.ID, Crm: api.Crm(conn.CRM), Settings: published(s)}
	for _, m := range missing {
		w := api.SettingsWarning{Code: "default_missing", Field: "field_defaults." + string(m.Object) + "." + m.Field, Label: filled(m.Label), Allowed: m.Allowed}
		w.Message = "The CRM requires " + m.Field + " of a new " + string(m.Object) + ", and nothing gives it; without a default, new ones will fail."
		out.Warnings = append(out.Warnings, w)
	}
	return out
}

// storedSettings reads what this service has stored.
func storedSettings(conn store.Connection) (connectors.Settings, error) {
	var s connectors.Settings
	if err := json.Unmarshal(conn.Settings, &s); err != nil {
		return s, fmt.Errorf("settings of connection %s: %w", conn.ID, err)
	}
	return s, nil
}
