package simhubspot

import (
	"net/http"
	"strconv"
	"time"
)

// The limits of an OAuth app, as HubSpot documents them.
const (
	usualBurst  = 110
	usualSearch = 5
)

// window is a sliding count of admitted requests.
type window struct {
	span time.Duration
	at   []time.Time
}

// take admits a request, if so many fit into the span, and tells how many more do.
func (w *window) take(now time.Time, most int) (remaining int, ok bool) {
	old := 0
	for old < len(w.at) && now.Sub(w.at[old]) >= w.span {
		old++
	}
	w.at = w.at[old:]
	if len(w.at) >= most {
		return 0, false
	}
	w.at = append(w.at, now)
	return most - len(w.at), true
}

// day counts the requests of one calendar day of the portal.
type day struct {
	date string
	used int
}

func (d *day) take(date string, most int) (remaining int, ok bool) {
	if d.date != date {
		*d = day{date: date}
	}
	if d.used >= most {
		return 0, false
	}
	d.used++
	return most - d.used, true
}

// limit counts the request and sets the headers that tell a client where it stands; searches have none. A portal that
// enforces nothing always shows a full allowance. A request that one limit refuses does not count against the others.
func (s *Sim) limit(w http.ResponseWriter, search bool) *apiError {
	b, now := s.behaviour, s.core.Clock.Now()
	if b.DailyLimit > 0 {
		remaining, ok := s.daily.take(now.In(s.location()).Format(time.DateOnly), b.DailyLimit)
		if !search {
			w.Header().Set("X-HubSpot-RateLimit-Daily", strconv.Itoa(b.DailyLimit))
			w.Header().Set("X-HubSpot-RateLimit-Daily-Remaining", strconv.Itoa(remaining))
		}
		if !ok {
			return s.tooMany("DAILY", "You have reached your daily limit.")
		}
	}
	if search {
		if _, ok := s.within(&s.searches, now, b.SearchLimit, usualSearch); !ok {
			return s.tooMany("SECONDLY", "You have reached your secondly limit.")
		}
		return nil
	}
	most := b.BurstLimit
	if most == 0 {
		most = usualBurst
	}
	remaining, ok := s.within(&s.burst, now, b.BurstLimit, usualBurst)
	w.Header().Set("X-HubSpot-RateLimit-Max", strconv.Itoa(most))
	w.Header().Set("X-HubSpot-RateLimit-Remaining", strconv.Itoa(remaining))
	w.Header().Set("X-HubSpot-RateLimit-Interval-Milliseconds", strconv.FormatInt(s.burst.span.Milliseconds(), 10))
	if !ok {
		return s.tooMany("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")
	}
	return nil
}

// within takes from a window, if its limit is switched on: by a number of its own or with all usual ones.
func (s *Sim) within(w *window, now time.Time, own, usual int) (remaining int, ok bool) {
	switch {
	case own > 0:
		return w.take(now, own)
	case s.behaviour.EnforceRateLimits:
		return w.take(now, usual)
	}
	return usual - 1, true
}

func (s *Sim) tooMany(policy, message string) *apiError {
	e := fail(http.StatusTooManyRequests, "", "%s", message)
	e.ErrorType, e.PolicyName, e.GroupName = "RATE_LIMIT", policy, "publicapi:crm:"+strconv.Itoa(hubID)
	if n := s.behaviour.RetryAfterSeconds; n > 0 {
		e.header = http.Header{"Retry-After": {strconv.Itoa(n)}}
	}
	return e
}

// location is the portal's time zone; one that this machine does not know is UTC.
func (s *Sim) location() *time.Location {
	loc, err := time.LoadLocation(s.behaviour.timeZone())
	if err != nil {
		return time.UTC
	}
	return loc
}
