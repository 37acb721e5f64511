package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"crm-connectors/connectors"
)

// AuthorizeURL is HubSpot's sign-in page. Scopes are separated by %20, as HubSpot's own clients do,
// and the optional ones go under optional_scope, whatever the prose of its documentation says.
func (c *Connector) AuthorizeURL(app connectors.App, state string, verifier connectors.Secret) (string, error) {
	if app.ClientID == "" {
		return "", errors.New("hubspot: ClientID of the app is missing")
	}
	if err := absolute("RedirectURL", app.RedirectURL); err != nil {
		return "", err
	}
	base := c.authorize
	if app.LoginURL != "" {
		if err := absolute("LoginURL", app.LoginURL); err != nil {
			return "", err
		}
		base = strings.TrimRight(app.LoginURL, "/")
	}
	q := url.Values{"client_id": {app.ClientID}, "redirect_uri": {app.RedirectURL}, "state": {state}, "scope": {strings.Join(c.scopes, " ")}}
	if len(c.optional) > 0 {
		q.Set("optional_scope", strings.Join(c.optional, " "))
	}
	if !verifier.Empty() {
		q.Set("code_challenge", oauth2.S256ChallengeFromVerifier(verifier.Reveal()))
		q.Set("code_challenge_method", "S256")
	}
	return base + "/oauth/authorize?" + strings.ReplaceAll(q.Encode(), "+", "%20"), nil
}

func absolute(name, value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return fmt.Errorf("hubspot: %s of the app is not an absolute http(s) address", name)
	}
	return nil
}

// tokenAnswer is what the token endpoint and introspection answer with.
type tokenAnswer struct {
	AccessToken  connectors.Secret `json:"-"`
	RefreshToken connectors.Secret `json:"-"`
	ExpiresIn    int64             `json:"expires_in"` // seconds
	HubID        text              `json:"hub_id"`
	UserID       text              `json:"user_id"`
	Scopes       []string          `json:"scopes"`
	Active       bool              `json:"active"`
	HubDomain    string            `json:"hub_domain"`
	User         string            `json:"user"`
}

// UnmarshalJSON takes the tokens into Secrets, which do not decode by themselves.
func (t *tokenAnswer) UnmarshalJSON(data []byte) error {
	type plain tokenAnswer
	var wire struct {
		plain
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("token answer: %w", err)
	}
	*t = tokenAnswer(wire.plain)
	t.AccessToken, t.RefreshToken = connectors.NewSecret(wire.Access), connectors.NewSecret(wire.Refresh)
	return nil
}

// Exchange redeems a code, then asks once whose account it is; should that second call fail, the
// account has no name, and is still known by the hub id of the first.
func (c *Connector) Exchange(ctx context.Context, app connectors.App, code string, verifier connectors.Secret) (connectors.Grant, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {app.RedirectURL}}
	if !verifier.Empty() {
		form.Set("code_verifier", verifier.Reveal())
	}
	grant, failed := c.token(ctx, app, form)
	if failed != nil {
		return connectors.Grant{}, failed
	}
	c.identify(ctx, app, &grant)
	if grant.AccountID == "" {
		return connectors.Grant{}, &connectors.Error{Class: connectors.ClassInDoubt, Code: "oauth_account_unknown",
			Cause: "HubSpot granted access and did not say to which account.", Action: "Connect HubSpot again."}
	}
	return grant, nil
}

// Refresh trades the refresh token. HubSpot usually returns the same one.
func (c *Connector) Refresh(ctx context.Context, account connectors.Account) (connectors.Grant, error) {
	if account.RefreshToken.Empty() {
		return connectors.Grant{}, &connectors.Error{Class: connectors.ClassNeedsReconnect, Code: "refresh_token_missing",
			Cause: "The connection has no refresh token.", Action: doReconnect}
	}
	grant, failed := c.token(ctx, account.App, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {account.RefreshToken.Reveal()}})
	return grant, asError(failed)
}

