package simhubspot_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"crm-connectors/sim/simhubspot"
)

func TestEachLimitIsSwitchedOnAlone(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 7} {
		for name, tc := range map[string]struct {
			on     simhubspot.Behaviour
			policy string
			search bool // the limit is that of searches
			free   bool // the other kind of call goes on
		}{
			"burst":  {simhubspot.Behaviour{BurstLimit: 2}, "TEN_SECONDLY_ROLLING", false, true},
			"search": {simhubspot.Behaviour{SearchLimit: 2}, "SECONDLY", true, true},
			"daily":  {simhubspot.Behaviour{DailyLimit: 2}, "DAILY", false, false},
		} {
			p := newPortal(t, simhubspot.Config{})
			tc.on.RetryAfterSeconds = after
			p.sim.SetBehaviour(tc.on)
			searched := func() answer { return p.json(http.MethodPost, contactsPath+"/search", `{}`) }
			plain := func() answer { return p.get("/crm/v3/owners") }
			limited, free := plain, searched
			if tc.search {
				limited, free = searched, plain
			}
			for range 2 {
				p.want(limited(), http.StatusOK)
			}
			a := p.want(limited(), http.StatusTooManyRequests, `"policyName":"`+tc.policy+`"`)
			if got, want := a.header.Get("Retry-After"), map[int]string{7: "7"}[after]; got != want {
				t.Errorf("%s: Retry-After: got %q, want %q", name, got, want)
			}
			p.want(free(), map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[tc.free])
		}
	}
}

func TestTheDayEndsAtThePortalsMidnightAndShowsItself(t *testing.T) {
	t.Parallel()
	p := newPortal(t, simhubspot.Config{})
	if a := p.want(p.get("/crm/v3/owners"), http.StatusOK); a.header.Get("X-HubSpot-RateLimit-Daily") != "" || a.header.Get("X-HubSpot-RateLimit-Max") != "110" {
		t.Fatalf("an OAuth app: got headers %v, want no daily ones", a.header)
	}
	p.sim.SetBehaviour(simhubspot.Behaviour{DailyLimit: 3, TimeZone: "Asia/Tokyo", TokenLifetime: 48 * time.Hour})
	_, p.token = p.sim.Connect(allScopes()...)
	p.want(p.get("/account-info/v3/details"), http.StatusOK, `"timeZone":"Asia/Tokyo"`, `"utcOffset":"+09:00"`, `"utcOffsetMilliseconds":32400000`)
	if a := p.want(p.json(http.MethodPost, contactsPath+"/search", `{}`), http.StatusOK); a.header.Get("X-HubSpot-RateLimit-Daily") != "" {
		t.Fatalf("search: got headers %v, want none", a.header)
	}
	a := p.want(p.get("/crm/v3/owners"), http.StatusOK)
	if got := a.header.Get("X-HubSpot-RateLimit-Daily") + " " + a.header.Get("X-HubSpot-RateLimit-Daily-Remaining"); got != "3 0" {
		t.Fatalf("daily headers: got %q, want 3 and none left", got)
	}
	p.want(p.get("/crm/v3/owners"), http.StatusTooManyRequests)
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI needs time zones: %v", err)
		}
		t.Skipf("this machine has no time zones: %v", err)
	}
	now := p.sim.Core().Clock.Now().In(zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, zone)
	p.sim.Core().Clock.Advance(midnight.Sub(now) - time.Minute)
	p.want(p.get("/crm/v3/owners"), http.StatusTooManyRequests)
	p.sim.Core().Clock.Advance(2 * time.Minute)
	p.want(p.get("/crm/v3/owners"), http.StatusOK)
}
