// Package connectorstest is the conformance suite that every connector passes against its CRM's simulator.
//
//	func TestConformance(t *testing.T) {
//		connectorstest.Run(t, func(t *testing.T) connectorstest.Bench { … })
//	}
//
// The suite knows no CRM: a Bench gives it the connector, a way to read what the CRM really holds, and faults. What
// counts is the CRM's own record of what was written, never the connector's word.
package connectorstest

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"crm-connectors/connectors"
)

// Step is a place where a fault strikes.
type Step string

// The steps of a delivery.
const (
	OnLookup Step = "lookup" // the search for a contact
	OnCreate Step = "create" // the call that creates the object
)

// Kind is what goes wrong.
type Kind string

// The faults. "After" means that the CRM has executed the call.
const (
	CutAfter         Kind = "cut_after"          // executed, no answer
	Unavailable      Kind = "unavailable"        // 503, not executed
	UnavailableAfter Kind = "unavailable_after"  // executed, answered 503
	GarbageAfter     Kind = "garbage_after"      // executed, answered 201 with something that is no JSON
	NoIDAfter        Kind = "no_id_after"        // executed, answered 201 with {}
	TruncateAfter    Kind = "truncate_after"     // executed, half an answer
	Redirect         Kind = "redirect"           // 307 to another path
	RateLimited      Kind = "rate_limited"       // the CRM's own "slow down", not executed
	Validation       Kind = "validation_refused" // the CRM's own refusal of the data, not executed
)

// Record is an object in the CRM, in our words.
type Record struct {
	ID       string
	Email    string   // contacts
	Phone    string   // contacts
	LastName string   // contacts
	Title    string   // tasks: subject
	Text     string   // tasks: body, rollups: summary
	To       []string // tasks, rollups: ids of the records that it belongs to
}

// Bench is one CRM with one app registered, for one test.
type Bench struct {
	Connector connectors.Connector
	App       connectors.App
	DealID    string // of a deal that exists
	Records   func(object connectors.Object) []Record
	Writes    func() int // entries in the CRM's own log: everything created, changed or associated so far
	Calls     func() int // requests to the CRM so far
	Fault     func(t *testing.T, step Step, object connectors.Object, kind Kind)
	Expire    func()             // all access tokens end now
	Revoke    func()             // all grants end now
	Enforce   func(t *testing.T) // lets the account be one whose CRM refuses a second record of a marker, once provisioned
}

// Run runs the suite; open makes a fresh bench for each test.
func Run(t *testing.T, open func(t *testing.T) Bench) {
	t.Helper()
	for _, group := range []map[string]func(*testing.T, Bench){authorizing(), delivering(), faults(), looking(), marking(), together()} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, open(t))
			})
		}
	}
}

// verifier is long enough for PKCE.
func verifier() connectors.Secret {
	return connectors.NewSecret("a-verifier-of-forty-three-characters-or-more-0123456789")
}

// signIn walks the OAuth flow as a browser that consents would.
func signIn(t *testing.T, b Bench) connectors.Account {
	t.Helper()
	grant, err := b.Connector.Exchange(t.Context(), b.App, consent(t, b, verifier()), verifier())
	if err != nil {
		t.Fatalf("exchange: %v", err)
	}
	return accountOf(b, grant)
}

func accountOf(b Bench, g connectors.Grant) connectors.Account {
	return connectors.Account{App: b.App, ID: g.AccountID, InstanceURL: g.InstanceURL, AccessToken: g.AccessToken, RefreshToken: g.RefreshToken}
}

// consent opens the authorize URL and gives the code that the CRM redirects back with.
func consent(t *testing.T, b Bench, verifier connectors.Secret) string {
	t.Helper()
	link, err := b.Connector.AuthorizeURL(b.App, "state-of-this-test", verifier)
	if err != nil {
		t.Fatalf("authorize URL: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || back.Query().Get("state") != "state-of-this-test" || back.Query().Get("code") == "" {
		t.Fatalf("authorize answered %d to %q, want a redirect with code and state", resp.StatusCode, resp.Header.Get("Location"))
	}
	return back.Query().Get("code")
}

func contact(email string) connectors.Write {
	return connectors.Write{ID: "w-contact", Key: "key-contact", Object: connectors.ObjectContact,
		Contact: &connectors.Contact{Email: email, FirstName: "Ada", LastName: "Byron", Company: "Analytical", Phone: "+15555550100", JobTitle: "Engineer"}}
}

func task(contact connectors.Ref, email, deal string) connectors.Write {
	return connectors.Write{ID: "w-task", Key: "key-task", Object: connectors.ObjectTask, ContactRef: contact, Email: email, DealID: deal,
		Task: &connectors.Task{ID: "t1", Subject: "Send the offer", Body: "Agreed on Monday.", DueAt: time.Date(2026, 12, 1, 15, 0, 0, 0, time.UTC), Priority: "high"}}
}

func rollup(contact connectors.Ref, email, deal string) connectors.Write {
	return connectors.Write{ID: "w-rollup", Key: "key-rollup", Object: connectors.ObjectRollup, ContactRef: contact, Email: email, DealID: deal,
		Rollup: &connectors.Rollup{ID: "r1", WeekStart: "2026-11-16", Summary: "Three calls, one decision."}}
}

func deliver(ctx context.Context, t *testing.T, b Bench, account connectors.Account, w connectors.Write) connectors.Result {
	t.Helper()
	results := b.Connector.Deliver(ctx, account, []connectors.Write{w})
	if len(results) != 1 {
		t.Fatalf("Deliver of one write gave %d results", len(results))
	}
	return results[0]
}

func mustDeliver(t *testing.T, b Bench, account connectors.Account, w connectors.Write) connectors.Result {
	t.Helper()
	r := deliver(t.Context(), t, b, account, w)
	if r.Err != nil {
		t.Fatalf("deliver %s: %s %v", w.Object, r.Err.Class, r.Err)
	}
	if r.Ref.ID == "" {
		t.Fatalf("deliver %s: succeeded without an id", w.Object)
	}
	return r
}

func wantClass(t *testing.T, err error, want connectors.Class) *connectors.Error {
	t.Helper()
	e := connectors.AsError(err)
	if e == nil {
		t.Fatalf("got success, want class %s", want)
	}
	if e.Class != want {
		t.Fatalf("got class %s (%v), want %s", e.Class, e, want)
	}
	if e.Code == "" || e.Cause == "" || e.Action == "" {
		t.Errorf("error %+v lacks a code, a cause or an action", e)
	}
	return e
}

func resultErr(r connectors.Result) error {
	if r.Err == nil {
		return nil
	}
	return r.Err
}

func wantCount(t *testing.T, b Bench, object connectors.Object, want int) []Record {
	t.Helper()
	got := b.Records(object)
	if len(got) != want {
		t.Fatalf("the CRM holds %d records for %s, want %d: %+v", len(got), object, want, got)
	}
	return got
}