// token asks the token endpoint. Everything goes into the body; the query would end up in logs.
func (c *Connector) token(ctx context.Context, app connectors.App, form url.Values) (connectors.Grant, *connectors.Error) {
	asked := c.now()
	var answer tokenAnswer
	if failed := c.form(ctx, app, "", connectors.Once, form, &answer); failed != nil {
		return connectors.Grant{}, failed
	}
	grant := connectors.Grant{AccessToken: answer.AccessToken, RefreshToken: answer.RefreshToken, Scopes: answer.Scopes,
		AccountID: string(answer.HubID), UserID: string(answer.UserID)}
	if answer.ExpiresIn > 0 {
		grant.ExpiresAt = asked.Add(time.Duration(answer.ExpiresIn) * time.Second)
	}
	if grant.AccessToken.Empty() || (form.Get("grant_type") == "authorization_code" && grant.RefreshToken.Empty()) {
		return connectors.Grant{}, lostToken(nil)
	}
	return grant, nil
}

// identify adds what introspection knows of a new grant.
func (c *Connector) identify(ctx context.Context, app connectors.App, grant *connectors.Grant) {
	var who tokenAnswer
	form := url.Values{"token": {grant.AccessToken.Reveal()}, "token_type_hint": {"access_token"}}
	if failed := c.form(ctx, app, "/introspect", connectors.Read, form, &who); failed != nil || !who.Active {
		return
	}
	if grant.AccountName = who.HubDomain; grant.AccountName == "" {
		grant.AccountName = who.User
	}
	if grant.AccountID == "" {
		grant.AccountID = string(who.HubID)
	}
	if grant.UserID == "" {
		grant.UserID = string(who.UserID)
	}
	if len(grant.Scopes) == 0 {
		grant.Scopes = who.Scopes
	}
}

// form posts to an OAuth endpoint in the name of app and reads a success into out, unless that is nil.
func (c *Connector) form(ctx context.Context, app connectors.App, tail string, effect connectors.Effect, form url.Values, out any) *connectors.Error {
	form.Set("client_id", app.ClientID)
	form.Set("client_secret", app.ClientSecret.Reveal())
	at := c.paths.oauth(tail)
	call := connectors.FormCall(at.url, at.route, form)
	call.Effect = effect
	reply, err := c.http.Do(ctx, call)
	switch {
	case err != nil:
		return unansweredToken(err)
	case reply.Status < 200 || reply.Status > 299:
		return classifyToken(reply, form.Get("grant_type"), c.now())
	case out != nil:
		if err := json.Unmarshal(reply.Body, out); err != nil {
			return lostToken(err)
		}
	}
	return nil
}

// Revoke uninstalls the app from the portal, as HubSpot asks of an app that is disconnected, and
// revokes the refresh token. The uninstall ends every grant of the app in this portal, also those
// of other workspaces. Both are tried; what is gone already counts as done.
func (c *Connector) Revoke(ctx context.Context, account connectors.Account) error {
	var uninstall *connectors.Error
	if !account.Shared {
		uninstall = c.uninstall(ctx, &account)
	}
	if !account.RefreshToken.Empty() {
		form := url.Values{"token": {account.RefreshToken.Reveal()}, "token_type_hint": {"refresh_token"}}
		failed := c.form(ctx, account.App, "/revoke", connectors.Idempotent, form, nil)
		if failed != nil && failed.Class != connectors.ClassNeedsReconnect && uninstall == nil {
			return failed
		}
	}
	return asError(uninstall)
}

// uninstall needs a living access token: one that is refused is renewed once, in account
// too. A grant that cannot be renewed has ended already.
func (c *Connector) uninstall(ctx context.Context, account *connectors.Account) *connectors.Error {
	for renewed := false; ; renewed = true {
		s := &session{Connector: c, account: *account, doer: c.http}
		reply, failed := s.call(ctx, http.MethodDelete, c.paths.uninstall(), connectors.Idempotent, nil, nil)
		switch {
		case failed == nil || reply.Status == http.StatusNotFound:
			return nil
		case failed.Class != connectors.ClassNeedsAuth || renewed:
			return failed
		}
		grant, err := c.Refresh(ctx, *account)
		if err != nil {
			if failed = connectors.AsError(err); failed.Class == connectors.ClassNeedsReconnect {
				return nil
			}
			return failed
		}
		account.AccessToken = grant.AccessToken
		if !grant.RefreshToken.Empty() {
			account.RefreshToken = grant.RefreshToken
		}
	}
}
