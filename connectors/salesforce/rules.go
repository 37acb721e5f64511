package salesforce

import (
	"time"

	"crm-connectors/connectors"
)

// rule is one line of the table by which every refusal is judged. The first line that fits decides.
type rule struct {
	errorCode string // Salesforce's own; "": any, or none
	message   string // in lower case, anywhere in the message, or in a body that is not JSON; "": any
	low, high int    // HTTP status, both inclusive; 0: any
	bare      bool   // only where there is no errorCode

	class  connectors.Class // ClassInDoubt is for creates; reads and idempotent calls are retried instead
	code   string
	says   string
	action string
	wait   time.Duration
	pause  bool
	source string // where the line comes from
}

// What a person does, where many lines say the same.
const (
	doNothing    = "Nothing to do: the service tries again."
	doFind       = "Nothing to do: the service looks for the record before it tries again."
	doReconnect  = "Reconnect Salesforce."
	doRefresh    = "Nothing to do: the service gets a new session; if that fails, reconnect Salesforce."
	doMendData   = "Correct the value, then send the outcome again."
	doMendOrg    = "Ask the Salesforce administrator to allow this write or to change the rule, then retry the row."
	doPermission = "Give the connected Salesforce user access to this object, record or field, then retry the row."
	doTellUs     = "Report this to the operator of the service."

	// {fields} are the fields that the answer names, as Lead.Region__c.
	doField    = "Ask a Salesforce admin to give the integration user edit access to {fields}, then press Retry."
	doDefault  = "Set a default for {fields} in the connection's settings, or ask a Salesforce admin to make it optional; then press Retry."
	doPicklist = "Ask a Salesforce admin to add the value to the picklist {fields}, or change the default for it in the connection's settings; then press Retry."
	doShorten  = "Shorten the default for {fields} in the connection's settings, then press Retry; where there is none, report this to the operator of the service."
)

// Sources of the lines.
const (
	fromDocs   = "REST API Developer Guide, status codes and error responses"
	fromCodes  = "SOAP API Developer Guide, core data types, StatusCode"
	fromFields = "Object Reference, Task and Lead"
	fromSeen   = "seen in production logs and in the tests of public clients"
	fromCare   = "our own careful reading: not documented"
)

// byMessage comes first: here the same errorCode carries different things.
var byMessage = []rule{
	{message: "session is not valid for use with the rest api", low: 401, high: 403, class: connectors.ClassNeedsReconnect, code: "session_not_for_api",
		says: "The session may not use the REST API", action: "Add the scope api to the connected app, then reconnect Salesforce.", source: fromSeen},
	{message: "connected app is not attached", low: 401, high: 403, class: connectors.ClassNeedsReconnect, code: "app_not_attached",
		says: "The connected app is not allowed for this user", action: "Ask the Salesforce administrator to allow the app, then reconnect Salesforce.", source: fromSeen},
	{errorCode: "REQUEST_LIMIT_EXCEEDED", message: "concurrent", class: connectors.ClassRetry, code: "crm_concurrency_limited",
		says: "Too many long requests run at once in the org", action: doNothing, wait: 30 * time.Second, pause: true, source: fromDocs},
	{errorCode: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message: "unable_to_lock_row", class: connectors.ClassRetry, code: "record_locked",
		says: "An automation in the org found the record locked", action: doNothing, wait: 5 * time.Second, source: fromSeen},
	{errorCode: "CANNOT_EXECUTE_FLOW_TRIGGER", message: "unable_to_lock_row", class: connectors.ClassRetry, code: "record_locked",
		says: "A flow in the org found the record locked", action: doNothing, wait: 5 * time.Second, source: fromSeen},
}

