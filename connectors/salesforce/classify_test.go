package salesforce

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

const (
	retry     = connectors.ClassRetry
	reject    = connectors.ClassRejected
	inDoubt   = connectors.ClassInDoubt
	needAuth  = connectors.ClassNeedsAuth
	reconnect = connectors.ClassNeedsReconnect
	ours      = connectors.ClassMisconfigured
)

func items(codes ...string) string {
	var out []string
	for _, c := range codes {
		code, message, _ := strings.Cut(c, ": ")
		out = append(out, `{"errorCode":"`+code+`","message":"`+message+`"}`)
	}
	return "[" + strings.Join(out, ",") + "]"
}

func TestEveryAnswerHasItsClass(t *testing.T) {
	t.Parallel()
	const html = "<html><body>Down for maintenance</body></html>"
	for _, c := range []struct {
		status     int
		body       string
		once, read connectors.Class
		code       string
	}{
		{401, items("INVALID_SESSION_ID: Session expired or invalid"), needAuth, needAuth, "session_expired"},
		{403, items("INVALID_SESSION_ID: Session expired or invalid"), needAuth, needAuth, "session_expired"},
		{400, items("INVALID_SESSION_ID: Session expired or invalid"), needAuth, needAuth, "session_expired"},
		{401, "", needAuth, needAuth, "session_expired"},
		{401, items("SOMETHING_NEW: ?"), needAuth, needAuth, "session_expired"},
		{401, items("INVALID_SESSION_ID: This session is not valid for use with the REST API"), reconnect, reconnect, "session_not_for_api"},
		{401, "Connected app is not attached to Agent", reconnect, reconnect, "app_not_attached"},
		{401, items("INVALID_AUTH_HEADER: INVALID_HEADER_TYPE"), ours, ours, "auth_header_refused"},
		{403, "Bad_OAuth_Token", needAuth, needAuth, "session_refused"},
		{403, html, needAuth, needAuth, "session_refused"},
		{403, "", needAuth, needAuth, "session_refused"},
		{403, items("FORBIDDEN: You do not have access"), reject, reject, "permission_missing"},
		{403, items("REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded."), retry, retry, "crm_daily_limit"},
		{403, items("REQUEST_LIMIT_EXCEEDED: ConcurrentPerOrgLongTxn Limit exceeded."), retry, retry, "crm_concurrency_limited"},
		{503, items("REQUEST_LIMIT_EXCEEDED: ConcurrentRequests (Concurrent API Requests) Limit exceeded."), retry, retry, "crm_concurrency_limited"},
		{403, items("API_DISABLED_FOR_ORG: The REST API is not enabled for this Organization."), reconnect, reconnect, "api_disabled"},
		{403, items("API_CURRENTLY_DISABLED: off"), reconnect, reconnect, "api_disabled"},
		{403, items("INVALID_OPERATION_WITH_EXPIRED_PASSWORD: expired"), reconnect, reconnect, "password_expired"},
		{403, items("FUNCTIONALITY_NOT_ENABLED: no"), reject, reject, "feature_not_enabled"},
		{403, items("INSUFFICIENT_ACCESS: insufficient access rights on object id"), reject, reject, "permission_missing"},
		{400, items("INSUFFICIENT_ACCESS_OR_READONLY: insufficient access rights on object id"), reject, reject, "permission_missing"},
		{400, items("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY: insufficient access rights on cross-reference id"), reject, reject, "permission_missing"},
		{400, items("UNABLE_TO_LOCK_ROW: unable to obtain exclusive access"), retry, retry, "record_locked"},
		{500, items("UNABLE_TO_LOCK_ROW: unable to obtain exclusive access"), retry, retry, "record_locked"},
		{400, items("RECORD_IN_USE_BY_WORKFLOW: wait"), retry, retry, "record_locked"},
		{400, items("QUERY_TIMEOUT: Your query request was running for too long."), inDoubt, retry, "crm_timeout"},
		{400, items("REQUEST_RUNNING_TOO_LONG: Your request was running for too long"), inDoubt, retry, "crm_timeout"},
		{500, items("UNKNOWN_EXCEPTION: An unexpected error occurred."), inDoubt, retry, "crm_failed"},
		{503, items("SERVER_UNAVAILABLE: Server Unavailable"), inDoubt, retry, "crm_unavailable"},
		{503, items("INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE: later"), retry, retry, "crm_maintenance"},
		{500, items("SOMETHING_NEW: ?"), inDoubt, retry, "crm_unavailable"},
		{500, html, inDoubt, retry, "crm_unavailable"},
		{502, "", inDoubt, retry, "crm_unavailable"},
		{504, "", inDoubt, retry, "crm_unavailable"},
		{300, `["/services/data/v66.0/sobjects/Task/00T"]`, inDoubt, retry, "crm_redirected"},
		{302, "", inDoubt, retry, "crm_redirected"},
		{304, "", inDoubt, retry, "crm_redirected"},
		{101, "", inDoubt, retry, "crm_unexpected"},
		{408, "", inDoubt, retry, "crm_timeout"},
		{429, "", retry, retry, "crm_rate_limited"},
		{420, html, needAuth, needAuth, "instance_moved"},
		{410, items("UNSUPPORTED_API_VERSION: retired"), ours, ours, "api_version_retired"},
		{410, items("GONE: retired"), ours, ours, "api_version_retired"},
		{400, items("REQUIRED_FIELD_MISSING: Required fields are missing: [LastName]"), reject, reject, "field_required"},
		{400, items("FIELD_CUSTOM_VALIDATION_EXCEPTION: Phone number must be 10 digits"), reject, reject, "validation_rule"},
		{500, items("FIELD_CUSTOM_VALIDATION_EXCEPTION: Phone number must be 10 digits"), reject, reject, "validation_rule"},
		{400, items("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: bad value"), reject, reject, "picklist_value_refused"},
		{400, items("STRING_TOO_LONG: Subject: data value too large"), reject, reject, "text_too_long"},
		{400, items("INVALID_EMAIL_ADDRESS: Email: invalid email address: nope"), reject, reject, "email_invalid"},
		{400, items("INVALID_FIELD: No such column"), reject, reject, "field_not_accessible"},
		{400, items("INVALID_FIELD_FOR_INSERT_UPDATE: Unable to create/update fields"), reject, reject, "field_not_writable"},
		{400, items("FIELD_INTEGRITY_EXCEPTION: cannot specify whatID with lead whoID"), reject, reject, "field_integrity"},
		{400, items("CANNOT_UPDATE_CONVERTED_LEAD: cannot reference converted lead"), reject, reject, "lead_converted"},
		{400, items("DUPLICATES_DETECTED: Use one of these records?"), reject, reject, "duplicate_refused"},
		{400, items("DUPLICATE_VALUE: duplicate value found"), reject, reject, "duplicate_value"},
		{400, items("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY: LeadTrigger: execution of AfterInsert"), reject, reject, "automation_failed"},
		{400, items("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY: LeadTrigger: UNABLE_TO_LOCK_ROW, unable to obtain"), retry, retry, "record_locked"},
		{400, items("CANNOT_EXECUTE_FLOW_TRIGGER: a flow failed"), reject, reject, "automation_failed"},
		{400, items("CANNOT_EXECUTE_FLOW_TRIGGER: UNABLE_TO_LOCK_ROW"), retry, retry, "record_locked"},
		{400, items("ENTITY_IS_LOCKED: entity is locked for editing"), reject, reject, "record_locked_for_approval"},
		{404, items("ENTITY_IS_DELETED: entity is deleted"), reject, reject, "record_not_found"},
		{404, items("NOT_FOUND: The requested resource does not exist"), reject, reject, "record_not_found"},
		{404, html, reject, reject, "record_not_found"},
		{400, items("INVALID_CROSS_REFERENCE_KEY: invalid cross reference id"), reject, reject, "reference_invalid"},
		{400, items("INACTIVE_OWNER_OR_USER: inactive user"), reject, reject, "owner_inactive"},
		{400, items("STORAGE_LIMIT_EXCEEDED: storage limit exceeded"), reject, reject, "storage_full"},
		{400, items("TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET: text"), reject, reject, "text_not_supported"},
		{400, items("INVALID_TYPE: sObject type 'Leed' is not supported"), reject, reject, "object_not_accessible"},
		{400, items("MALFORMED_ID: id value of incorrect type"), reject, reject, "id_invalid"},
		{400, items("MALFORMED_QUERY: unexpected token"), reject, reject, "request_malformed"},
		{400, items("JSON_PARSER_ERROR: unexpected"), reject, reject, "request_malformed"},
		{400, "", reject, reject, "crm_rejected"},
		{414, html, reject, reject, "crm_rejected"},
		{431, html, reject, reject, "crm_rejected"},
		{400, `{"errorCode":"UNABLE_TO_LOCK_ROW","message":"one object"}`, retry, retry, "record_locked"},
		{400, `[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"as collections say it"}]`, retry, retry, "record_locked"},
		{400, items("UNABLE_TO_LOCK_ROW: a", "RECORD_IN_USE_BY_WORKFLOW: b"), retry, retry, "record_locked"},
		{400, items("UNABLE_TO_LOCK_ROW: a", "REQUIRED_FIELD_MISSING: b"), reject, reject, "field_required"},
		{400, items("REQUIRED_FIELD_MISSING: b", "UNABLE_TO_LOCK_ROW: a"), reject, reject, "field_required"},
		{500, items("REQUIRED_FIELD_MISSING: b", "UNKNOWN_EXCEPTION: a"), inDoubt, reject, ""},
		{400, "[]", reject, reject, "crm_rejected"},
		{400, "null", reject, reject, "crm_rejected"},
	} {
		for effect, want := range map[connectors.Effect]connectors.Class{connectors.Once: c.once, connectors.Read: c.read, connectors.Idempotent: c.read} {
			got := classify(effect, connectors.Reply{Status: c.status, Body: []byte(c.body)}, time.Now())
			if got.Class != want || c.code != "" && got.Code != c.code {
				t.Errorf("%d %s on a call that is %s: %s %s, want %s %s", c.status, c.body, effect, got.Class, got.Code, want, c.code)
			}
			if got.Status != c.status || got.Cause == "" || got.Action == "" || strings.Contains(got.Cause, "<html>") {
				t.Errorf("%d %s: %+v; want status, cause, action and no HTML", c.status, c.body, got)
			}
		}
	}
}

