package hubspot

import (
	"net/http"
	"slices"
	"time"

	"crm-connectors/connectors"
)

// span is a range of HTTP statuses, both ends inclusive.
type span struct{ low, high int }

// rule is one line of the table by which every answer that is no success is judged. The first line
// that fits decides. What is left empty fits everything.
type rule struct {
	on       span
	category string // category of the body
	code     string // code of one of its errors
	policy   string // beginning of policyName
	has      string // key that a context of the body must have
	bare     bool   // only where the body holds no category

	class  connectors.Class // classUnsure: by what the call may have done
	as     string
	cause  string // no full stop: HubSpot's own words may follow. {names}: the values of names
	action string
	names  string // key of the contexts that fills {names}
	wait   time.Duration
	pause  bool
	source string // where the line comes from
}

// classUnsure is for answers that do not say whether the call was executed: a create is then in
// doubt, and anything else is repeated.
const classUnsure connectors.Class = ""

// What a person does, where many lines say the same.
const (
	doNothing    = "Nothing to do: the service tries again."
	doFind       = "Nothing to do: the service finds out what became of the call before it tries again."
	doRefresh    = "Nothing to do: the service renews its access; if that fails, reconnect HubSpot."
	doMendData   = "Correct the value, then send the outcome again."
	doPermission = "Give the HubSpot user who connected the account this permission, or have another user reconnect; then retry the row."
	doCheckLinks = "Check that the record and those linked to it still exist in HubSpot, then retry the row."
	doTellUs     = "Report this to the operator of the service."
)

// The codes that another part of the package acts upon.
const (
	codeValidation = "validation_failed"
	codeNotFound   = "record_not_found"
	codeRejected   = "crm_rejected"
	codeDaily      = "crm_daily_limit"
	codeProperty   = "property_missing"
)

// Sources of the lines.
const (
	fromErrors = "HubSpot documentation, error handling"
	fromLimits = "HubSpot documentation, usage guidelines; waits as in HubSpot's Node SDK"
	fromObject = "HubSpot documentation, contacts, tasks and notes"
	fromSpec   = "HubSpot's published API description"
	fromSeen   = "seen by others in live answers; not documented"
	fromCare   = "our own careful reading: not documented"
)

const (
	validation    = "VALIDATION_ERROR"
	burstWait     = 10 * time.Second
	secondWait    = time.Second
	dailyWait     = time.Hour // where the portal's midnight is not known: ask once an hour
	lockWait      = 2 * time.Second
	migrationWait = 5 * time.Minute
)

// rules gives the table in its order: first what the body says, then the status alone. The last line
// fits everything.
func rules() []rule {
	return slices.Concat(limitRules, accessRules, valueRules, statusRules, unsureRules)
}

func only(status int) span { return span{status, status} }

var any4xx = span{400, 499}

// limitRules: the portal has had enough calls for now. They are not executed.
var limitRules = []rule{
	{on: any4xx, policy: "TEN_SECONDLY", class: connectors.ClassRetry, as: "crm_rate_limited",
		cause: "The portal's limit of calls in ten seconds is used up", action: doNothing, wait: burstWait, pause: true, source: fromLimits},
	{on: any4xx, policy: "SECONDLY", class: connectors.ClassRetry, as: "crm_rate_limited",
		cause: "The portal's limit of calls in a second is used up", action: doNothing, wait: secondWait, pause: true, source: fromLimits},
	{on: any4xx, policy: "DAILY", class: connectors.ClassRetry, as: codeDaily,
		cause:  "The portal's limit of calls for today is used up",
		action: "Wait until midnight in the portal's time zone, or raise the portal's API limit.", wait: dailyWait, pause: true, source: fromLimits},
	{on: any4xx, category: "RATE_LIMITS", class: connectors.ClassRetry, as: "crm_rate_limited",
		cause: "HubSpot limits the rate of calls", action: doNothing, wait: burstWait, pause: true, source: fromSeen},
}

