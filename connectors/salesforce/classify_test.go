package salesforce

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
)

const (
	retry     = connectors.ClassRetry
	reject    = connectors.ClassRejected
	inDoubt   = connectors.ClassInDoubt
	needAuth  = connectors.ClassNeedsAuth
	reconnect = connectors.ClassNeedsReconnect
	ours      = connectors.ClassMisconfigured
)

func TestTheCauseQuotesSalesforceAndNamesTheFields(t *testing.T) {
	t.Parallel()
	body := `[{"message":"Required fields are missing:\n [LastName]","errorCode":"REQUIRED_FIELD_MISSING","fields":["LastName","Region__c"]}]`
	got := classify(connectors.Once, connectors.Reply{Status: 400, Body: []byte(body)}, time.Now())
	want := "The org requires a field that the outcome does not have: “Required fields are missing: [LastName]” (REQUIRED_FIELD_MISSING; fields LastName, Region__c)."
	if got.Cause != want {
		t.Errorf("cause = %q\nwant    %q", got.Cause, want)
	}
	if text := got.Err.Error(); strings.Contains(text, "missing") || !strings.Contains(text, "REQUIRED_FIELD_MISSING") {
		t.Errorf("what lies beneath says %q, want the code and no message", text)
	}
	body = `[{"message":"An unexpected error occurred. Please include this ErrorId if you contact support: 1234567-8 (-987654321)","errorCode":"UNKNOWN_EXCEPTION"}]`
	got = classify(connectors.Once, connectors.Reply{Status: 500, Body: []byte(body)}, time.Now())
	if got.RequestID != "1234567-8 (-987654321)" {
		t.Errorf("request id = %q", got.RequestID)
	}
}

func TestALostAnswerIsInDoubtOnlyForACreateThatWentOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		effect connectors.Effect
		err    error
		class  connectors.Class
		code   string
	}{
		{connectors.Once, &connectors.TransportError{Sent: true, Err: context.Canceled}, inDoubt, "answer_lost"},
		{connectors.Once, &connectors.TransportError{Sent: true, Status: 201, Err: connectors.ErrBodyTooLarge}, inDoubt, "answer_lost"},
		{connectors.Once, &connectors.TransportError{Err: context.Canceled}, retry, "crm_unreachable"},
		{connectors.Once, &connectors.TransportError{Err: connectors.ErrSendDeadline}, retry, "send_window_over"},
		{connectors.Once, errors.New("something else"), inDoubt, "answer_lost"},
		{connectors.Idempotent, &connectors.TransportError{Sent: true, Err: context.Canceled}, retry, "answer_lost"},
		{connectors.Read, &connectors.TransportError{Sent: true, Err: context.Canceled}, retry, "answer_lost"},
		{connectors.Read, &connectors.TransportError{Err: context.Canceled}, retry, "crm_unreachable"},
	} {
		got := lost(c.effect, c.err)
		if got.Class != c.class || got.Code != c.code || !errors.Is(got, c.err) {
			t.Errorf("%s, %v: %s %s; want %s %s", c.effect, c.err, got.Class, got.Code, c.class, c.code)
		}
	}
}

func TestEveryErrorCodeStandsInTheTableOnce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range byErrorCode {
		if seen[l.errorCode] || l.errorCode == "" {
			t.Errorf("%q stands in the table twice or has no code", l.errorCode)
		}
		seen[l.errorCode] = true
	}
	for _, l := range tokenRules {
		if l.class == "" || l.code == "" || l.our == "" || l.says == "" || l.action == "" || l.source == "" {
			t.Errorf("%+v is not complete", l)
		}
	}
}
