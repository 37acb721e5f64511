package simsalesforce

import (
	"net/http"

	"crm-connectors/sim"
)

// Answer is a refusal for a reason that lies outside of what this org plays: load, locks, automations, editions.
type Answer struct {
	Status  int
	Headers map[string]string
	Body    string
}

// Fault gives the answer to one call of the method to a path, in the org's place.
func (a Answer) Fault(method, path string) sim.Fault {
	return sim.Fault{Method: method, Path: path, Kind: sim.FaultStatus, Status: a.Status, Headers: a.Headers, Body: a.Body}
}

func item(status int, code, message string) Answer {
	return Answer{Status: status, Body: `[{"message":"` + message + `","errorCode":"` + code + `"}]`}
}

func itemOn(status int, code, message, fields string) Answer {
	return Answer{Status: status, Body: `[{"message":"` + message + `","errorCode":"` + code + `","fields":[` + fields + `]}]`}
}

func page(status int) Answer {
	return Answer{Status: status, Headers: map[string]string{"Content-Type": "text/html;charset=UTF-8"}, Body: "<html><body>Stand by</body></html>"}
}

// Answers are such refusals of the data API as public logs and the documentation show them, by a name of ours.
func Answers() map[string]Answer {
	return map[string]Answer{
		"session for other use":     item(401, "INVALID_SESSION_ID", "This session is not valid for use with the REST API"),
		"session expired as 403":    item(403, "INVALID_SESSION_ID", "Session expired or invalid"),
		"app not attached":          {Status: 401, Body: "Connected app is not attached to Agent"},
		"total requests":            item(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
		"concurrent long requests":  item(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
		"concurrent requests":       item(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
		"api disabled for org":      item(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."),
		"api disabled for now":      item(403, "API_CURRENTLY_DISABLED", "API is disabled for this User"),
		"forbidden":                 item(403, "FORBIDDEN", "You do not have access to this resource"),
		"feature not enabled":       item(403, "FUNCTIONALITY_NOT_ENABLED", "This feature is not currently enabled for this user type or org"),
		"no access":                 item(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id"),
		"no access or read-only":    itemOn(400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", ""),
		"password expired":          item(403, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "The users password has expired, you must call SetPassword before attempting any other API operations"),
		"row locked":                itemOn(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: 00Qak00000AbCdEEAV", ""),
		"row locked as 500":         itemOn(500, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", ""),
		"query timeout":             item(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
		"request too long":          item(400, "REQUEST_RUNNING_TOO_LONG", "Your request was running for too long, and has been stopped."),
		"unknown exception":         item(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567-8 (-987654321)"),
		"server unavailable":        {Status: 503, Headers: map[string]string{"Retry-After": "120"}, Body: `[{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}]`},
		"maintenance page":          page(503),
		"no writes in maintenance":  item(400, "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE", "The organization is in read only mode"),
		"used by a workflow":        item(400, "RECORD_IN_USE_BY_WORKFLOW", "This record is currently in use by a workflow"),
		"too many requests":         {Status: 429, Headers: map[string]string{"Retry-After": "7"}},
		"request timeout":           page(408),
		"edge cannot reach":         page(502),
		"edge timeout":              page(504),
		"no route":                  page(statusNoRoute),
		"validation rule":           itemOn(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Phone number must be 10 digits", ""),
		"trigger failed":            itemOn(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LeadTrigger: execution of AfterInsert caused by: System.NullPointerException", ""),
		"trigger met a lock":        itemOn(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LeadTrigger: execution of AfterInsert caused by: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access", ""),
		"flow failed":               itemOn(400, "CANNOT_EXECUTE_FLOW_TRIGGER", "We can't save this record because a process failed", ""),
		"in approval":               itemOn(400, "ENTITY_IS_LOCKED", "entity is locked for editing", ""),
		"record type not for user":  itemOn(400, "INVALID_CROSS_REFERENCE_KEY", "Record Type ID: this ID value isn't valid for the user: 0128M0000000001", `"RecordTypeId"`),
		"storage full":              itemOn(400, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded", ""),
		"field not writable":        itemOn(400, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Region__c. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", ""),
		"version retired":           item(410, "UNSUPPORTED_API_VERSION", "The requested API version has been retired"),
		"version gone":              item(410, "GONE", "The requested resource is no longer available"),
		"address too long":          page(http.StatusRequestURITooLong),
		"headers too long":          page(http.StatusRequestHeaderFieldsTooLarge),
		"a retry and a refusal":     {Status: 400, Body: `[{"message":"unable to obtain exclusive access","errorCode":"UNABLE_TO_LOCK_ROW","fields":[]},{"message":"Required fields are missing: [Region__c]","errorCode":"REQUIRED_FIELD_MISSING","fields":["Region__c"]}]`},
		"duplicates without record": item(400, "DUPLICATES_DETECTED", "Use one of these records?"),
	}
}

// TokenAnswers are refusals of the token endpoint for reasons outside of what this org plays.
func TokenAnswers() map[string]Answer {
	oauth := func(status int, code, description string) Answer {
		return Answer{Status: status, Body: `{"error":"` + code + `","error_description":"` + description + `"}`}
	}
	return map[string]Answer{
		"refresh under way":      oauth(400, "invalid_grant", "token request is already being processed"),
		"a code where none was":  oauth(400, "invalid_grant", "expired authorization code"),
		"authentication failure": oauth(400, "invalid_grant", "authentication failure"),
		"wrong password":         oauth(400, "invalid_grant", "authentication failure - Invalid Password"),
		"address not allowed":    oauth(400, "invalid_grant", "ip restricted"),
		"not approved":           oauth(400, "invalid_grant", "user hasn't approved this consumer"),
		"validity expired":       oauth(400, "invalid_grant", "token validity expired"),
		"user inactive":          oauth(400, "inactive_user", "user is inactive"),
		"org inactive":           oauth(400, "inactive_org", "organization is locked, closed, or suspended"),
		"secret rotated":         oauth(400, "invalid_client", "invalid client credentials"),
		"secret rotated as 401":  oauth(401, "invalid_client", "invalid client credentials"),
		"client unknown":         oauth(400, "invalid_client_id", "client identifier invalid"),
		"app not installed":      oauth(400, "invalid_client", "app must be installed into org"),
		"app blocked":            oauth(400, "OAUTH_APP_BLOCKED", "this app is blocked by admin"),
		"grant type":             oauth(400, "unsupported_grant_type", "grant type not supported"),
		"request invalid":        oauth(400, "invalid_request", "missing required parameter"),
		"redirect mismatch":      oauth(400, "redirect_uri_mismatch", "redirect_uri must match configuration"),
		"login rate":             oauth(400, "rate_limit_exceeded", "login rate exceeded"),
		"dead in a 503":          oauth(503, "invalid_grant", "expired access/refresh token"),
		"page":                   page(500),
		"something new":          oauth(400, "something_new", "never seen"),
	}
}
