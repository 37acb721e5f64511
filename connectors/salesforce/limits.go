package salesforce

import (
	"regexp"
	"strconv"

	"crm-connectors/connectors"
)

// limitInfo is one part of the header Sforce-Limit-Info, such as api-usage=25/15000 or per-app-api-usage=17/250(appName=example).
var limitInfo = regexp.MustCompile(`\b(api-usage|per-app-api-usage)=(\d{1,15})/(\d{1,15})`)

// newGauge remembers the calls of 24 hours, the org's own first. Nearly every answer states them.
func newGauge(next connectors.Doer) *connectors.Gauge {
	return connectors.NewGauge(next, limitsIn, "daily", "app_daily")
}

// limitsIn are those that an answer states.
func limitsIn(reply connectors.Reply) []connectors.Limit {
	var out []connectors.Limit
	for _, m := range limitInfo.FindAllStringSubmatch(reply.Header.Get("Sforce-Limit-Info"), -1) {
		name := map[string]string{"api-usage": "daily", "per-app-api-usage": "app_daily"}[m[1]]
		used, _ := strconv.ParseInt(m[2], 10, 64) // digits that fit
		most, _ := strconv.ParseInt(m[3], 10, 64)
		out = append(out, connectors.Limit{Name: name, Used: used, Max: most})
	}
	return out
}
