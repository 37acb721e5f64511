package salesforce

import (
	"encoding/json"
	"strings"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
)

func TestSigningInGivesTheOrg(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	if o.account.ID != o.OrgID() || o.account.RefreshToken.Empty() || o.account.AccessToken.Empty() {
		t.Errorf("account = %+v", o.account)
	}
	if _, err := o.c.Exchange(t.Context(), o.account.App, o.code(), connectors.NewSecret("another-verifier-of-the-right-length-43-chars")); connectors.AsError(err).Class != reject {
		t.Errorf("a wrong verifier: %v", err)
	}
	code := o.code()
	if _, err := o.c.Exchange(t.Context(), o.account.App, code, connectors.NewSecret(testVerifier)); err != nil {
		t.Errorf("the code: %v", err)
	}
	_, err := o.c.Exchange(t.Context(), o.account.App, code, connectors.NewSecret(testVerifier))
	wantClass(t, connectors.AsError(err), reject, "code_refused")
}

func TestAnExpiredSessionAsksForARefreshWhichMendsIt(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.ExpireAccessTokens()
	wantClass(t, o.deliverOne(taskWrite(nil)).Err, needAuth, "session_expired")
	g, err := o.c.Refresh(t.Context(), o.account)
	if err != nil || g.RefreshToken.Empty() || g.RefreshToken.Equal(o.account.RefreshToken) {
		t.Fatalf("Refresh: %v; rotated: %v", err, !g.RefreshToken.Equal(o.account.RefreshToken))
	}
	old := o.account
	o.use(g)
	o.deliver(taskWrite(nil))
	o.wantEntries("create Task")

	_, err = o.c.Refresh(t.Context(), old) // a rotated-out token ends the grant
	wantClass(t, connectors.AsError(err), reconnect, "grant_dead")
	_, err = o.c.Refresh(t.Context(), o.account)
	wantClass(t, connectors.AsError(err), reconnect, "grant_dead")
}

func TestAnAppWithoutRotationKeepsItsToken(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{KeepRefreshTokens: true})
	for range 2 {
		g, err := o.c.Refresh(t.Context(), o.account)
		if err != nil || !g.RefreshToken.Empty() {
			t.Fatalf("Refresh: %+v, %v", g, err)
		}
	}
}

func TestTwoRefreshesAtOnceDoNotKillTheConnection(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{TokenLatencyMS: 200})
	type outcome struct {
		grant connectors.Grant
		err   error
	}
	done := make(chan outcome, 2)
	for range 2 {
		go func() {
			g, err := o.c.Refresh(t.Context(), o.account)
			done <- outcome{g, err}
		}()
	}
	first, second := <-done, <-done
	if first.err == nil {
		first, second = second, first
	}
	wantClass(t, connectors.AsError(first.err), retry, "refresh_in_progress")
	if second.err != nil {
		t.Errorf("the other refresh: %v", second.err)
	}
}

func TestALostRefreshIsInDoubtAndNotRepeated(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.fault(sim.Fault{Path: "/oauth2/token$", Kind: sim.FaultCutAfter})
	_, err := o.c.Refresh(t.Context(), o.account)
	wantClass(t, connectors.AsError(err), inDoubt, "answer_lost")
	if n := o.Core().Calls.Snapshot()["POST /services/oauth2/token"]; n != 2 {
		t.Errorf("%d token calls, want the sign-in and one refresh", n)
	}
}

func TestAWrongClientSecretIsOurFault(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	o.account.App.ClientSecret = connectors.NewSecret("wrong")
	_, err := o.c.Refresh(t.Context(), o.account)
	wantClass(t, connectors.AsError(err), ours, "client_refused")
}

func TestRevokeEndsTheGrantAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	for range 2 {
		if err := o.c.Revoke(t.Context(), o.account); err != nil {
			t.Fatalf("Revoke: %v", err)
		}
	}
	wantClass(t, o.deliverOne(taskWrite(nil)).Err, needAuth, "session_expired")
}

