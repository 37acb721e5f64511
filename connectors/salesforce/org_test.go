package salesforce

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/sim/simtest"
)

const testVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// org is a simulated Salesforce with a connector that has signed in to it.
type org struct {
	*simsalesforce.Sim
	t       *testing.T
	c       *Connector
	account connectors.Account
}

func newOrg(t *testing.T, b simsalesforce.Behaviour) *org {
	t.Helper()
	s := simsalesforce.New(simsalesforce.Config{Log: simtest.Log(t), AutoConsent: true, Behaviour: b})
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	c, err := New(Config{LoginURL: server.URL, HTTP: connectors.NewClient(nil, time.Now), TrustedHosts: []string{host}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	o := &org{Sim: s, t: t, c: c}
	o.account.App = connectors.App{ClientID: simsalesforce.DefaultClientID, ClientSecret: connectors.NewSecret(simsalesforce.DefaultClientSecret),
		RedirectURL: "http://localhost/callback"}
	o.signIn()
	return o
}

// trust lets the connector speak to another host too.
func (o *org) trust(host string) {
	o.t.Helper()
	cfg := o.c.cfg
	cfg.TrustedHosts = append([]string{host}, cfg.TrustedHosts...)
	var err error
	if o.c, err = New(cfg); err != nil {
		o.t.Fatalf("New: %v", err)
	}
}

// code is what the browser brings back from the consent page.
func (o *org) code() string {
	o.t.Helper()
	to, err := o.c.AuthorizeURL(o.account.App, "the-state", connectors.NewSecret(testVerifier))
	if err != nil {
		o.t.Fatalf("AuthorizeURL: %v", err)
	}
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, to, nil)
	if err != nil {
		o.t.Fatalf("request: %v", err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(req)
	if err != nil {
		o.t.Fatalf("authorize: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" || back.Query().Get("state") != "the-state" {
		o.t.Fatalf("authorize answered %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	return back.Query().Get("code")
}

func (o *org) signIn() {
	o.t.Helper()
	g, err := o.c.Exchange(o.t.Context(), o.account.App, o.code(), connectors.NewSecret(testVerifier))
	if err != nil {
		o.t.Fatalf("Exchange: %v", err)
	}
	o.use(g)
}

func (o *org) use(g connectors.Grant) {
	o.account.ID, o.account.InstanceURL, o.account.AccessToken = g.AccountID, g.InstanceURL, g.AccessToken
	if !g.RefreshToken.Empty() {
		o.account.RefreshToken = g.RefreshToken
	}
}

// deliver expects every write to succeed.
func (o *org) deliver(writes ...connectors.Write) []connectors.Result {
	o.t.Helper()
	results := o.c.Deliver(o.t.Context(), o.account, writes)
	for i, r := range results {
		if r.Err != nil {
			o.t.Fatalf("write %d: %v", i, r.Err)
		}
	}
	return results
}

func (o *org) deliverOne(w connectors.Write) connectors.Result {
	o.t.Helper()
	return deliverOne(o.t, o.c, o.account, w)
}

func (o *org) fault(f sim.Fault) {
	o.t.Helper()
	if err := o.Core().Faults.Add(f); err != nil {
		o.t.Fatalf("fault: %v", err)
	}
}

// entries is the operation log, as "create Lead" and so on.
func (o *org) entries() string {
	var out []string
	for _, e := range o.Core().Log.Entries(0) {
		out = append(out, fmt.Sprintf("%s %s", e.Op, e.Object))
	}
	return strings.Join(out, ", ")
}

func (o *org) wantEntries(want string) {
	o.t.Helper()
	if got := o.entries(); got != want {
		o.t.Errorf("operation log: %q, want %q", got, want)
	}
}

// last is the newest line of the operation log.
func (o *org) last() sim.Entry {
	o.t.Helper()
	all := o.Core().Log.Entries(0)
	if len(all) == 0 {
		o.t.Fatal("the operation log is empty")
	}
	return all[len(all)-1]
}

// field is the value of a field of a record, as text.
func (o *org) field(object, id, name string) string {
	o.t.Helper()
	for _, r := range o.Records(object) {
		if r.ID == id {
			if r.Fields[name] == nil {
				return ""
			}
			return fmt.Sprint(r.Fields[name])
		}
	}
	o.t.Fatalf("no %s %s", object, id)
	return ""
}

func (o *org) seedLead(email string) string {
	return o.Seed("Lead", map[string]any{"LastName": "Lovelace", "Company": "Example Ltd", "Email": email})
}

func (o *org) seedContact(email string) string {
	return o.Seed("Contact", map[string]any{"LastName": "Lovelace", "Email": email})
}
