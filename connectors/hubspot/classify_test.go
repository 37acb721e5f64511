package hubspot

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

func TestEveryAnswerBecomesOneClass(t *testing.T) {
	t.Parallel()
	const (
		read = connectors.Read
		same = connectors.Idempotent
		once = connectors.Once

		retry     = connectors.ClassRetry
		rejected  = connectors.ClassRejected
		doubt     = connectors.ClassInDoubt
		auth      = connectors.ClassNeedsAuth
		reconnect = connectors.ClassNeedsReconnect
	)
	limit := func(policy string) string { return `{"errorType":"RATE_LIMIT","policyName":"` + policy + `"}` }
	bad := func(code string) string {
		return `{"category":"VALIDATION_ERROR","errors":[{"message":"m","code":"` + code + `","context":{"propertyName":["phone"]}}]}`
	}
	old := func(code string) string {
		return `{"message":"Property values were not valid: [{\"isValid\":false,\"message\":\"is wrong\",\"error\":\"` + code + `\",\"name\":\"phone\"}]","category":"VALIDATION_ERROR"}`
	}
	for _, tc := range []struct {
		name   string
		status int
		after  string // Retry-After
		body   string
		effect connectors.Effect
		class  connectors.Class
		code   string
		wait   time.Duration
		pause  bool
		says   string // in cause and action together
	}{
		{"burst limit", 429, "", limit("TEN_SECONDLY_ROLLING"), once, retry, "crm_rate_limited", 10 * time.Second, true, "ten seconds"},
		{"burst limit of a read", 429, "", limit("TEN_SECONDLY_ROLLING"), read, retry, "crm_rate_limited", 10 * time.Second, true, ""},
		{"limit of a second", 429, "", limit("SECONDLY"), once, retry, "crm_rate_limited", time.Second, true, ""},
		{"daily limit", 429, "", limit("DAILY"), once, retry, "crm_daily_limit", time.Hour, true, "midnight"},
		{"limit told by the message alone", 429, "", `{"message":"You have reached your daily limit."}`, once, retry, "crm_daily_limit", time.Hour, true, ""},
		{"burst limit told by the message", 429, "", `{"message":"You have reached your ten_secondly_rolling limit."}`, once, retry, "crm_rate_limited", 10 * time.Second, true, ""},
		{"limit with Retry-After", 429, "7", limit("TEN_SECONDLY_ROLLING"), once, retry, "crm_rate_limited", 7 * time.Second, true, ""},
		{"limit by category", 429, "", `{"category":"RATE_LIMITS"}`, once, retry, "crm_rate_limited", 10 * time.Second, true, ""},
		{"limit from a gateway", 429, "", `<html>slow down</html>`, once, retry, "crm_rate_limited", 10 * time.Second, true, ""},
		{"limit without a body", 429, "", ``, same, retry, "crm_rate_limited", 10 * time.Second, true, ""},
		{"limit under another status", 403, "", limit("DAILY"), once, retry, "crm_daily_limit", time.Hour, true, ""},
		{"locked", 423, "", `{"status":"error"}`, once, retry, "record_locked", 2 * time.Second, false, ""},
		{"locked with Retry-After", 423, "5", ``, same, retry, "record_locked", 5 * time.Second, false, ""},
		{"migration", 477, "3600", `{}`, once, retry, "crm_migrating", time.Hour, true, ""},
		{"migration without Retry-After", 477, "", ``, read, retry, "crm_migrating", 5 * time.Minute, true, ""},

		{"token expired", 401, "", `{"category":"EXPIRED_AUTHENTICATION","message":"expired 42 second(s) ago"}`, once, auth, "access_token_expired", 0, false, "42 second(s)"},
		{"token unknown", 401, "", `{"category":"INVALID_AUTHENTICATION"}`, read, auth, "access_token_refused", 0, false, ""},
		{"401 without a body", 401, "", ``, same, auth, "access_token_refused", 0, false, ""},
		{"scopes missing", 403, "", `{"category":"MISSING_SCOPES","errors":[{"context":{"requiredGranularScopes":["a.read","b.read"]}}]}`, once, reconnect, "scopes_missing", 0, false, "a.read, b.read"},
		{"scopes missing, unnamed", 403, "", `{"category":"MISSING_SCOPES"}`, read, reconnect, "scopes_missing", 0, false, "does not name"},
		{"forbidden", 403, "", `{"category":"FORBIDDEN"}`, once, rejected, "permission_missing", 0, false, ""},
		{"user lost permissions", 403, "", `{"category":"USER_DOES_NOT_HAVE_PERMISSIONS"}`, once, rejected, "permission_missing", 0, false, ""},
		{"banned", 403, "", `{"category":"BANNED"}`, once, rejected, "app_banned", 0, false, ""},
		{"403 of another category", 403, "", `{"category":"NEW_ONE"}`, once, rejected, "permission_missing", 0, false, ""},
		{"403 that does not say why", 403, "", `nope`, once, auth, "crm_forbidden", 0, false, ""},

		{"email invalid", 400, "", bad("INVALID_EMAIL"), once, rejected, "contact_email_invalid", 0, false, ""},
		{"email invalid, older shape", 400, "", old("INVALID_EMAIL"), once, rejected, "contact_email_invalid", 0, false, "is wrong"},
		{"property missing", 400, "", bad("PROPERTY_DOESNT_EXIST"), once, rejected, "property_missing", 0, false, "phone"},
		{"property missing, older shape", 400, "", old("PROPERTY_DOESNT_EXIST"), same, rejected, "property_missing", 0, false, "phone"},
		{"property read-only", 400, "", bad("READ_ONLY_VALUE"), same, rejected, "property_read_only", 0, false, "phone"},
		{"option missing", 400, "", bad("INVALID_OPTION"), once, rejected, "property_option_missing", 0, false, "phone"},
		{"white space", 400, "", bad("LEADING_TRAILING_WHITESPACE"), once, rejected, "property_value_invalid", 0, false, "phone"},
		{"too long", 400, "", bad("INVALID_LENGTH"), once, rejected, "text_too_long", 0, false, "phone"},
		{"no date", 400, "", bad("INVALID_DATE"), once, rejected, "property_value_invalid", 0, false, ""},
		{"no number", 400, "", bad("INVALID_NUMBER"), once, rejected, "property_value_invalid", 0, false, ""},
		{"required property", 400, "", `{"category":"VALIDATION_ERROR","context":{"properties":["hs_legal_basis"]}}`, once, rejected, "required_property_missing", 0, false, "hs_legal_basis"},
		{"unknown code", 400, "", bad("SOMETHING_NEW"), once, rejected, "validation_failed", 0, false, ""},
		{"context that is no list", 400, "", `{"category":"VALIDATION_ERROR","context":{"properties":"hs_legal_basis"}}`, once, rejected, "required_property_missing", 0, false, "hs_legal_basis"},
		{"a field of another type", 400, "", `{"message":{"a":1},"category":"VALIDATION_ERROR"}`, once, rejected, "validation_failed", 0, false, ""},
		{"400 that is no JSON", 400, "", `<html>`, once, rejected, "crm_rejected", 0, false, ""},
		{"record not found", 404, "", `{"category":"OBJECT_NOT_FOUND"}`, same, rejected, "record_not_found", 0, false, ""},
		{"404 without category", 404, "", `{"status":"error","message":"resource not found"}`, same, rejected, "record_not_found", 0, false, "resource not found"},
		{"conflict", 409, "", `{"category":"CONFLICT"}`, once, rejected, "crm_conflict", 0, false, ""},
		{"request too large", 413, "", ``, once, rejected, "request_too_large", 0, false, ""},
		{"address too long", 414, "", ``, read, rejected, "request_too_large", 0, false, ""},
		{"content type", 415, "", ``, once, rejected, "request_malformed", 0, false, ""},
		{"another 4xx", 418, "9", ``, once, rejected, "crm_rejected", 0, false, ""},
		{"timeout of a create", 408, "", ``, once, doubt, "crm_timeout", 0, false, ""},
		{"timeout of a read", 408, "", ``, read, retry, "crm_timeout", 0, false, ""},

		{"500 of a create", 500, "", `{"message":"internal error","correlationId":"c-1"}`, once, doubt, "crm_unavailable", 0, false, "internal error"},
		{"500 of an update", 500, "", ``, same, retry, "crm_unavailable", 0, false, ""},
		{"502 of a read", 502, "", `<html>bad gateway</html>`, read, retry, "crm_unavailable", 0, false, ""},
		{"503 of a create", 503, "3", `{"policyName":"DAILY"}`, once, doubt, "crm_unavailable", 3 * time.Second, false, ""},
		{"504 of a create", 504, "", ``, once, doubt, "crm_unavailable", 0, false, ""},
		{"524 of a create", 524, "", ``, once, doubt, "crm_unavailable", 0, false, ""},
		{"5xx that says expired", 500, "", `{"category":"EXPIRED_AUTHENTICATION"}`, once, doubt, "crm_unavailable", 0, false, ""},
		{"redirect of a create", 302, "", ``, once, doubt, "crm_redirected", 0, false, ""},
		{"redirect of an update", 307, "", ``, same, retry, "crm_redirected", 0, false, ""},
		{"redirect of a read", 301, "", ``, read, retry, "crm_redirected", 0, false, ""},
		{"unreadable success of a create", 201, "", `{"id":`, once, doubt, "crm_answer_unreadable", 0, false, ""},
		{"unreadable success of an update", 200, "", ``, same, retry, "crm_answer_unreadable", 0, false, ""},
		{"unreadable success of a read", 200, "", `<html>`, read, retry, "crm_answer_unreadable", 0, false, ""},
		{"a status that does not exist", 700, "", ``, once, doubt, "crm_unexpected", 0, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			if tc.after != "" {
				h.Set("Retry-After", tc.after)
			}
			e := classify(connectors.Reply{Status: tc.status, Header: h, Body: []byte(tc.body)}, tc.effect, time.Now())
			wantError(t, e, tc.class, tc.code)
			if e.RetryAfter != tc.wait || e.Pause != tc.pause || e.Status != tc.status {
				t.Errorf("got wait %s, pause %t, status %d; want %s, %t, %d", e.RetryAfter, e.Pause, e.Status, tc.wait, tc.pause, tc.status)
			}
			if text := e.Cause + e.Action; !strings.Contains(text, tc.says) || strings.Contains(text, "{names}") {
				t.Errorf("cause and action: got %q, want %q in it", text, tc.says)
			}
			if e.Class == retry && e.Action == doFind {
				t.Errorf("action: got %q for a call that is simply repeated", e.Action)
			}
		})
	}
}

