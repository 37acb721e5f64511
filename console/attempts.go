package console

import (
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	wrongMost      = 10              // wrong credentials of one address before it waits
	wrongEvery     = 6 * time.Second // then one more in this time
	addressesMost  = 10000
	addressesAfter = wrongMost * wrongEvery // after this an address is as good as new
)

// attempts counts the wrong credentials of each address. Behind a gateway all callers may share its address: their right ones are not counted.
type attempts struct {
	now   func() time.Time
	mu    sync.Mutex
	of    map[string]*rate.Limiter
	swept time.Time
}

func newAttempts(now func() time.Time) *attempts {
	return &attempts{now: now, of: map[string]*rate.Limiter{}}
}

// may says whether the caller's next credential is judged at all.
func (a *attempts) may(r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.of[address(r)]
	return l == nil || l.TokensAt(a.now()) >= 1
}

// wrong counts a wrong one.
func (a *attempts) wrong(r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if now.Sub(a.swept) > addressesAfter || len(a.of) >= addressesMost {
		a.swept = now
		for k, l := range a.of {
			if l.TokensAt(now) >= wrongMost || len(a.of) >= addressesMost {
				delete(a.of, k)
			}
		}
	}
	l := a.of[address(r)]
	if l == nil {
		l = rate.NewLimiter(rate.Every(wrongEvery), wrongMost)
		a.of[address(r)] = l
	}
	l.AllowN(now, 1)
}

// address is who is at the other end of the connection; what headers say of it proves nothing.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
