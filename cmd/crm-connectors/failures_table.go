package main

import (
	"cmp"
	"slices"

	"crm-connectors/api"
	"crm-connectors/connectors"
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
		{Code: "crm_silent", Class: later, Cause: "The CRM account has left calls of this service without an answer, so that it is not called for a while.",
			Action: "Nothing to do: it is tried again by itself. If it lasts, look whether the CRM reports an outage.", Source: onConnections},
		{Code: "token_calls_queued", Class: later, Cause: "Many connections renew their access at this moment, and this one waits for its turn.", Action: nothingToDo, Source: onConnections},
		{Code: "refresh_interrupted", Class: later, Cause: "The token could not be refreshed because of a passing problem in this service.", Action: nothingToDo, Source: onConnections},
		{Code: "session_rejected", Class: dead, Cause: "The CRM refused a token that had just been refreshed.", Action: "Check that the connecting user may use the API from this service's address, then reconnect.", Source: onConnections},
		{Code: "refresh_token_lost", Class: dead, Cause: "The CRM renewed the access, but its answer was lost, and it takes the old refresh token no more.", Action: "Reconnect the CRM; what waits is then written.", Source: onConnections},
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

// apiActions says what the caller of the HTTP API does about each of its codes. What a code means and its status are the api package's.
func apiActions() map[api.ErrorCode]string {
	return map[api.ErrorCode]string{
		api.CodeValidationFailed: "Correct the field that details names.", api.CodeInvalidJSON: "Send valid JSON.",
		api.CodeRedirectNotAllowed: "Give redirect_to as a path of the app, beginning with one slash.", api.CodeLoginHostNotAllowed: "Give a login host of Salesforce, such as that of a sandbox or a My Domain.",
		api.CodeOAuthStateInvalid: "Start connecting again.", api.CodeOAuthCodeMissing: "Start connecting again.",
		api.CodeOAuthAccessDenied: "Start connecting again and allow the access.", api.CodeOAuthProviderError: "Read the CRM's words, mend what they name, then start connecting again.",
		api.CodeOAuthExchangeFailed: "Start connecting again; the log says what the CRM refused.", api.CodeOAuthMissingScopes: "Start connecting again and grant all scopes.",
		api.CodeOAuthAccountMismatch: "Connect with the account that the workspace has, or agree to replace it.", api.CodeOAuthAppChanged: "Start connecting again.",
		api.CodeNoAuthHeader: "Send the header Authorization: Bearer with a token.", api.CodeInvalidJWTFormat: "Send a JWT of three parts.",
		api.CodeLegacyJWT: "Send a token that is signed with this service's secret and has not expired.", api.CodeAsymmetricJWT: "Send a token that is signed with a key of the key set and has not expired.",
		api.CodeUnsupportedTokenAlgorithm: "Sign the token with an algorithm that the service takes.", api.CodeInvalidAPIKey: "Send a valid API key.",
		api.CodeWebhookRefused:  "Send the secret, or sign with the key, that this service is configured with.",
		api.CodeInstallNotFound: "Begin again from the CRM's marketplace or the integrations page.", api.CodeInstallNotPending: "Look at the workspace's connections.",
		api.CodeInstallExpired:         "Begin again and claim the install within two days.",
		api.CodeSigningKeysUnavailable: "Send again after Retry-After; the operator looks at the address of the key set.",
		api.CodeForbidden:              "Use a token of a user who may act for the workspace.", api.CodeNotFound: "Check the path.",
		api.CodeConnectionNotFound: "Check the connection's id and the workspace.", api.CodeSyncNotFound: "Check the sync_id.", api.CodeWriteNotFound: "Check the write's id.",
		api.CodeAppNotFound: "Save the workspace's app first.", api.CodeMethodNotAllowed: "Use a method that the header Allow names.",
		api.CodeIdempotencyConflict: "Send a new source_event_id for new content.", api.CodeCrmNotConnected: "Connect the CRM, then send again.",
		api.CodeWriteNotRetriable: "Look at the write's status: only a failed write is retried.", api.CodeWriteNotResolvable: "Look at the write's status and its connection, and resolve it in a way that fits.",
		api.CodeCrmRefused: "Mend what the message names, then ask again.", api.CodeSettingsConflict: "Read the settings, apply the change to them and send it again.",
		api.CodeAppInUse: "Disconnect the connection first.", api.CodeRequestTooLarge: "Send fewer or shorter outcomes at once.",
		api.CodeUnsupportedMediaType: "Send Content-Type: application/json.", api.CodeRawContentRefused: "Send a curated summary in place of the email's text.",
		api.CodeSettingsInvalid: "Correct the setting that details names.", api.CodeRateLimited: "Wait as long as Retry-After says.",
		api.CodeInternal: "Send again; if it stays, give the operator the request id.", api.CodeNotConfigured: "The operator sets the service's keys.",
		api.CodeCrmNotConfigured: "The operator sets the CRM's client id and secret, or the workspace saves an app of its own.", api.CodeCrmUnavailable: "Send again after Retry-After.",
		api.CodeDatabaseUnavailable: "Send again after Retry-After.", api.CodeTimeout: "Send the same request again; it does no harm twice.",
	}
}

// apiCodes are the HTTP API's codes by status, then by name.
func apiCodes() []api.ErrorCode {
	var out []api.ErrorCode
	for code := range apiActions() {
		out = append(out, code)
	}
	slices.SortFunc(out, func(a, b api.ErrorCode) int {
		return cmp.Or(cmp.Compare((&api.Error{Code: a}).Status(), (&api.Error{Code: b}).Status()), cmp.Compare(a, b))
	})
	return out
}
