package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

const (
	maxSettings = 256 << 10 // bytes; they are read with every turn of the delivery
	maxDefaults = 200       // an object
)

// fieldName is how both CRMs name the fields of their records in their APIs.
var fieldName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// readPatch reads a patch that the contract has judged.
func readPatch(raw json.RawMessage) (map[string]any, error) {
	patch, err := object(raw)
	if err != nil {
		return nil, &api.Error{Code: api.CodeInvalidJSON, Err: err}
	}
	return patch, nil
}

// object decodes a JSON object; numbers keep all their digits.
func object(raw []byte) (map[string]any, error) {
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, fmt.Errorf("object: %w", err)
	}
	return out, nil
}

// patched is what a merge patch (RFC 7396) makes of settings, or an *api.Error for what the contract cannot say by itself.
func patched(s connectors.Settings, patch map[string]any) (connectors.Settings, error) {
	raw, err := encode(published(s))
	if err != nil {
		return s, err
	}
	doc, err := object(raw)
	if err != nil {
		return s, err
	}
	doc = merge(doc, patch)
	for key, usual := range map[string]any{"rollup_target": api.RollupTargetBoth, "contacts": api.ContactPolicyUpsert, "create_leads": true} {
		if _, there := doc[key]; !there {
			doc[key] = usual
		}
	}
	if raw, err = encode(doc); err != nil {
		return s, err
	}
	var out api.Settings
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return s, fmt.Errorf("settings: %w", err)
	}
	return kept(out)
}

// exact is a number as connectors take it. False means that it would not be the same number: whole ones are exact up to 2^53 alone.
func exact(n json.Number) (float64, bool) {
	f, err := n.Float64()
	if err != nil {
		return 0, false
	}
	whole, isWhole := new(big.Int).SetString(n.String(), 10)
	return f, !isWhole || whole.CmpAbs(big.NewInt(1<<53)) <= 0
}

// merge applies patch to doc, as RFC 7396 says.
func merge(doc, patch map[string]any) map[string]any {
	if doc == nil {
		doc = map[string]any{}
	}
	for key, value := range patch {
		if value == nil {
			delete(doc, key)
			continue
		}
		if inner, ok := value.(map[string]any); ok {
			before, _ := doc[key].(map[string]any)
			doc[key] = merge(before, inner)
			continue
		}
		doc[key] = value
	}
	return doc
}

// leaves are the names of what a patch touches, in order.
func leaves(at string, patch map[string]any) []string {
	out := []string{}
	for _, key := range slices.Sorted(maps.Keys(patch)) {
		inner, ok := patch[key].(map[string]any)
		if !ok {
			out = append(out, at+key)
			continue
		}
		out = append(out, leaves(at+key+".", inner)...)
	}
	return out
}

// published are settings as the contract shows them, with the defaults filled in.
func published(s connectors.Settings) api.Settings {
	out := api.Settings{TaskStatus: filled(s.TaskStatus), RollupTarget: api.RollupTargetBoth, Contacts: api.ContactPolicyUpsert, CreateLeads: !s.NoNewLeads,
		FieldDefaults: api.FieldDefaults{Contact: s.FieldDefaults[connectors.ObjectContact], Task: s.FieldDefaults[connectors.ObjectTask],
			Rollup: s.FieldDefaults[connectors.ObjectRollup]},
		AssociationLabels: api.AssociationLabels{TaskContact: filled(s.Labels.TaskContact), TaskDeal: filled(s.Labels.TaskDeal),
			RollupContact: filled(s.Labels.RollupContact), RollupDeal: filled(s.Labels.RollupDeal)}}
	if s.RollupTarget != connectors.RollupBoth {
		out.RollupTarget = api.RollupTarget(s.RollupTarget)
	}
	if s.Contacts != connectors.ContactsUpsert {
		out.Contacts = api.ContactPolicy(s.Contacts)
	}
	return out
}

// kept are settings as they are stored and as connectors take them.
func kept(s api.Settings) (connectors.Settings, error) {
	out := connectors.Settings{TaskStatus: text(s.TaskStatus), NoNewLeads: !s.CreateLeads,
		Labels: connectors.Labels{TaskContact: text(s.AssociationLabels.TaskContact), TaskDeal: text(s.AssociationLabels.TaskDeal),
			RollupContact: text(s.AssociationLabels.RollupContact), RollupDeal: text(s.AssociationLabels.RollupDeal)}}
	if s.RollupTarget != api.RollupTargetBoth {
		out.RollupTarget = connectors.RollupTarget(s.RollupTarget)
	}
	if s.Contacts != api.ContactPolicyUpsert {
		out.Contacts = connectors.ContactPolicy(s.Contacts)
	}
	for _, d := range []struct {
		object connectors.Object
		values map[string]any
	}{{connectors.ObjectContact, s.FieldDefaults.Contact}, {connectors.ObjectTask, s.FieldDefaults.Task}, {connectors.ObjectRollup, s.FieldDefaults.Rollup}} {
		if len(d.values) == 0 {
			continue
		}
		at := "field_defaults." + string(d.object)
		if len(d.values) > maxDefaults {
			return out, invalidSetting(at, fmt.Sprintf("must hold at most %d", maxDefaults))
		}
		for name, value := range d.values {
			if !fieldName.MatchString(name) {
				return out, invalidSetting(at, "has a name that is not the API name of a field: letters, digits, _ and - alone")
			}
			number, ok := value.(json.Number)
			if !ok {
				continue
			}
			if d.values[name], ok = exact(number); !ok {
				return out, invalidSetting(at+"."+name, "has more digits than a number keeps; send it as text")
			}
		}
		if out.FieldDefaults == nil {
			out.FieldDefaults = map[connectors.Object]map[string]any{}
		}
		out.FieldDefaults[d.object] = d.values
	}
	return out, nil
}
