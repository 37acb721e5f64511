package connectorstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"crm-connectors/connectors"
)

// cut is what an answer is that does not come; next stands between two answers. An answer is its status, a line break and its body.
const (
	cut  = "cut"
	next = "\n---\n"
)

// Script is answers as FuzzAnswers takes them.
func Script(answers ...string) string { return strings.Join(answers, next) }

// mostCalls are more than any act of a connector makes for a handful of writes: one that asks on is led around by what it is told.
const mostCalls = 400

// scripted answers call after call from a script, and after its end says nothing any more.
type scripted struct {
	t       *testing.T
	answers []string
	calls   int
	blind   bool // a create was answered so that nobody can tell what became of it
}

// Do answers.
func (s *scripted) Do(_ context.Context, call connectors.Call) (connectors.Reply, error) {
	if s.calls++; s.calls > mostCalls {
		s.t.Fatalf("%d calls", s.calls)
	}
	answer := cut
	if len(s.answers) > 0 {
		answer, s.answers = s.answers[0], s.answers[1:]
	}
	word, body, _ := strings.Cut(answer, "\n")
	var status int
	if json.Unmarshal([]byte(word), &status) != nil || status < 200 || status > 599 {
		s.blind = s.blind || call.Effect == connectors.Once
		return connectors.Reply{}, &connectors.TransportError{Sent: true, Err: context.DeadlineExceeded}
	}
	if call.Effect == connectors.Once && status < 300 && !json.Valid([]byte(body)) {
		s.blind = true
	}
	return connectors.Reply{Status: status, Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {word}}, Body: []byte(body)}, nil
}

// FuzzAnswers has a connector do all it can while the CRM answers whatever the fuzzer thinks of. Whatever that is, nothing panics or asks without
// end, every write gets a result of its own, success has a record, a failure can be kept and shown, and what nobody can tell is in doubt.
func FuzzAnswers(f *testing.F, scripts []string, connect func(connectors.Doer) (connectors.Connector, connectors.Account, error)) {
	for _, script := range scripts {
		for act := range acts() {
			f.Add(uint8(act), script)
		}
	}
	f.Fuzz(func(t *testing.T, act uint8, script string) {
		s := &scripted{t: t, answers: strings.Split(script, next)}
		c, account, err := connect(s)
		if err != nil {
			t.Fatal(err)
		}
		acts()[int(act)%len(acts())](t, c, account, s)
	})
}

