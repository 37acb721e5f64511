package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
	"golang.org/x/oauth2"
)

const (
	stateLife       = 10 * time.Minute
	installLife     = 48 * time.Hour
	exchangeTimeout = 45 * time.Second
	scopeMissing    = "scope_missing" // how connectors call a grant that leaves out what they need
)

// consentReader is a CRM whose page of consent says more than that access was denied.
type consentReader interface {
	// ConsentRefused is what an error that came back with the browser means; nil: nothing is known about it.
	ConsentRefused(code, description string) *connectors.Error
}

// HubspotOAuthStart begins connecting a workspace to HubSpot.
func (h *Handlers) HubspotOAuthStart(ctx context.Context, r api.HubspotOAuthStartRequestObject) (api.HubspotOAuthStartResponseObject, error) {
	link, cookie, err := h.start(ctx, connectors.HubSpot, r.Body)
	if err != nil {
		return nil, err
	}
	return api.HubspotOAuthStart200JSONResponse{Body: api.OAuthStart{AuthorizeUrl: link, Url: link, AuthUrl: link},
		Headers: api.HubspotOAuthStart200ResponseHeaders{SetCookie: cookie}}, nil
}

// SalesforceOAuthStart begins connecting a workspace to Salesforce.
func (h *Handlers) SalesforceOAuthStart(ctx context.Context, r api.SalesforceOAuthStartRequestObject) (api.SalesforceOAuthStartResponseObject, error) {
	link, cookie, err := h.start(ctx, connectors.Salesforce, r.Body)
	if err != nil {
		return nil, err
	}
	return api.SalesforceOAuthStart200JSONResponse{Body: api.OAuthStart{AuthorizeUrl: link, Url: link, AuthUrl: link},
		Headers: api.SalesforceOAuthStart200ResponseHeaders{SetCookie: cookie}}, nil
}

// start gives the address for the browser and, if the flow is bound to the browser that asks, the cookie for it.
func (h *Handlers) start(ctx context.Context, crm connectors.CRM, body *api.OAuthStartRequest) (link string, cookie *string, err error) {
	connector, ours, err := h.installation(crm)
	if err != nil {
		return "", nil, err
	}
	f := flow{loginHost: text(body.LoginHost), own: ownPage(ctx, ours), user: api.CallerFrom(ctx).UserID, startedBy: starter(ctx)}
	if body.WorkspaceId != nil {
		f.workspace = *body.WorkspaceId
	}
	if f.back, err = h.redirects.check(text(body.RedirectTo)); err != nil {
		return "", nil, err
	}
	return h.begin(ctx, connector, ours, f)
}

// flow is a connection that is to be made.
type flow struct {
	workspace uuid.UUID // uuid.Nil: the install is claimed afterwards
	loginHost string    // empty: the usual one
	back      string    // where the browser goes in the end, in full; it was checked
	own       bool      // a page of the service's own origin begins it: it ends in that browser alone
	user      string    // who begins it, if that is a person; else the holder of a key, who is not asked again
	startedBy string    // the same in words
}

// begin stores a flow and gives the address for the browser, with the cookie if the flow is bound to the browser.
func (h *Handlers) begin(ctx context.Context, connector connectors.Connector, ours connectors.App, f flow) (link string, cookie *string, err error) {
	crm := connector.CRM()
	app, own, err := h.appOfWorkspace(ctx, crm, ours, f.workspace)
	if err != nil {
		return "", nil, err
	}
	if f.loginHost != "" {
		if app.LoginURL, err = loginURL(connector, f.loginHost); err != nil {
			return "", nil, err
		}
	}
	browser := ""
	if f.own {
		if browser, cookie, err = browserNonce(ctx, ours); err != nil {
			return "", nil, err
		}
	}
	verifier := oauth2.GenerateVerifier()
	state, err := h.store.BeginOAuth(ctx, store.OAuthState{WorkspaceID: f.workspace, CRM: string(crm), UserID: f.user, StartedBy: f.startedBy,
		RedirectTo: f.back, LoginURL: app.LoginURL, Verifier: verifier, AppClientID: own}, browser, stateLife)
	if err != nil {
		return "", nil, err
	}
	if link, err = connector.AuthorizeURL(app, state, connectors.NewSecret(verifier)); err != nil {
		return "", nil, fmt.Errorf("authorize URL of %s: %w", crm, err)
	}
	return link, cookie, nil
}

