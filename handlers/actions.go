package handlers

import "crm-connectors/api"

// NextActions says what whoever meets a code of the contract does about it. What a code means and its status are the api package's.
func NextActions() map[api.ErrorCode]string {
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
		api.CodeEndpointNotFound: "Check the endpoint's id.", api.CodeEndpointURLNotAllowed: "Give an https address with a public name, or have the operator list the host.",
		api.CodeEndpointLimit: "Delete an endpoint that is not needed.", api.CodeNotificationNotFound: "Check the message's id.",
		api.CodeUnsupportedMediaType: "Send Content-Type: application/json.", api.CodeRawContentRefused: "Send a curated summary in place of the email's text.",
		api.CodeSettingsInvalid: "Correct the setting that details names.", api.CodeRateLimited: "Wait as long as Retry-After says.",
		api.CodeInternal: "Send again; if it stays, give the operator the request id.", api.CodeNotConfigured: "The operator sets the service's keys.",
		api.CodeCrmNotConfigured: "The operator sets the CRM's client id and secret, or the workspace saves an app of its own.", api.CodeCrmUnavailable: "Send again after Retry-After.",
		api.CodeDatabaseUnavailable: "Send again after Retry-After.", api.CodeNotReady: "Send requests to another replica; the operator reads the log.", api.CodeTimeout: "Send the same request again; it does no harm twice.",
	}
}