func acts() []func(*testing.T, connectors.Connector, connectors.Account, *scripted) {
	person := connectors.Write{ID: "1", Key: "k1", Object: connectors.ObjectContact, Contact: &connectors.Contact{Email: "ada@example.com", LastName: "Byron"}}
	task := connectors.Write{ID: "2", Key: "k2", Object: connectors.ObjectTask, Marker: strings.Repeat("m", 26), Email: "ada@example.com", DealID: "9",
		Task: &connectors.Task{ID: "t", Subject: "Call", DueAt: time.Unix(1e9, 0), OwnerEmail: "rep@example.com"}}
	rollup := connectors.Write{ID: "3", Key: "k3", Object: connectors.ObjectRollup, Marker: strings.Repeat("n", 26), Email: "ada@example.com",
		Rollup: &connectors.Rollup{ID: "r", WeekStart: "2026-11-23", Summary: "Went well."}}
	second, third := person, task
	second.ID, second.Contact = "4", &connectors.Contact{Email: "eve@example.com", FirstName: "Eve"}
	third.ID, third.Marker = "5", strings.Repeat("o", 26)
	deliver := func(writes ...connectors.Write) func(*testing.T, connectors.Connector, connectors.Account, *scripted) {
		return func(t *testing.T, c connectors.Connector, account connectors.Account, s *scripted) {
			judge(t, c.Deliver(t.Context(), account, writes), writes, s)
		}
	}
	look := func(w connectors.Write) func(*testing.T, connectors.Connector, connectors.Account, *scripted) {
		return func(t *testing.T, c connectors.Connector, account connectors.Account, _ *scripted) {
			_, err := c.Find(t.Context(), account, w)
			shown(t, err)
			if all, ok := c.(connectors.BatchFinder); ok {
				if got := all.FindAll(t.Context(), account, []connectors.Write{w, third}); len(got) != 2 {
					t.Errorf("%d sightings of 2 writes", len(got))
				}
			}
		}
	}
	return []func(*testing.T, connectors.Connector, connectors.Account, *scripted){
		deliver(person), deliver(task), deliver(rollup), deliver(person, task, rollup, second, third), look(person), look(task), look(rollup),
		func(t *testing.T, c connectors.Connector, account connectors.Account, _ *scripted) {
			_, err := c.Marked(t.Context(), account, connectors.ObjectTask, time.Unix(0, 0))
			shown(t, err)
		},
		func(t *testing.T, c connectors.Connector, account connectors.Account, _ *scripted) {
			_, err := c.Probe(t.Context(), account)
			shown(t, err)
			_, err = c.Provision(t.Context(), account)
			shown(t, err)
			_, err = c.CheckSettings(t.Context(), account, connectors.Settings{})
			shown(t, err)
		},
		func(t *testing.T, c connectors.Connector, account connectors.Account, _ *scripted) {
			grant, err := c.Exchange(t.Context(), account.App, "a-code", connectors.NewSecret("verifier"))
			if shown(t, err); err == nil && (grant.AccountID == "" || grant.AccessToken.Empty()) {
				t.Errorf("a grant of the account %q without a token: %t", grant.AccountID, grant.AccessToken.Empty())
			}
			grant, err = c.Refresh(t.Context(), account)
			if shown(t, err); err == nil && grant.AccessToken.Empty() {
				t.Error("refreshed to no token")
			}
			shown(t, c.Revoke(t.Context(), account))
		},
		func(t *testing.T, c connectors.Connector, account connectors.Account, _ *scripted) {
			if got := c.Plan(t.Context(), account, []connectors.Write{person, task}); len(got) != 2 {
				t.Errorf("%d plans of 2 writes", len(got))
			}
		},
	}
}

// judge says that each write got a result that may be kept.
func judge(t *testing.T, results []connectors.Result, writes []connectors.Write, s *scripted) {
	t.Helper()
	if len(results) != len(writes) {
		t.Fatalf("%d results of %d writes", len(results), len(writes))
	}
	for n, r := range results {
		if r.Err == nil && (r.Ref.ID == "" || r.Ref.Type == "" || r.Outcome == "") {
			t.Errorf("write %s succeeded as %+v, %q", writes[n].ID, r.Ref, r.Outcome)
		}
		if r.Err != nil {
			shown(t, r.Err)
		}
		for _, note := range r.Notes {
			if note.Code == "" || !utf8.ValidString(note.Message) {
				t.Errorf("note %+v", note)
			}
		}
	}
	if len(writes) == 1 && s.blind && results[0].Err != nil && results[0].Err.Class == connectors.ClassRetry && !results[0].MayLand {
		t.Errorf("a create got no readable answer, and is to be made again: %+v", results[0].Err)
	}
}

// shown says that an error may be kept and shown.
func shown(t *testing.T, err error) {
	t.Helper()
	if err == nil || errors.Is(err, connectors.ErrCannotFind) {
		return
	}
	var e *connectors.Error
	if !errors.As(err, &e) || e == nil {
		t.Fatalf("%T: %v", err, err)
	}
	if e.Code == "" || e.Class == "" || !utf8.ValidString(e.Cause) || utf8.RuneCountInString(e.Cause) > 700 || bytes.ContainsAny([]byte(e.Cause+e.Code+e.RequestID), "\r\n\x00\x1b") {
		t.Errorf("class %q, code %q, request %q, cause %q", e.Class, e.Code, e.RequestID, e.Cause)
	}
}
