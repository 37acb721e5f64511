package salesforce

import (
	"fmt"
	"time"

	"crm-connectors/connectors"
)

// shareLook is how often one call goes out to see whether the org's share is free again: the limit is one of 24 hours that slide.
const shareLook = 15 * time.Minute

// budgetRules: Salesforce limits the calls of a day, from all integrations of the org together, and has no limit for short spans.
func budgetRules(share float64) connectors.BudgetRules {
	return connectors.BudgetRules{
		WindowOf: func(connectors.Call) string { return "" },
		Told: func(reply connectors.Reply) connectors.Told {
			var t connectors.Told
			for _, l := range limitsIn(reply) {
				if l.Name == "daily" {
					t.Daily = connectors.Daily{Used: l.Used, Max: l.Max}
				}
			}
			return t
		},
		DailyShare: share, OverShare: overShare,
	}
}

func overShare(d connectors.Daily) *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: "crm_daily_share", Pause: true, RetryAfter: shareLook,
		Cause:  fmt.Sprintf("The org has used %d of its %d calls in 24 hours, and this service leaves the rest to others.", d.Used, d.Max),
		Action: "Nothing to do: it goes on when earlier calls are a day old. Raise CRM_DAILY_SHARE if the service may use more."}
}
