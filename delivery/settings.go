package delivery

import (
	"context"
	"errors"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// CheckSettings holds settings against the definitions of the connection's account, and stores nothing. The error is a *connectors.Error when
// the connection cannot be used or the CRM does not answer.
func (e *Engine) CheckSettings(ctx context.Context, conn store.Connection, s connectors.Settings) (connectors.SettingsReport, error) {
	t, err := e.visit(ctx, conn)
	if err != nil {
		return connectors.SettingsReport{}, err
	}
	report, err := t.connector.CheckSettings(ctx, t.account, s)
	var refused *connectors.Error
	if errors.As(err, &refused) && refused.Class == connectors.ClassNeedsAuth {
		if cause := t.refresh(ctx); cause != nil {
			return connectors.SettingsReport{}, cause
		}
		report, err = t.connector.CheckSettings(ctx, t.account, s)
	}
	if err != nil {
		return connectors.SettingsReport{}, connectors.AsError(err)
	}
	return report, nil
}

// appOf is the registration that the connection's grant was given to: its tokens work with no other. An engine that was told of no
// registration with a CRM at all asks for none.
func (e *Engine) appOf(c store.Connection) (connectors.App, error) {
	app, told := e.cfg.Apps[connectors.CRM(c.CRM)]
	if c.LoginURL != "" {
		app.LoginURL = c.LoginURL
	}
	secret, own, err := e.store.ConnectionAppSecret(c)
	switch {
	case err != nil:
		return connectors.App{}, connectors.AppSecretUnreadable(err)
	case own:
		app.ClientID, app.ClientSecret = c.AppClientID, connectors.NewSecret(secret)
	case c.AppClientID != "" && c.AppClientID != app.ClientID, told && app.ClientID == "":
		return connectors.App{}, appMissing(c)
	}
	return app, nil
}

func appMissing(c store.Connection) *connectors.Error {
	e := &connectors.Error{Class: connectors.ClassMisconfigured, Code: "app_missing",
		Cause:  "The connection was made with this service's own " + c.CRM + " app, and the service has none now.",
		Action: "Set the client id and secret of " + c.CRM + " again and restart the service, or connect with an app of the workspace's own."}
	if c.AppClientID != "" {
		e.Cause = "The connection was made with the " + c.CRM + " app " + connectors.Quote(c.AppClientID) + ", which is not here any more."
		e.Action = "Put that app back, or connect again with the one that is here now."
	}
	return e
}
