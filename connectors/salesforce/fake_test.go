package salesforce

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"crm-connectors/connectors"
)

// A Salesforce that says what a test wants, for what the simulator cannot be brought to say.

const fakeInstance = "https://acme.my.salesforce.com"

type answer struct {
	reply connectors.Reply
	err   error
}

func says(status int, body string) answer { return answer{reply: connectors.JSONReply(status, body)} }
func cut(sent bool) answer {
	return answer{err: &connectors.TransportError{Sent: sent, Err: context.DeadlineExceeded}}
}

// fake answers each "METHOD route" from its own list, the last one for ever.
type fake struct {
	mu      sync.Mutex
	answers map[string][]answer
	calls   []connectors.Call
}

func (f *fake) Do(_ context.Context, call connectors.Call) (connectors.Reply, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	key := call.Method + " " + strings.TrimPrefix(call.Route, "/services/data/v66.0")
	list := f.answers[key]
	if len(list) == 0 {
		return connectors.JSONReply(http.StatusTeapot, `[{"errorCode":"NO_ANSWER","message":"the test has no answer for `+key+`"}]`), nil
	}
	if len(list) > 1 {
		f.answers[key] = list[1:]
	}
	return list[0].reply, list[0].err
}

// sent gives the bodies of the calls to a route.
func (f *fake) sent(key string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, c := range f.calls {
		if c.Method+" "+strings.TrimPrefix(c.Route, "/services/data/v66.0") == key {
			out = append(out, string(c.Body))
		}
	}
	return out
}

func newFake(t *testing.T, answers map[string][]answer) (*Connector, *fake, connectors.Account) {
	t.Helper()
	f := &fake{answers: answers}
	c, err := New(Config{HTTP: f})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return c, f, connectors.Account{ID: "00Dak00000OrG01EAF", InstanceURL: fakeInstance, AccessToken: connectors.NewSecret("access"), RefreshToken: connectors.NewSecret("refresh"),
		App: connectors.App{ClientID: "client", ClientSecret: connectors.NewSecret("not-a-secret"), RedirectURL: "https://app.example.com/callback"}}
}

// looked is the answer to a lookup.
func looked(leads, contacts string) answer {
	sub := func(object, records string) string {
		return `{"referenceId":"` + object + `","httpStatusCode":200,"body":{"done":true,"records":[` + records + `]}}`
	}
	return says(200, `{"compositeResponse":[`+sub("Lead", leads)+`,`+sub("Contact", contacts)+`]}`)
}

func refusedWith(status int, code string) answer {
	return says(status, `[{"errorCode":"`+code+`","message":"as the test wants"}]`)
}

const (
	leadID      = "00Qak00000AbCdEEAV"
	contactID   = "003ak00000XyZ12AAF"
	dealID      = "006ak00000OppAaAAJ"
	liveLead    = `{"Id":"` + leadID + `","IsConverted":false,"LastName":"Lovelace"}`
	liveContact = `{"Id":"` + contactID + `","LastName":"Lovelace"}`
	taskMade    = `{"id":"00Tak00000TsK01EAF","success":true,"errors":[]}`
)

func contactWrite(c connectors.Contact) connectors.Write {
	return connectors.Write{ID: "w-" + c.Email, Object: connectors.ObjectContact, Contact: &c}
}

func taskWrite(change func(*connectors.Write)) connectors.Write {
	w := connectors.Write{ID: "w-task", Object: connectors.ObjectTask,
		Task: &connectors.Task{ID: "t1", Subject: "Send the offer", Body: "As agreed.", DueAt: time.Date(2026, 11, 27, 23, 30, 0, 0, time.UTC)}}
	if change != nil {
		change(&w)
	}
	return w
}

func rollupWrite(change func(*connectors.Write)) connectors.Write {
	w := connectors.Write{ID: "w-rollup", Object: connectors.ObjectRollup,
		Rollup: &connectors.Rollup{ID: "r1", WeekStart: "2026-11-23", Summary: "Two calls.\nOne offer."}}
	if change != nil {
		change(&w)
	}
	return w
}

func deliverOne(t *testing.T, c *Connector, account connectors.Account, w connectors.Write) connectors.Result {
	t.Helper()
	results := c.Deliver(t.Context(), account, []connectors.Write{w})
	if len(results) != 1 {
		t.Fatalf("%d results for one write", len(results))
	}
	return results[0]
}

func wantClass(t *testing.T, err *connectors.Error, class connectors.Class, code string) {
	t.Helper()
	if err == nil || err.Class != class || err.Code != code {
		t.Fatalf("error = %+v, want %s %s", err, class, code)
	}
	if err.Cause == "" || err.Action == "" {
		t.Errorf("error %+v does not say cause and action", err)
	}
}

func noteCodes(notes []connectors.Note) string {
	var out []string
	for _, n := range notes {
		out = append(out, n.Code)
	}
	return strings.Join(out, " ")
}

func decoded(t *testing.T, body string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return out
}

func formOf(t *testing.T, body string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(body)
	if err != nil {
		t.Fatalf("form %q: %v", body, err)
	}
	return v
}

// items is a body of errors, each given as "CODE: message".
func items(codes ...string) string {
	var out []string
	for _, c := range codes {
		code, message, _ := strings.Cut(c, ": ")
		out = append(out, `{"errorCode":"`+code+`","message":"`+message+`"}`)
	}
	return "[" + strings.Join(out, ",") + "]"
}
