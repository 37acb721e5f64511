package hubspot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestAResultTellsTheAllowanceThatHubSpotToldLast(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{BurstLimit: 50, DailyLimit: 1000})
	for i, want := range []string{"[{daily 2 1000} {burst 1 50}]", "[{daily 4 1000} {burst 2 50}]"} {
		r := b.deliver(contactWrite(connectors.Contact{Email: fmt.Sprintf("c%d@example.com", i)})) // a search, which tells nothing, and a create
		wantOK(t, r, connectors.Created)
		if got := fmt.Sprint(r.Limits); got != want {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
	b.sim.SetBehaviour(simhubspot.Behaviour{})
	r := b.deliver(taskWrite())
	if got := fmt.Sprint(r.Limits); got != "[{burst 1 110}]" {
		t.Errorf("an OAuth app: got %s, want the burst alone", got)
	}
	b.fault(sim.Fault{Path: "/tasks$", Kind: sim.FaultStatus, Status: 500, Headers: map[string]string{"X-HubSpot-RateLimit-Max": "many", "X-HubSpot-RateLimit-Remaining": "5"}})
	if r = b.deliver(taskWrite()); len(r.Limits) != 0 {
		t.Errorf("headers that make no sense: got %+v, want none", r.Limits)
	}
}

func TestSearchesThatAreUsedUpStopNothingElse(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 7} {
		at := newClock()
		b := newBench(t, func(c *Config) { c.Now = at.now })
		b.sim.SetBehaviour(simhubspot.Behaviour{SearchLimit: 1, RetryAfterSeconds: after})
		b.sim.SeedContact(map[string]string{"email": "c2@example.com"})
		for i := range 4 {
			r := b.deliver(contactWrite(connectors.Contact{Email: fmt.Sprintf("c%d@example.com", i), FirstName: "Ada"}))
			wantOK(t, r, map[bool]connectors.Outcome{true: connectors.Updated, false: connectors.Created}[i == 2])
		}
		wantOK(t, b.deliver(taskWrite()), connectors.Created)
		b.wantCalls("POST /crm/v3/objects/contacts/search", 2) // one within the limit, one that learns of it
		rest := max(time.Second, time.Duration(after)*time.Second)
		for _, step := range []struct {
			pass  time.Duration
			calls int
		}{{rest - time.Millisecond, 2}, {time.Millisecond, 3}} {
			at.advance(step.pass)
			wantOK(t, b.deliver(contactWrite(connectors.Contact{Email: "c2@example.com", FirstName: "Ada"})), connectors.Updated)
			b.wantCalls("POST /crm/v3/objects/contacts/search", step.calls)
		}
	}
}

func TestOneAccountsSearchesDoNotRestForAnother(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 429, Body: `{"policyName":"SECONDLY"}`})
	wantOK(t, b.deliver(contactWrite(connectors.Contact{Email: email})), connectors.Created)
	b.account.ID = "another"
	wantOK(t, b.deliver(contactWrite(connectors.Contact{Email: email})), connectors.Unchanged)
	b.wantCalls("POST /crm/v3/objects/contacts/search", 2)
}

func TestALookThatNeedsTheSearchWaitsAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLimit: 1})
	for i := range 3 {
		_, err := b.Find(t.Context(), b.account, marked()[0])
		if i == 0 && err == nil {
			continue
		}
		if e := wantError(t, err, connectors.ClassRetry, "crm_rate_limited"); e.Pause || e.RetryAfter != time.Second {
			t.Errorf("got %+v, want a wait of a second for this look alone", e)
		}
	}
	b.wantCalls("POST /crm/v3/objects/tasks/search", 2)
}

func TestABurstLimitPausesTheConnection(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]time.Duration{"": 10 * time.Second, "7": 7 * time.Second} {
		b := newBench(t)
		headers := map[string]string{}
		if after != "" {
			headers["Retry-After"] = after
		}
		b.fault(sim.Fault{Path: "/notes/batch/create$", Kind: sim.FaultStatus, Status: 429, Headers: headers, Body: `{"policyName":"TEN_SECONDLY_ROLLING"}`})
		results := b.Deliver(t.Context(), b.account, []connectors.Write{taskWrite(), rollupWrite(), rollupWrite()})
		wantOK(t, results[0], connectors.Created)
		for _, r := range results[1:] {
			if e := wantError(t, r.Err, connectors.ClassRetry, "crm_rate_limited"); !e.Pause || e.RetryAfter != want {
				t.Errorf("got pause %t of %s, want one of %s", e.Pause, e.RetryAfter, want)
			}
		}
		b.wantCalls("POST /crm/v3/objects/tasks", 1)
		b.wantCalls("POST /crm/v3/objects/notes/batch/create", 1)
		wantOK(t, b.deliver(taskWrite()), connectors.Created)
	}
}

