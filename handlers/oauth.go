package handlers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"golang.org/x/oauth2"
)

const (
	stateLife       = 10 * time.Minute
	exchangeTimeout = 45 * time.Second
	scopeMissing    = "scope_missing" // how connectors call a grant that leaves out what they need
)

// HubspotOAuthStart begins connecting a workspace to HubSpot.
func (h *Handlers) HubspotOAuthStart(ctx context.Context, r api.HubspotOAuthStartRequestObject) (api.HubspotOAuthStartResponseObject, error) {
	link, err := h.start(ctx, connectors.HubSpot, r.Body)
	if err != nil {
		return nil, err
	}
	return api.HubspotOAuthStart200JSONResponse{AuthorizeUrl: link, Url: link, AuthUrl: link}, nil
}

// SalesforceOAuthStart begins connecting a workspace to Salesforce.
func (h *Handlers) SalesforceOAuthStart(ctx context.Context, r api.SalesforceOAuthStartRequestObject) (api.SalesforceOAuthStartResponseObject, error) {
	link, err := h.start(ctx, connectors.Salesforce, r.Body)
	if err != nil {
		return nil, err
	}
	return api.SalesforceOAuthStart200JSONResponse{AuthorizeUrl: link, Url: link, AuthUrl: link}, nil
}

// loginHosts is the ability of a CRM whose accounts sign in at hosts of their own.
type loginHosts interface {
	// CheckLoginURL gives the canonical address of a host that may receive secrets, or an error that names the mend.
	CheckLoginURL(raw string) (string, error)
}

func (h *Handlers) start(ctx context.Context, crm connectors.CRM, body *api.OAuthStartRequest) (string, error) {
	connector, app, err := h.configured(crm)
	if err != nil {
		return "", err
	}
	back, err := h.redirects.check(text(body.RedirectTo))
	if err != nil {
		return "", err
	}
	if host := text(body.LoginHost); host != "" {
		hosts, ok := connector.(loginHosts)
		if !ok {
			return "", fail(api.CodeLoginHostNotAllowed, "login_host is for Salesforce alone.", map[string]any{"field": "login_host"})
		}
		if !strings.Contains(host, "://") { // the contract has a host; the address of one is taken too
			host = "https://" + host
		}
		if app.LoginURL, err = hosts.CheckLoginURL(host); err != nil {
			return "", fail(api.CodeLoginHostNotAllowed, err.Error(), map[string]any{"field": "login_host"})
		}
	}
	verifier := oauth2.GenerateVerifier()
	state, err := h.store.BeginOAuth(ctx, store.OAuthState{WorkspaceID: body.WorkspaceId, CRM: string(crm), UserID: api.CallerFrom(ctx).UserID,
		RedirectTo: back, LoginURL: app.LoginURL, Verifier: verifier}, stateLife)
	if err != nil {
		return "", err
	}
	link, err := connector.AuthorizeURL(app, state, connectors.Secret(verifier))
	if err != nil {
		return "", fmt.Errorf("authorize URL of %s: %w", crm, err)
	}
	return link, nil
}

func (h *Handlers) configured(crm connectors.CRM) (connectors.Connector, connectors.App, error) {
	connector, app := h.connectors[crm], h.cfg.Apps[crm]
	if connector == nil || app.ClientID == "" {
		return nil, app, fail(api.CodeCrmNotConfigured, "This service is not set up for "+string(crm)+". Its operator must set the client id and secret.", nil)
	}
	return connector, app, nil
}

// HubspotOAuthCallback is where HubSpot sends the browser back to.
func (h *Handlers) HubspotOAuthCallback(ctx context.Context, r api.HubspotOAuthCallbackRequestObject) (api.HubspotOAuthCallbackResponseObject, error) {
	to, err := h.callback(ctx, connectors.HubSpot, callback{text(r.Params.Code), text(r.Params.State), text(r.Params.Error), text(r.Params.ErrorDescription)})
	if err != nil {
		return nil, err
	}
	return api.HubspotOAuthCallback302Response{Headers: api.BackToTheAppResponseHeaders{Location: to}}, nil
}

// SalesforceOAuthCallback is where Salesforce sends the browser back to.
func (h *Handlers) SalesforceOAuthCallback(ctx context.Context, r api.SalesforceOAuthCallbackRequestObject) (api.SalesforceOAuthCallbackResponseObject, error) {
	to, err := h.callback(ctx, connectors.Salesforce, callback{text(r.Params.Code), text(r.Params.State), text(r.Params.Error), text(r.Params.ErrorDescription)})
	if err != nil {
		return nil, err
	}
	return api.SalesforceOAuthCallback302Response{Headers: api.BackToTheAppResponseHeaders{Location: to}}, nil
}

