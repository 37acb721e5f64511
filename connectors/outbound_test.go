package connectors

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crmHosts are the hosts that the service calls in production.
func crmHosts() Outbound {
	return Outbound{Hosts: []string{".salesforce.com", ".hubapi.com", "api.hubspot.com"}}
}

// watched is a client whose dials are written down and fail.
func watched(o Outbound) (*Client, func() []string) {
	var mu sync.Mutex
	var dials []string
	transport := newTransport()
	transport.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		dials = append(dials, addr)
		return nil, net.ErrClosed
	}
	client := NewClient(guard{o, transport}, time.Now)
	client.http.RetryMax = 0
	return client, func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := dials
		dials = nil
		return out
	}
}

func hostileHosts(tb testing.TB) []string {
	tb.Helper()
	text, err := os.ReadFile("testdata/hostile_hosts.txt")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func secretCall(target string) Call {
	return Call{Method: http.MethodPost, URL: target, Header: JSONHeader(NewSecret("sentinel")), Effect: Once, Body: []byte("{}")}
}

func TestThreat07_AHostThatTheNetworkOrAConfigurationNamesIsNotCalled(t *testing.T) {
	t.Parallel()
	client, dials := watched(crmHosts())
	hostile := hostileHosts(t)
	if len(hostile) < 200 {
		t.Fatalf("only %d hostile values", len(hostile))
	}
	for _, target := range hostile {
		for _, path := range []string{"", "/oauth/v3/token", "/services/oauth2/token?x=1"} {
			if _, err := client.Do(t.Context(), secretCall(target+path)); err == nil {
				t.Errorf("%q: no error", target+path)
			}
			if to := dials(); to != nil {
				t.Errorf("%q was dialed: %q", target+path, to)
			}
		}
	}
	for _, good := range []string{"https://login.salesforce.com", "https://acme--uat.sandbox.my.salesforce.com", "https://api.hubapi.com:443", "https://API.HubSpot.com"} {
		_, _ = client.Do(t.Context(), secretCall(good+"/x"))
		if to := dials(); len(to) != 1 {
			t.Errorf("%q was dialed as %q, want once", good, to)
		}
	}
}

func FuzzOnlyHostsOfTheCRMsAreDialed(f *testing.F) {
	for _, target := range hostileHosts(f) {
		f.Add(target)
	}
	f.Add("https://login.salesforce.com/services")
	f.Add("https://AA.sAlesforCe.Com")
	f.Fuzz(func(t *testing.T, target string) {
		client, dials := watched(crmHosts())
		_, _ = client.Do(t.Context(), secretCall(target))
		for _, to := range dials() {
			host, port, err := net.SplitHostPort(strings.ToLower(to)) // names are the same in any case
			if err != nil || port != "443" || host != "api.hubspot.com" && !strings.HasSuffix(host, ".salesforce.com") && !strings.HasSuffix(host, ".hubapi.com") ||
				strings.ContainsAny(host, "@/\\?#% ") || strings.Contains(host, "..") {
				t.Errorf("%q led to %q", target, to)
			}
		}
	})
}

func TestAnAllowedNameThatLeadsInsideIsNotConnectedTo(t *testing.T) {
	t.Parallel()
	var accepted atomic.Int64
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			_ = c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"localhost", "127.0.0.1"} { // as if an allowed name had been pointed there
		if c, err := (Outbound{Hosts: []string{host}}).dial(t.Context(), "tcp", net.JoinHostPort(host, port)); !errors.Is(err, ErrAddressNotAllowed) {
			t.Errorf("%s: %v, %v; want ErrAddressNotAllowed", host, c, err)
		}
	}
	time.Sleep(20 * time.Millisecond)
	if n := accepted.Load(); n != 0 {
		t.Errorf("%d connections arrived", n)
	}
	c, err := (Outbound{Trusted: []string{"127.0.0.1:" + port}}).dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("a trusted address: %v", err)
	}
	_ = c.Close()
}

func TestAddressesOfTheInternetAloneArePublic(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"} {
		if public(netip.MustParseAddr(a)) {
			t.Errorf("%s passes for public", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "104.16.1.1", "13.110.1.1", "2606:4700::1111", "2a00:1450:4001::1"} {
		if !public(netip.MustParseAddr(a)) {
			t.Errorf("%s does not pass for public", a)
		}
	}
}

func TestAProxyIsUsedWhenItIsAskedForAndNotWhenTheEnvironmentNamesOne(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9")
	if newTransport().Proxy != nil {
		t.Error("the environment's proxy would be used")
	}
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := crmHosts()
	o.Proxy = at
	_, _ = NewClient(o.Transport(), time.Now).Do(t.Context(), secretCall("https://login.salesforce.com/x"))
	if got := asked.Load(); got != "CONNECT login.salesforce.com:443" {
		t.Errorf("the proxy was asked %v", got)
	}
	asked.Store("")
	_, err = NewClient(o.Transport(), time.Now).Do(t.Context(), secretCall("https://evil.example/x"))
	if got := asked.Load(); !errors.Is(err, ErrHostNotAllowed) || got != "" {
		t.Errorf("for a host off the list: %v, the proxy was asked %v", err, got)
	}
}

func TestOldTLSIsNotSpoken(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	srv.StartTLS()
	defer srv.Close()
	transport := Outbound{Trusted: []string{strings.TrimPrefix(srv.URL, "https://")}}.Transport().(guard)
	transport.next.TLSClientConfig.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	_, err := NewClient(transport, time.Now).Do(t.Context(), secretCall(srv.URL+"/x"))
	if err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("%v, want a refused protocol version", err)
	}
}
