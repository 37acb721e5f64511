package salesforce

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"crm-connectors/connectors"
)

// fromService marks what Salesforce has no part in.
const fromService = "this service's own check"

// Failures is the catalogue of all that the connector can say went wrong, in the order of its tables: answers of the REST API, answers
// of the token endpoint, and what the connector finds by itself. One code may have several lines, one for each cause.
func Failures() []connectors.Failure {
	var out []connectors.Failure
	add := func(f connectors.Failure) {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	for _, table := range [][]rule{byMessage, byErrorCode, byStatus} {
		for _, l := range table {
			add(connectors.Failure{Code: l.code, Class: l.class, Cause: l.says + ".", Action: naming(l.action, nil), Source: l.source})
		}
	}
	for _, l := range tokenRules {
		add(connectors.Failure{Code: l.our, Class: l.class, Cause: l.says + ".", Action: l.action, Source: l.source})
	}
	for _, f := range slices.Concat(connectionFailures(), writeFailures()) {
		add(f)
	}
	return out
}

// written is the line of an Error that the connector makes by itself.
func written(e *connectors.Error, source string) connectors.Failure {
	return connectors.Failure{Code: e.Code, Class: e.Class, Cause: e.Cause, Action: e.Action, Source: source}
}

// connectionFailures are those without an answer that says something, and those of a connection.
func connectionFailures() []connectors.Failure {
	refusal := tokenRefused(refreshing, connectors.Reply{Status: http.StatusBadRequest, Body: []byte(`{"error":"?"}`)}, time.Time{})
	refusal.Cause = "Salesforce's token endpoint refused with an error that is not known."
	silent := tokenRefused(refreshing, connectors.Reply{Status: http.StatusServiceUnavailable}, time.Time{})
	silent.Cause = "Salesforce's token endpoint failed and said nothing about the grant."
	scope := scopeMissing("")
	scope.Cause, scope.Action = "The grant does not include a scope that the service needs.", "Add the scope to the connected app in Salesforce, then reconnect."
	share := overShare(connectors.Daily{})
	share.Cause = "The service's share of the org's calls in 24 hours is used up."
	reconnect := connectors.ClassNeedsReconnect
	return []connectors.Failure{
		written(lost(connectors.Once, &connectors.TransportError{Err: connectors.ErrSendDeadline}), fromService),
		written(share, fromService),
		written(lost(connectors.Once, &connectors.TransportError{}), fromService),
		written(lost(connectors.Once, &connectors.TransportError{Sent: true}), fromCare),
		written(unreadable(connectors.Once, http.StatusOK, nil), fromCare),
		written(silent, fromCare),
		written(tokenRefused(refreshing, connectors.Reply{Status: http.StatusFound}, time.Time{}), fromCare),
		written(refusal, fromCare),
		written(badToken(nil), fromFlow),
		written(scope, fromFlow),
		written(loginRefused(nil), fromService),
		{Code: "refresh_token_missing", Class: reconnect, Cause: "There is no refresh token for this connection.", Action: doReconnect, Source: fromService},
		{Code: "org_changed", Class: reconnect, Cause: "Salesforce answered for another org than the one that was connected, as after a sandbox refresh.",
			Action: doReconnect, Source: fromService},
		{Code: "instance_url_refused", Class: connectors.ClassMisconfigured, Cause: "The address of the Salesforce org is not on an allowed host, so nothing was sent to it.",
			Action: "If the org lives in another Salesforce cloud, add its host to the trusted hosts.", Source: fromService},
	}
}

// writeFailures are those that the connector finds in a write, before anything is sent.
func writeFailures() []connectors.Failure {
	refused := connectors.ClassRejected
	return []connectors.Failure{
		{Code: "email_missing", Class: refused, Cause: "The contact has no email address, by which Salesforce could be searched.", Action: doMendData, Source: fromService},
		{Code: "email_too_long", Class: refused, Cause: fmt.Sprintf("The email address has more than the %d characters that Salesforce stores.", maxEmail), Action: doMendData, Source: fromService},
		{Code: "week_start_invalid", Class: refused, Cause: "The week's start is not a date of the form YYYY-MM-DD.", Action: doMendData, Source: fromService},
		{Code: "write_invalid", Class: refused, Cause: "The write does not hold what its object says, or could not be encoded.", Action: doTellUs, Source: fromService},
		{Code: connectors.CodeContactCreationOff, Class: refused, Cause: sayContactOff, Action: doContactOff, Source: fromService},
		{Code: connectors.CodeLeadCreationOff, Class: refused, Cause: sayLeadOff, Action: doLeadOff, Source: fromService},
		written(recordDeleted(), fromService),
		written(recordMoving(), fromCare),
		{Code: "waits_for_older", Class: connectors.ClassRetry, Cause: "An older change of the same person is not sure to have been written yet.", Action: doNothing, Source: fromService},
		{Code: "waits_for_contact", Class: connectors.ClassRetry, Cause: "The contact that this belongs to has not been written yet.", Action: doNothing, Source: fromService},
	}
}
