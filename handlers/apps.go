package handlers

import (
	"context"
	"errors"
	"slices"
	"strings"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// errAppChanged says that the app a flow began with is not here any more.
var errAppChanged = errors.New("the app was changed or deleted since the flow began")

// loginHosts is the ability of a CRM whose accounts sign in at hosts of their own.
type loginHosts interface {
	// CheckLoginURL gives the canonical address of a host that may receive secrets, or an error that names the mend.
	CheckLoginURL(raw string) (string, error)
}

// installation is how this service reaches a CRM: its connector, and its own registration, which has no client id where workspaces
// must bring an app of their own.
func (h *Handlers) installation(crm connectors.CRM) (connectors.Connector, connectors.App, error) {
	connector, app := h.connectors[crm], h.cfg.Apps[crm]
	if connector == nil || app.RedirectURL == "" {
		return nil, app, fail(api.CodeCrmNotConfigured, "This service is not set up for "+string(crm)+". Its operator must set its public address, or the redirect address.", nil)
	}
	return connector, app, nil
}

// appOfWorkspace is the app that a workspace connects with from now on, and the client id if it is the workspace's own.
func (h *Handlers) appOfWorkspace(ctx context.Context, crm connectors.CRM, ours connectors.App, workspaceID uuid.UUID) (connectors.App, string, error) {
	own, err := h.store.App(ctx, workspaceID, string(crm))
	switch {
	case err == nil:
		app, err := h.owned(own, ours)
		return app, own.ClientID, err
	case !errors.Is(err, store.ErrNotFound):
		return ours, "", err
	case ours.ClientID == "":
		return ours, "", fail(api.CodeCrmNotConfigured, "This service has no "+string(crm)+" app, and neither has the workspace. Put one under /apps/"+string(crm)+
			", or let the operator set the client id and secret.", map[string]any{"crm": string(crm)})
	}
	return ours, "", nil
}

// appOfFlow is the very app that a flow began with, or errAppChanged. A new secret of it is taken.
func (h *Handlers) appOfFlow(ctx context.Context, ours connectors.App, st store.OAuthState) (connectors.App, string, error) {
	if st.AppClientID != "" {
		own, err := h.store.App(ctx, st.WorkspaceID, st.CRM)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return ours, "", err
		}
		if err == nil && own.ClientID == st.AppClientID {
			app, err := h.owned(own, ours)
			return app, own.ClientID, err
		}
	}
	if ours.ClientID == "" || (st.AppClientID != "" && st.AppClientID != ours.ClientID) {
		return ours, "", errAppChanged
	}
	return ours, "", nil
}

// owned is a workspace's app as connectors take it; what it leaves open is as in ours.
func (h *Handlers) owned(own store.App, ours connectors.App) (connectors.App, error) {
	secret, err := h.store.AppSecret(own)
	if err != nil {
		e := connectors.AppSecretUnreadable(err)
		return connectors.App{}, &api.Error{Code: api.CodeCrmNotConfigured, Message: e.Cause + " " + e.Action, Details: map[string]any{"cause_code": e.Code}, Err: err}
	}
	ours.ClientID, ours.ClientSecret = own.ClientID, connectors.NewSecret(secret)
	if own.LoginURL != "" {
		ours.LoginURL = own.LoginURL
	}
	return ours, nil
}

// loginURL checks a host that is to receive secrets.
func loginURL(connector connectors.Connector, host string) (string, error) {
	refused := func(why string) error {
		return fail(api.CodeLoginHostNotAllowed, why, map[string]any{"field": "login_host"})
	}
	hosts, ok := connector.(loginHosts)
	if !ok {
		return "", refused("login_host is for Salesforce alone.")
	}
	if !strings.Contains(host, "://") { // the contract has a host; the address of one is taken too
		host = "https://" + host
	}
	canonical, err := hosts.CheckLoginURL(host)
	if err != nil {
		return "", refused(err.Error())
	}
	return canonical, nil
}

