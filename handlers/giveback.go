package handlers

import (
	"context"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// giveBack ends a grant at its CRM that is not kept: of an account that the workspace is not to be connected to. That touches nothing of the
// account that it is connected to. Where another workspace uses the new grant's account it is ended only if the CRM keeps each grant apart, as
// Salesforce does: at HubSpot the account has the app once, and nothing says that somebody who allows it again is given another refresh token
// than before. The tokens are then forgotten alone. Whoever stops waiting, it is tried; that it fails changes nothing for the browser.
func (h *Handlers) giveBack(ctx context.Context, ours connectors.App, st store.OAuthState, g store.NewGrant) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	log := h.log.With().Str("crm", st.CRM).Stringer("workspace_id", st.WorkspaceID).Str("account_id", g.AccountID).Logger()
	connector := h.connectors[connectors.CRM(st.CRM)]
	shared, err := h.store.AccountIsShared(ctx, store.Connection{CRM: g.CRM, AccountID: g.AccountID})
	if err != nil {
		log.Warn().Str("event", "grant_kept_alive").Err(err).Msg("a grant that is not used could not be ended")
		return
	}
	if _, apart := connector.(connectors.ApprovalLimiter); shared && !apart {
		log.Info().Str("event", "grant_kept_alive").Msg("a grant that is not used is forgotten, and not ended, for others use its account")
		return
	}
	app, _, err := h.appOfFlow(ctx, ours, st)
	if err == nil {
		app.LoginURL = g.LoginURL
		err = connector.Revoke(ctx, connectors.Account{App: app, ID: g.AccountID, InstanceURL: g.InstanceURL, Shared: shared,
			AccessToken: connectors.NewSecret(g.AccessToken), RefreshToken: connectors.NewSecret(g.RefreshToken)})
	}
	if err != nil {
		log.Warn().Str("event", "grant_kept_alive").Err(err).Msg("a grant that is not used could not be ended")
		return
	}
	log.Info().Str("event", "grant_given_back").Msg("a grant that is not used was ended at the CRM")
}