func TestABurstIsHeldBackBeforeThePortalRefusesIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{BurstLimit: 3})
	w := taskWrite()
	wantOK(t, b.deliver(w), connectors.Created)
	if wait := b.Room(b.account, 1); wait != 0 {
		t.Errorf("after one of three calls the next waits %s", wait)
	}
	wantOK(t, b.deliver(w), connectors.Created)
	if wait := b.Room(b.account, 1); wait < 9*time.Second || wait > 11*time.Second {
		t.Errorf("with one call left, which is kept back, the next waits %s, want about 10 s", wait)
	}
	w.SendBy = time.Now().Add(5 * time.Second)
	if e := wantError(t, b.deliver(w).Err, connectors.ClassRetry, "send_deadline_passed"); e.Pause {
		t.Errorf("got %+v", e)
	}
	b.wantCalls("POST /crm/v3/objects/tasks", 2)
}

func TestADayThatIsUsedUpEndsAtThePortalsMidnight(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		zone  string
		after int
		probe bool // so that the zone is known before
		set   func(*bench)
		want  time.Duration // from noon, UTC
	}{
		{"zone known", "US/Eastern", 0, true, nil, 17*time.Hour + clockMargin},
		{"zone that is ahead", "Asia/Tokyo", 0, true, nil, 3*time.Hour + clockMargin},
		{"Retry-After", "US/Eastern", 60, true, nil, time.Minute},
		{"zone asked for now", "US/Eastern", 0, false, func(b *bench) {
			b.sim.SetBehaviour(simhubspot.Behaviour{})
			b.fault(sim.Fault{Path: "/tasks$", Kind: sim.FaultStatus, Status: 429, Times: -1, Body: `{"policyName":"DAILY"}`})
		}, 17*time.Hour + clockMargin},
		{"zone not to be had", "US/Eastern", 0, false, nil, time.Hour},
		{"zone that this machine does not know", "Mars/Olympus", 0, false, func(b *bench) {
			b.fault(sim.Fault{Path: "/details$", Kind: sim.FaultStatus, Status: 200, Body: `{"timeZone":"Mars/Olympus","utcOffsetMilliseconds":-7200000}`})
		}, 14*time.Hour + clockMargin},
		{"no zone at all", "", 0, false, func(b *bench) {
			b.fault(sim.Fault{Path: "/details$", Kind: sim.FaultStatus, Status: 200, Body: `{}`})
		}, time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			at := newClock() // noon, UTC
			b := newBench(t, func(c *Config) { c.Now = at.now })
			b.sim.SetBehaviour(simhubspot.Behaviour{TimeZone: tc.zone})
			if tc.probe {
				if _, err := b.Probe(t.Context(), b.account); err != nil {
					t.Fatal(err)
				}
			}
			b.sim.SetBehaviour(simhubspot.Behaviour{DailyLimit: 1, RetryAfterSeconds: tc.after, TimeZone: tc.zone})
			if tc.set != nil {
				tc.set(b)
			}
			results := b.Deliver(t.Context(), b.account, []connectors.Write{contactWrite(connectors.Contact{Email: email}), taskWrite(), rollupWrite()})
			e := wantError(t, results[2].Err, connectors.ClassRetry, "crm_daily_limit")
			if !e.Pause || e.RetryAfter != tc.want || len(results[2].Calls) != 0 {
				t.Errorf("got pause %t of %s, want one of %s", e.Pause, e.RetryAfter, tc.want)
			}
			again := b.deliver(taskWrite())
			wantError(t, again.Err, connectors.ClassRetry, "crm_daily_limit")
			for _, call := range again.Calls {
				if strings.HasSuffix(call.Route, "/details") {
					t.Error("the zone was asked for again")
				}
			}
		})
	}
}