// HubspotOAuthCallback is where HubSpot sends the browser back to.
func (h *Handlers) HubspotOAuthCallback(ctx context.Context, r api.HubspotOAuthCallbackRequestObject) (api.HubspotOAuthCallbackResponseObject, error) {
	to, err := h.callback(ctx, connectors.HubSpot, callback{text(r.Params.Code), text(r.Params.State), text(r.Params.Error), text(r.Params.ErrorDescription)})
	switch {
	case err != nil:
		return nil, err
	case to.page != nil:
		return api.HubspotOAuthCallback200TexthtmlResponse{OAuthPageTexthtmlResponse: *to.page}, nil
	}
	return api.HubspotOAuthCallback302Response{Headers: api.BackToTheAppResponseHeaders{Location: to.address}}, nil
}

// SalesforceOAuthCallback is where Salesforce sends the browser back to.
func (h *Handlers) SalesforceOAuthCallback(ctx context.Context, r api.SalesforceOAuthCallbackRequestObject) (api.SalesforceOAuthCallbackResponseObject, error) {
	to, err := h.callback(ctx, connectors.Salesforce, callback{text(r.Params.Code), text(r.Params.State), text(r.Params.Error), text(r.Params.ErrorDescription)})
	switch {
	case err != nil:
		return nil, err
	case to.page != nil:
		return api.SalesforceOAuthCallback200TexthtmlResponse{OAuthPageTexthtmlResponse: *to.page}, nil
	}
	return api.SalesforceOAuthCallback302Response{Headers: api.BackToTheAppResponseHeaders{Location: to.address}}, nil
}

type callback struct{ code, state, err, description string }

// next is what a browser is to do: go to an address, or show a page.
type next struct {
	address string
	page    *api.OAuthPageTexthtmlResponse
}

// callback spends the state before anything else, so that of any number of callbacks with one state a single one
// reaches the CRM, and none from another browser than the flow is bound to. A flow that a person began and that is bound to no browser
// asks first. From then on the browser always goes back to the app, with what happened.
func (h *Handlers) callback(ctx context.Context, crm connectors.CRM, q callback) (next, error) {
	if q.state == "" || (q.code == "" && q.err == "") {
		return next{}, fail(api.CodeOAuthCodeMissing, "Missing code/state", nil)
	}
	connector, ours, err := h.installation(crm)
	if err != nil {
		return next{}, err
	}
	st, err := h.store.TakeOAuthState(ctx, string(crm), q.state, api.BrowserFrom(ctx).Nonce(overTLS(ours)))
	if errors.Is(err, store.ErrNotFound) {
		return next{}, fail(api.CodeOAuthStateInvalid, "Invalid OAuth state", nil)
	}
	if errors.Is(err, store.ErrUnreadable) {
		return next{}, h.unreadable(crm, err)
	}
	if err != nil {
		return next{}, err
	}
	if q.err != "" {
		q.err, q.description = connectors.Redact(q.err, q.code, q.state), connectors.Redact(q.description, q.code, q.state)
		h.log.Warn().Str("event", "oauth_refused").Str("crm", string(crm)).Stringer("workspace_id", st.WorkspaceID).Str("error", connectors.Quote(q.err)).
			Str("description", connectors.Quote(q.description)).Msg("the CRM sent the browser back without a code")
		return next{address: refusedBack(connector, st, crm, q)}, nil
	}
	// What a service's key began is its holder's to bind to a person, and an install is bound to nobody before a member claims it.
	if !st.Bound && st.UserID != "" && st.WorkspaceID != uuid.Nil {
		st.Stage, st.Code = store.StageConfirm, q.code
		return h.ask(ctx, ours, st)
	}
	return h.exchange(ctx, connector, ours, st, q.code)
}

// unreadable is what a flow ends with whose sealed half does not open. Its state is spent; who meant it starts again.
func (h *Handlers) unreadable(crm connectors.CRM, err error) error {
	h.log.Error().Str("event", "oauth_state_unreadable").Str("crm", string(crm)).Err(err).Msg("a flow's state does not open: another keyset sealed it, or it was moved or damaged")
	return fail(api.CodeOAuthStateInvalid, "Invalid OAuth state", nil)
}

