package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestABatchHandsItsItemsOnUnread(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	w := b.send("POST", "/sync/salesforce/batch/", `{"outcomes":[{"any":12345678901234567890},7,{"x":[null]}]}`)
	if w.Code != http.StatusAccepted {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	got := fmt.Sprintf("%s", b.stub.batch)
	if want := `[{"any":12345678901234567890} 7 {"x":[null]}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheFrameOfABatchIsJudged(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	cases := []struct{ name, body, field, reason string }{
		{"no list", `{}`, "outcomes", "is required"},
		{"null", `{"outcomes":null}`, "outcomes", "must not be null"},
		{"object", `{"outcomes":{}}`, "outcomes", "must be a list"},
		{"none", `{"outcomes":[]}`, "outcomes", "must hold at least 1"},
		{"too many", `{"outcomes":[` + strings.Repeat("{},", 1000) + `{}]}`, "outcomes", "must hold at most 1000"},
		{"stranger", `{"outcomes":[{}],"dry_run":true}`, "dry_run", "is not a known field"},
		{"other case", `{"outcomes":[{}],"Outcomes":[1]}`, "Outcomes", "is not a known field"},
		{"a list", `[{}]`, "body", "must be an object"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := refused(t, b.send("POST", "/sync/hubspot/batch", c.body), http.StatusBadRequest, CodeValidationFailed)
			if e.Details["field"] != c.field || e.Details["reason"] != c.reason {
				t.Errorf("got %v %v, want %s %s", e.Details["field"], e.Details["reason"], c.field, c.reason)
			}
		})
	}
	refused(t, b.send("POST", "/sync/hubspot/batch", `{"outcomes":[{]}`), http.StatusBadRequest, CodeInvalidJSON)
	refused(t, b.send("POST", "/sync/hubspot/batch", "{\"outcomes\":[\"\xff\"]}"), http.StatusBadRequest, CodeInvalidJSON)
}

func TestAnItemOfABatchIsDecodedLikeASingleOutcome(t *testing.T) {
	t.Parallel()
	v, err := NewValidator()
	if err != nil {
		t.Fatal(err)
	}
	o, e := v.Outcome(json.RawMessage(outcomeWith(`"contact":{"email":"ada@example.com","company":null}`)))
	if e != nil {
		t.Fatalf("got %v", e)
	}
	if o.Contact.Email != "ada@example.com" || o.Contact.Company != nil || o.SourceEventId != "evt-1" {
		t.Errorf("got %+v", o)
	}
	for _, broken := range []string{``, `{`, `{} {}`, `nope`} {
		if _, e := v.Outcome(json.RawMessage(broken)); e == nil || e.Code != CodeInvalidJSON {
			t.Errorf("%q: got %v, want invalid_json", broken, e)
		}
	}
	if _, e := v.Outcome(json.RawMessage(`7`)); e == nil || e.Details["reason"] != "must be an object" {
		t.Errorf("a number: got %v", e)
	}
}
