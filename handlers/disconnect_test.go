package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/store"

	"github.com/google/uuid"
)

func (d *desk) disconnect(crm string) api.Disconnected {
	d.t.Helper()
	out := decode[api.Disconnected](d.call(http.MethodPost, "/disconnect-crm", fields{"workspace_id": d.workspace, "crm": crm}), http.StatusOK)
	if !out.Ok {
		d.t.Errorf("answered %+v", out)
	}
	return out
}

// stillGood asks the CRM itself whether a refresh token still works.
func (d *desk) stillGood(crm, refresh string) bool {
	d.t.Helper()
	h, path, id, secret := d.hub.Handler(), "/oauth/2026-03/token", simhubspot.DefaultClientID, simhubspot.DefaultClientSecret
	if crm == salesForce {
		h, path, id, secret = d.org.Handler(), "/services/oauth2/token", simsalesforce.DefaultClientID, simsalesforce.DefaultClientSecret
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {id}, "client_secret": {secret}}
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, serve(d.t, h)+path, strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
		d.t.Fatalf("the token endpoint of %s answered %d", crm, resp.StatusCode)
	}
	return resp.StatusCode == http.StatusOK
}

func TestDisconnectingEndsTheGrantForgetsTheTokensAndHoldsTheWrites(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t, stopped)
			d.connect(crm)
			_, refresh := d.noteTokens(crm)
			a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+crm, d.whole("e-1")), http.StatusAccepted)
			if out := d.disconnect(crm); !out.Revoked {
				t.Error("the grant was not revoked at the CRM")
			}
			if d.stillGood(crm, refresh) {
				t.Error("the CRM still takes the refresh token")
			}
			c := d.connection(crm)
			if access, refresh := d.noteTokens(crm); access != "" || refresh != "" || c.SealedAccessToken != "" || c.SealedRefreshToken != "" {
				t.Error("tokens are still stored")
			}
			if l := d.listed(crm); l.Status != api.ConnectionStatusDisconnected {
				t.Errorf("listed as %s", l.Status)
			}
			for _, w := range a.Writes {
				if w := d.write(w.Id); w.Status != api.WriteStatusBlocked || w.Error == nil || w.Error.Code != "crm_disconnected" || w.Error.Action == "" {
					t.Errorf("the %s is %s, %+v; want blocked", w.ObjectType, w.Status, w.Error)
				}
			}
			d.call(http.MethodPost, "/sync/"+crm, d.whole("e-2")).refused(http.StatusConflict, api.CodeCrmNotConnected)
			d.call(http.MethodPost, "/sync/"+crm+"?dry_run=true", d.whole("e-2")).refused(http.StatusConflict, api.CodeCrmNotConnected)
			calls := d.oauthCalls(crm, "")
			if out := d.disconnect(crm); out.Revoked || d.oauthCalls(crm, "") != calls {
				t.Errorf("the second time: %+v and %d calls", out, d.oauthCalls(crm, "")-calls)
			}
			e := d.call(http.MethodPost, "/writes/"+a.Writes[0].Id.String()+"/retry", nil).refused(http.StatusConflict, api.CodeWriteNotRetriable)
			if !strings.Contains(e.Message, "econnect") {
				t.Errorf("retry says %q", e.Message)
			}
			d.start()
			d.connect(crm)
			for _, w := range a.Writes {
				d.until(w.Id, api.WriteStatusSucceeded)
			}
			if n := d.made(sim.OpCreate, objectsOf(crm)["contact"]); n != 1 {
				t.Errorf("%d contacts, want 1", n)
			}
		})
	}
}

func TestDisconnectingForgetsTheTokensThoughTheCRMIsDown(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t, stopped)
			d.connect(crm)
			d.fault(crm, sim.Fault{Kind: sim.FaultStatus, Status: 503, Times: -1})
			if out := d.disconnect(crm); out.Revoked {
				t.Error("the answer says that the grant is revoked")
			}
			if c := d.connection(crm); c.Status != store.ConnectionDisconnected || c.SealedRefreshToken != "" {
				t.Errorf("the connection is %s", c.Status)
			}
		})
	}
}

func TestOnlyWhatWasConnectedCanBeDisconnected(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	for _, body := range []fields{{"workspace_id": d.workspace, "crm": salesForce}, {"workspace_id": uuid.New(), "crm": hubSpot}} {
		d.call(http.MethodPost, "/disconnect-crm", body).refused(http.StatusNotFound, api.CodeConnectionNotFound)
	}
	d.call(http.MethodPost, "/disconnect-crm", fields{"workspace_id": d.workspace, "crm": "other"}).refused(http.StatusBadRequest, api.CodeValidationFailed)
	if l := d.listed(hubSpot); l.Status != api.ConnectionStatusConnected {
		t.Errorf("the other connection is %s", l.Status)
	}
}
