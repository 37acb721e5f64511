package hubspot

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// What an OAuth app may ask of one account, by HubSpot's usage guidelines: https://developers.hubspot.com/docs/api/usage-details. Other kinds of
// app are told more by the headers. Searches are counted apart, together with those of all other apps, and their answers say nothing.
const (
	burstWindow  = "burst"
	searchWindow = "search"
	burstMax     = 110
	searchMax    = 5
)

// shareLook is how often one call goes out to see whether the day's share is free again.
const shareLook = 15 * time.Minute

func budgetRules(share float64) connectors.BudgetRules {
	return connectors.BudgetRules{
		Windows: map[string]connectors.Window{
			burstWindow:  {Max: burstMax, Span: burstWait},
			searchWindow: {Max: searchMax, Span: secondWait},
		},
		WindowOf: func(c connectors.Call) string {
			if strings.HasSuffix(c.Route, "/search") {
				return searchWindow
			}
			return burstWindow
		},
		Told: told, DailyShare: share, OverShare: overShare,
	}
}

// told reads the headers of an answer.
func told(reply connectors.Reply) connectors.Told {
	var t connectors.Told
	most, left, ok := pair(reply.Header, "X-Hubspot-Ratelimit-Max", "X-Hubspot-Ratelimit-Remaining")
	span, err := strconv.Atoi(reply.Header.Get("X-Hubspot-Ratelimit-Interval-Milliseconds"))
	if ok && err == nil && span > 0 {
		t.Window, t.Left = connectors.Window{Max: int(most), Span: time.Duration(span) * time.Millisecond}, int(left)
	}
	if most, left, ok := pair(reply.Header, "X-Hubspot-Ratelimit-Daily", "X-Hubspot-Ratelimit-Daily-Remaining"); ok {
		t.Daily = connectors.Daily{Used: most - left, Max: most}
	}
	return t
}

// pair reads two headers of one limit.
func pair(h http.Header, most, left string) (high, rest int64, ok bool) {
	high, noMax := strconv.ParseInt(h.Get(most), 10, 32)
	rest, noRest := strconv.ParseInt(h.Get(left), 10, 32)
	return high, min(max(rest, 0), high), noMax == nil && noRest == nil && high > 0
}

func overShare(d connectors.Daily) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: "crm_daily_share", Pause: true, RetryAfter: shareLook,
		Cause:  fmt.Sprintf("The account has used %d of its %d calls of today, and this service leaves the rest to others.", d.Used, d.Max),
		Action: "Nothing to do: it goes on when the day is over. Raise CRM_DAILY_SHARE if the service may use more."}
}

// Room is Pacer's.
func (c *Connector) Room(account connectors.Account, calls int) time.Duration {
	return c.budget.Room(account.ID, burstWindow, calls)
}

var _ connectors.Pacer = (*Connector)(nil)