func TestWaitsSayHowLongAndForWhom(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	after := func(v string) http.Header { return http.Header{"Retry-After": {v}} }
	for _, c := range []struct {
		name  string
		reply connectors.Reply
		wait  time.Duration
		pause bool
	}{
		{"daily limit", connectors.Reply{Status: 403, Body: []byte(items("REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded."))}, time.Hour, true},
		{"concurrency", connectors.Reply{Status: 403, Body: []byte(items("REQUEST_LIMIT_EXCEEDED: ConcurrentPerOrgLongTxn Limit exceeded."))}, 30 * time.Second, true},
		{"lock", connectors.Reply{Status: 400, Body: []byte(items("UNABLE_TO_LOCK_ROW: x"))}, 5 * time.Second, false},
		{"429 with seconds", connectors.Reply{Status: 429, Header: after("7")}, 7 * time.Second, true},
		{"503 with a date", connectors.Reply{Status: 503, Header: after(now.Add(time.Minute).Format(http.TimeFormat))}, time.Minute, false},
		{"the longest of two", connectors.Reply{Status: 403, Body: []byte(items("UNABLE_TO_LOCK_ROW: x", "REQUEST_LIMIT_EXCEEDED: TotalRequests"))}, time.Hour, true},
	} {
		got := classify(connectors.Read, c.reply, now)
		if got.Class != retry || got.RetryAfter != c.wait || got.Pause != c.pause {
			t.Errorf("%s: %s after %v, pause %v; want retry after %v, pause %v", c.name, got.Class, got.RetryAfter, got.Pause, c.wait, c.pause)
		}
	}
}

