package simsalesforce

import (
	"net/http"
	"strings"
	"time"
)

// usage counts API calls of the last 24 hours, in buckets of an hour of the simulator's time.
type usage struct{ hours map[int64]int }

func (u *usage) total(now time.Time) int {
	n := 0
	for hour, calls := range u.hours {
		if hour <= now.Unix()/3600-24 {
			delete(u.hours, hour)
			continue
		}
		n += calls
	}
	return n
}

// spend counts one API call against the org's daily limit and gives the value of the
// Sforce-Limit-Info header. A call over the limit is refused and not counted.
func (s *Sim) spend() (string, *refusal) {
	now, limit := s.core.Clock.Now(), s.behaviour.dailyLimit()
	if s.behaviour.AppLimit > 0 {
		limit = min(limit, s.behaviour.AppLimit)
	}
	used := s.usage.total(now)
	if used >= limit {
		return s.behaviour.limitInfo(used),
			refuse(http.StatusForbidden, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
	}
	if s.usage.hours == nil {
		s.usage.hours = map[int64]int{}
	}
	s.usage.hours[now.Unix()/3600]++
	return s.behaviour.limitInfo(used + 1), nil
}

// limits is GET /limits.
func (c *call) limits() reply {
	limit := c.s.behaviour.dailyLimit()
	type row struct{ Max, Remaining int }
	return ok(map[string]row{
		"DailyApiRequests": {limit, limit - c.s.usage.total(c.s.core.Clock.Now())},
		"DataStorageMB":    {5, 5},
		"FileStorageMB":    {20, 20},
	})
}

// session checks the Authorization header.
func (s *Sim) session(r *http.Request) *refusal {
	expired := refuse(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
	header := r.Header.Get("Authorization")
	if header == "" {
		return expired
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "OAuth") {
		return refuse(http.StatusUnauthorized, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
	}
	a := s.access(strings.TrimSpace(token))
	if a == nil {
		return expired
	}
	if !a.grant.has("api") && !a.grant.has("full") {
		return refuse(http.StatusUnauthorized, "INVALID_SESSION_ID", "This session is not valid for use with the REST API")
	}
	return nil
}
