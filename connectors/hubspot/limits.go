package hubspot

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"crm-connectors/connectors"
)

const (
	zoneTTL   = 30 * 24 * time.Hour // a portal hardly ever moves, and cannot be asked once its day is used up
	zoneRetry = time.Hour
	// clockMargin is added to a wait that ends at a time of HubSpot's clock.
	clockMargin = time.Minute
)

// gauge is a Doer that remembers what HubSpot last said about the account's allowance. Searches say nothing, and OAuth apps
// are told no daily one.
type gauge struct {
	next connectors.Doer
	mu   sync.Mutex
	seen map[string]connectors.Limit
}

func newGauge(next connectors.Doer) *gauge {
	return &gauge{next: next, seen: map[string]connectors.Limit{}}
}

// Do passes the call on and reads the headers of its answer.
func (g *gauge) Do(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
	reply, err := g.next.Do(ctx, call)
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, header := range map[string]string{"burst": "X-HubSpot-RateLimit-", "daily": "X-HubSpot-RateLimit-Daily-"} {
		most := header + "Max"
		if name == "daily" {
			most = strings.TrimSuffix(header, "-")
		}
		high, noMax := strconv.ParseInt(reply.Header.Get(most), 10, 64)
		left, noRest := strconv.ParseInt(reply.Header.Get(header+"Remaining"), 10, 64)
		if noMax == nil && noRest == nil && high > 0 {
			g.seen[name] = connectors.Limit{Name: name, Used: high - left, Max: high}
		}
	}
	return reply, err
}

// limits is what was last seen, the broader allowance first.
func (g *gauge) limits() []connectors.Limit {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []connectors.Limit
	for _, name := range []string{"daily", "burst"} {
		if l, ok := g.seen[name]; ok {
			out = append(out, l)
		}
	}
	return out
}

// search asks the index for records of a type. Its limit of calls a second is the portal's own and apart from all others, so
// that one that is used up stops searches alone: limited says so, and for a while no further search of the account is sent.
func (s *session) search(ctx context.Context, typ string, q query) (found page, limited bool, failed *connectors.Error) {
	if _, rests := s.resting.peek(s.account.ID); rests {
		return page{}, true, nil
	}
	if typ == contactsType && s.budget.Room(s.account.ID, searchWindow, 1) > 0 { // reading by email does as well, and at once
		return page{}, true, nil
	}
	reply, failed := s.call(ctx, http.MethodPost, s.paths.search(typ), connectors.Read, q, &found)
	if failed != nil && strings.HasPrefix(openEnvelope(reply.Body).PolicyName, "SECONDLY") {
		s.resting.put(s.account.ID, struct{}{}, failed.RetryAfter)
		return page{}, true, nil
	}
	return found, false, failed
}

// searchLimited is for what nothing but a search can answer.
func searchLimited() *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: "crm_rate_limited", RetryAfter: secondWait, Action: doNothing,
		Cause: "The portal's limit of searches in a second is used up."}
}

// untilMidnight lets a failure of the daily limit wait until the portal's midnight, when HubSpot begins to count anew; where its
// time zone cannot be learned, the wait stays as it was.
func (s *session) untilMidnight(ctx context.Context, reply connectors.Reply, failed *connectors.Error) *connectors.Error {
	if _, given := connectors.RetryAfter(reply.Header, s.now()); failed.Code != codeDaily || given {
		return failed
	}
	if zone := s.zone(ctx); zone != nil {
		now := s.now().In(zone)
		year, month, day := now.Date()
		failed.RetryAfter = time.Date(year, month, day+1, 0, 0, 0, 0, zone).Sub(now) + clockMargin
	}
	return failed
}

// zone is the portal's time zone; nil: not known.
func (s *session) zone(ctx context.Context) *time.Location {
	zone, failed := s.zones.get(ctx, s.account.ID, s.readZone)
	if failed != nil {
		s.zones.put(s.account.ID, nil, zoneRetry)
	}
	return zone
}

// readZone does not go through call, which asks for the zone where the daily limit is used up.
func (s *session) readZone(ctx context.Context) (*time.Location, *connectors.Error) {
	at := s.paths.accountInfo()
	reply, err := s.doer.Do(ctx, connectors.Call{Method: http.MethodGet, URL: at.url, Route: at.route,
		Header: connectors.JSONHeader(s.account.AccessToken), Effect: connectors.Read}) // past the budget: it tells when the budget is whole again
	if err != nil {
		return nil, unanswered(err, connectors.Read)
	}
	var info struct {
		TimeZone string `json:"timeZone"`
		Offset   *int   `json:"utcOffsetMilliseconds"`
	}
	if reply.Status != http.StatusOK || json.Unmarshal(reply.Body, &info) != nil {
		return nil, classify(reply, connectors.Read, s.now())
	}
	if zone, err := time.LoadLocation(info.TimeZone); err == nil && info.TimeZone != "" {
		return zone, nil
	}
	if info.Offset != nil { // this machine does not know the zone: its present offset is right for most of the year
		return time.FixedZone(info.TimeZone, *info.Offset/1000), nil
	}
	return nil, classify(reply, connectors.Read, s.now())
}
