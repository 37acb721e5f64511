package connectors

import (
	"net/http"
	"testing"
	"time"
)

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, v := range []string{"", "0", "10", "-1", "604800", "604801", "1e3", "Mon, 23 Nov 2026 12:01:00 GMT", "Mon, 23 Nov 2020 12:01:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Monday, 23-Nov-26 12:01:00 GMT", "99999999999999999999", " 5"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		wait, given := RetryAfter(http.Header{"Retry-After": {v}}, now)
		if wait < 0 || !given && wait != 0 {
			t.Errorf("%q is %s, %t", v, wait, given)
		}
		if wait > 7*24*time.Hour {
			t.Errorf("%q has a row wait for %s", v, wait)
		}
	})
}
