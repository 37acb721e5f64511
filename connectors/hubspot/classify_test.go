package hubspot

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

func TestTheCorrelationIDComesFromTheBodyOrElseTheHeader(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	h.Set("X-HubSpot-Correlation-Id", "from-header")
	for body, want := range map[string]string{`{"correlationId":"from-body"}`: "from-body", `{}`: "from-header"} {
		e := classify(connectors.Reply{Status: 500, Header: h, Body: []byte(body)}, connectors.Read, time.Now())
		if e.RequestID != want {
			t.Errorf("request id: got %q, want %q", e.RequestID, want)
		}
	}
}

func TestHubSpotsWordsAreMadeSafe(t *testing.T) {
	t.Parallel()
	body := `{"message":"line one\nline two\u0007 ` + strings.Repeat("x", 1000) + `"}`
	e := classify(connectors.Reply{Status: 400, Body: []byte(body)}, connectors.Once, time.Now())
	if strings.ContainsAny(e.Cause, "\n\a") || len(e.Cause) > 400 {
		t.Errorf("cause: got %d bytes %q, want one short printable line", len(e.Cause), e.Cause)
	}
}

func TestAMissingAnswerIsJudgedByWhatMayHaveBeenSent(t *testing.T) {
	t.Parallel()
	lost := &connectors.TransportError{Sent: true, Status: 201, Err: errors.New("unexpected EOF")}
	unsent := &connectors.TransportError{Err: errors.New("connection refused")}
	late := &connectors.TransportError{Err: connectors.ErrSendDeadline}
	for _, tc := range []struct {
		name   string
		err    error
		effect connectors.Effect
		class  connectors.Class
		code   string
	}{
		{"a create that may have arrived", lost, connectors.Once, connectors.ClassInDoubt, "crm_answer_lost"},
		{"an update that may have arrived", lost, connectors.Idempotent, connectors.ClassRetry, "crm_answer_lost"},
		{"a read that may have arrived", lost, connectors.Read, connectors.ClassRetry, "crm_answer_lost"},
		{"a create that was not sent", unsent, connectors.Once, connectors.ClassRetry, "crm_unreachable"},
		{"a create that came too late", late, connectors.Once, connectors.ClassRetry, "send_deadline_passed"},
		{"an error of another kind", errors.New("odd"), connectors.Once, connectors.ClassInDoubt, "crm_answer_lost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if e := wantError(t, unanswered(tc.err, tc.effect), tc.class, tc.code); !errors.Is(&e, tc.err) {
				t.Errorf("the error does not hold what lies beneath")
			}
		})
	}
}
