//go:build !production

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/sim"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func TestAnOperatorIsToldOfAFailedWriteAndSeesInATerminalWhatArrived(t *testing.T) {
	t.Parallel()
	s := openStage(t)
	type received struct {
		header http.Header
		body   []byte
	}
	arrived := make(chan received, 10)
	at := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- received{r.Header, body}
	}))
	defer at.Close()
	s.says(exitOK, []string{"nobody is told"}, "notifications", "endpoints")
	s.says(exitFailed, []string{"endpoint_url_not_allowed", "What to do"}, "notifications", "add", "https://10.0.0.1/")
	out := s.says(exitOK, []string{"every workspace", "write.failed,connection.error", "not shown again"}, "notifications", "add", at.URL, "--events", "write.failed,connection.error", "--description", "On-call")
	id, secret := wordAfter(t, out, "endpoint"), wordAfter(t, out, "secret")
	s.says(exitOK, []string{id, "well", at.URL}, "notifications", "endpoints")

	s.fault(sim.Fault{Method: http.MethodPost, Path: "^/crm/v3/objects/contacts", Kind: sim.FaultStatus, Status: http.StatusBadRequest, Times: -1,
		Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"status":"error","message":"not like this","category":"VALIDATION_ERROR"}`})
	s.sync("/sync/hubspot", map[string]any{"source_event_id": "e1", "contact": map[string]any{"email": "ada@example.com"}})
	var got received
	select {
	case got = <-arrived:
	case <-time.After(30 * time.Second):
		t.Fatal("nobody was told")
	}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.header); err != nil || !strings.Contains(string(got.body), `"type":"write.failed"`) || strings.Contains(string(got.body), "ada@example.com") {
		t.Errorf("%v: %s", err, got.body)
	}
	message := got.header.Get("webhook-id")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) { // until how it ended is recorded
		var list api.NotificationList
		if err := json.Unmarshal([]byte(s.says(exitOK, nil, "notifications", "list", "--status", "delivered", "--endpoint", id, "--json")), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Notifications) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the log does not have the message as delivered")
		}
	}
	s.says(exitOK, []string{message, "write.failed", "delivered"}, "notifications", "list")
	s.says(exitOK, []string{message, "it was taken", `"count": 1`}, "notifications", "show", message)
	s.says(exitOK, []string{"waiting"}, "notifications", "resend", message)
	s.says(exitOK, []string{"endpoint.test", "waiting"}, "notifications", "test", id)
	s.says(exitOK, []string{"disabled: by_request"}, "notifications", "disable", id)
	s.says(exitOK, []string{"state       well"}, "notifications", "enable", id)
	s.says(exitOK, []string{"whsec_"}, "notifications", "secret", id)
	s.says(exitUsage, []string{"nothing was done", "--yes"}, "notifications", "delete", id)
	s.says(exitOK, []string{"forgotten"}, "notifications", "delete", id, "--yes")
	s.says(exitFailed, []string{"endpoint_not_found"}, "notifications", "test", id)
	s.says(exitUsage, []string{"is not the id of a message"}, "notifications", "show", "x")
	s.says(exitUsage, []string{"test what?"}, "notifications", "test")
}

// wordAfter is what stands behind a name at the beginning of a line.
func wordAfter(t *testing.T, text, name string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == name {
			return words[1]
		}
	}
	t.Fatalf("there is no %s in %s", name, text)
	return ""
}
