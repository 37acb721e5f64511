package salesforce

import (
	"fmt"
	"testing"

	"crm-connectors/connectors"
	"crm-connectors/sim/simsalesforce"
)

func TestWhatSalesforceSaysOfItsLimitsIsPassedOn(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"api-usage=25/15000": "[{daily 25 15000}]",
		"api-usage=25/15000; per-app-api-usage=17/250(appName=example)": "[{daily 25 15000} {app_daily 17 250}]",
		"per-app-api-usage=17/250(appName=x), api-usage=25/15000":       "[{daily 25 15000} {app_daily 17 250}]",
		"api-usage=many/15000":              "[]",
		"api-usage=99999999999999999999/15": "[]",
		"":                                  "[]",
	} {
		for _, status := range []int{201, 403} {
			made := says(status, taskMade)
			made.reply.Header.Set("Sforce-Limit-Info", header)
			c, _, account := newFake(t, map[string][]answer{postTask: {made}})
			if got := fmt.Sprint(deliverOne(t, c, account, taskWrite(nil)).Limits); got != want {
				t.Errorf("%d with %q: %s, want %s", status, header, got, want)
			}
		}
	}
}

func TestAnOrgThatUsedUpItsCallsSaysSo(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{DailyLimit: 2})
	var results []connectors.Result
	for _, n := range []int{1, 1, 1, 2} { // the last two in one call
		writes := []connectors.Write{taskWrite(nil), taskWrite(nil)}
		results = append(results, o.c.Deliver(t.Context(), o.account, writes[:n])...)
	}
	for i, want := range []string{"[{daily 1 2}]", "[{daily 2 2}]", "[{daily 2 2}]", "[{daily 2 2}]", "[{daily 2 2}]"} {
		if got := fmt.Sprint(results[i].Limits); got != want {
			t.Errorf("write %d: limits %s, want %s", i, got, want)
		}
	}
	for _, r := range results[2:] {
		if wantClass(t, r.Err, retry, "crm_daily_limit"); !r.Err.Pause || r.Err.RetryAfter < 1 {
			t.Errorf("%+v: want a pause of the connection", r.Err)
		}
	}
	if n := o.Core().Calls.API(); n != 4 {
		t.Errorf("%d calls, want one for each Deliver", n)
	}
}

func TestAnAppThatUsedUpItsOwnCallsWaitsThoughTheOrgHasSome(t *testing.T) {
	t.Parallel()
	o := newOrg(t, simsalesforce.Behaviour{AppLimit: 1})
	if got := fmt.Sprint(o.deliver(taskWrite(nil))[0].Limits); got != "[{daily 1 5000000} {app_daily 1 1}]" {
		t.Errorf("limits %s", got)
	}
	r := o.deliverOne(taskWrite(nil))
	if wantClass(t, r.Err, retry, "crm_daily_limit"); !r.Err.Pause || fmt.Sprint(r.Limits) != "[{daily 1 5000000} {app_daily 1 1}]" {
		t.Errorf("%+v with limits %v: want a pause of the connection", r.Err, r.Limits)
	}
	o.wantEntries("create Task")
}
