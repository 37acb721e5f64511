package hubspot

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/connectors/connectorstest"
)

const recorded = "testdata/answers.json"

func TestEveryRecordedAnswerHasItsClass(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, doer connectors.Doer) *session {
		t.Helper()
		c, err := New(Config{HTTP: doer, Now: newClock().now})
		if err != nil {
			t.Fatal(err)
		}
		return &session{Connector: c, doer: doer, account: connectors.Account{ID: "1", AccessToken: connectors.NewSecret("fake-access")}}
	}
	body := newRecord{Properties: map[string]string{"firstname": "Pat"}}
	connectorstest.RunAnswers(t, connectorstest.ReadAnswers(t, recorded), connectorstest.Asks{
		"create": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			s := open(t, doer)
			rec, _, failed := s.one(t.Context(), http.MethodPost, s.paths.objects(contactsType), connectors.Once, body)
			return string(rec.ID), failed
		},
		"update": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			s := open(t, doer)
			rec, _, failed := s.one(t.Context(), http.MethodPatch, s.paths.record(contactsType, "501"), connectors.Idempotent, body)
			return string(rec.ID), failed
		},
		"read": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			s := open(t, doer)
			_, failed := s.read(t.Context(), s.paths.record(contactsType, "501"))
			if failed != nil && failed.Code == codeNotFound {
				t.Error("a record that is not there is no failure of a read")
			}
			return "", failed
		},
		"upsert": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			ref, _, failed := open(t, doer).upsertByEmail(t.Context(), person{email: email, set: body.Properties, change: body.Properties})
			return ref.ID, failed
		},
		"exchange": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			_, err := open(t, doer).Exchange(t.Context(), connectors.App{ClientID: "client", RedirectURL: "http://localhost/callback"}, "a-code", connectors.Secret{})
			return "", connectors.AsError(err)
		},
		"refresh": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			_, err := open(t, doer).Refresh(t.Context(), connectors.Account{RefreshToken: connectors.NewSecret("fake-refresh")})
			return "", connectors.AsError(err)
		},
	})
}

func TestEveryRuleHasARecordedAnswerASourceAndAnAction(t *testing.T) {
	t.Parallel()
	seen, seenTokens := map[int]bool{}, map[int]bool{}
	for _, a := range connectorstest.ReadAnswers(t, recorded) {
		reply := a.Reply()
		body := openEnvelope(reply.Body)
		for i, r := range rules() {
			if r.fits(reply.Status, body) {
				seen[i] = true
				break
			}
		}
		for _, asked := range a.Asked {
			grant := map[string]string{"exchange": "authorization_code", "refresh": "refresh_token"}[asked]
			for i, r := range tokenRules() {
				if grant != "" && r.fits(body, grant) && reply.Status >= 400 {
					seenTokens[i] = true
					break
				}
			}
		}
	}
	for i, r := range rules() {
		if !seen[i] || r.source == "" || r.action == "" || r.cause == "" || r.as == "" {
			t.Errorf("rule %d %q: recorded answer %t, source %q, action %q, cause %q: all must be there", i, r.as, seen[i], r.source, r.action, r.cause)
		}
		if strings.Contains(r.cause+r.action, "{names}") && r.names == "" {
			t.Errorf("rule %q speaks of names and does not say where they are", r.as)
		}
	}
	for i, r := range tokenRules() {
		if !seenTokens[i] || r.source == "" || r.action == "" || r.cause == "" || r.as == "" {
			t.Errorf("token rule %d %q: recorded answer %t; or it is not complete", i, r.as, seenTokens[i])
		}
	}
}

// What the body says by its codes comes before the status, and the digits of a message never decide.
func TestOnlyCodesAndTheStatusDecideAClass(t *testing.T) {
	t.Parallel()
	for _, a := range connectorstest.ReadAnswers(t, recorded) {
		reply := a.Reply()
		before := classify(reply, connectors.Once, time.Now())
		body := openEnvelope(reply.Body)
		if !body.readable || body.Category == "" {
			continue
		}
		for _, digits := range []string{"401", "429", "503", "477"} {
			with := body
			with.Message += " " + digits
			for _, r := range rules() {
				if !r.fits(reply.Status, with) {
					continue
				}
				if r.as != before.Code {
					t.Errorf("%s: with %s in its message it is %s, without %s", a.Name, digits, r.as, before.Code)
				}
				break
			}
		}
	}
}
