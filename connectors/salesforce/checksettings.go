package salesforce

import (
	"context"
	"maps"
	"slices"
	"strings"

	"crm-connectors/connectors"
)

// CheckSettings holds settings against the org's own definitions as they are at this moment, for the connected user.
func (c *Connector) CheckSettings(ctx context.Context, account connectors.Account, settings connectors.Settings) (connectors.SettingsReport, error) {
	account.Settings = settings
	s, refusal := c.open(account)
	if refusal != nil {
		return connectors.SettingsReport{}, refusal
	}
	k := &check{step: &step{session: s, doer: c.cfg.HTTP}, defined: map[string]definition{}}
	k.choices()
	for _, look := range []func(context.Context) *connectors.Error{k.fieldDefaults, k.taskStatus, k.missing} {
		if err := look(ctx); err != nil {
			return connectors.SettingsReport{}, err
		}
	}
	return k.report, nil
}

// check is one CheckSettings under way.
type check struct {
	*step
	report  connectors.SettingsReport
	defined map[string]definition // by object, once read
}

func (k *check) problem(field, message string, allowed ...string) {
	k.report.Problems = append(k.report.Problems, connectors.SettingProblem{Field: field, Message: message, Allowed: allowed})
}

func (k *check) definition(ctx context.Context, object string) (definition, *connectors.Error) {
	if d, known := k.defined[object]; known {
		return d, nil
	}
	d, err := k.describeNow(ctx, object)
	if err == nil {
		k.defined[object] = d
	}
	return d, err
}

// choices judges what needs no look at the org.
func (k *check) choices() {
	s := k.account.Settings
	for _, l := range []struct{ field, name string }{{"task_contact", s.Labels.TaskContact}, {"task_deal", s.Labels.TaskDeal},
		{"rollup_contact", s.Labels.RollupContact}, {"rollup_deal", s.Labels.RollupDeal}} {
		if l.name != "" {
			k.problem("labels."+l.field, "Association labels are HubSpot's alone: leave this out for Salesforce.")
		}
	}
	if targets := []connectors.RollupTarget{connectors.RollupBoth, connectors.RollupDeal, connectors.RollupContact}; !slices.Contains(targets, s.RollupTarget) {
		k.problem("rollup_target", "A rollup is tied to the deal, to the contact, or to both if this is left out.", string(connectors.RollupDeal), string(connectors.RollupContact))
	}
	if policies := []connectors.ContactPolicy{connectors.ContactsUpsert, connectors.ContactsCreateOnly, connectors.ContactsUpdateOnly}; !slices.Contains(policies, s.Contacts) {
		k.problem("contacts", "People are created only, updated only, or both if this is left out.", string(connectors.ContactsCreateOnly), string(connectors.ContactsUpdateOnly))
	}
}

// objectsOf names the object that each of ours becomes when it is new.
func objectsOf() map[connectors.Object]string {
	return map[connectors.Object]string{connectors.ObjectContact: typeLead, connectors.ObjectTask: typeTask, connectors.ObjectRollup: typeTask}
}

func (k *check) fieldDefaults(ctx context.Context) *connectors.Error {
	for _, object := range slices.Sorted(maps.Keys(k.account.Settings.FieldDefaults)) {
		fields := k.account.Settings.FieldDefaults[object]
		path := "field_defaults." + string(object)
		typ, known := objectsOf()[object]
		switch {
		case !known:
			k.problem(path, "Only contacts, tasks and rollups have defaults.", string(connectors.ObjectContact), string(connectors.ObjectTask), string(connectors.ObjectRollup))
			continue
		case len(fields) == 0:
			continue
		}
		d, err := k.definition(ctx, typ)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			message, allowed := d.objection(typ, name, fields[name])
			if message == "" && typ == typeLead && strings.EqualFold(name, "Status") {
				if message, allowed, err = k.leadStatus(ctx, fields[name]); err != nil {
					return err
				}
			}
			if message != "" {
				k.problem(path+"."+name, message, allowed...)
			}
		}
	}
	return nil
}

// taskStatus wants one of the org's own, though Salesforce would store any text where the picklist is not restricted: nobody would find the
// task under it.
func (k *check) taskStatus(ctx context.Context) *connectors.Error {
	status := k.account.Settings.TaskStatus
	if status == "" {
		return nil
	}
	d, err := k.definition(ctx, typeTask)
	if err != nil {
		return err
	}
	f, _ := d.field("Status")
	if own := f.active(); len(own) > 0 && !slices.Contains(own, status) {
		k.problem("task_status", "The org has no task status of this name: use one that it has.", own...)
	}
	return nil
}

// leadStatus judges the status that new leads are to have: a lead cannot be made as a converted one.
func (k *check) leadStatus(ctx context.Context, value any) (message string, allowed []string, failed *connectors.Error) {
	open, err := k.openLeadStatuses(ctx)
	if err != nil {
		return "", nil, err
	}
	if status, _ := value.(string); len(open) > 0 && !slices.Contains(open, status) {
		return "The org has no lead status of this name that a new lead could have: use one that it has.", open, nil
	}
	return "", nil, nil
}

// missing reports the fields that a new record must have and that neither an outcome nor a default gives.
func (k *check) missing(ctx context.Context) *connectors.Error {
	given := map[connectors.Object][]string{
		connectors.ObjectContact: {"Email", "LastName", "Company"},
		connectors.ObjectTask:    {"Subject", "ActivityDate"},
		connectors.ObjectRollup:  {"Subject", "ActivityDate", "Description", "Status"},
	}
	for _, object := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
		if object == connectors.ObjectContact && k.creationOff() != nil {
			continue
		}
		d, err := k.definition(ctx, objectsOf()[object])
		if err != nil {
			return err
		}
		defaults := k.defaults(object)
		for _, f := range d.Fields {
			if f.required() && !slices.Contains(given[object], f.Name) && !setsField(defaults, f.Name) {
				k.report.Missing = append(k.report.Missing, connectors.MissingDefault{Object: object, Field: f.Name, Label: f.Label, Allowed: f.active()})
			}
		}
	}
	return nil
}
