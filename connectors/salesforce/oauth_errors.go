package salesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// purpose is what Salesforce was asked for: some words mean different things for each.
type purpose string

const (
	exchanging purpose = "exchange"
	refreshing purpose = "refresh"
	revoking   purpose = "revoke"
	consenting purpose = "consent" // the page where a person allows the app, which sends errors back with the browser
)

// tokenRule is one line of the table for sign-in: token endpoints and the page of consent; the first that fits decides. No line speaks
// of 5xx, 429 and answers without an error: those say nothing about the grant.
type tokenRule struct {
	doing       purpose // "": any
	code        string  // the "error"; "": any
	description string  // in lower case, anywhere in "error_description"; "": any
	class       connectors.Class
	our         string
	says        string
	action      string
	wait        time.Duration
	source      string
}

const (
	doStartAgain = "Start the connection again."
	doMendApp    = "Check the client id, the client secret and the callback URL of the app against its settings in Salesforce."
	doAskAdmin   = "Ask the Salesforce administrator to allow the app for this user and address, then reconnect."
	doInstall    = "Ask the Salesforce administrator to install the app, then reconnect."
	doScopes     = "Make the OAuth scopes of the app in Salesforce include api and refresh_token, then connect again."

	fromFlow = "OAuth 2.0 web server and refresh token flow, error codes"
)

var tokenRules = []tokenRule{
	{code: "invalid_grant", description: "already being processed", class: connectors.ClassRetry, our: "refresh_in_progress",
		says: "Another refresh of the same token is under way", action: doNothing, wait: 2 * time.Second, source: fromFlow},
	{doing: refreshing, code: "invalid_grant", description: "authorization code", class: connectors.ClassRetry, our: "refresh_in_progress",
		says: "Salesforce spoke of a code where there was none, which it has done for concurrent refreshes", action: doNothing, wait: 2 * time.Second, source: fromSeen},
	{code: "invalid_grant", description: "ip restricted", class: connectors.ClassNeedsReconnect, our: "address_not_allowed",
		says: "The org does not allow our address", action: doAskAdmin, source: fromSeen},
	{code: "invalid_grant", description: "hasn't approved", class: connectors.ClassNeedsReconnect, our: "app_not_approved",
		says: "The user has not approved the app", action: doAskAdmin, source: fromSeen},
	{doing: exchanging, code: "invalid_grant", class: connectors.ClassRejected, our: "code_refused",
		says: "The authorization code has expired or was used", action: doStartAgain, source: fromFlow},
	{doing: exchanging, code: "invalid_request", description: "verifier", class: connectors.ClassRejected, our: "code_refused",
		says: "The authorization code belongs to another sign-in", action: doStartAgain, source: fromFlow},
	{code: "invalid_grant", class: connectors.ClassNeedsReconnect, our: "grant_dead",
		says: "The grant has expired or was revoked", action: doReconnect, source: fromFlow},
	{code: "inactive_user", class: connectors.ClassNeedsReconnect, our: "user_inactive",
		says: "The connected user is not active", action: "Reconnect Salesforce with an active user.", source: fromFlow},
	{code: "inactive_org", class: connectors.ClassNeedsReconnect, our: "org_inactive",
		says: "The org is locked, closed or suspended", action: "Have the org reopened, then reconnect.", source: fromFlow},
	{code: "OAUTH_APP_BLOCKED", class: connectors.ClassNeedsReconnect, our: "app_blocked",
		says: "The administrator has blocked the app", action: doAskAdmin, source: fromSeen},
	{code: "invalid_client", description: "installed into org", class: connectors.ClassNeedsReconnect, our: "app_not_installed",
		says: "The app is not installed in the org", action: doInstall, source: fromSeen},
	{doing: consenting, code: "OAUTH_APPROVAL_ERROR_GENERIC", class: connectors.ClassNeedsReconnect, our: "app_not_installed",
		says: "The org lets nobody approve an app that is not installed", action: doInstall, source: fromSeen},
	{doing: consenting, code: "OAUTH_AUTHORIZATION_BLOCKED", class: connectors.ClassNeedsReconnect, our: "app_not_approved",
		says: "The org lets only users whom an administrator approved use the app", action: doAskAdmin, source: fromSeen},
	{doing: consenting, code: "OAUTH_APP_ACCESS_DENIED", class: connectors.ClassNeedsReconnect, our: "app_not_approved",
		says: "The administrator has not approved the user for the app", action: doAskAdmin, source: fromSeen},
	{doing: consenting, code: "invalid_scope", class: connectors.ClassMisconfigured, our: "scope_refused",
		says: "The app may not ask for what the service needs", action: doScopes, source: fromFlow},
	{doing: consenting, code: "unsupported_response_type", class: connectors.ClassMisconfigured, our: "token_request_refused",
		says: "The app does not allow this flow", action: doMendApp, source: fromFlow},
	{doing: consenting, code: "server_error", class: connectors.ClassRetry, our: "login_unavailable",
		says: "Salesforce failed inside", action: doStartAgain, source: fromFlow},
	{doing: consenting, code: "temporarily_unavailable", class: connectors.ClassRetry, our: "login_unavailable",
		says: "Salesforce takes no sign-ins at this moment", action: doStartAgain, source: fromFlow},
	{code: "invalid_client", class: connectors.ClassMisconfigured, our: "client_refused",
		says: "Salesforce does not accept the client id and secret", action: doMendApp, source: fromFlow},
	{code: "invalid_client_id", class: connectors.ClassMisconfigured, our: "client_refused",
		says: "Salesforce does not know the client id", action: doMendApp, source: fromFlow},
	{code: "redirect_uri_mismatch", class: connectors.ClassMisconfigured, our: "redirect_refused",
		says: "The callback URL is not the registered one", action: doMendApp, source: fromFlow},
	{code: "invalid_request", class: connectors.ClassMisconfigured, our: "token_request_refused",
		says: "Salesforce did not accept the form of the request", action: doMendApp, source: fromFlow},
	{code: "unsupported_grant_type", class: connectors.ClassMisconfigured, our: "token_request_refused",
		says: "The app does not allow this flow", action: doMendApp, source: fromFlow},
	{code: "unauthorized_client", class: connectors.ClassMisconfigured, our: "token_request_refused",
		says: "The app does not allow this flow", action: doMendApp, source: fromFlow},
	{code: "rate_limit_exceeded", class: connectors.ClassRetry, our: "login_rate_limited",
		says: "Too many sign-ins", action: doNothing, wait: 5 * time.Minute, source: fromSeen},
}

