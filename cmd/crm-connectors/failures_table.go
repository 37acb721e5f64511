package main

import (
	"cmp"
	"slices"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/handlers"
)

// Sources of the service's own failures.
const (
	onWrites      = "on a write"
	onConnections = "on a connection"
	asAlarm       = "as the alarm of a write, from the daily comparison or a look"
)

const (
	nothingToDo = "Nothing to do: it is tried again by itself."
	resolveIt   = "Look for the record in the CRM, then resolve the write: found, retry or cancel."
)

// ownFailures are what delivery and store put on writes and connections without a CRM having said so.
func ownFailures() []connectors.Failure {
	const ours, refused, doubt = connectors.ClassMisconfigured, connectors.ClassRejected, connectors.ClassInDoubt
	const dead, later = connectors.ClassNeedsReconnect, connectors.ClassRetry
	return []connectors.Failure{
		{Code: "crm_not_configured", Class: ours, Cause: "This service is not set up for the CRM of the connection.", Action: "Set the CRM's client id and secret and restart the service.", Source: onConnections},
		{Code: "app_missing", Class: ours, Cause: "The app that the connection was made with is not here any more.", Action: "Put that app back, or connect again with the one that is here now.", Source: onConnections},
		{Code: "tokens_unreadable", Class: ours, Cause: "The stored tokens cannot be opened with this service's keyset.", Action: "Give the service the keyset that sealed them, or reconnect.", Source: onConnections},
		{Code: "app_secret_unreadable", Class: ours, Cause: "The stored client secret of the workspace's own app cannot be opened with this service's keyset.", Action: "Give the service the keyset that sealed it, or save the app with its client secret again.", Source: onConnections},
		{Code: "crm_silent", Class: later, Cause: "The CRM account has left calls of this service without an answer, so that it is not called for a while.",
			Action: "Nothing to do: it is tried again by itself. If it lasts, look whether the CRM reports an outage.", Source: onConnections},
		{Code: "token_calls_queued", Class: later, Cause: "Many connections renew their access at this moment, and this one waits for its turn.", Action: nothingToDo, Source: onConnections},
		{Code: "refresh_interrupted", Class: later, Cause: "The token could not be refreshed because of a passing problem in this service.", Action: nothingToDo, Source: onConnections},
		{Code: "session_rejected", Class: dead, Cause: "The CRM refused a token that had just been refreshed.", Action: "Check that the connecting user may use the API from this service's address, then reconnect.", Source: onConnections},
		{Code: "refresh_token_lost", Class: dead, Cause: "The CRM renewed the access, but its answer was lost, and it takes the old refresh token no more.", Action: "Reconnect the CRM; what waits is then written.", Source: onConnections},
		from(connectors.ApprovalDisplaced(5), onConnections),
		from(connectors.UserApprovalsFull(5), "as a warning of a connection, and when it is made"),
		{Code: "contact_erased", Class: refused, Cause: "The contact was erased before the write was made.", Action: "The contact was erased; nothing to do.", Source: onWrites},
		{Code: "crm_disconnected", Class: dead, Cause: "The workspace disconnected this CRM, or the connection is no longer live.", Action: "Connect the CRM again.", Source: onWrites},
		{Code: "account_changed", Class: refused, Cause: "The workspace was connected to another CRM account before this write was done.", Action: "Look in the account it was made for; if the write is missing there, send the outcome again with a new source_event_id.", Source: onWrites},
		{Code: "contact_failed", Class: refused, Cause: "The contact that this write belongs to could not be written.", Action: "Mend the contact's write and retry it; this write follows by itself.", Source: onWrites},
		{Code: "waits_for_contact", Class: later, Cause: "The contact that this write belongs to may or may not have been written, and waits for a person.", Action: "Settle the contact's write; this write follows by itself.", Source: onWrites},
		{Code: "payload_unreadable", Class: refused, Cause: "The stored payload could not be read.", Action: "Send the outcome again with a new source_event_id.", Source: onWrites},
		{Code: "worker_lost", Class: doubt, Cause: "The process that carried this write ended before it could say what became of it.", Action: "Nothing to do: the service looks for the record before it tries again.", Source: onWrites},
		{Code: "fate_unknown", Class: doubt, Cause: "It was sent before the connection was interrupted, and what became of it is not known.", Action: "Nothing to do: the service looks for the record before it tries again.", Source: onWrites},
		{Code: "worker_lost_repeatedly", Class: doubt, Cause: "Several processes ended while they carried this write, so that it is not tried again by itself.", Action: resolveIt, Source: onWrites},
		{Code: "record_taken", Class: doubt, Cause: "The CRM named a record that another write has made.", Action: resolveIt, Source: onWrites},
		{Code: "crm_unexpected", Class: doubt, Cause: "The CRM's answer could not be understood.", Action: "Nothing to do: the service looks for the record before it tries again.", Source: onWrites},
		{Code: "duplicate_detected", Class: doubt, Cause: "The CRM holds the record of a write more than once.", Action: "Delete the further records, which the write's notes name, by hand.", Source: asAlarm},
		{Code: "missing_in_crm", Class: doubt, Cause: "The record of a finished write is not in the CRM any more.", Action: "If it is still wanted, restore it from the CRM's bin, or send the outcome again with a new source_event_id.", Source: asAlarm},
	}
}

func from(e *connectors.Error, source string) connectors.Failure {
	return connectors.Failure{Code: e.Code, Class: e.Class, Cause: e.Cause, Action: e.Action, Source: source}
}

// apiCodes are the HTTP API's codes by status, then by name.
func apiCodes() []api.ErrorCode {
	var out []api.ErrorCode
	for code := range handlers.NextActions() {
		out = append(out, code)
	}
	slices.SortFunc(out, func(a, b api.ErrorCode) int {
		return cmp.Or(cmp.Compare((&api.Error{Code: a}).Status(), (&api.Error{Code: b}).Status()), cmp.Compare(a, b))
	})
	return out
}
