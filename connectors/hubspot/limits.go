package hubspot

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"crm-connectors/connectors"
)

const (
	zoneTTL   = 30 * 24 * time.Hour // a portal hardly ever moves, and cannot be asked once its day is used up
	zoneRetry = time.Hour
	// clockMargin is added to a wait that ends at a time of HubSpot's clock.
	clockMargin = time.Minute
)

// newGauge remembers the account's allowance, the broader first. Searches say nothing, and OAuth apps are told no daily one.
func newGauge(next connectors.Doer) *connectors.Gauge {
	return connectors.NewGauge(next, limitsIn, "daily", "burst")
}

// limitsIn are the limits that an answer states.
func limitsIn(reply connectors.Reply) []connectors.Limit {
	var out []connectors.Limit
	for name, header := range map[string][2]string{
		"burst": {"X-HubSpot-RateLimit-Max", "X-HubSpot-RateLimit-Remaining"},
		"daily": {"X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"},
	} {
		if most, left, ok := pair(reply.Header, header[0], header[1]); ok {
			out = append(out, connectors.Limit{Name: name, Used: most - left, Max: most})
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
