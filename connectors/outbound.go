package connectors

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Outbound is where a Client may connect: a second lock behind each connector's own check of its hosts, at the last moment before a
// byte leaves, when names have become addresses.
type Outbound struct {
	Hosts   []string // may be called over TLS on port 443: names in lower case, or with a dot in front all names below one
	Public  bool     // so may every other name, for what customers choose themselves: no token of a CRM goes there
	Trusted []string // host or host:port in lower case that may be called besides: without TLS too, and wherever it lies
	Proxy   *url.URL // nil: none, whatever the environment says. A proxy looks names up itself, so their addresses are not checked here
}

// ErrHostNotAllowed says that a call went to a host that is not on the list; nothing was sent.
var ErrHostNotAllowed = errors.New("the host is not one that this service may call")

// ErrAddressNotAllowed says that the name of an allowed host leads to an address inside some network; nothing was sent.
var ErrAddressNotAllowed = errors.New("the host's address is private, local or reserved")

const (
	dialTimeout      = 10 * time.Second
	maxAnswerHeaders = 64 << 10
)

// Transport connects as o allows and in no other way, over TLS 1.2 or later.
func (o Outbound) Transport() http.RoundTripper {
	t := newTransport()
	if o.Proxy != nil {
		t.Proxy = http.ProxyURL(o.Proxy)
	}
	t.DialContext = o.dial
	return guard{o, t}
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil // tokens go to the CRM alone; a proxy must be asked for
	t.MaxIdleConnsPerHost = 32
	t.ResponseHeaderTimeout = callTimeout
	t.MaxResponseHeaderBytes = maxAnswerHeaders
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	return t
}

// guard asks about every request before the transport sees it.
type guard struct {
	allowed Outbound
	next    *http.Transport
}

// CloseIdleConnections lets http.Client's method of that name reach the transport.
func (g guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

// RoundTrip refuses a request to a host that is not on the list.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if !g.allowed.allows(r.URL) {
		return nil, ErrHostNotAllowed
	}
	return g.next.RoundTrip(r)
}

func (o Outbound) allows(u *url.URL) bool {
	switch {
	case u.User != nil || u.Opaque != "":
		return false
	case o.trusts(u.Host):
		return u.Scheme == "https" || u.Scheme == "http"
	case u.Scheme != "https" || u.Port() != "" && u.Port() != "443":
		return false
	}
	host := strings.ToLower(u.Hostname())
	if o.Public && publicName(host) {
		return true
	}
	for _, h := range o.Hosts {
		if host == h || strings.HasPrefix(h, ".") && below(host, h[1:]) {
			return true
		}
	}
	return false
}

// Refuses says before a call, in words for whoever gave the address, why it would be refused; empty: it may be called, if its name leads to a
// public address by then.
func (o Outbound) Refuses(u *url.URL) (why string) {
	switch {
	case u.User != nil:
		return "an address may not hold a name and a password"
	case o.allows(u):
		return ""
	case u.Scheme != "https":
		return "the address must begin with https://"
	case u.Port() != "" && u.Port() != "443":
		return "the port must be 443"
	}
	return "it must be a name of the public internet, such as hooks.example.com"
}

// publicName says whether host is a name of several labels, none of them all digits at the end as in an address, and of no domain that is local.
func publicName(host string) bool {
	at := strings.LastIndexByte(host, '.')
	if at < 0 {
		return false
	}
	last := host[at+1:]
	if strings.Trim(last, "0123456789") == "" || last == "localhost" || last == "local" || last == "internal" {
		return false
	}
	return below(host, last)
}

// below says whether host is a name below domain: whole labels, none of them empty.
func below(host, domain string) bool {
	labels, found := strings.CutSuffix(host, "."+domain)
	if !found {
		return false
	}
	for label := range strings.SplitSeq(labels, ".") {
		if label == "" || strings.ContainsFunc(label, func(c rune) bool { return c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') }) {
			return false
		}
	}
	return true
}

// trusts knows a host with its port, or the host alone for any port.
func (o Outbound) trusts(hostPort string) bool {
	hostPort = strings.ToLower(hostPort)
	host := hostPort
	if h, _, err := net.SplitHostPort(hostPort); err == nil {
		host = h
	}
	for _, t := range o.Trusted {
		if t == hostPort || t == host || t == "["+host+"]" {
			return true
		}
	}
	return false
}

// dial looks at the address itself, after the name was looked up: a name that leads elsewhere the second time gains nothing.
func (o Outbound) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	proxy := o.Proxy != nil
	if !proxy && !o.trusts(addr) && !o.trusts(strings.TrimSuffix(addr, ":443")) && !o.trusts(strings.TrimSuffix(addr, ":80")) {
		d.Control = func(_, address string, _ syscall.RawConn) error { return checkAddress(address) }
	}
	return d.DialContext(ctx, network, addr)
}

func checkAddress(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAddressNotAllowed, err)
	}
	if !public(at.Addr()) {
		return ErrAddressNotAllowed
	}
	return nil
}

// reserved are the blocks that are not of the public internet and that netip does not name: IANA's special-purpose registries, and the
// prefixes by which an IPv6 address means an IPv4 one.
func reserved() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
		"3fff::/20", "5f00::/16", "fec0::/10"} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range reserved() {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
