package salesforce

import (
	"context"
	"regexp"
	"strconv"
	"sync"

	"crm-connectors/connectors"
)

// limitInfo is one part of the header Sforce-Limit-Info, such as api-usage=25/15000 or per-app-api-usage=17/250(appName=example).
var limitInfo = regexp.MustCompile(`\b(api-usage|per-app-api-usage)=(\d{1,15})/(\d{1,15})`)

// gauge is a Doer that remembers what Salesforce last said about the org's allowance of calls in 24 hours. Nearly every answer says it,
// refusals too.
type gauge struct {
	next connectors.Doer
	mu   sync.Mutex
	seen map[string]connectors.Limit
}

func newGauge(next connectors.Doer) *gauge {
	return &gauge{next: next, seen: map[string]connectors.Limit{}}
}

// Do passes the call on and reads the header of its answer.
func (g *gauge) Do(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
	reply, err := g.next.Do(ctx, call)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range limitsIn(reply) {
		g.seen[l.Name] = l
	}
	return reply, err
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

// limits is what was last seen, the org's own first.
func (g *gauge) limits() []connectors.Limit {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []connectors.Limit
	for _, name := range []string{"daily", "app_daily"} {
		if l, ok := g.seen[name]; ok {
			out = append(out, l)
		}
	}
	return out
}