func TestEveryRuleNamesItsSourceAndAnAction(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		if r.source == "" || r.action == "" || r.cause == "" || r.as == "" {
			t.Errorf("rule %q: source %q, action %q, cause %q: all must be there", r.as, r.source, r.action, r.cause)
		}
		if strings.Contains(r.cause+r.action, "{names}") && r.names == "" {
			t.Errorf("rule %q speaks of names and does not say where they are", r.as)
		}
	}
	for _, r := range tokenRules() {
		if r.source == "" || r.action == "" || r.cause == "" || r.as == "" {
			t.Errorf("token rule %q is not complete", r.as)
		}
	}
}

func TestTheCorrelationIDComesFromTheBodyOrElseTheHeader(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("X-HubSpot-Correlation-Id", "from-header")
	for body, want := range map[string]string{`{"correlationId":"from-body"}`: "from-body", `{}`: "from-header"} {
		e := classify(connectors.Reply{Status: 500, Header: h, Body: []byte(body)}, connectors.Read, time.Now())
		if e.RequestID != want {
			t.Errorf("request id: got %q, want %q", e.RequestID, want)
		}
	}
}

func TestHubSpotsWordsAreMadeSafe(t *testing.T) {
	t.Parallel()
	body := `{"message":"line one\nline two\u0007 ` + strings.Repeat("x", 1000) + `"}`
	e := classify(connectors.Reply{Status: 400, Body: []byte(body)}, connectors.Once, time.Now())
	if strings.ContainsAny(e.Cause, "\n\a") || len(e.Cause) > 400 {
		t.Errorf("cause: got %d bytes %q, want one short printable line", len(e.Cause), e.Cause)
	}
}

