package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

func TestADatabaseWebhookIsOpened(t *testing.T) {
	t.Parallel()
	outcome := outcomeWith(`"contact":{"email":"ada@example.com"},"task":null`)
	envelope := func(kind, record, old string) string {
		return fmt.Sprintf(`{"type":%q,"table":"outcomes","record":%s,"schema":"public","old_record":%s,"user_id":null}`, kind, record, old)
	}
	cases := []struct{ name, body string }{
		{"the row is the outcome", envelope("INSERT", outcome, "null")},
		{"a column is the outcome", envelope("INSERT", `{"id":9007199254740993,"created_at":"x","outcome":`+outcome+`}`, "null")},
		{"an update", envelope("UPDATE", `{"outcome":`+outcome+`}`, `{"outcome":{}}`)},
		{"text/plain", envelope("INSERT", outcome, "null")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			w := b.send("POST", "/functions/v1/sync/hubspot", c.body, "User-Agent", "pg_net/0.14", "Content-Type", "text/plain;charset=UTF-8")
			if w.Code != http.StatusAccepted {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			if o, _, _ := b.stub.last(); o == nil || o.Contact == nil || o.Contact.Email != "ada@example.com" || o.Task != nil {
				t.Errorf("outcome: got %+v", o)
			}
		})
	}
}

func TestADeletionIsIgnoredWithoutReachingAHandler(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	w := b.send("POST", "/sync", `{"type":"DELETE","table":"outcomes","schema":"public","record":null,"old_record":{"id":1}}`)
	var got SyncResult
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || got.Status != SyncStatusIgnored || got.Reason == nil {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if o, _, _ := b.stub.last(); o != nil {
		t.Errorf("the handler saw %+v", o)
	}
}

func TestAWebhookThatHoldsNoOutcomeIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for body, field := range map[string]string{
		`{"type":"TRUNCATE","table":"t","record":{}}`:                               "type",
		`{"type":"INSERT","table":"t","record":null,"old_record":null}`:             "record",
		`{"type":"INSERT","table":"t","record":{"outcome":{"contact":{"a":1}}}}`:    "contact.a",
		`{"type":"INSERT","table":"t","record":{"id":1,"outcome":"not an object"}}`: "id",
	} {
		if e := refused(t, b.send("POST", "/sync", body), http.StatusBadRequest, CodeValidationFailed); e.Details["field"] != field {
			t.Errorf("%s: got %v, want %s", body, e.Details, field)
		}
	}
	// A batch and the other routes open no envelope.
	refused(t, b.send("POST", "/disconnect-crm", `{"type":"DELETE","table":"t","record":null}`), http.StatusBadRequest, CodeValidationFailed)
}

func TestIntegersOfAnySizeKeepTheirDigits(t *testing.T) {
	t.Parallel()
	value, err := decodeJSON([]byte(`{"type":"INSERT","table":"t","record":{"outcome":{"id":9007199254740993,"n":[123456789012345678901234567890]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := openWebhook(value)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(opened)
	if want := `{"id":9007199254740993,"n":[123456789012345678901234567890]}`; err != nil || string(got) != want {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
}