// accessRules: the token, its scopes or its user.
var accessRules = []rule{
	{on: any4xx, category: "EXPIRED_AUTHENTICATION", class: connectors.ClassNeedsAuth, as: "access_token_expired",
		cause: "The access token has expired", action: doRefresh, source: fromSeen},
	{on: any4xx, category: "INVALID_AUTHENTICATION", class: connectors.ClassNeedsAuth, as: "access_token_refused",
		cause: "HubSpot does not accept the access token", action: doRefresh, source: fromErrors},
	{on: any4xx, category: "MISSING_SCOPES", class: connectors.ClassNeedsReconnect, as: "scopes_missing", names: "requiredGranularScopes",
		cause:  "The connection lacks a scope that this call needs, one of: {names}",
		action: "Allow one of these scopes for the app, then reconnect HubSpot: {names}.", source: fromErrors},
	{on: any4xx, category: "BANNED", class: connectors.ClassRejected, as: "app_banned",
		cause: "HubSpot has banned the app or the user", action: doTellUs, source: fromErrors},
	{on: any4xx, category: "USER_DOES_NOT_HAVE_PERMISSIONS", class: connectors.ClassRejected, as: "permission_missing",
		cause: "The user who connected the account may not do this", action: doPermission, source: fromSeen},
	{on: any4xx, category: "FORBIDDEN", class: connectors.ClassRejected, as: "permission_missing",
		cause: "The user who connected the account may not do this", action: doPermission, source: fromErrors},
}

// valueRules: what is wrong with the outcome, or with the portal's settings for it.
var valueRules = []rule{
	{on: any4xx, code: "INVALID_EMAIL", class: connectors.ClassRejected, as: "contact_email_invalid",
		cause: "HubSpot does not accept the email address", action: "Correct the address, then send the outcome again.", source: fromSeen},
	{on: any4xx, code: "PROPERTY_DOESNT_EXIST", class: connectors.ClassRejected, as: codeProperty, names: "propertyName",
		cause: "The portal has no property {names}", action: "Restore the property {names} in HubSpot's settings, then retry the row.", source: fromErrors},
	{on: any4xx, code: "READ_ONLY_VALUE", class: connectors.ClassRejected, as: "property_read_only", names: "propertyName",
		cause: "The property {names} is read-only", action: "Make the property {names} writable in HubSpot's settings, then retry the row.", source: fromCare},
	{on: any4xx, code: "INVALID_OPTION", class: connectors.ClassRejected, as: "property_option_missing", names: "propertyName",
		cause:  "The value is none of those that the property {names} allows",
		action: "Add the value to the property {names} in HubSpot's settings, or correct it and send the outcome again.", source: fromCare},
	{on: any4xx, code: "LEADING_TRAILING_WHITESPACE", class: connectors.ClassRejected, as: "property_value_invalid", names: "propertyName",
		cause: "The value of {names} begins or ends with white space", action: doMendData, source: fromObject},
	{on: any4xx, code: "INVALID_LENGTH", class: connectors.ClassRejected, as: "text_too_long", names: "propertyName",
		cause: "The text of {names} is longer than HubSpot allows", action: "Shorten the text, then send the outcome again.", source: fromCare},
	{on: any4xx, code: "INVALID_DATE", class: connectors.ClassRejected, as: "property_value_invalid", names: "propertyName",
		cause: "The value of {names} is not a date that HubSpot reads", action: doMendData, source: fromCare},
	{on: any4xx, code: "INVALID_NUMBER", class: connectors.ClassRejected, as: "property_value_invalid", names: "propertyName",
		cause: "The value of {names} is not a number that HubSpot reads", action: doMendData, source: fromCare},
	{on: any4xx, category: validation, has: "properties", class: connectors.ClassRejected, as: "required_property_missing", names: "properties",
		cause:  "The portal requires properties that the outcome does not have: {names}",
		action: "Set a default for these properties in the connection's settings, or make them optional in HubSpot when a record is created: {names}. Then retry the row.", source: fromSeen},
	{on: only(http.StatusConflict), class: connectors.ClassRejected, as: "crm_conflict",
		cause: "HubSpot already has a record that conflicts with this one", action: "Look for the record in HubSpot and mend or merge it, then retry the row.", source: fromSpec},
	{on: any4xx, category: "OBJECT_NOT_FOUND", class: connectors.ClassRejected, as: codeNotFound,
		cause: "HubSpot does not have the record", action: doCheckLinks, source: fromSeen},
	{on: only(http.StatusBadRequest), category: validation, class: connectors.ClassRejected, as: codeValidation,
		cause: "HubSpot found the request not valid", action: doMendData, source: fromErrors},
}

