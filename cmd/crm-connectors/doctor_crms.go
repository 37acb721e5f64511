package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"crm-connectors/connectors"
)

// crmName is how people call a CRM.
func crmName(crm connectors.CRM) string {
	if crm == connectors.HubSpot {
		return "HubSpot"
	}
	return "Salesforce"
}

// examineCRMs asks each CRM's token endpoint with a token that nobody has, by the service's own client and through its own guard. What comes back tells
// whether the CRM is reached, and whether it knows the app; it changes nothing there.
func examineCRMs(ctx context.Context, cfg Config) []finding {
	var out []finding
	unwatched := func(_ connectors.CRM, d connectors.Doer) connectors.Doer { return d }
	crms, apps, err := crmsOf(cfg, unwatched)
	if err != nil {
		return []finding{fails("crm", "See the environment's findings.", "the CRMs cannot be set up: %s", oneLine(err))}
	}
	for _, crm := range crms {
		out = append(out, examineCRM(ctx, crm, apps[crm.CRM()])...)
	}
	return out
}

func examineCRM(ctx context.Context, crm connectors.Connector, app connectors.App) []finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	name := crmName(crm.CRM())
	unknown := app.ClientID == ""
	if unknown {
		app.ClientID, app.ClientSecret = "none", connectors.NewSecret("none")
	}
	_, err := crm.Refresh(ctx, connectors.Account{App: app, RefreshToken: connectors.NewSecret("a token that nobody has")})
	e := connectors.AsError(err)
	switch {
	case e == nil:
		return []finding{warns("crm", "Check the base addresses: is that the real CRM?", "%s has renewed a token that nobody has", name)}
	case e.Status == 0:
		mend := "Check DNS, the firewall and CRM_PROXY_URL; from this machine " + name + " has to be reached on port 443."
		return []finding{fails("crm", mend, "%s is not reached: %s", name, oneLine(e))}
	}
	reached := well("crm", "%s answers", name)
	switch {
	case e.Status >= 500:
		return []finding{warns("crm", "Nothing to do here: look at the CRM's status page.", "%s answers %d", name, e.Status)}
	case unknown:
		return []finding{reached, warns("app", "Set the client id and secret of "+name+"'s app, unless every workspace brings its own.", "the service has no app of %s", name)}
	case e.Class == connectors.ClassMisconfigured:
		mend := fmt.Sprintf("Copy client id and secret from the app's page at %s into %s_CLIENT_ID and %s_CLIENT_SECRET, and restart. Customers stay connected.", name, upper(crm.CRM()), upper(crm.CRM()))
		return []finding{reached, fails("app", mend, "%s refuses the app: %s", name, oneLine(e))}
	}
	return []finding{reached, well("app", "%s knows the app and its secret", name)}
}

func upper(crm connectors.CRM) string {
	if crm == connectors.HubSpot {
		return "HUBSPOT"
	}
	return "SALESFORCE"
}

// examineRedirects says what has to be registered with each CRM, character for character, and whether this service answers there.
func examineRedirects(ctx context.Context, cfg Config) []finding {
	var out []finding
	for crm, app := range map[connectors.CRM]*connectors.App{connectors.HubSpot: hubspotApp(cfg), connectors.Salesforce: salesforceApp(cfg)} {
		if app != nil {
			out = append(out, examineRedirect(ctx, crmName(crm), app.RedirectURL))
		}
	}
	return out
}

func hubspotApp(cfg Config) *connectors.App {
	if cfg.HubSpot == nil {
		return nil
	}
	return &cfg.HubSpot.App
}

func salesforceApp(cfg Config) *connectors.App {
	if cfg.Salesforce == nil {
		return nil
	}
	return &cfg.Salesforce.App
}

func examineRedirect(ctx context.Context, name, address string) finding {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fails("redirect", "Set PUBLIC_URL to this service's address as browsers see it.", "%s has no address to send browsers back to", name)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fails("redirect", "Set PUBLIC_URL to this service's address as browsers see it.", "%s cannot be asked", address)
	}
	client := &http.Client{Timeout: checkWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	const register = "Register exactly this address with the app: a difference in one character is refused."
	if err != nil {
		return warns("redirect", "If serve runs: check PUBLIC_URL, the gateway's route for /functions/v1/ and TLS. "+register, "%s sends browsers back to %s, where nothing answers from here", name, address)
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get("X-Served-By") != "crm-connectors" {
		return fails("redirect", "Check PUBLIC_URL and the gateway's route for /functions/v1/. "+register, "%s sends browsers back to %s, where something else answers (%d)", name, address, res.StatusCode)
	}
	return well("redirect", "%s sends browsers back to %s, where this service answers; register exactly that", name, address)
}