// ListApps shows with which app a workspace connects to each CRM, and never a secret.
func (h *Handlers) ListApps(ctx context.Context, r api.ListAppsRequestObject) (api.ListAppsResponseObject, error) {
	own, err := h.store.Apps(ctx, r.Params.WorkspaceId)
	if err != nil {
		return nil, err
	}
	byCRM := map[string]store.App{}
	for _, a := range own {
		byCRM[a.CRM] = a
	}
	out := []api.App{}
	for crm := range h.connectors {
		if _, ours, err := h.installation(crm); err == nil {
			a, has := byCRM[string(crm)]
			out = append(out, renderApp(crm, ours, a, has))
		}
	}
	slices.SortFunc(out, func(a, b api.App) int { return strings.Compare(string(a.Crm), string(b.Crm)) })
	return api.ListApps200JSONResponse{Apps: out}, nil
}

// PutApp gives a workspace an app of its own, or a new secret of it.
func (h *Handlers) PutApp(ctx context.Context, r api.PutAppRequestObject) (api.PutAppResponseObject, error) {
	crm := connectors.CRM(r.Crm)
	connector, ours, err := h.installation(crm)
	if err != nil {
		return nil, err
	}
	login := ""
	if host := text(r.Body.LoginHost); host != "" {
		if login, err = loginURL(connector, host); err != nil {
			return nil, err
		}
	}
	saved, err := h.store.SaveApp(ctx, store.NewApp{WorkspaceID: r.Body.WorkspaceId, CRM: string(crm), ClientID: r.Body.ClientId, Secret: r.Body.ClientSecret,
		LoginURL: login, Actor: actor(ctx)}, h.engine.Wake)
	if err != nil {
		return nil, appFailure(err, crm)
	}
	h.log.Info().Str("event", "app_put").Str("crm", string(crm)).Stringer("workspace_id", r.Body.WorkspaceId).Str("client_id", saved.ClientID).
		Str("by", actor(ctx)).Msg("a workspace has put its own app")
	return api.PutApp200JSONResponse(renderApp(crm, ours, saved, true)), nil
}

// DeleteApp forgets a workspace's own app.
func (h *Handlers) DeleteApp(ctx context.Context, r api.DeleteAppRequestObject) (api.DeleteAppResponseObject, error) {
	crm := connectors.CRM(r.Crm)
	_, ours, err := h.installation(crm)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteApp(ctx, r.Params.WorkspaceId, string(crm), actor(ctx)); err != nil {
		return nil, appFailure(err, crm)
	}
	h.log.Info().Str("event", "app_deleted").Str("crm", string(crm)).Stringer("workspace_id", r.Params.WorkspaceId).Str("by", actor(ctx)).Msg("a workspace's own app is forgotten")
	return api.DeleteApp200JSONResponse(renderApp(crm, ours, store.App{}, false)), nil
}

func appFailure(err error, crm connectors.CRM) error {
	var used *store.AppInUseError
	details := map[string]any{"crm": string(crm)}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fail(api.CodeAppNotFound, "This workspace has no "+string(crm)+" app of its own.", details)
	case errors.As(err, &used):
		return fail(api.CodeAppInUse, "A connection of this workspace was made with the app that is here now. Disconnect "+string(crm)+" first.", details)
	}
	return err
}

func renderApp(crm connectors.CRM, ours connectors.App, own store.App, has bool) api.App {
	out := api.App{Crm: api.Crm(crm), Source: api.AppSourceNone, RedirectUrl: ours.RedirectURL}
	switch {
	case has:
		out.Source, out.ClientId, out.LoginHost = api.AppSourceWorkspace, filled(own.ClientID), filled(strings.TrimPrefix(own.LoginURL, "https://"))
		out.CreatedAt, out.UpdatedAt = notZero(own.CreatedAt), notZero(own.UpdatedAt)
	case ours.ClientID != "":
		out.Source = api.AppSourceInstallation
	}
	return out
}

// actor names who makes the request, for the record.
func actor(ctx context.Context) string {
	c := api.CallerFrom(ctx)
	if c.UserID != "" {
		return c.UserID
	}
	return c.Name
}