func TestTheCauseQuotesSalesforceAndNamesTheFields(t *testing.T) {
	t.Parallel()
	body := `[{"message":"Required fields are missing:\n [LastName]","errorCode":"REQUIRED_FIELD_MISSING","fields":["LastName","Region__c"]}]`
	got := classify(connectors.Once, connectors.Reply{Status: 400, Body: []byte(body)}, time.Now())
	want := "The org requires a field that the outcome does not have: “Required fields are missing: [LastName]” (REQUIRED_FIELD_MISSING; fields LastName, Region__c)."
	if got.Cause != want {
		t.Errorf("cause = %q\nwant    %q", got.Cause, want)
	}
	if text := got.Err.Error(); strings.Contains(text, "missing") || !strings.Contains(text, "REQUIRED_FIELD_MISSING") {
		t.Errorf("what lies beneath says %q, want the code and no message", text)
	}
	body = `[{"message":"An unexpected error occurred. Please include this ErrorId if you contact support: 1234567-8 (-987654321)","errorCode":"UNKNOWN_EXCEPTION"}]`
	got = classify(connectors.Once, connectors.Reply{Status: 500, Body: []byte(body)}, time.Now())
	if got.RequestID != "1234567-8 (-987654321)" {
		t.Errorf("request id = %q", got.RequestID)
	}
}