// exchange redeems the code with the app that the flow began with, stores the grant, and gives the page to go back to. Whoever stops
// waiting, it is finished: the code works once.
func (h *Handlers) exchange(ctx context.Context, connector connectors.Connector, ours connectors.App, st store.OAuthState, code string) (next, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	crm := connectors.CRM(st.CRM)
	app, own, err := h.appOfFlow(ctx, ours, st)
	if err != nil {
		return next{address: h.notStored(st, err)}, nil
	}
	app.LoginURL = st.LoginURL
	grant, err := connector.Exchange(ctx, app, code, connectors.NewSecret(st.Verifier))
	if err != nil {
		return next{address: h.exchangeFailed(st, crm, connectors.AsError(err))}, nil
	}
	stored := store.NewGrant{WorkspaceID: st.WorkspaceID, CRM: st.CRM, AccountID: grant.AccountID, AccountName: grant.AccountName,
		UserID: grant.UserID, InstanceURL: grant.InstanceURL, LoginURL: app.LoginURL, Scopes: grant.Scopes,
		AccessToken: grant.AccessToken.Reveal(), RefreshToken: grant.RefreshToken.Reveal(), ExpiresAt: grant.ExpiresAt, AppClientID: own}
	if st.WorkspaceID == uuid.Nil {
		return next{address: h.installed(ctx, st, stored)}, nil
	}
	return h.connect(ctx, ours, st, stored)
}

// connect stores the grant, or asks first where it is of another account than the workspace has.
func (h *Handlers) connect(ctx context.Context, ours connectors.App, st store.OAuthState, g store.NewGrant) (next, error) {
	conn, err := h.store.Connect(ctx, g, h.engine.Wake)
	var other *store.OtherAccountError
	if errors.As(err, &other) {
		st.Stage, st.Code, st.Verifier, st.Grant, st.Replaces = store.StageReplace, "", "", &g, other.AccountID
		return h.ask(ctx, ours, st)
	}
	if err != nil {
		return next{address: h.notStored(st, err)}, nil
	}
	h.log.Info().Str("event", "connected").Str("crm", st.CRM).Stringer("workspace_id", st.WorkspaceID).Stringer("connection_id", conn.ID).
		Str("account_id", conn.AccountID).Str("replaced", g.Replaces).Bool("own_app", g.AppClientID != "").Msg("connected")
	said := map[string]string{st.CRM + "_success": "1"}
	for _, w := range h.warnings(ctx, conn) {
		said["warning_code"], said["warning_description"] = w.Code, w.Cause+" "+w.Action
	}
	return next{address: with(st.RedirectTo, said)}, nil
}

// notStored sends the browser back from a flow that ends here because of the app or of a fault of ours.
func (h *Handlers) notStored(st store.OAuthState, err error) string {
	crm := connectors.CRM(st.CRM)
	if errors.Is(err, errAppChanged) || errors.Is(err, store.ErrAppGone) {
		h.log.Warn().Str("event", "oauth_app_changed").Str("crm", st.CRM).Stringer("workspace_id", st.WorkspaceID).Msg("the app was changed while its flow was under way")
		return failedBack(st, crm, "server_error", api.CodeOAuthAppChanged, "The "+st.CRM+" app was changed or deleted before you came back. Start the connection again.")
	}
	h.log.Error().Str("event", "oauth_store_failed").Str("crm", st.CRM).Stringer("workspace_id", st.WorkspaceID).Err(err).Msg("the grant could not be stored")
	return failedBack(st, crm, "server_error", api.CodeInternal, "The connection could not be stored because of a fault in this service. Start the connection again.")
}

func refusedBack(connector connectors.Connector, st store.OAuthState, crm connectors.CRM, q callback) string {
	code, kind := api.CodeOAuthProviderError, "server_error"
	description := "The CRM refused to connect: " + connectors.Quote(q.err+" "+q.description)
	if reader, ok := connector.(consentReader); ok {
		if e := reader.ConsentRefused(q.err, q.description); e != nil {
			description = e.Cause + " " + e.Action
		}
	}
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
