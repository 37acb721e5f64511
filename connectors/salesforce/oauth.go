package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"crm-connectors/connectors"
)

const (
	authorizePath = "/services/oauth2/authorize"
	tokenPath     = "/services/oauth2/token" //nolint:gosec // a path
	revokePath    = "/services/oauth2/revoke"

	scopes = "api refresh_token" // the least that data and unattended work need
)

// approvalsKept is how many approvals of one user Salesforce keeps for an app: Help, "Manage OAuth Access Policies for a Connected App".
const approvalsKept = 5

// ApprovalsKept is connectors.ApprovalLimiter.
func (c *Connector) ApprovalsKept() int { return approvalsKept }

// MayBeDisplaced is true of the answer to any refresh token that is good no more: Salesforce does not say why.
func (c *Connector) MayBeDisplaced(e *connectors.Error) bool { return e.Code == "grant_dead" }

// AuthorizeURL is Salesforce's page of consent for app.
func (c *Connector) AuthorizeURL(app connectors.App, state string, verifier connectors.Secret) (string, error) {
	for _, s := range []struct{ name, value string }{{"client id", app.ClientID}, {"redirect URL", app.RedirectURL},
		{"state", state}, {"PKCE verifier", verifier.Reveal()}} {
		if s.value == "" {
			return "", fmt.Errorf("salesforce: the %s is empty", s.name)
		}
	}
	login, err := c.loginURL(app)
	if err != nil {
		return "", fmt.Errorf("salesforce: login URL: %w", err)
	}
	q := url.Values{
		"response_type":         {"code"},
		"client_id":             {app.ClientID},
		"redirect_uri":          {app.RedirectURL},
		"scope":                 {scopes},
		"state":                 {state},
		"code_challenge":        {oauth2.S256ChallengeFromVerifier(verifier.Reveal())},
		"code_challenge_method": {"S256"},
	}
	return login + authorizePath + "?" + strings.ReplaceAll(q.Encode(), "+", "%20"), nil
}

// Exchange spends the code. The client secret goes into the body at once: trying another place first
// would spend the code.
func (c *Connector) Exchange(ctx context.Context, app connectors.App, code string, verifier connectors.Secret) (connectors.Grant, error) {
	grant, refusal := c.token(ctx, app, exchanging, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {app.RedirectURL},
		"code_verifier": {verifier.Reveal()},
	})
	switch {
	case refusal != nil:
		return connectors.Grant{}, refusal
	case grant.AccountID == "":
		return connectors.Grant{}, badToken(errors.New("the answer has no identity URL"))
	case grant.RefreshToken.Empty():
		return connectors.Grant{}, scopeMissing("refresh_token")
	}
	return grant, nil
}

// Refresh spends the refresh token, where the app rotates them, and must not be repeated: a second use
// of the old token ends the grant.
func (c *Connector) Refresh(ctx context.Context, account connectors.Account) (connectors.Grant, error) {
	if account.RefreshToken.Empty() {
		return connectors.Grant{}, &connectors.Error{Class: connectors.ClassNeedsReconnect, Code: "refresh_token_missing",
			Cause: "There is no refresh token for this connection.", Action: doReconnect}
	}
	grant, refusal := c.token(ctx, account.App, refreshing, url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {account.RefreshToken.Reveal()},
	})
	if refusal != nil {
		return connectors.Grant{}, refusal
	}
	if grant.RefreshToken.Equal(account.RefreshToken) {
		grant.RefreshToken = connectors.Secret{}
	}
	if known, ok := recordID(account.ID, prefixOrg); ok && grant.AccountID != "" && grant.AccountID != known {
		return connectors.Grant{}, &connectors.Error{Class: connectors.ClassNeedsReconnect, Code: "org_changed",
			Cause:  "Salesforce answered for another org than the one that was connected, as after a sandbox refresh.",
			Action: doReconnect}
	}
	return grant, nil
}

// Revoke ends the grant; its access tokens end with it.
func (c *Connector) Revoke(ctx context.Context, account connectors.Account) error {
	token := account.RefreshToken
	if token.Empty() {
		token = account.AccessToken
	}
	if token.Empty() {
		return nil
	}
	login, err := c.loginURL(account.App)
	if err != nil {
		return loginRefused(err)
	}
	call := connectors.FormCall(login+revokePath, revokePath, url.Values{"token": {token.Reveal()}})
	call.Effect = connectors.Idempotent
	reply, err := c.cfg.HTTP.Do(ctx, call)
	if err != nil {
		return lost(connectors.Idempotent, err)
	}
	if succeeded(reply) || reply.Status == http.StatusBadRequest {
		return nil // 400 is how an unknown token is answered, and so how a revoked one is
	}
	return tokenRefused(revoking, reply, c.cfg.Now())
}

// tokenReply is what the token endpoint says on success. There is no expires_in.
type tokenReply struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	InstanceURL  string `json:"instance_url"`
	ID           string `json:"id"`
}

// token posts to the token endpoint and checks what came back.
func (c *Connector) token(ctx context.Context, app connectors.App, doing purpose, form url.Values) (connectors.Grant, *connectors.Error) {
	login, err := c.loginURL(app)
	if err != nil {
		return connectors.Grant{}, loginRefused(err)
	}
	if err := ctx.Err(); err != nil {
		return connectors.Grant{}, lost(connectors.Once, &connectors.TransportError{Err: err})
	}
	form.Set("client_id", app.ClientID)
	if !app.ClientSecret.Empty() {
		form.Set("client_secret", app.ClientSecret.Reveal()) // a public client must not send one
	}
	ctx, cancel := untilDeadline(ctx)
	defer cancel()
	reply, err := c.cfg.HTTP.Do(ctx, connectors.FormCall(login+tokenPath, tokenPath, form))
	switch {
	case err != nil:
		return connectors.Grant{}, lostToken(err)
	case !succeeded(reply):
		return connectors.Grant{}, tokenRefused(doing, reply, c.cfg.Now())
	}
	var t tokenReply
	if err := json.Unmarshal(reply.Body, &t); err != nil {
		return connectors.Grant{}, badToken(errors.New("the answer is not JSON")) // the JSON error could quote a token
	}
	return c.grant(t)
}

// grant checks an answer before it is believed.
func (c *Connector) grant(t tokenReply) (connectors.Grant, *connectors.Error) {
	if t.AccessToken == "" {
		return connectors.Grant{}, badToken(errors.New("the answer has no access token"))
	}
	instance, err := c.hosts.instance(t.InstanceURL)
	if err != nil {
		return connectors.Grant{}, instanceRefused(err)
	}
	g := connectors.Grant{AccessToken: connectors.NewSecret(t.AccessToken), RefreshToken: connectors.NewSecret(t.RefreshToken),
		Scopes: strings.Fields(t.Scope), InstanceURL: instance}
	if len(g.Scopes) > 0 && !slices.Contains(g.Scopes, "api") && !slices.Contains(g.Scopes, "full") {
		return connectors.Grant{}, scopeMissing("api")
	}
	if t.ID != "" {
		org, user, ok := identity(t.ID)
		if !ok {
			return connectors.Grant{}, badToken(errors.New("the identity URL has no org and user id"))
		}
		g.AccountID, g.UserID = org, user
	}
	return g, nil
}

// untilDeadline keeps a deadline and drops cancellation. A browser that goes away while a token is
// being rotated must not cost the customer the connection.
func untilDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	free := context.WithoutCancel(ctx)
	if d, ok := ctx.Deadline(); ok {
		return context.WithDeadline(free, d)
	}
	return free, func() {}
}
