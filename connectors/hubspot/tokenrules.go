package hubspot

import (
	"slices"
	"time"

	"crm-connectors/connectors"
)

// tokenRule is one line of the table by which refusals of the token endpoint are judged. It differs from
// that of the CRM calls in what is not known: a refusal that nobody has seen before is held
// against our registration and never against the customer's grant, so that a rotated secret does
// not disconnect everyone.
type tokenRule struct {
	marks []string // HubSpot's status or RFC 6749's error; empty fits everything
	grant string   // grant_type; empty: any

	class  connectors.Class
	as     string
	cause  string
	action string
	source string
}

const (
	doReconnect   = "Reconnect HubSpot."
	doConnect     = "Start connecting HubSpot again; a code works once and for a short time."
	fromTokenDocs = "HubSpot documentation, OAuth tokens"
)

// tokenRules is the table; the first line that fits decides. The marks of a wrong registration come first, for
// they may stand beside invalid_grant.
func tokenRules() []tokenRule {
	return []tokenRule{
		{marks: []string{"BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "invalid_client", "unauthorized_client"}, class: connectors.ClassMisconfigured,
			as: "oauth_client_refused", cause: "HubSpot refuses the app's client id or secret",
			action: "Check the HubSpot client id and secret of this service.", source: fromTokenDocs},
		{marks: []string{"BAD_REDIRECT_URI"}, class: connectors.ClassMisconfigured,
			as: "oauth_redirect_refused", cause: "HubSpot refuses the redirect address",
			action: "Register this service's callback address in the HubSpot app, character for character.", source: fromSeen},
		{marks: []string{"BAD_SCOPES"}, class: connectors.ClassMisconfigured,
			as: "oauth_scopes_refused", cause: "HubSpot refuses the scopes",
			action: "Make the scopes of this service equal to those of the HubSpot app.", source: fromSeen},
		{marks: []string{"BAD_GRANT_TYPE", "invalid_request", "unsupported_grant_type", "invalid_scope"}, class: connectors.ClassMisconfigured,
			as: "oauth_request_refused", cause: "HubSpot refuses the form of the request", action: doTellUs, source: fromTokenDocs},
		{marks: []string{"BAD_AUTH_CODE", "BAD_CODE_VERIFIER", "invalid_grant"}, grant: "authorization_code", class: connectors.ClassRejected,
			as: "oauth_code_refused", cause: "HubSpot refuses the code of the sign-in", action: doConnect, source: fromSeen},
		{marks: []string{"BAD_HUB", "access_denied"}, grant: "authorization_code", class: connectors.ClassRejected,
			as: "oauth_denied", cause: "HubSpot does not grant access to this account", action: doConnect, source: fromSeen},
		{marks: []string{"BAD_HUB", "access_denied"}, class: connectors.ClassNeedsReconnect,
			as: "account_gone", cause: "The HubSpot account no longer exists or denies access", action: doReconnect, source: fromSeen},
		{marks: []string{"BAD_REFRESH_TOKEN", "invalid_grant"}, class: connectors.ClassNeedsReconnect,
			as: "grant_revoked", cause: "The app was uninstalled or its access was revoked", action: doReconnect, source: fromTokenDocs},
		{class: connectors.ClassMisconfigured, as: "oauth_refused", cause: "HubSpot refuses the token request for a reason that is not known",
			action: "Check the HubSpot client id, secret and scopes of this service.", source: fromCare},
	}
}

// classifyToken judges an answer of the OAuth endpoints that is no success. A passing failure is
// judged as for other calls that may be repeated; so is a body that is no JSON, for it comes from
// a gateway.
func classifyToken(reply connectors.Reply, grant string, now time.Time) *connectors.Error {
	body := openEnvelope(reply.Body)
	if passing(reply.Status) || !body.readable {
		e := classify(reply, connectors.Read, now)
		e.Class = connectors.ClassRetry
		e.Action = doNothing
		return e
	}
	for _, r := range tokenRules() {
		if r.fits(body, grant) {
			return &connectors.Error{Class: r.class, Code: r.as, Cause: sentence(r.cause, body.says()), Action: r.action,
				Status: reply.Status, RequestID: connectors.Quote(body.CorrelationID)}
		}
	}
	return lostToken(nil) // the last rule fits everything
}

func (r tokenRule) fits(body envelope, grant string) bool {
	if r.grant != "" && r.grant != grant {
		return false
	}
	return len(r.marks) == 0 || slices.Contains(r.marks, body.Status) || slices.Contains(r.marks, body.OAuthError)
}

// passing tells whether a status says nothing about the request itself.
func passing(status int) bool {
	return status < 400 || status >= 500 || slices.Contains([]int{408, 423, 429, 477}, status)
}

// unansweredToken says what it means that an OAuth endpoint gave no complete answer: the code or
// token may be spent, unless nothing was sent.
func unansweredToken(err error) *connectors.Error {
	e := unanswered(err, connectors.Once)
	if e.Class == connectors.ClassInDoubt {
		return lostToken(err)
	}
	return e
}

func lostToken(err error) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassInDoubt, Code: "oauth_answer_lost", Err: err,
		Cause: "HubSpot's answer with the tokens did not arrive, or not whole.", Action: "Try again; if that fails, reconnect HubSpot."}
}
