package delivery

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// checker is a scripted CRM with a word on settings.
type checker struct {
	*script
	check func(a connectors.Account) (connectors.SettingsReport, error)
}

func (c *checker) CheckSettings(_ context.Context, a connectors.Account, _ connectors.Settings) (connectors.SettingsReport, error) {
	return c.check(a)
}

func (b *bench) checking(check func(a connectors.Account) (connectors.SettingsReport, error)) *Engine {
	b.t.Helper()
	return b.newEngine(func(c *Config) { c.Connectors = []connectors.Connector{&checker{script: b.crm, check: check}} })
}

func TestSettingsAreCheckedAgainAfterOneRefresh(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked := 0
	e := b.checking(func(a connectors.Account) (connectors.SettingsReport, error) {
		asked++
		if a.AccessToken.Reveal() == "access" {
			return connectors.SettingsReport{}, refuse(connectors.ClassNeedsAuth).Err
		}
		return connectors.SettingsReport{Problems: []connectors.SettingProblem{{Field: "task_status"}}}, nil
	})
	report, err := e.CheckSettings(t.Context(), b.conn, connectors.Settings{})
	if err != nil || len(report.Problems) != 1 || asked != 2 || b.crm.refreshes() != 1 {
		t.Errorf("%+v, %v after %d questions and %d refreshes; want the report after two and one", report, err, asked, b.crm.refreshes())
	}
}

func TestACheckThatGoesWrongIsAnErrorOfTheConnectors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		err  error
		want connectors.Class
	}{
		"refused twice": {refuse(connectors.ClassNeedsAuth).Err, connectors.ClassNeedsAuth},
		"unreachable":   {refuse(connectors.ClassRetry).Err, connectors.ClassRetry},
		"anything else": {errors.New("beneath"), connectors.ClassInDoubt},
	} {
		e := b.checking(func(connectors.Account) (connectors.SettingsReport, error) { return connectors.SettingsReport{}, c.err })
		_, err := e.CheckSettings(t.Context(), b.connection(), connectors.Settings{})
		var got *connectors.Error
		if !errors.As(err, &got) || got.Class != c.want {
			t.Errorf("%s: got %v, want class %s", name, err, c.want)
		}
	}
	b.exec(`update crm_connections set status = 'disconnected'`)
	if _, err := b.engine.CheckSettings(t.Context(), b.connection(), connectors.Settings{}); connectors.AsError(err).Class != connectors.ClassNeedsReconnect {
		t.Errorf("disconnected: %v", err)
	}
}

func TestAConnectionUsesTheAppThatItWasMadeWith(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ours := connectors.App{ClientID: "ours", ClientSecret: connectors.NewSecret("our secret"), RedirectURL: "https://crm.example.com/callback", LoginURL: "https://login.example.com"}
	none := connectors.App{RedirectURL: ours.RedirectURL, LoginURL: ours.LoginURL}
	if _, err := b.store.SaveApp(t.Context(), store.NewApp{WorkspaceID: b.workspace, CRM: "hubspot", ClientID: "theirs", Secret: "their secret"}, b.engine.Wake); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		installed        connectors.App
		made, login      string
		id, secret, gone string
	}{
		"the service's":                         {ours, "", "", "ours", "our secret", ""},
		"the service's, by name":                {ours, "ours", "", "ours", "our secret", ""},
		"the workspace's":                       {ours, "theirs", "https://sandbox.example.com", "theirs", "their secret", ""},
		"the workspace's, the service has none": {none, "theirs", "", "theirs", "their secret", ""},
		"the service's, which is gone":          {none, "", "", "", "", "service's own hubspot app"},
		"one that nobody has":                   {ours, "another", "", "", "", "hubspot app another"},
	} {
		e := b.newEngine(func(cfg *Config) { cfg.Apps = map[connectors.CRM]connectors.App{connectors.HubSpot: c.installed} })
		b.exec(`update crm_connections set app_client_id = $1, login_url = $2`, c.made, c.login)
		account, err := e.account(b.connection())
		if c.gone != "" {
			var missing *connectors.Error
			if !errors.As(err, &missing) || missing.Class != connectors.ClassMisconfigured || missing.Code != "app_missing" || missing.Action == "" || !strings.Contains(missing.Cause, c.gone) {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		want := ours
		want.ClientID, want.ClientSecret = c.id, connectors.NewSecret(c.secret)
		if c.login != "" {
			want.LoginURL = c.login
		}
		if err != nil || account.App.ClientSecret.Reveal() != c.secret || !reflect.DeepEqual(account.App, want) {
			t.Errorf("%s: got %+v, %v; want %+v", name, account.App, err, want)
		}
	}
}

func TestARenewalIsMadeWithTheWorkspacesApp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := b.store.SaveApp(t.Context(), store.NewApp{WorkspaceID: b.workspace, CRM: "hubspot", ClientID: "theirs", Secret: "their secret"}, b.engine.Wake); err != nil {
		t.Fatal(err)
	}
	b.exec(`update crm_connections set app_client_id = 'theirs', token_expires_at = now()`)
	var used connectors.App
	b.crm.refresh = func(a connectors.Account) (connectors.Grant, error) {
		used = a.App
		return connectors.Grant{AccessToken: connectors.NewSecret("new"), ExpiresAt: time.Now().Add(time.Hour)}, nil
	}
	if _, err := b.engine.Probe(t.Context(), b.connection()); err != nil || used.ClientID != "theirs" || used.ClientSecret.Reveal() != "their secret" {
		t.Errorf("renewed with %+v, %v", used, err)
	}
}
