package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Rates are how many requests a minute are taken, by whom. What is saved up within a fifth of a minute may come at once. 0: any number. They
// hold for one process: n replicas take n times as many.
type Rates struct {
	Service   int // of each service key
	Hook      int // of webhooks and cron, and of HubSpot
	Person    int // of each signed-in person
	Address   int // of each address: pages that need no credentials, and credentials that are no good
	Workspace int // of each workspace that requests name, by whomever they are made

	// AddressHeader is the header in which the gateway names the client, such as X-Real-Ip; of a list the last one counts, for the gateway has
	// appended it. Empty: the address of the connection, which behind a gateway is the gateway's own.
	AddressHeader string
}

// bucketsKept bounds the memory of a flood of addresses: who was not seen for longer than so many others begins anew.
const bucketsKept = 1 << 16

// meter counts requests by who makes them. Safe for concurrent use.
type meter struct {
	rates Rates
	now   func() time.Time

	mu      sync.Mutex
	buckets *lru.Cache[string, *rate.Limiter]
}

func newMeter(r Rates, now func() time.Time) (*meter, error) {
	buckets, err := lru.New[string, *rate.Limiter](bucketsKept)
	if err != nil {
		return nil, err
	}
	return &meter{rates: r, now: now, buckets: buckets}, nil
}

// take counts a request of who, and refuses it if there were too many. by names the kind of who for whoever is refused.
func (m *meter) take(by, who string, perMinute int) error {
	if perMinute <= 0 {
		return nil
	}
	now := m.now()
	booked := m.bucket(by+" "+who, perMinute).ReserveN(now, 1)
	wait := booked.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	booked.CancelAt(now)
	return &Error{Code: CodeRateLimited, Message: "Too many requests of one " + by, RetryAfter: wait, Details: map[string]any{"limit": perMinute, "per": "minute", "of": by}}
}

func (m *meter) bucket(key string, perMinute int) *rate.Limiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.buckets.Get(key)
	if !ok {
		b = rate.NewLimiter(rate.Limit(float64(perMinute)/60), max(1, perMinute/5))
		m.buckets.Add(key, b)
	}
	return b
}

// caller counts a request of somebody who has proved who they are.
func (m *meter) caller(c Caller) error {
	switch c.Kind {
	case CallerService:
		return m.take("service key", c.Name, m.rates.Service)
	case CallerUser:
		return m.take("person", c.UserID, m.rates.Person)
	}
	return m.take("webhook's secret", c.Name, m.rates.Hook)
}

// address counts a request of nobody in particular.
func (m *meter) address(r *http.Request) error {
	return m.take("address", m.clientAddress(r), m.rates.Address)
}

// workspace counts a request about a workspace.
func (m *meter) workspace(id uuid.UUID) error {
	return m.take("workspace", id.String(), m.rates.Workspace)
}

// clientAddress is the client's, an IPv6 client by its network: one household has all of a /64.
func (m *meter) clientAddress(r *http.Request) string {
	text := r.RemoteAddr
	if m.rates.AddressHeader != "" {
		if values := r.Header.Values(m.rates.AddressHeader); len(values) > 0 {
			list := strings.Split(values[len(values)-1], ",")
			text = strings.TrimSpace(list[len(list)-1])
		}
	}
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return "unknown" // all of them are one
	}
	return network(addr)
}

func network(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return prefix.String()
}

// CountWorkspace counts what a body of many says about a workspace, where the operation itself names none. A refusal is an *Error.
func CountWorkspace(ctx context.Context, id uuid.UUID) error {
	if m := exchangeFrom(ctx).meter; m != nil {
		return m.workspace(id)
	}
	return nil
}

// workspaceRate counts what is about a workspace once it is known that the caller may act for it.
func workspaceRate(m *meter) StrictMiddlewareFunc {
	rules := access()
	return func(next StrictHandlerFunc, operation string) StrictHandlerFunc {
		named := rules[operation].workspace
		return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
			if named != nil {
				if id := named(request); id != nil {
					if err := m.workspace(*id); err != nil {
						return nil, err
					}
				}
			}
			return next(ctx, w, r, request)
		}
	}
}
