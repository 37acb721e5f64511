package simsalesforce

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// checkWrite holds the rules about what fields mean together. merged is the row as it would be
// after the write; sent are the fields of the request; rec is nil on create.
func (c *call) checkWrite(obj *object, rec *Record, sent, merged map[string]any) *refusal {
	if no := checkRequired(obj, rec == nil, sent, merged); no != nil {
		return no
	}
	for _, f := range obj.fields {
		id, set := sent[f.name].(string)
		if !set || f.kind != "reference" {
			continue
		}
		full, no := c.checkReference(obj, f, id)
		if no != nil {
			return no
		}
		sent[f.name], merged[f.name] = full, full
	}
	if no := c.checkUnique(obj, rec, sent); no != nil {
		return no
	}
	if obj.name == "Task" {
		who, _ := merged["WhoId"].(string)
		if strings.HasPrefix(who, "00Q") && merged["WhatId"] != nil {
			return bad("FIELD_INTEGRITY_EXCEPTION", "cannot specify whatID with lead whoID", "WhatId", "WhoId")
		}
	}
	return nil
}

func checkRequired(obj *object, creating bool, sent, merged map[string]any) *refusal {
	var missing []string
	for _, f := range obj.fields {
		_, isSent := sent[f.name]
		if f.required && !f.defaulted && f.kind != "boolean" && merged[f.name] == nil && (creating || isSent) {
			missing = append(missing, f.name)
		}
	}
	if missing == nil {
		return nil
	}
	return bad("REQUIRED_FIELD_MISSING", fmt.Sprintf("Required fields are missing: [%s]", strings.Join(missing, ", ")), missing...)
}

// checkReference resolves an id in a reference field to its 18 characters.
func (c *call) checkReference(obj *object, f field, id string) (string, *refusal) {
	full, isID := normaliseID(id)
	if !isID {
		return "", bad("MALFORMED_ID", fmt.Sprintf("%s: id value of incorrect type: %s", f.label, id), f.name)
	}
	if f.name == "RecordTypeId" {
		return "", bad("INVALID_CROSS_REFERENCE_KEY", fmt.Sprintf("%s: this ID value isn't valid for the user: %s", f.label, id), f.name)
	}
	target := c.s.objectOf(full)
	if target == nil || !slices.Contains(f.refs, target.name) {
		code := "MALFORMED_ID"
		if f.name == "WhoId" {
			code = "FIELD_INTEGRITY_EXCEPTION"
		}
		return "", bad(code, fmt.Sprintf("%s: id value of incorrect type: %s", f.label, id), f.name)
	}
	rec := c.s.tables[target.name].byID[full]
	switch {
	case rec == nil:
		return "", bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	case slices.ContainsFunc(c.s.behaviour.HiddenRecords, func(h string) bool { n, _ := normaliseID(h); return n == full }):
		return "", bad("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "insufficient access rights on cross-reference id: "+full[:15])
	case rec.Deleted:
		return "", bad("ENTITY_IS_DELETED", "entity is deleted")
	case f.name == "WhoId" && rec.is("IsConverted"):
		return "", bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
	case f.name == "OwnerId" && !rec.is("IsActive"):
		return "", bad("INACTIVE_OWNER_OR_USER",
			fmt.Sprintf("operation performed with inactive user [%s] as owner of %s", full, strings.ToLower(obj.name)), "OwnerId")
	}
	return full, nil
}

func (c *call) checkUnique(obj *object, rec *Record, sent map[string]any) *refusal {
	for _, f := range obj.fields {
		value, set := sent[f.name].(string)
		if !f.unique || !set {
			continue
		}
		for _, other := range c.s.tables[obj.name].live(f.name, value) {
			if other != rec {
				return bad("DUPLICATE_VALUE",
					fmt.Sprintf("duplicate value found: %s duplicates value on record with id: %s", f.name, other.ID[:15]))
			}
		}
	}
	return nil
}

// checkDuplicate is the org's duplicate rule on email for new leads and contacts. Converted leads
// do not count: the contact that came from them does.
func (c *call) checkDuplicate(obj *object, fields map[string]any) *refusal {
	b := c.s.behaviour
	address, _ := fields["Email"].(string)
	if !b.DuplicateRule || address == "" || (obj.name != "Lead" && obj.name != "Contact") {
		return nil
	}
	if !b.DuplicateBlocks && allowsSave(c.header) {
		return nil
	}
	var results []any
	for _, entity := range []string{"Contact", "Lead"} {
		matches := slices.DeleteFunc(c.s.tables[entity].live("Email", address), func(r *Record) bool { return r.is("IsConverted") })
		if len(matches) > 0 {
			results = append(results, c.matchResult(entity, matches))
		}
	}
	if results == nil {
		return nil
	}
	const message = "You're creating a duplicate record. We recommend you use an existing record instead."
	no := refuse(http.StatusBadRequest, "DUPLICATES_DETECTED", message)
	if no.duplicateKey = b.DuplicateKey; no.duplicateKey == "" {
		no.duplicateKey = "duplicateResut"
	}
	no.duplicate = map[string]any{
		"allowSave": !b.DuplicateBlocks, "duplicateRule": "Standard_" + obj.name + "_Duplicate_Rule",
		"duplicateRuleEntityType": obj.name, "errorMessage": message, "matchResults": results,
	}
	return no
}

func (c *call) matchResult(entity string, matches []*Record) map[string]any {
	rule := "Standard_Contact_Match_Rule_v1_1"
	if entity == "Lead" {
		rule = "Standard_Lead_Match_Rule_v1_0"
	}
	records := make([]any, 0, len(matches))
	for _, r := range matches {
		records = append(records, map[string]any{
			"additionalInformation": []any{}, "fieldDiffs": []any{}, "matchConfidence": 100.0,
			"record": map[string]any{"attributes": c.attributes(r), "Id": r.ID},
		})
	}
	return map[string]any{
		"entityType": entity, "errors": []any{}, "matchEngine": "FuzzyMatchEngine", "matchRecords": records,
		"rule": rule, "size": len(records), "success": true,
	}
}

func allowsSave(h http.Header) bool {
	for _, part := range strings.Split(h.Get("Sforce-Duplicate-Rule-Header"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(name), "allowSave") {
			return strings.EqualFold(strings.TrimSpace(value), "true")
		}
	}
	return false
}
