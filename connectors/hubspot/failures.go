package hubspot

import (
	"slices"
	"strings"

	"crm-connectors/connectors"
)

// fromService marks what HubSpot has no part in.
const fromService = "this service's own check"

// Failures is the catalogue of all that the connector can say went wrong, in the order of its tables: answers of the CRM API, answers
// of the OAuth endpoints, and what the connector finds by itself. One code may have several lines, one for each cause.
func Failures() []connectors.Failure {
	var out []connectors.Failure
	for _, r := range rules() {
		out = append(out, connectors.Failure{Code: r.as, Class: inWords(r.class), Cause: readable(r.cause) + ".",
			Action: readable(r.action), Source: r.source})
	}
	for _, r := range tokenRules() {
		out = append(out, connectors.Failure{Code: r.as, Class: r.class, Cause: r.cause + ".", Action: r.action, Source: r.source})
	}
	return distinct(append(append(out, connectionFailures()...), writeFailures()...))
}

// distinct leaves out lines that say the same of a code as an earlier one.
func distinct(lines []connectors.Failure) []connectors.Failure {
	var out []connectors.Failure
	for _, f := range lines {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// inWords: what is unsure is in doubt for the one call that may not be repeated.
func inWords(c connectors.Class) connectors.Class {
	if c == classUnsure {
		return connectors.ClassInDoubt
	}
	return c
}

// readable is a template without its placeholder, which holds what HubSpot names.
func readable(template string) string {
	return strings.NewReplacer(", one of: {names}", "", ": {names}", "", "no property {names}", "no such property",
		"of {names}", "of a property", " {names}", "").Replace(template)
}

// written is the line of an Error that the connector makes by itself.
func written(e *connectors.Error, source string) connectors.Failure {
	return connectors.Failure{Code: e.Code, Class: e.Class, Cause: e.Cause, Action: e.Action, Source: source}
}

// connectionFailures are those without an answer, and those of a connection.
func connectionFailures() []connectors.Failure {
	share := overShare(connectors.Daily{})
	share.Cause = "The service's share of the account's calls of today is used up."
	return []connectors.Failure{
		written(unanswered(&connectors.TransportError{Err: connectors.ErrSendDeadline}, connectors.Once), fromService),
		written(share, fromService),
		written(unanswered(&connectors.TransportError{}, connectors.Once), fromService),
		written(unanswered(&connectors.TransportError{Sent: true}, connectors.Once), fromCare),
		written(lostToken(nil), fromCare),
		{Code: "oauth_account_unknown", Class: connectors.ClassInDoubt, Cause: "HubSpot granted access and did not say to which account.",
			Action: "Connect HubSpot again.", Source: fromTokenDocs},
		{Code: "refresh_token_missing", Class: connectors.ClassNeedsReconnect, Cause: "The connection has no refresh token.",
			Action: doReconnect, Source: fromService},
	}
}

// writeFailures are those that the connector finds in a write, or in what HubSpot shows of it.
func writeFailures() []connectors.Failure {
	refused, later := connectors.ClassRejected, connectors.ClassRetry
	return []connectors.Failure{
		{Code: "contact_email_missing", Class: refused, Cause: "The contact has no email address, by which HubSpot would know it.", Action: doMendData, Source: fromService},
		{Code: "task_due_missing", Class: refused, Cause: "The task has no due time, which HubSpot requires.", Action: doMendData, Source: fromObject},
		{Code: "rollup_week_invalid", Class: refused, Cause: "The week of the rollup does not start with a date such as 2026-11-16.", Action: doMendData, Source: fromService},
		{Code: "write_malformed", Class: refused, Cause: "The write holds nothing of the kind that it says it does.", Action: doMendData, Source: fromService},
		{Code: "request_malformed", Class: refused, Cause: "The outcome cannot be written as JSON.", Action: doMendData, Source: fromService},
		{Code: connectors.CodeContactCreationOff, Class: refused, Cause: "HubSpot has no contact with this email address, and the connection's settings let the service update contacts but not create them.",
			Action: "Create the contact in HubSpot, or allow new contacts in the connection's settings; then retry the row.", Source: "the connection's settings"},
		{Code: "record_deleted", Class: refused, Cause: "The record was written and has been deleted in HubSpot since; the service does not make it again.",
			Action: "If it is still wanted, restore it from HubSpot's recycling bin and retry the row; else cancel the write.", Source: fromObject},
		{Code: "contact_pending", Class: later, Cause: "The contact that this belongs to has not been written yet.", Action: doNothing, Source: fromService},
		{Code: "record_moving", Class: later, Cause: "HubSpot says that the record exists, yet does not show it; it may be in the middle of a change.", Action: doNothing, Source: fromCare},
		{Code: "contact_moving", Class: later, Cause: "HubSpot says that the contact exists, yet does not show it; it may be in the middle of a change.", Action: doNothing, Source: fromCare},
		{Code: "crm_answer_partial", Class: later, Cause: "HubSpot read a part of the records alone, or its search counts a record that it does not show.", Action: doNothing, Source: fromCare},
		{Code: "crm_rate_limited", Class: later, Cause: "The portal's limit of searches in a second is used up.", Action: doNothing, Source: fromLimits},
	}
}
