package simhubspot

import (
	"slices"
	"strings"
	"time"
)

// Property is the definition of one property of an object type, as the properties API shows it.
type Property struct {
	Name           string    `json:"name"`
	Label          string    `json:"label"`
	Type           string    `json:"type"` // string, number, enumeration, bool, datetime, date
	FieldType      string    `json:"fieldType"`
	GroupName      string    `json:"groupName"`
	Description    string    `json:"description,omitempty"`
	Options        []Option  `json:"options"`
	HasUniqueValue bool      `json:"hasUniqueValue"`
	HubspotDefined bool      `json:"hubspotDefined"`
	Hidden         bool      `json:"hidden"`
	FormField      bool      `json:"formField"`
	Calculated     bool      `json:"calculated"`
	External       bool      `json:"externalOptions"` // the options are those of another object, and not listed
	RefersTo       string    `json:"referencedObjectType,omitempty"`
	CreatedAt      time.Time `json:"createdAt,omitzero"`
	ReadOnly       bool      `json:"-"` // shown as modificationMetadata
	millisOnly     bool      // a datetime that must be Unix milliseconds
}

// propertyBody is a property as the API shows it.
type propertyBody struct {
	*Property
	Modification modification `json:"modificationMetadata"`
}

type modification struct {
	Archivable         bool `json:"archivable"`
	ReadOnlyDefinition bool `json:"readOnlyDefinition"`
	ReadOnlyOptions    bool `json:"readOnlyOptions"`
	ReadOnlyValue      bool `json:"readOnlyValue"`
}

func (p *Property) shown() propertyBody {
	return propertyBody{p, modification{!p.HubspotDefined, p.HubspotDefined, p.HubspotDefined, p.ReadOnly || p.Calculated}}
}

// Option is an allowed value of an enumeration.
type Option struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

const ownerProperty = "hubspot_owner_id"

// standardProperties of an object type, by name: the ones that a connector may meet.
func standardProperties(kindName string) map[string]*Property {
	out := map[string]*Property{}
	add := func(typ, names string, options ...string) {
		for _, name := range strings.Fields(names) {
			p := &Property{Name: name, Label: name, Type: typ, FieldType: fieldType(typ), GroupName: group(kindName), HubspotDefined: true, Options: []Option{}}
			for _, o := range options {
				p.Options = append(p.Options, Option{Label: o, Value: o})
			}
			out[name] = p
		}
	}
	add("number", "hs_object_id")
	add("enumeration", ownerProperty)
	out[ownerProperty].External, out[ownerProperty].RefersTo = true, "OWNER"
	switch kindName {
	case contacts:
		add("string", "email firstname lastname company phone mobilephone jobtitle website address city state zip country industry "+
			"salutation fax hs_additional_emails hs_linkedin_url hs_merged_object_ids hs_object_source_label hs_legal_basis")
		add("datetime", "createdate lastmodifieddate closedate notes_last_updated")
		add("enumeration", "lifecyclestage", lifecycleStages()...)
		add("enumeration", "hs_lead_status", "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING")
		markReadOnly(out, "hs_merged_object_ids", "notes_last_updated", "hs_object_source_label")
	case companies:
		add("string", "name domain phone city country industry website")
		add("datetime", "createdate hs_lastmodifieddate")
	case deals:
		add("string", "dealname dealstage pipeline description")
		add("number", "amount")
		add("datetime", "closedate createdate hs_lastmodifieddate")
	case tickets:
		add("string", "subject content hs_pipeline hs_pipeline_stage")
		add("datetime", "createdate hs_lastmodifieddate")
	case tasks:
		add("string", "hs_task_subject hs_task_body hs_queue_membership_ids hs_attachment_ids")
		add("datetime", "hs_timestamp hs_createdate hs_lastmodifieddate hs_task_reminders hs_task_completion_date")
		add("enumeration", "hs_task_status", "NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED")
		add("enumeration", "hs_task_priority", "NONE", "LOW", "MEDIUM", "HIGH")
		add("enumeration", "hs_task_type", "EMAIL", "CALL", "TODO")
		out["hs_task_reminders"].millisOnly = true
	case notes:
		add("string", "hs_note_body hs_attachment_ids")
		add("datetime", "hs_timestamp hs_createdate hs_lastmodifieddate")
	}
	markReadOnly(out, "hs_object_id", "createdate", "lastmodifieddate", "hs_createdate", "hs_lastmodifieddate", "hs_task_completion_date")
	return out
}

func markReadOnly(all map[string]*Property, names ...string) {
	for _, n := range names {
		if p := all[n]; p != nil {
			p.ReadOnly = true
		}
	}
}

func fieldType(typ string) string {
	switch typ {
	case "enumeration":
		return "select"
	case "datetime":
		return "date"
	case "number":
		return "number"
	default:
		return "text"
	}
}

func group(kindName string) string {
	switch kindName {
	case contacts:
		return "contactinformation"
	case companies, deals, tickets:
		return strings.TrimSuffix(strings.Replace(kindName, "companies", "companys", 1), "s") + "information"
	case tasks:
		return "task"
	default:
		return "engagement"
	}
}

// lifecycleStages are in the order in which a contact moves; it never moves back.
func lifecycleStages() []string {
	return []string{"subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other"}
}

func movesBack(from, to string) bool {
	order := lifecycleStages()
	return from != "" && to != "" && slices.Index(order, to) < slices.Index(order, from)
}