func TestALostAnswerIsInDoubtOnlyForACreateThatWentOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		effect connectors.Effect
		err    error
		class  connectors.Class
		code   string
	}{
		{connectors.Once, &connectors.TransportError{Sent: true, Err: context.Canceled}, inDoubt, "answer_lost"},
		{connectors.Once, &connectors.TransportError{Sent: true, Status: 201, Err: connectors.ErrBodyTooLarge}, inDoubt, "answer_lost"},
		{connectors.Once, &connectors.TransportError{Err: context.Canceled}, retry, "crm_unreachable"},
		{connectors.Once, &connectors.TransportError{Err: connectors.ErrSendDeadline}, retry, "send_window_over"},
		{connectors.Once, errors.New("something else"), inDoubt, "answer_lost"},
		{connectors.Idempotent, &connectors.TransportError{Sent: true, Err: context.Canceled}, retry, "answer_lost"},
		{connectors.Read, &connectors.TransportError{Sent: true, Err: context.Canceled}, retry, "answer_lost"},
		{connectors.Read, &connectors.TransportError{Err: context.Canceled}, retry, "crm_unreachable"},
	} {
		got := lost(c.effect, c.err)
		if got.Class != c.class || got.Code != c.code || !errors.Is(got, c.err) {
			t.Errorf("%s, %v: %s %s; want %s %s", c.effect, c.err, got.Class, got.Code, c.class, c.code)
		}
	}
}

func TestEveryLineOfTheTablesIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, table := range [][]rule{byMessage, byErrorCode, byStatus} {
		for _, l := range table {
			if _, known := gravity[l.class]; !known || l.code == "" || l.says == "" || l.action == "" || l.source == "" {
				t.Errorf("%+v is not complete", l)
			}
		}
	}
	for _, l := range byErrorCode {
		if seen[l.errorCode] || l.errorCode == "" {
			t.Errorf("%q stands in the table twice or has no code", l.errorCode)
		}
		seen[l.errorCode] = true
	}
	for _, l := range tokenRules {
		if l.class == "" || l.code == "" || l.our == "" || l.says == "" || l.action == "" || l.source == "" {
			t.Errorf("%+v is not complete", l)
		}
	}
}