type callback struct{ code, state, err, description string }

// callback spends the state before anything else, so that of any number of callbacks with one state a single one
// reaches the CRM. From then on the browser always goes back to the app, with what happened.
func (h *Handlers) callback(ctx context.Context, crm connectors.CRM, q callback) (string, error) {
	if q.state == "" || (q.code == "" && q.err == "") {
		return "", fail(api.CodeOAuthCodeMissing, "Missing code/state", nil)
	}
	connector, app, err := h.configured(crm)
	if err != nil {
		return "", err
	}
	st, err := h.store.TakeOAuthState(ctx, string(crm), q.state)
	if errors.Is(err, store.ErrNotFound) {
		return "", fail(api.CodeOAuthStateInvalid, "Invalid OAuth state", nil)
	}
	if err != nil {
		return "", err
	}
	if q.err != "" {
		h.log.Warn().Str("event", "oauth_refused").Str("crm", string(crm)).Stringer("workspace_id", st.WorkspaceID).Str("error", connectors.Quote(q.err)).
			Str("description", connectors.Quote(q.description)).Msg("the CRM sent the browser back without a code")
		return refusedBack(st, crm, q), nil
	}
	app.LoginURL = st.LoginURL
	// The code works once: whoever stops waiting, the exchange is finished and stored.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	grant, err := connector.Exchange(ctx, app, q.code, connectors.Secret(st.Verifier))
	if err != nil {
		return h.exchangeFailed(st, crm, connectors.AsError(err)), nil
	}
	conn, err := h.store.Connect(ctx, store.NewGrant{WorkspaceID: st.WorkspaceID, CRM: st.CRM, AccountID: grant.AccountID, AccountName: grant.AccountName,
		UserID: grant.UserID, InstanceURL: grant.InstanceURL, LoginURL: app.LoginURL, Scopes: grant.Scopes,
		AccessToken: grant.AccessToken.Reveal(), RefreshToken: grant.RefreshToken.Reveal(), ExpiresAt: grant.ExpiresAt}, h.engine.Wake)
	if err != nil {
		h.log.Error().Str("event", "oauth_store_failed").Str("crm", string(crm)).Stringer("workspace_id", st.WorkspaceID).Err(err).Msg("the grant could not be stored")
		return failedBack(st, crm, "server_error", api.CodeInternal, "The connection could not be stored because of a fault in this service. Start the connection again."), nil
	}
	h.log.Info().Str("event", "connected").Str("crm", string(crm)).Stringer("workspace_id", st.WorkspaceID).Stringer("connection_id", conn.ID).
		Str("account_id", conn.AccountID).Msg("connected")
	return with(st.RedirectTo, map[string]string{string(crm) + "_success": "1"}), nil
}

func refusedBack(st store.OAuthState, crm connectors.CRM, q callback) string {
	code, kind := api.CodeOAuthProviderError, "server_error"
	description := "The CRM refused to connect: " + connectors.Quote(q.err+" "+q.description)
	if q.err == "access_denied" || q.err == "access-denied" {
		code, kind, description = api.CodeOAuthAccessDenied, "access_denied", "The connection was not allowed in the CRM. Start again and choose Allow."
	}
	return failedBack(st, crm, kind, code, description)
}

func (h *Handlers) exchangeFailed(st store.OAuthState, crm connectors.CRM, e *connectors.Error) string {
	h.log.Error().Str("event", "oauth_exchange_failed").Str("crm", string(crm)).Stringer("workspace_id", st.WorkspaceID).Str("class", string(e.Class)).
		Str("error_code", e.Code).Str("cause", e.Cause).Int("http_status", e.Status).AnErr("error", e.Err).Msg("code exchange failed")
	code := api.CodeOAuthExchangeFailed
	if e.Code == scopeMissing {
		code = api.CodeOAuthMissingScopes
	}
	return failedBack(st, crm, "server_error", code, e.Cause+" "+e.Action)
}

func failedBack(st store.OAuthState, crm connectors.CRM, kind string, code api.ErrorCode, description string) string {
	return with(st.RedirectTo, map[string]string{"error": kind, "error_code": string(code), "error_description": description,
		string(crm) + "_error": string(code)})
}