// statusRules: a refusal whose body says nothing that is known.
var statusRules = []rule{
	{on: only(http.StatusUnauthorized), class: connectors.ClassNeedsAuth, as: "access_token_refused",
		cause: "HubSpot does not accept the access token", action: doRefresh, source: fromErrors},
	{on: only(http.StatusForbidden), bare: true, class: connectors.ClassNeedsAuth, as: "crm_forbidden",
		cause: "HubSpot forbids the call and does not say why", action: doRefresh, source: fromCare},
	{on: only(http.StatusForbidden), class: connectors.ClassRejected, as: "permission_missing",
		cause: "HubSpot forbids this call", action: doPermission, source: fromErrors},
	{on: only(http.StatusNotFound), class: connectors.ClassRejected, as: codeNotFound,
		cause: "HubSpot does not have the record", action: doCheckLinks, source: fromSeen},
	{on: only(http.StatusRequestTimeout), class: classUnsure, as: "crm_timeout",
		cause: "HubSpot took too long", action: doFind, source: fromCare},
	{on: only(http.StatusRequestEntityTooLarge), class: connectors.ClassRejected, as: "request_too_large",
		cause: "The request is larger than HubSpot allows", action: "Shorten the texts, then send the outcome again.", source: fromCare},
	{on: only(http.StatusRequestURITooLong), class: connectors.ClassRejected, as: "request_too_large",
		cause: "The address of the request is longer than HubSpot allows", action: "Shorten the email address, then send the outcome again.", source: fromErrors},
	{on: only(http.StatusUnsupportedMediaType), class: connectors.ClassRejected, as: "request_malformed",
		cause: "HubSpot does not read this kind of request", action: doTellUs, source: fromCare},
	{on: only(http.StatusLocked), class: connectors.ClassRetry, as: "record_locked",
		cause: "HubSpot has locked the record for a moment", action: doNothing, wait: lockWait, source: fromErrors},
	{on: only(http.StatusTooManyRequests), class: connectors.ClassRetry, as: "crm_rate_limited",
		cause: "HubSpot limits the rate of calls", action: doNothing, wait: burstWait, pause: true, source: fromErrors},
	{on: only(477), class: connectors.ClassRetry, as: "crm_migrating",
		cause: "HubSpot is moving the portal to another data centre", action: doNothing, wait: migrationWait, pause: true, source: fromErrors},
	{on: any4xx, class: connectors.ClassRejected, as: codeRejected,
		cause: "HubSpot refused the request", action: "Look up HubSpot's own words, mend what they name, then retry the row.", source: fromErrors},
}

// unsureRules: answers that leave open whether the call was executed, whatever their bodies say.
var unsureRules = []rule{
	{on: span{200, 299}, class: classUnsure, as: "crm_answer_unreadable",
		cause: "HubSpot reported success in an answer that could not be read", action: doFind, source: fromCare},
	{on: span{300, 399}, class: classUnsure, as: "crm_redirected",
		cause: "HubSpot answered with a redirect, which is not followed", action: doFind, source: fromCare},
	{on: span{500, 599}, class: classUnsure, as: "crm_unavailable",
		cause: "HubSpot failed inside or could not be reached behind its gateway", action: doFind, source: fromErrors},
	{class: classUnsure, as: "crm_unexpected",
		cause: "HubSpot gave an answer that is not documented", action: doFind, source: fromCare},
}
