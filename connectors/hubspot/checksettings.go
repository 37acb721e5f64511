package hubspot

import (
	"context"
	"maps"
	"slices"
	"strings"

	"crm-connectors/connectors"
)

// CheckSettings holds settings against the portal's own definitions, and asks for those alone that the settings touch. Missing stays
// empty: HubSpot does not publish what a portal requires of a new record.
func (c *Connector) CheckSettings(ctx context.Context, account connectors.Account, settings connectors.Settings) (connectors.SettingsReport, error) {
	account.Settings = settings
	k := &check{session: &session{Connector: c, account: account, doer: c.http}, defined: map[string]map[string]property{}}
	if settings.NoNewLeads {
		k.problem("no_new_leads", "no_new_leads is for Salesforce alone: HubSpot has no leads of that kind.")
	}
	if targets := []connectors.RollupTarget{connectors.RollupBoth, connectors.RollupDeal, connectors.RollupContact}; !slices.Contains(targets, settings.RollupTarget) {
		k.problem("rollup_target", "A rollup is tied to the deal, to the contact, or to both if this is left out.", string(connectors.RollupDeal), string(connectors.RollupContact))
	}
	if policies := []connectors.ContactPolicy{connectors.ContactsUpsert, connectors.ContactsCreateOnly, connectors.ContactsUpdateOnly}; !slices.Contains(policies, settings.Contacts) {
		k.problem("contacts", "Contacts are created only, updated only, or both if this is left out.", string(connectors.ContactsCreateOnly), string(connectors.ContactsUpdateOnly))
	}
	for _, step := range []func(context.Context) *connectors.Error{k.fieldDefaults, k.taskStatus, k.labelNames} {
		if failed := step(ctx); failed != nil {
			return connectors.SettingsReport{}, failed
		}
	}
	return k.report, nil
}

// check is one CheckSettings under way.
type check struct {
	*session
	report  connectors.SettingsReport
	defined map[string]map[string]property // by type and name, once read
}

func (k *check) problem(field, message string, allowed ...string) {
	k.report.Problems = append(k.report.Problems, connectors.SettingProblem{Field: field, Message: message, Allowed: allowed})
}

func (k *check) properties(ctx context.Context, typ string) (map[string]property, *connectors.Error) {
	if known, ok := k.defined[typ]; ok {
		return known, nil
	}
	all, failed := k.session.properties(ctx, typ)
	if failed == nil {
		k.defined[typ] = all
	}
	return all, failed
}

func (k *check) fieldDefaults(ctx context.Context) *connectors.Error {
	types := map[connectors.Object]string{connectors.ObjectContact: contactsType, connectors.ObjectTask: tasksType, connectors.ObjectRollup: notesType}
	for _, object := range slices.Sorted(maps.Keys(k.account.Settings.FieldDefaults)) {
		fields := k.account.Settings.FieldDefaults[object]
		path := "field_defaults." + string(object)
		typ, known := types[object]
		if !known {
			k.problem(path, "Only contacts, tasks and rollups have defaults.", string(connectors.ObjectContact), string(connectors.ObjectTask), string(connectors.ObjectRollup))
			continue
		}
		if len(fields) == 0 {
			continue
		}
		defined, failed := k.properties(ctx, typ)
		if failed != nil {
			return failed
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			p, exists := defined[name]
			if !exists {
				p = property{}
			}
			if message, allowed := p.objection(typ, name, fields[name]); message != "" {
				k.problem(path+"."+name, message, allowed...)
			}
		}
	}
	return nil
}

func (k *check) taskStatus(ctx context.Context) *connectors.Error {
	status := k.account.Settings.TaskStatus
	if status == "" {
		return nil
	}
	defined, failed := k.properties(ctx, tasksType)
	if failed != nil {
		return failed
	}
	if message, allowed := defined["hs_task_status"].objection(tasksType, "hs_task_status", status); message != "" {
		k.problem("task_status", message, allowed...)
	}
	return nil
}

func (k *check) labelNames(ctx context.Context) *connectors.Error {
	for _, pair := range []struct{ field, from, to string }{
		{"task_contact", tasksType, contactsType}, {"task_deal", tasksType, dealsType},
		{"rollup_contact", notesType, contactsType}, {"rollup_deal", notesType, dealsType},
	} {
		name := labelName(k.account.Settings, pair.from, pair.to)
		if name == "" {
			continue
		}
		list, failed := k.readLabels(ctx, pair.from, pair.to)
		if failed != nil {
			return failed
		}
		if chooseType(list, strings.ToLower(name), 0).lacks == "" {
			continue
		}
		var own []string
		for _, l := range list {
			if l.Category == userDefined && l.Label != "" {
				own = append(own, string(l.Label))
			}
		}
		k.problem("labels."+pair.field, "The portal has no association label of this name from "+pair.from+" to "+pair.to+
			": choose one that it has, or make it in HubSpot's settings.", own...)
	}
	return nil
}
