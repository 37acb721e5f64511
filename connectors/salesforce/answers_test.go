package salesforce

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"crm-connectors/connectors"
	"crm-connectors/connectors/connectorstest"
)

const recorded = "testdata/answers.json"

func TestEveryRecordedAnswerHasItsClass(t *testing.T) {
	t.Parallel()
	account := connectors.Account{ID: "00Dak00000OrG01EAF", InstanceURL: fakeInstance, AccessToken: connectors.NewSecret("access"), RefreshToken: connectors.NewSecret("refresh"),
		App: connectors.App{ClientID: "client", ClientSecret: connectors.NewSecret("not-a-secret"), RedirectURL: "https://app.example.com/callback"}}
	connect := func(t *testing.T, doer connectors.Doer) *Connector {
		t.Helper()
		c, err := New(Config{HTTP: doer})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	open := func(t *testing.T, doer connectors.Doer) *step {
		t.Helper()
		s, err := connect(t, doer).open(account)
		if err != nil {
			t.Fatal(err)
		}
		return &step{session: s, doer: doer}
	}
	body := map[string]string{"Subject": "Call back"}
	connectorstest.RunAnswers(t, connectorstest.ReadAnswers(t, recorded), connectorstest.Asks{
		"create": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			return open(t, doer).create(t.Context(), typeTask, body)
		},
		"update": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			return "", open(t, doer).update(t.Context(), connectors.Ref{Type: typeLead, ID: leadID}, body)
		},
		"read": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			_, err := open(t, doer).queries(t.Context(), query{object: typeLead, fields: []string{"Id"}, where: []condition{equals("Email", "ada@example.com")}})
			return "", err
		},
		"person": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			r := deliverOne(t, connect(t, unknownPerson{doer}), account, contactWrite(connectors.Contact{Email: "ada@example.com", LastName: "Byron"}))
			return r.Ref.ID, r.Err
		},
		"exchange": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			_, err := connect(t, doer).Exchange(t.Context(), account.App, "a-code", connectors.NewSecret(testVerifier))
			return "", connectors.AsError(err)
		},
		"refresh": func(t *testing.T, doer connectors.Doer) (string, *connectors.Error) {
			_, err := connect(t, doer).Refresh(t.Context(), account)
			return "", connectors.AsError(err)
		},
	})
}

// unknownPerson is an org whose lookups find nobody; everything else is answered by the Doer beneath.
type unknownPerson struct{ connectors.Doer }

// Do answers.
func (u unknownPerson) Do(ctx context.Context, call connectors.Call) (connectors.Reply, error) {
	if strings.HasSuffix(call.Route, "/composite") {
		return looked("", "").reply, nil
	}
	return u.Doer.Do(ctx, call)
}

func TestEveryLineOfTheTablesHasARecordedAnswerAndIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	see := func(status int, body []byte) {
		for _, item := range parseRefusal(body).items {
			l := lineFor(status, item)
			seen[l.errorCode+l.message+l.code] = true
		}
	}
	for _, a := range connectorstest.ReadAnswers(t, recorded) {
		see(a.Reply().Status, a.Reply().Body)
	}
	inDoubtOf := map[connectors.Class]bool{}
	for class := range gravity {
		inDoubtOf[class] = true
	}
	for _, table := range [][]rule{byMessage, byErrorCode, byStatus} {
		for _, l := range table {
			if !seen[l.errorCode+l.message+l.code] {
				t.Errorf("no recorded answer is judged by %q %q %s", l.errorCode, l.message, l.code)
			}
			if !inDoubtOf[l.class] || l.code == "" || l.says == "" || l.action == "" || l.source == "" {
				t.Errorf("%+v is not complete", l)
			}
			if strings.ContainsFunc(l.message, unicode.IsDigit) {
				t.Errorf("%q: digits of a message say nothing", l.message)
			}
		}
	}
}

// What the body says by its codes comes before the status, and the digits of a message never decide.
func TestDigitsOfAMessageDecideNothing(t *testing.T) {
	t.Parallel()
	for _, a := range connectorstest.ReadAnswers(t, recorded) {
		reply := a.Reply()
		for _, item := range parseRefusal(reply.Body).items {
			before := lineFor(reply.Status, item)
			for _, digits := range []string{"401", "410", "429", "503"} {
				with := item
				with.Message += " " + digits
				if after := lineFor(reply.Status, with); after.code != before.code {
					t.Errorf("%s: with %s in its message it is %s, without %s", a.Name, digits, after.code, before.code)
				}
			}
		}
	}
}

func TestARetryAfterThatIsADateIsUnderstood(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	h := http.Header{"Retry-After": {now.Add(time.Minute).Format(http.TimeFormat)}}
	if got := classify(connectors.Read, connectors.Reply{Status: 503, Header: h}, now); got.RetryAfter != time.Minute || got.Class != retry {
		t.Errorf("got %s after %s, want a retry after a minute", got.Class, got.RetryAfter)
	}
}