// byErrorCode is the table proper.
var byErrorCode = []rule{
	{errorCode: "INVALID_SESSION_ID", class: connectors.ClassNeedsAuth, code: "session_expired",
		says: "The session has expired or was ended", action: doRefresh, source: fromDocs},
	{errorCode: "INVALID_AUTH_HEADER", class: connectors.ClassMisconfigured, code: "auth_header_refused",
		says: "Salesforce could not read our authorization header", action: doTellUs, source: fromSeen},
	{errorCode: "REQUEST_LIMIT_EXCEEDED", class: connectors.ClassRetry, code: "crm_daily_limit",
		says: "The org has used up its API requests of 24 hours", action: "Wait, or raise the org's API request limit.", wait: time.Hour, pause: true, source: fromDocs},
	{errorCode: "API_DISABLED_FOR_ORG", class: connectors.ClassNeedsReconnect, code: "api_disabled",
		says: "The org or the user may not use the API", action: "Use an edition with API access and give the connected user the permission API Enabled, then reconnect Salesforce.", source: fromDocs},
	{errorCode: "API_CURRENTLY_DISABLED", class: connectors.ClassNeedsReconnect, code: "api_disabled",
		says: "The API is switched off for the org", action: "Have the API switched on, then reconnect Salesforce.", source: fromCodes},
	{errorCode: "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", class: connectors.ClassNeedsReconnect, code: "password_expired",
		says: "The connected user's password has expired", action: "Renew the password in Salesforce, then reconnect.", source: fromCodes},
	{errorCode: "UNABLE_TO_LOCK_ROW", class: connectors.ClassRetry, code: "record_locked",
		says: "Somebody else was changing the record", action: doNothing, wait: 5 * time.Second, source: fromSeen},
	{errorCode: "RECORD_IN_USE_BY_WORKFLOW", class: connectors.ClassRetry, code: "record_locked",
		says: "A workflow was changing the record", action: doNothing, wait: 5 * time.Second, source: fromCodes},
	{errorCode: "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", class: connectors.ClassRetry, code: "crm_maintenance",
		says: "Salesforce takes no writes during maintenance", action: doNothing, wait: 5 * time.Minute, pause: true, source: fromCodes},
	{errorCode: "QUERY_TIMEOUT", class: connectors.ClassInDoubt, code: "crm_timeout",
		says: "Salesforce took too long", action: doNothing, source: fromDocs},
	{errorCode: "REQUEST_RUNNING_TOO_LONG", class: connectors.ClassInDoubt, code: "crm_timeout",
		says: "Salesforce took too long", action: doFind, source: fromCodes},
	{errorCode: "SERVER_UNAVAILABLE", class: connectors.ClassInDoubt, code: "crm_unavailable",
		says: "Salesforce is down or overloaded", action: doFind, source: fromDocs + "; nothing says that it did not execute"},
	{errorCode: "UNKNOWN_EXCEPTION", class: connectors.ClassInDoubt, code: "crm_failed",
		says: "Salesforce failed inside", action: doFind, source: fromCodes},
	{errorCode: "UNSUPPORTED_API_VERSION", class: connectors.ClassMisconfigured, code: "api_version_retired",
		says: "Salesforce no longer serves this API version", action: doTellUs, source: fromDocs},

	{errorCode: "REQUIRED_FIELD_MISSING", class: connectors.ClassRejected, code: "field_required",
		says: "The org requires a field that the outcome does not have", action: doDefault, source: fromCodes},
	{errorCode: "FIELD_CUSTOM_VALIDATION_EXCEPTION", class: connectors.ClassRejected, code: "validation_rule",
		says: "A validation rule of the org refused the write", action: doMendOrg, source: fromCodes},
	{errorCode: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", class: connectors.ClassRejected, code: "picklist_value_refused",
		says: "A picklist of the org does not have the value", action: doPicklist, source: fromCodes},
	{errorCode: "STRING_TOO_LONG", class: connectors.ClassRejected, code: "text_too_long",
		says: "A text is longer than its field", action: doShorten, source: fromCodes},
	{errorCode: "INVALID_EMAIL_ADDRESS", class: connectors.ClassRejected, code: "email_invalid",
		says: "Salesforce does not accept the email address", action: doMendData, source: fromCodes},
	{errorCode: "INVALID_FIELD", class: connectors.ClassRejected, code: "field_not_accessible",
		says: "A field does not exist or is hidden from the connected user", action: doField, source: fromDocs},
	{errorCode: "INVALID_FIELD_FOR_INSERT_UPDATE", class: connectors.ClassRejected, code: "field_not_writable",
		says: "The connected user may not write a field", action: doField, source: fromCodes},
	{errorCode: "FIELD_INTEGRITY_EXCEPTION", class: connectors.ClassRejected, code: "field_integrity",
		says: "Salesforce does not allow these fields together", action: doMendData, source: fromFields},
	{errorCode: "CANNOT_UPDATE_CONVERTED_LEAD", class: connectors.ClassRejected, code: "lead_converted",
		says: "The lead was converted and has no contact that could be used", action: "Check the lead's contact in Salesforce, then retry the row.", source: fromCodes},
	{errorCode: "DUPLICATES_DETECTED", class: connectors.ClassRejected, code: "duplicate_refused",
		says: "A duplicate rule of the org refused the lead and named no record to use", action: doMendOrg, source: fromCodes},
	{errorCode: "DUPLICATE_VALUE", class: connectors.ClassRejected, code: "duplicate_value",
		says: "A field that must be unique has this value elsewhere", action: doMendData, source: fromCodes},
	{errorCode: "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", class: connectors.ClassRejected, code: "automation_failed",
		says: "An automation in the org failed", action: doMendOrg, source: fromCodes},
	{errorCode: "CANNOT_EXECUTE_FLOW_TRIGGER", class: connectors.ClassRejected, code: "automation_failed",
		says: "A flow in the org failed", action: doMendOrg, source: fromCodes},
	{errorCode: "ENTITY_IS_LOCKED", class: connectors.ClassRejected, code: "record_locked_for_approval",
		says: "The record is locked, as in an approval", action: "Finish the approval in Salesforce, then retry the row.", source: fromCodes},
	{errorCode: "ENTITY_IS_DELETED", class: connectors.ClassRejected, code: "record_not_found",
		says: "The record was deleted", action: "Restore or unlink the record in Salesforce, then retry the row.", source: fromCodes},
	{errorCode: "NOT_FOUND", class: connectors.ClassRejected, code: "record_not_found",
		says: "Salesforce does not have this record or object", action: doPermission, source: fromDocs},
	{errorCode: "INVALID_CROSS_REFERENCE_KEY", class: connectors.ClassRejected, code: "reference_invalid",
		says: "A linked record does not exist or is not for this user", action: doPermission, source: fromCodes},
	{errorCode: "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", class: connectors.ClassRejected, code: "permission_missing",
		says: "The connected user may not see a linked record", action: doPermission, source: fromCodes},
	{errorCode: "INSUFFICIENT_ACCESS", class: connectors.ClassRejected, code: "permission_missing",
		says: "The connected user lacks a right", action: doPermission, source: fromCodes},
	{errorCode: "INSUFFICIENT_ACCESS_OR_READONLY", class: connectors.ClassRejected, code: "permission_missing",
		says: "The connected user lacks a right, or the record is read-only", action: doPermission, source: fromCodes},
	{errorCode: "INACTIVE_OWNER_OR_USER", class: connectors.ClassRejected, code: "owner_inactive",
		says: "The owner is not an active user", action: "Choose another owner, then send the outcome again.", source: fromCodes},
	{errorCode: "FUNCTIONALITY_NOT_ENABLED", class: connectors.ClassRejected, code: "feature_not_enabled",
		says: "The org has not enabled this", action: doPermission, source: fromCodes},
	{errorCode: "STORAGE_LIMIT_EXCEEDED", class: connectors.ClassRejected, code: "storage_full",
		says: "The org's storage is full", action: "Free or buy storage in Salesforce, then retry the row.", source: fromCodes},
	{errorCode: "TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET", class: connectors.ClassRejected, code: "text_not_supported",
		says: "A text holds characters that the org cannot store", action: doMendData, source: fromCodes},
	{errorCode: "INVALID_TYPE", class: connectors.ClassRejected, code: "object_not_accessible",
		says: "An object does not exist or is hidden from the connected user", action: doPermission, source: fromDocs},
	{errorCode: "MALFORMED_ID", class: connectors.ClassRejected, code: "id_invalid",
		says: "An id is not of the right object", action: doMendData, source: fromDocs},
	{errorCode: "MALFORMED_QUERY", class: connectors.ClassRejected, code: "request_malformed",
		says: "Salesforce could not read our query", action: doTellUs, source: fromDocs},
	{errorCode: "JSON_PARSER_ERROR", class: connectors.ClassRejected, code: "request_malformed",
		says: "Salesforce could not read our request", action: doTellUs, source: fromDocs},
}

