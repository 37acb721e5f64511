package simsalesforce

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ExternalIDField is the custom text field that HasExternalID adds to Lead and Task.
const ExternalIDField = "Outcome_Key__c"

// Behaviour is what an admin, an edition or an org's history makes different between orgs. The
// zero value is a new Developer Edition org with generous limits. PUT /__sim/behaviour replaces
// it whole, GET reads it.
type Behaviour struct {
	// KeepRefreshTokens switches rotation off: a refresh answers without a refresh_token.
	KeepRefreshTokens bool `json:"keep_refresh_tokens,omitempty"`
	// TokenLatencyMS is how long a refresh is in flight (machine time). A second one meanwhile is
	// told "token request is already being processed".
	TokenLatencyMS int `json:"token_latency_ms,omitempty"`
	// SessionMinutes is the life of an access token, by the simulator's clock; 0 means 120.
	SessionMinutes int `json:"session_minutes,omitempty"`
	// RefreshIdleDays is how long an unused refresh token lives; 0 means 30.
	RefreshIdleDays int `json:"refresh_idle_days,omitempty"`
	// MaxApprovals revokes the oldest grant of the user when one more is approved; 0 means no
	// limit, a real org has five.
	MaxApprovals int `json:"max_approvals,omitempty"`

	// HasExternalID gives Lead and Task the field Outcome_Key__c: text 255, External ID, Unique.
	HasExternalID bool `json:"has_external_id,omitempty"`
	// ExternalIDNotUnique takes Unique away from it, so that an upsert may meet several (300).
	ExternalIDNotUnique bool `json:"external_id_not_unique,omitempty"`

	// AssignmentRules gives a written Lead to OtherUserID unless the request has the header
	// Sforce-Auto-Assign: FALSE.
	AssignmentRules bool `json:"assignment_rules,omitempty"`
	// DuplicateRule refuses a new Lead or Contact whose email is known.
	DuplicateRule bool `json:"duplicate_rule,omitempty"`
	// DuplicateBlocks makes that rule's action Block: allowSave=true does not help.
	DuplicateBlocks bool `json:"duplicate_blocks,omitempty"`
	// DuplicateKey is the key of the nested object: empty for the misspelt "duplicateResut" of
	// real logs, "none" to leave it out, else the text itself.
	DuplicateKey string `json:"duplicate_key,omitempty"`

	// RequiredLeadFields are required on Lead; names that do not exist become custom text fields.
	RequiredLeadFields []string `json:"required_lead_fields,omitempty"`
	// RequiredTaskFields are the same on Task.
	RequiredTaskFields []string `json:"required_task_fields,omitempty"`
	// PersonAccounts makes Lead.Company optional: without one, a lead becomes a person account.
	PersonAccounts bool `json:"person_accounts,omitempty"`
	// RestrictedPicklists maps "Object.Field" or "Field" (all objects that have it, else a new
	// one on Lead) to the only values allowed.
	RestrictedPicklists map[string][]string `json:"restricted_picklists,omitempty"`
	// HiddenFields, "Object.Field" or "Field", do not exist for the connected user.
	HiddenFields []string `json:"hidden_fields,omitempty"`
	// ReadOnlyFields, named alike, can be read and not written.
	ReadOnlyFields []string `json:"read_only_fields,omitempty"`
	// HiddenRecords are ids that the connected user cannot refer to.
	HiddenRecords []string `json:"hidden_records,omitempty"`

	// LeadStatuses and TaskStatuses replace the standard values; the first with Default set is
	// the default, else the first.
	LeadStatuses []Status `json:"lead_statuses,omitempty"`
	TaskStatuses []Status `json:"task_statuses,omitempty"`

	// DailyLimit is the number of API calls in 24 hours; 0 means 5,000,000, a full sandbox's.
	DailyLimit int `json:"daily_limit,omitempty"`
	// AppLimit is the number of API calls in 24 hours that this app may make; 0: it has no limit of its own, and no answer tells one.
	AppLimit int `json:"app_limit,omitempty"`
	// InstanceURL is where the org lives now, as token answers name it; calls to its data elsewhere have no route (420). Empty: wherever it is asked.
	InstanceURL string `json:"instance_url,omitempty"`
	// Maintenance is what becomes of calls to the org's data: MaintenancePage, MaintenanceReadOnly, or empty for none.
	Maintenance string `json:"maintenance,omitempty"`
	// UnknownIDCode is the errorCode for PATCH and DELETE of an id that never was; empty means
	// NOT_FOUND. Reports of real orgs also have INVALID_CROSS_REFERENCE_KEY.
	UnknownIDCode string `json:"unknown_id_code,omitempty"`
}

// The kinds of maintenance.
const (
	MaintenancePage     = "page"      // a page for people in place of every answer
	MaintenanceReadOnly = "read_only" // writes are refused
)

// Status is one value of Lead.Status or Task.Status.
type Status struct {
	Name    string `json:"name"`
	Closed  bool   `json:"closed,omitempty"` // Task: IsClosed; Lead: IsConverted
	Default bool   `json:"default,omitempty"`
}

func (b Behaviour) clone() Behaviour {
	b.RequiredLeadFields = slices.Clone(b.RequiredLeadFields)
	b.RequiredTaskFields = slices.Clone(b.RequiredTaskFields)
	b.HiddenFields = slices.Clone(b.HiddenFields)
	b.ReadOnlyFields = slices.Clone(b.ReadOnlyFields)
	b.HiddenRecords = slices.Clone(b.HiddenRecords)
	b.LeadStatuses = slices.Clone(b.LeadStatuses)
	b.TaskStatuses = slices.Clone(b.TaskStatuses)
	b.RestrictedPicklists = maps.Clone(b.RestrictedPicklists)
	for k, v := range b.RestrictedPicklists {
		b.RestrictedPicklists[k] = slices.Clone(v)
	}
	return b
}

func (b Behaviour) leadStatuses() []Status {
	if len(b.LeadStatuses) > 0 {
		return b.LeadStatuses
	}
	return []Status{
		{Name: "Open - Not Contacted", Default: true}, {Name: "Working - Contacted"},
		{Name: "Closed - Converted", Closed: true}, {Name: "Closed - Not Converted"},
	}
}

func (b Behaviour) taskStatuses() []Status {
	if len(b.TaskStatuses) > 0 {
		return b.TaskStatuses
	}
	return []Status{
		{Name: "Not Started", Default: true}, {Name: "In Progress"}, {Name: "Completed", Closed: true},
		{Name: "Waiting on someone else"}, {Name: "Deferred"},
	}
}

func defaultStatus(all []Status) string {
	for _, s := range all {
		if s.Default {
			return s.Name
		}
	}
	return all[0].Name
}

// limitInfo is the value of Sforce-Limit-Info after so many calls.
func (b Behaviour) limitInfo(used int) string {
	info := fmt.Sprintf("api-usage=%d/%d", used, b.dailyLimit())
	if b.AppLimit > 0 {
		info += fmt.Sprintf("; per-app-api-usage=%d/%d(appName=sim)", used, b.AppLimit)
	}
	return info
}

func (b Behaviour) dailyLimit() int {
	if b.DailyLimit > 0 {
		return b.DailyLimit
	}
	return 5_000_000
}

// names says whether list has the field, as "Object.Field" or as "Field", whatever the case.
func names(list []string, object, field string) bool {
	return slices.ContainsFunc(list, func(n string) bool {
		return strings.EqualFold(n, field) || strings.EqualFold(n, object+"."+field)
	})
}
