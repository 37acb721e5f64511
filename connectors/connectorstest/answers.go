package connectorstest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

// Answer is one recorded answer of a CRM and what it means, as a file of them has it.
type Answer struct {
	Name    string
	Asked   []string          // what for; empty: create, update and read
	Status  int               // HTTP
	Headers map[string]string // of the answer
	Body    json.RawMessage   // a JSON text is the body itself, whatever it holds; all else is a body of JSON

	Class classes // what becomes of it, Accepted for a success
	Code  string
	Wait  string // such as 10s; empty: none
	Pause bool   // the wait is for the whole connection
	Says  string // in the cause and the action together, or in what a success gave
}

// Accepted is the class of an answer that is taken for a success.
const Accepted connectors.Class = "success"

// classes are one class, or one for each of what was asked.
type classes map[string]connectors.Class

// UnmarshalJSON takes a text or an object.
func (c *classes) UnmarshalJSON(data []byte) error {
	var one connectors.Class
	if json.Unmarshal(data, &one) == nil {
		*c = classes{"": one}
		return nil
	}
	var each map[string]connectors.Class
	err := json.Unmarshal(data, &each)
	*c = each
	return err
}

// Asks is how a connector asks for something through a Doer, by the name of it. said is what a success gave.
type Asks map[string]func(t *testing.T, doer connectors.Doer) (said string, failed *connectors.Error)

// ReadAnswers reads a file of recorded answers, of which there are at least sixty.
func ReadAnswers(t *testing.T, file string) []Answer {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var out []Answer
	if err := dec.Decode(&out); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(out) < 60 {
		t.Errorf("%s has %d answers, want 60 or more", file, len(out))
	}
	return out
}

// RunAnswers asks for everything that the answers are for and holds what comes of it against them.
func RunAnswers(t *testing.T, answers []Answer, asks Asks) {
	t.Helper()
	for _, a := range answers {
		asked := a.Asked
		if len(asked) == 0 {
			asked = []string{"create", "update", "read"}
		}
		for _, what := range asked {
			t.Run(a.Name+"/"+what, func(t *testing.T) {
				t.Parallel()
				ask := asks[what]
				if ask == nil {
					t.Fatalf("nobody asks for %q", what)
				}
				said, failed := ask(t, always{a.Reply()})
				a.judge(t, what, said, failed)
			})
		}
	}
}

// always gives one answer to every call.
type always struct{ reply connectors.Reply }

// Do answers.
func (a always) Do(context.Context, connectors.Call) (connectors.Reply, error) { return a.reply, nil }

// Reply is the answer as a connector gets it.
func (a Answer) Reply() connectors.Reply {
	r := connectors.Reply{Status: a.Status, Header: http.Header{}, Body: a.Body}
	for name, value := range a.Headers {
		r.Header.Set(name, value)
	}
	var text string
	if len(a.Body) > 0 && json.Unmarshal(a.Body, &text) == nil {
		r.Body = []byte(text)
	}
	return r
}

// parts tells whether the answer is several in one, each with a status of its own.
func (a Answer) parts() bool {
	return a.Status == http.StatusMultiStatus || bytes.Contains(a.Body, []byte(`"compositeResponse"`))
}

// unfilled is what a cause or an action must not show: a place for names that was left as it is.
var unfilled = regexp.MustCompile(`\{[a-z]+\}`)

func (a Answer) judge(t *testing.T, asked, said string, failed *connectors.Error) {
	t.Helper()
	want, each := a.Class[asked]
	if !each {
		want = a.Class[""]
	}
	if failed == nil {
		if want != Accepted || !strings.Contains(said, a.Says) {
			t.Errorf("taken for a success that gave %q, want %s %s", said, want, a.Code)
		}
		return
	}
	var wait time.Duration
	if a.Wait != "" {
		var err error
		if wait, err = time.ParseDuration(a.Wait); err != nil {
			t.Fatal(err)
		}
	}
	switch text := failed.Cause + " " + failed.Action; {
	case failed.Class != want || a.Code != "" && failed.Code != a.Code:
		t.Errorf("got %s %s (%s), want %s %s", failed.Class, failed.Code, failed.Cause, want, a.Code)
	case failed.RetryAfter != wait || failed.Pause != a.Pause || failed.Status != a.Status && failed.Status != 0 && !a.parts():
		t.Errorf("got wait %s, pause %t, status %d; want %s, %t, %d", failed.RetryAfter, failed.Pause, failed.Status, wait, a.Pause, a.Status)
	case failed.Cause == "" || failed.Action == "":
		t.Errorf("cause %q and action %q must both say something", failed.Cause, failed.Action)
	case !strings.Contains(text, a.Says) || strings.Contains(text, "<html") || unfilled.MatchString(text):
		t.Errorf("cause and action: got %q, want %q in it, no page and nothing left to fill in", text, a.Says)
	}
}