// byStatus decides where no errorCode did. Its last line fits everything.
var byStatus = []rule{
	{low: 401, high: 401, class: connectors.ClassNeedsAuth, code: "session_expired",
		says: "The session was refused", action: doRefresh, source: fromDocs},
	{low: 403, high: 403, bare: true, class: connectors.ClassNeedsAuth, code: "session_refused",
		says: "The request was refused without a reason", action: doRefresh, source: fromSeen},
	{low: 403, high: 403, class: connectors.ClassRejected, code: "permission_missing",
		says: "The connected user may not do this", action: doPermission, source: fromDocs},
	{low: 404, high: 404, class: connectors.ClassRejected, code: "record_not_found",
		says: "Salesforce does not have this record or object", action: doPermission, source: fromDocs},
	{low: 408, high: 408, class: connectors.ClassInDoubt, code: "crm_timeout",
		says: "Salesforce took too long", action: doFind, source: fromCare},
	{low: 410, high: 410, class: connectors.ClassMisconfigured, code: "api_version_retired",
		says: "Salesforce no longer serves this API version", action: doTellUs, source: fromDocs},
	{low: 420, high: 420, class: connectors.ClassNeedsAuth, code: "instance_moved",
		says: "Salesforce has no route to this org's address", action: "Nothing to do: a new session brings the new address; if that fails, reconnect Salesforce.", source: fromDocs},
	{low: 429, high: 429, class: connectors.ClassRetry, code: "crm_rate_limited",
		says: "Salesforce asks to slow down", action: doNothing, wait: 30 * time.Second, pause: true, source: fromSeen},
	{low: 400, high: 499, class: connectors.ClassRejected, code: "crm_rejected",
		says: "Salesforce refused the request", action: doMendData, source: fromDocs},
	{low: 300, high: 399, class: connectors.ClassInDoubt, code: "crm_redirected",
		says: "Salesforce answered with a redirect, as in maintenance", action: doFind, source: fromCare},
	{low: 500, high: 599, class: connectors.ClassInDoubt, code: "crm_unavailable",
		says: "Salesforce is down or overloaded", action: doFind, source: fromDocs + "; nothing says that it did not execute"},
	{class: connectors.ClassInDoubt, code: "crm_unexpected",
		says: "Salesforce's answer could not be understood", action: doFind, source: fromCare},
}