// tokenRefused turns an answer of a token endpoint that is no success into an Error.
func tokenRefused(doing purpose, reply connectors.Reply, now time.Time) *connectors.Error {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(reply.Body, &said) != nil {
		said.Error, said.Description = "", ""
	}
	e := &connectors.Error{Class: connectors.ClassRetry, Code: "login_unavailable", Action: doNothing, Status: reply.Status,
		Cause: fmt.Sprintf("Salesforce's token endpoint answered %d and said nothing about the grant.", reply.Status)}
	switch {
	case reply.Status >= 500, reply.Status == http.StatusTooManyRequests:
	case reply.Status < 400:
		e.Class, e.Code, e.Cause = connectors.ClassInDoubt, "login_redirected", "Salesforce's token endpoint answered with a redirect."
	case said.Error != "":
		if l, ok := lineForToken(doing, said.Error, said.Description); ok {
			e.Class, e.Code, e.Action, e.RetryAfter = l.class, l.our, l.action, l.wait
			e.Cause = describe(l.says, said.Error, said.Description)
		} else {
			e.Code, e.Cause = "login_refused", describe("Salesforce's token endpoint refused", said.Error, said.Description)
		}
	}
	if wait, ok := connectors.RetryAfter(reply.Header, now); ok && e.Class == connectors.ClassRetry {
		e.RetryAfter = wait
	}
	return e
}

// ConsentRefused is what an error means that the page of consent sent back with the browser; nil: nothing is known about it.
func (c *Connector) ConsentRefused(code, description string) *connectors.Error {
	l, ok := lineForToken(consenting, code, description)
	if !ok {
		return nil
	}
	return &connectors.Error{Class: l.class, Code: l.our, Cause: describe(l.says, code, description), Action: l.action}
}

// lostToken is the Error for a token call without a complete answer. A token may have been spent.
func lostToken(err error) *connectors.Error {
	e := lost(connectors.Once, err)
	if e.Class == connectors.ClassInDoubt {
		e.Action = "Nothing to do: the service checks whether the connection still works."
	}
	return e
}

// badToken is the Error for a success that cannot be used. A token may have been spent.
func badToken(err error) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassInDoubt, Code: "token_answer_unreadable",
		Cause: "Salesforce's token endpoint answered with success and without what a connection needs.", Action: doReconnect, Err: err}
}

func scopeMissing(scope string) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassNeedsReconnect, Code: "scope_missing",
		Cause:  fmt.Sprintf("The grant does not include the scope %s.", scope),
		Action: fmt.Sprintf("Add the scope %s to the connected app in Salesforce, then reconnect.", scope)}
}

func loginRefused(err error) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassMisconfigured, Code: "login_url_refused",
		Cause:  "The sign-in address of the connection is not on an allowed host, so nothing was sent to it.",
		Action: "Correct the login URL of the app, or add its host to the trusted hosts.", Err: err}
}

func describe(says, code, description string) string {
	if d := connectors.Quote(description); d != "" {
		says += ": “" + d + "”"
	}
	return says + " (" + connectors.Quote(code) + ")."
}

func lineForToken(doing purpose, code, description string) (tokenRule, bool) {
	description = strings.ToLower(description)
	for _, l := range tokenRules {
		if (l.doing == "" || l.doing == doing) && l.code == code && strings.Contains(description, l.description) {
			return l, true
		}
	}
	return tokenRule{}, false
}