func TestAMissingAnswerIsJudgedByWhatMayHaveBeenSent(t *testing.T) {
	t.Parallel()
	lost := &connectors.TransportError{Sent: true, Status: 201, Err: errors.New("unexpected EOF")}
	unsent := &connectors.TransportError{Err: errors.New("connection refused")}
	late := &connectors.TransportError{Err: connectors.ErrSendDeadline}
	for _, tc := range []struct {
		name   string
		err    error
		effect connectors.Effect
		class  connectors.Class
		code   string
	}{
		{"a create that may have arrived", lost, connectors.Once, connectors.ClassInDoubt, "crm_answer_lost"},
		{"an update that may have arrived", lost, connectors.Idempotent, connectors.ClassRetry, "crm_answer_lost"},
		{"a read that may have arrived", lost, connectors.Read, connectors.ClassRetry, "crm_answer_lost"},
		{"a create that was not sent", unsent, connectors.Once, connectors.ClassRetry, "crm_unreachable"},
		{"a create that came too late", late, connectors.Once, connectors.ClassRetry, "send_deadline_passed"},
		{"an error of another kind", errors.New("odd"), connectors.Once, connectors.ClassInDoubt, "crm_answer_lost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if e := wantError(t, unanswered(tc.err, tc.effect), tc.class, tc.code); !errors.Is(&e, tc.err) {
				t.Errorf("the error does not hold what lies beneath")
			}
		})
	}
}
