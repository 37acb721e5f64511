package simsalesforce

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"crm-connectors/sim"
)

func TestARotatedOutRefreshTokenKillsTheChain(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	first := o.signIn()
	status, second := o.refreshWith(first["refresh_token"])
	if status != http.StatusOK || second["refresh_token"] == "" || second["refresh_token"] == first["refresh_token"] {
		t.Fatalf("refresh: got %d %v, want a new refresh token", status, second)
	}
	if got := o.dataStatus(second["access_token"]); got != http.StatusOK {
		t.Fatalf("new access token: got %d", got)
	}
	status, got := o.refreshWith(first["refresh_token"])
	if status != http.StatusBadRequest || got["error_description"] != "expired access/refresh token" {
		t.Errorf("reuse: got %d %v", status, got)
	}
	if status, _ := o.refreshWith(second["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("the current refresh token after a reuse: got %d, want 400", status)
	}
	if got := o.dataStatus(second["access_token"]); got != http.StatusUnauthorized {
		t.Errorf("the access token after a reuse: got %d, want 401", got)
	}
}

func TestRotationCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{KeepRefreshTokens: true})
	first := o.signIn()
	for range 2 {
		status, got := o.refreshWith(first["refresh_token"])
		if _, has := got["refresh_token"]; status != http.StatusOK || has {
			t.Fatalf("got %d %v, want no refresh_token", status, got)
		}
	}
}

func TestASecondRefreshInFlightIsToldSo(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{TokenLatencyMS: 300})
	first := o.signIn()
	var wg sync.WaitGroup
	answers := make([]map[string]string, 4)
	for i := range answers {
		wg.Go(func() { _, answers[i] = o.refreshWith(first["refresh_token"]) })
	}
	wg.Wait()
	won, busy := 0, 0
	for _, a := range answers {
		switch {
		case a["access_token"] != "":
			won++
		case a["error"] == "invalid_grant" && a["error_description"] == "token request is already being processed":
			busy++
		}
	}
	if won != 1 || busy != 3 {
		t.Errorf("got %v, want one winner and three told to wait", answers)
	}
}

func TestALostRefreshAnswerStillRotates(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	first := o.signIn()
	if err := o.Core().Faults.Add(sim.Fault{Path: "/token$", Kind: sim.FaultCutAfter}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.send("POST", "/services/oauth2/token", "application/x-www-form-urlencoded", refreshForm(first["refresh_token"]).Encode()); err == nil {
		t.Fatal("the answer was not lost")
	}
	if status, got := o.refreshWith(first["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("the old token after a lost answer: got %d %v, want 400", status, got)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	tokens := o.signIn()
	o.Core().Clock.Advance(119 * time.Minute)
	if got := o.dataStatus(tokens["access_token"]); got != http.StatusOK {
		t.Errorf("after 119 minutes: got %d", got)
	}
	o.Core().Clock.Advance(2 * time.Minute)
	if got := o.dataStatus(tokens["access_token"]); got != http.StatusUnauthorized {
		t.Errorf("after 121 minutes: got %d, want 401", got)
	}
	_, tokens = o.refreshWith(tokens["refresh_token"])
	o.ExpireAccessTokens()
	if got := o.dataStatus(tokens["access_token"]); got != http.StatusUnauthorized {
		t.Errorf("after ExpireAccessTokens: got %d, want 401", got)
	}
	status, tokens := o.refreshWith(tokens["refresh_token"])
	if status != http.StatusOK {
		t.Fatalf("refresh of an expired session: got %d %v", status, tokens)
	}
	o.RevokeGrants()
	if status, got := o.refreshWith(tokens["refresh_token"]); status != 400 || got["error_description"] != "expired access/refresh token" {
		t.Errorf("refresh of a revoked grant: got %d %v", status, got)
	}
}

func TestIdleRefreshTokensDieAfterThirtyDays(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{})
	tokens := o.signIn()
	for range 3 {
		o.Core().Clock.Advance(29 * 24 * time.Hour)
		var status int
		if status, tokens = o.refreshWith(tokens["refresh_token"]); status != http.StatusOK {
			t.Fatalf("after 29 days: %d %v", status, tokens)
		}
	}
	o.Core().Clock.Advance(31 * 24 * time.Hour)
	if status, _ := o.refreshWith(tokens["refresh_token"]); status != http.StatusBadRequest {
		t.Errorf("after 31 days: got %d, want 400", status)
	}
}

func TestTheSixthApprovalRevokesTheFirst(t *testing.T) {
	t.Parallel()
	o := newOrg(t, Behaviour{MaxApprovals: 5})
	first := o.signIn()
	for range 4 {
		o.signIn()
	}
	if got := o.dataStatus(first["access_token"]); got != http.StatusOK {
		t.Fatalf("with five approvals: got %d", got)
	}
	o.signIn()
	if got := o.dataStatus(first["access_token"]); got != http.StatusUnauthorized {
		t.Errorf("with six approvals: got %d, want 401", got)
	}
}
