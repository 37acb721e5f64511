package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func TestThreat26_ASignedCallIsGoodForFiveMinutesAndForItsOwnBodyAlone(t *testing.T) {
	t.Parallel()
	const secret = "d2hhdC1zaWducy10aGUtY2FsbHMtb2YtdGhpcy10ZXN0"
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	hooks, err := NewHooks("", "v1,whsec_"+secret, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"subject":"Send the offer"}`
	recorded, err := signer.Sign("msg_1", now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	send := func(id string, at time.Time, body string) error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/sync", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(standardwebhooks.HeaderWebhookID, id)
		r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(at.Unix()))
		r.Header.Set(standardwebhooks.HeaderWebhookSignature, recorded)
		_, tried, err := hooks.authenticate(r)
		if !tried {
			t.Error("a signed call was not looked at")
		}
		return err
	}
	at := now
	for _, later := range []time.Duration{0, 299 * time.Second} {
		now = at.Add(later)
		if err := send("msg_1", at, body); err != nil {
			t.Errorf("after %s it is refused: %v", later, err)
		}
	}
	for what, err := range map[string]error{"another body": send("msg_1", at, strings.Replace(body, "offer", "order", 1)),
		"another id": send("msg_2", at, body), "a newer time than was signed": send("msg_1", at.Add(time.Second), body)} {
		if err == nil {
			t.Errorf("the signature of one call is good for %s", what)
		}
	}
	for _, off := range []time.Duration{301 * time.Second, -301 * time.Second, 24 * time.Hour} {
		if now = at.Add(off); send("msg_1", at, body) == nil {
			t.Errorf("it is good still after %s", off)
		}
	}
}
