package connectorstest

import (
	"fmt"
	"testing"

	"crm-connectors/connectors"
)

// after are the faults that strike once the CRM has executed a create.
var after = []Kind{CutAfter, UnavailableAfter, GarbageAfter, NoIDAfter, TruncateAfter}

func faults() map[string]func(*testing.T, Bench) {
	tests := map[string]func(*testing.T, Bench){
		"a lookup that fails leaves nothing written and the write to be tried again": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			for range 3 { // more than the client's own retries
				b.Fault(t, OnLookup, connectors.ObjectContact, Unavailable)
			}
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, contact("ada@example.com"))), connectors.ClassRetry)
			wantCount(t, b, connectors.ObjectContact, 0)
		},
		"a blip in a lookup is mended within the delivery": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Fault(t, OnLookup, connectors.ObjectContact, Unavailable)
			mustDeliver(t, b, account, contact("ada@example.com"))
			wantCount(t, b, connectors.ObjectContact, 1)
		},
		"an expired token sends nothing and asks for a refresh": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Expire()
			for _, w := range []connectors.Write{contact("ada@example.com"), task(connectors.Ref{}, "", "")} {
				_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, w)), connectors.ClassNeedsAuth)
			}
			wantCount(t, b, connectors.ObjectContact, 0)
			wantCount(t, b, connectors.ObjectTask, 0)
		},
	}
	for _, object := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
		for _, kind := range after {
			tests[fmt.Sprintf("a %s create with %s is in doubt and not repeated", object, kind)] = func(t *testing.T, b Bench) {
				account := signIn(t, b)
				b.Fault(t, OnCreate, object, kind)
				_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, of(object))), connectors.ClassInDoubt)
				wantCount(t, b, object, 1)
			}
		}
		tests[fmt.Sprintf("a %s create answered 503 is in doubt", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Fault(t, OnCreate, object, Unavailable)
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, of(object))), connectors.ClassInDoubt)
			wantCount(t, b, object, 0)
		}
		tests[fmt.Sprintf("a redirect of a %s create is not followed", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Fault(t, OnCreate, object, Redirect)
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, of(object))), connectors.ClassInDoubt)
			wantCount(t, b, object, 0)
		}
		tests[fmt.Sprintf("a %s create that meets a rate limit waits with its connection", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Fault(t, OnCreate, object, RateLimited)
			e := wantClass(t, resultErr(deliver(t.Context(), t, b, account, of(object))), connectors.ClassRetry)
			if !e.Pause || e.RetryAfter <= 0 {
				t.Errorf("error %+v, want a pause of the connection with a wait", e)
			}
			wantCount(t, b, object, 0)
		}
		tests[fmt.Sprintf("a %s that the CRM refuses is rejected for good", object)] = func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Fault(t, OnCreate, object, Validation)
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, of(object))), connectors.ClassRejected)
			wantCount(t, b, object, 0)
		}
	}
	return tests
}

func of(object connectors.Object) connectors.Write {
	switch object {
	case connectors.ObjectContact:
		return contact("ada@example.com")
	case connectors.ObjectTask:
		return task(connectors.Ref{}, "", "")
	default:
		return rollup(connectors.Ref{}, "", "")
	}
}

func looking() map[string]func(*testing.T, Bench) {
	return map[string]func(*testing.T, Bench){
		"a contact whose create was cut is found, whole": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Fault(t, OnCreate, connectors.ObjectContact, CutAfter)
			w := contact("ada@example.com")
			_ = wantClass(t, resultErr(deliver(t.Context(), t, b, account, w)), connectors.ClassInDoubt)
			f, err := b.Connector.Find(t.Context(), account, w)
			if err != nil || f.Ref.ID != b.Records(connectors.ObjectContact)[0].ID || !f.Complete {
				t.Errorf("found %+v, %v; want the record, complete", f, err)
			}
		},
		"a contact that lacks what was to be written is found incomplete": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			mustDeliver(t, b, account, contact("ada@example.com"))
			w := contact("ada@example.com")
			w.Contact.Phone = "+15555550177"
			f, err := b.Connector.Find(t.Context(), account, w)
			if err != nil || f.Ref.ID == "" || f.Complete {
				t.Errorf("found %+v, %v; want the record, incomplete", f, err)
			}
		},
		"a contact that is not there is not found": func(t *testing.T, b Bench) {
			f, err := b.Connector.Find(t.Context(), signIn(t, b), contact("nobody@example.com"))
			if err != nil || f.Ref.ID != "" {
				t.Errorf("found %+v, %v; want nothing", f, err)
			}
		},
		"a look with an expired token asks for a refresh": func(t *testing.T, b Bench) {
			account := signIn(t, b)
			b.Expire()
			_, err := b.Connector.Find(t.Context(), account, contact("ada@example.com"))
			_ = wantClass(t, err, connectors.ClassNeedsAuth)
		},
	}
}
