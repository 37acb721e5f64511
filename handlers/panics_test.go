package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

// panicker is a connector that panics, with a secret in what it panics with, wherever it is told to.
type panicker struct {
	connectors.Connector
	on *sync.Map // names of methods
}

func (p panicker) at(method string, said any) {
	if _, yes := p.on.Load(method); yes {
		panic(said)
	}
}

// Deliver panics with a text.
func (p panicker) Deliver(ctx context.Context, a connectors.Account, w []connectors.Write) []connectors.Result {
	p.at("Deliver", "the token "+a.AccessToken.Reveal())
	return p.Connector.Deliver(ctx, a, w)
}

// Refresh panics with an error.
func (p panicker) Refresh(ctx context.Context, a connectors.Account) (connectors.Grant, error) {
	p.at("Refresh", fmt.Errorf("the token %s of %s", a.RefreshToken.Reveal(), a.App.ClientSecret.Reveal()))
	return p.Connector.Refresh(ctx, a)
}

// Exchange panics with a value.
func (p panicker) Exchange(ctx context.Context, app connectors.App, code string, verifier connectors.Secret) (connectors.Grant, error) {
	p.at("Exchange", struct{ Code, Verifier, Secret string }{code, verifier.Reveal(), app.ClientSecret.Reveal()})
	return p.Connector.Exchange(ctx, app, code, verifier)
}

// Plan panics with a header.
func (p panicker) Plan(ctx context.Context, a connectors.Account, w []connectors.Write) []connectors.Plan {
	p.at("Plan", connectors.JSONHeader(a.AccessToken))
	return p.Connector.Plan(ctx, a, w)
}

// Revoke panics with a request.
func (p panicker) Revoke(ctx context.Context, a connectors.Account) error {
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://crm.example.com/?token="+a.RefreshToken.Reveal(), nil)
	p.at("Revoke", req)
	return p.Connector.Revoke(ctx, a)
}

func TestThreat17_WhatACodePanicsWithIsNeitherLoggedNorKeptNorAnswered(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			on := &sync.Map{}
			d := open(t, func(o *options) {
				o.wrap = func(c connectors.Connector) connectors.Connector { return panicker{c, on} }
			})
			d.connect(crm)
			access, refresh := d.noteTokens(crm)
			on.Store("Plan", true)
			d.call(http.MethodPost, "/sync/"+crm+"?dry_run=true", d.whole("e-1")).refused(http.StatusInternalServerError, api.CodeInternal)
			on.Store("Exchange", true)
			back := d.atCRM(d.begin(crm), "allow")
			if r := d.look(back.String()); r.status != http.StatusInternalServerError {
				t.Errorf("a callback that panics: %d %s", r.status, r.body)
			}
			on.Store("Deliver", true)
			decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+crm, d.outcome("e-2", contact("ada@example.com"))), http.StatusAccepted)
			d.eventually("a connector has panicked", func() bool { return strings.Contains(d.log.text(), "connector panicked") })
			on.Delete("Deliver")
			on.Store("Refresh", true)
			d.hub.ExpireAccessTokens()
			d.org.ExpireAccessTokens()
			d.call(http.MethodPost, "/sync/"+crm, d.outcome("e-3", contact("grace@example.com")))
			d.eventually("a job has panicked", func() bool {
				return d.count(`select count(*) from river.river_job where errors is not null`) > 0 && strings.Contains(d.log.text(), "a job panicked")
			})
			on.Store("Revoke", true)
			d.call(http.MethodPost, "/disconnect-crm", fields{"workspace_id": d.workspace, "crm": crm}).refused(http.StatusInternalServerError, api.CodeInternal)

			code := back.Query().Get("code")
			for what, secret := range map[string]string{"access token": access, "refresh token": refresh, "code": code} {
				if strings.Contains(d.log.text(), secret) || what != "code" && strings.Contains(d.seen.text(), secret) { // the code came from the CRM, whose answers are there too
					t.Errorf("the log or an answer shows the %s", what)
				}
				if d.storedInClear(secret) {
					t.Errorf("the database holds the %s", what)
				}
			}
			for _, told := range []string{`"panic":"string"`, `"panic":"http.Header"`, `"panic":"*http.Request"`, "panics_test.go"} {
				if !strings.Contains(d.log.text(), told) {
					t.Errorf("the log does not say %s: where it was, and what kind", told)
				}
			}
		})
	}
}