func TestADailyLimitStopsTheConnectionForAnHour(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{DailyLimit: 1})
	o.deliver(taskWrite(nil))
	r := o.deliverOne(taskWrite(nil))
	wantClass(t, r.Err, retry, "crm_daily_limit")
	if !r.Err.Pause || r.Err.RetryAfter.Minutes() < 60 {
		t.Errorf("pause %v for %v", r.Err.Pause, r.Err.RetryAfter)
	}
}

func TestAPlanShowsTheCallsAndMakesNone(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{})
	known := o.seedLead("grace@example.com")
	grace := connectors.Contact{Email: "grace@example.com", FirstName: "Grace"}
	writes := []connectors.Write{
		contactWrite(ada), contactWrite(connectors.Contact{Email: "ada@example.com", LastName: "Lovelace", Phone: "1"}),
		taskWrite(func(w *connectors.Write) { w.Email = "ada@example.com" }),
		taskWrite(func(w *connectors.Write) { w.Email, w.DealID = "ada@example.com", dealOne }),
		contactWrite(grace), contactWrite(grace),
		rollupWrite(func(w *connectors.Write) { w.Email = "grace@example.com" }),
		contactWrite(connectors.Contact{}),
	}
	plans := o.c.Plan(t.Context(), o.account, writes)
	var got []string
	for _, p := range plans {
		line := p.Ref.Type + " " + p.Ref.ID
		for _, call := range p.Calls {
			line += " | " + call.Method + " " + strings.TrimPrefix(call.Path, "/services/data/v66.0") + " " + string(call.Body)
		}
		if p.Err != nil {
			line += " | " + p.Err.Code
		}
		got = append(got, line+" "+noteCodes(p.Notes))
	}
	want := []string{
		`Lead {new lead} | POST /sobjects/Lead {"Company":"[not provided]","Email":"ada@example.com","FirstName":"Ada","LastName":"Lovelace"} `,
		`Lead {new lead} | PATCH /sobjects/Lead/%7Bnew%20lead%7D {"Phone":"1"} `,
		`Task {new task} | POST /sobjects/Task {"ActivityDate":"2026-11-27","Description":"As agreed.","Subject":"Send the offer","WhoId":"{new lead}"} `,
		`Task {new task} | POST /sobjects/Task {"ActivityDate":"2026-11-27","Description":"As agreed.","Subject":"Send the offer","WhatId":"` + dealOne + `"} association_dropped`,
		`Lead ` + known + ` | PATCH /sobjects/Lead/` + known + ` {"FirstName":"Grace"} `,
		`Lead ` + known + ` `,
		`Task {new task} | POST /sobjects/Task {"ActivityDate":"2026-11-29","Description":"Two calls.\nOne offer.","Status":"Completed","Subject":"Weekly deal summary","WhoId":"` + known + `"} `,
		`  | email_missing `,
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("plan %d: %s\nwant    %s", i, got[i], want[i])
		}
	}
	o.wantEntries("")

	// Deliver does what the plan said.
	var real []connectors.Result
	for _, w := range writes { // a plan shows single calls
		real = append(real, o.deliverOne(w))
	}
	log := o.Core().Log.Entries(0)
	n := 0
	for i, p := range plans {
		if (real[i].Err == nil) != (p.Err == nil) || noteCodes(real[i].Notes) != noteCodes(p.Notes) {
			t.Errorf("write %d: %v %v, planned %v %v", i, real[i].Err, real[i].Notes, p.Err, p.Notes)
		}
		for _, call := range p.Calls {
			var body map[string]string
			if err := json.Unmarshal(call.Body, &body); err != nil {
				t.Fatalf("body: %v", err)
			}
			for k, v := range body {
				if !strings.HasPrefix(v, "{") && log[n].Fields[k] != v {
					t.Errorf("write %d: %s = %q, planned %q", i, k, log[n].Fields[k], v)
				}
			}
			n++
		}
	}
	if n != len(log) {
		t.Errorf("%d changes, planned %d", len(log), n)
	}
}
