package connectors

import (
	"context"
	"net/http"
	"strings"
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

// answers gives one answer to every call.
type answers struct{ reply Reply }

func (a answers) Do(context.Context, Call) (Reply, error) { return a.reply, nil }

func TestOfACallThatDidNotSucceedWhatWasSentAndAnsweredIsKeptAndOfOthersNothing(t *testing.T) {
	t.Parallel()
	call := Call{Method: "POST", Route: "/x", Body: []byte(`{"a":1}`), Effect: Once}
	for status, kept := range map[int]bool{http.StatusCreated: false, http.StatusBadRequest: true, http.StatusBadGateway: true} {
		reply := Reply{Status: status, Body: append([]byte("refused\x00 \xff "), make([]byte, 5000)...)}
		own, shared := NewOwnTrace(answers{reply}, time.Time{}), NewTrace(answers{reply}, time.Time{})
		for _, trace := range []*Trace{own, shared} {
			if _, err := trace.Do(t.Context(), call); err != nil {
				t.Fatal(err)
			}
		}
		if got := own.Calls()[0]; (got.Sent == `{"a":1}`) != kept || strings.HasPrefix(got.Answered, "refused \uFFFD ") != kept || len(got.Answered) > keptOfBody+2 || strings.Contains(got.Answered, "\x00") {
			t.Errorf("%d: %+v", status, got)
		}
		if got := shared.Calls()[0]; got.Sent+got.Answered != "" {
			t.Errorf("%d: of a call for several writes: %+v", status, got)
		}
	}
}
