package connectorstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
)

func delivering() map[string]func(*testing.T, Bench) {
	return map[string]func(*testing.T, Bench){
		"a new contact is created with what is known": func(t *testing.T, b Bench) {
			r := mustDeliver(t, b, signIn(t, b), contact("ada@example.com"))
			got := wantCount(t, b, connectors.ObjectContact, 1)[0]
			if r.Outcome != connectors.Created || got.ID != r.Ref.ID || got.Email != "ada@example.com" || got.LastName != "Byron" || got.Phone != "+15555550100" {
				t.Errorf("outcome %s, record %+v", r.Outcome, got)
			}
		},
		"a contact that exists is updated and not created again": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			first := mustDeliver(t, b, account, contact("ada@example.com"))
			again := contact("ADA@example.com")
			again.Contact.Phone = "+15555550199"
			again.ContactRef = first.Ref // the search may not know the record yet
			r := mustDeliver(t, b, account, again)
			got := wantCount(t, b, connectors.ObjectContact, 1)[0]
			if r.Outcome != connectors.Updated || r.Ref != first.Ref || got.Phone != "+15555550199" || got.Email != "ada@example.com" {
				t.Errorf("outcome %s ref %v, record %+v; want an update of %v that keeps the email", r.Outcome, r.Ref, got, first.Ref)
			}
		},
		"an unknown field never blanks a known one": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			first := mustDeliver(t, b, account, contact("ada@example.com"))
			bare := connectors.Write{ID: "w", Key: "k", Object: connectors.ObjectContact, ContactRef: first.Ref,
				Contact: &connectors.Contact{Email: "ada@example.com", JobTitle: "Countess"}}
			mustDeliver(t, b, account, bare)
			if got := wantCount(t, b, connectors.ObjectContact, 1)[0]; got.Phone == "" || got.LastName != "Byron" {
				t.Errorf("record %+v lost what it had", got)
			}
		},
		"addresses with quotes, pluses and wildcards name one contact each": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			emails := []string{"o'neil+test@example.com", "a_b%c@example.com", "x&y=z@example.com"}
			for _, email := range emails {
				mustDeliver(t, b, account, contact(email))
			}
			for _, r := range wantCount(t, b, connectors.ObjectContact, len(emails)) {
				if !slices.Contains(emails, r.Email) {
					t.Errorf("the CRM holds %q, which nobody sent", r.Email)
				}
			}
		},
		"a task belongs to its contact": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			c := mustDeliver(t, b, account, contact("ada@example.com"))
			mustDeliver(t, b, account, task(c.Ref, "ada@example.com", ""))
			got := wantCount(t, b, connectors.ObjectTask, 1)[0]
			if got.Title != "Send the offer" || !strings.Contains(got.Text, "Agreed on Monday.") || !slices.Contains(got.To, c.Ref.ID) {
				t.Errorf("task %+v, want subject, body and contact %s", got, c.Ref.ID)
			}
		},
		"a task of a linked thread belongs to the deal": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			c := mustDeliver(t, b, account, contact("ada@example.com"))
			mustDeliver(t, b, account, task(c.Ref, "ada@example.com", b.DealID))
			if got := wantCount(t, b, connectors.ObjectTask, 1)[0]; !slices.Contains(got.To, b.DealID) {
				t.Errorf("task %+v, want deal %s", got, b.DealID)
			}
		},
		"a deal that is gone does not stop the task, and the row says so": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			c := mustDeliver(t, b, account, contact("ada@example.com"))
			r := mustDeliver(t, b, account, task(c.Ref, "ada@example.com", "999999999"))
			wantCount(t, b, connectors.ObjectTask, 1)
			if !slices.ContainsFunc(r.Notes, func(n connectors.Note) bool { return n.Code == "association_dropped" }) {
				t.Errorf("notes %+v, want association_dropped", r.Notes)
			}
		},
		"a weekly rollup is written once with its summary": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			c := mustDeliver(t, b, account, contact("ada@example.com"))
			mustDeliver(t, b, account, rollup(c.Ref, "ada@example.com", b.DealID))
			got := wantCount(t, b, connectors.ObjectRollup, 1)[0]
			if !strings.Contains(got.Text, "Three calls, one decision.") || !slices.Contains(got.To, b.DealID) {
				t.Errorf("rollup %+v, want summary and deal %s", got, b.DealID)
			}
		},
		"a plan names the calls and changes nothing": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			before := b.Writes()
			writes := []connectors.Write{contact("ada@example.com"), task(connectors.Ref{}, "ada@example.com", b.DealID), rollup(connectors.Ref{}, "ada@example.com", "")}
			plans := b.Connector.Plan(t.Context(), account, writes)
			if len(plans) != len(writes) {
				t.Fatalf("got %d plans for %d writes", len(plans), len(writes))
			}
			for i, p := range plans {
				if p.Err != nil || len(p.Calls) == 0 || len(p.Calls[0].Body) == 0 {
					t.Errorf("plan of the %s: %+v", writes[i].Object, p)
				}
			}
			if got := b.Writes(); got != before {
				t.Errorf("a plan made %d changes in the CRM", got-before)
			}
		},
		"what could not be sent in time comes back unsent": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			w := contact("ada@example.com")
			w.SendBy = time.Now().Add(-time.Second)
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, w)), connectors.ClassRetry)
			w = task(connectors.Ref{}, "", "")
			w.SendBy = time.Now().Add(-time.Second)
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, w)), connectors.ClassRetry)
			wantCount(t, b, connectors.ObjectContact, 0)
			wantCount(t, b, connectors.ObjectTask, 0)
		},
		"a cancelled delivery sends nothing": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = wantClass(t, resultErr(deliver(ctx, t, b, account, task(connectors.Ref{}, "", ""))), connectors.ClassRetry)
			wantCount(t, b, connectors.ObjectTask, 0)
		},
		"many accounts' writes at once do not disturb each other": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for _, r := range b.Connector.Deliver(context.Background(), account, []connectors.Write{contact(fmt.Sprintf("c%d@example.com", i))}) {
						if r.Err != nil {
							t.Errorf("write %d: %v", i, r.Err)
						}
					}
				})
			}
			wg.Wait()
			wantCount(t, b, connectors.ObjectContact, 8)
		},
		"an attempt's calls are recorded without what is secret": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			r := mustDeliver(t, b, account, contact("ada@example.com"))
			if len(r.Calls) < 2 {
				t.Fatalf("calls %+v, want a lookup and a create", r.Calls)
			}
			for _, c := range r.Calls {
				if c.Status == 0 || c.Method == "" || strings.Contains(c.Route, "@") || strings.Contains(c.Route, "%40") {
					t.Errorf("call %+v: want method, status and a route without an address", c)
				}
			}
		},
	}
}
