package api

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const mergeEvent = `[{"eventId":1,"subscriptionId":12345,"portalId":4242,"appId":777,"occurredAt":1790000000000,"subscriptionType":"contact.merge","attemptNumber":0,"primaryObjectId":501,"mergedObjectIds":[502],"newObjectId":503,"numberOfPropertiesMoved":3,"changeSource":"CRM"}]`

// signedExample is a delivery whose signature was computed by another program than this one.
func signedExample() (secret, address, timestamp, signature, body string) {
	return "outcome-writer-test-secret", "https://crm.example.test/functions/v1/hubspot-webhook", "1790000001000", "jGk48r9xsKluZQFy97tvcGi4TcphHqGWUh6PSHn3DTs=", mergeEvent
}

func TestHubSpotsSignatureIsTakenAsItsOwnLibrariesMakeIt(t *testing.T) {
	t.Parallel()
	secret, address, timestamp, signature, body := signedExample()
	for name, c := range map[string][5]string{
		"a merge":              {secret, address, timestamp, signature, body},
		"HubSpot's own vector": {strings.Repeat("y", 8) + "-yyyy-yyyy-yyyy-" + strings.Repeat("y", 12), "https://www.example.com/webhook_uri", "1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=", "{'example_field':'example_value'}"},
	} {
		ms, err := time.ParseDuration(c[2] + "ms")
		if err != nil {
			t.Fatal(err)
		}
		h := NewHubSpotHooks(c[0], c[1], func() time.Time { return time.UnixMilli(ms.Milliseconds()).Add(4 * time.Minute) })
		if err := h.verify(http.MethodPost, c[1], c[2], c[3], []byte(c[4])); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestThreat19_AForgedOrOldWebhookOfHubSpotIsRefused(t *testing.T) {
	t.Parallel()
	secret, address, timestamp, signature, body := signedExample()
	sent := time.UnixMilli(1790000001000)
	deliver := func(now time.Time, method, query, timestamp, signature, body string) error {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://10.0.0.7:8080/hubspot-webhooks"+query, strings.NewReader(body))
		r.Header.Set(hubspotSignature, signature)
		r.Header.Set(hubspotTimestamp, timestamp)
		_, err := NewHubSpotHooks(secret, address, func() time.Time { return now }).authenticate(r)
		return err
	}
	if err := deliver(sent, "POST", "", timestamp, signature, body); err != nil {
		t.Fatalf("behind a proxy: %v", err)
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		flipped := []byte(string(raw))
		flipped[i/8] ^= 1 << (i % 8)
		if deliver(sent, "POST", "", timestamp, base64.StdEncoding.EncodeToString(flipped), body) == nil {
			t.Errorf("bit %d of the signature does not matter", i)
		}
	}
	for i := range len(body) {
		changed := []byte(body)
		changed[i] ^= 1
		if deliver(sent, "POST", "", timestamp, signature, string(changed)) == nil {
			t.Errorf("byte %d of the body does not matter", i)
		}
	}
	for name, err := range map[string]error{
		"301 s old":       deliver(sent.Add(301*time.Second), "POST", "", timestamp, signature, body),
		"301 s early":     deliver(sent.Add(-301*time.Second), "POST", "", timestamp, signature, body),
		"another time":    deliver(sent, "POST", "", "1790000001001", signature, body),
		"no time":         deliver(sent, "POST", "", "", signature, body),
		"a time in words": deliver(sent, "POST", "", "now", signature, body),
		"another method":  deliver(sent, "PUT", "", timestamp, signature, body),
		"a query":         deliver(sent, "POST", "?x=1", timestamp, signature, body),
		"no base64":       deliver(sent, "POST", "", timestamp, "%%%", body),
		"an empty MAC":    deliver(sent, "POST", "", timestamp, "=", body),
		"cut short":       deliver(sent, "POST", "", timestamp, base64.StdEncoding.EncodeToString(raw[:16]), body),
	} {
		if (&responder{}).asError(t.Context(), err).Code != CodeWebhookRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if deliver(sent.Add(299*time.Second), "POST", "", timestamp, signature, body) != nil {
		t.Error("299 s old is refused")
	}
}

func TestNobodyButHubSpotOpensItsWebhooks(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(cfg *Config) {
		cfg.HubSpotHooks = NewHubSpotHooks("client-secret", "https://x.example/hubspot-webhooks", nil)
	})
	refused(t, b.send("POST", "/hubspot-webhooks", "[]"), http.StatusUnauthorized, CodeNoAuthHeader) // a service's key
	refused(t, b.send("POST", "/hubspot-webhooks", "[]", hubspotSignature, "AAAA", hubspotTimestamp, "1"), http.StatusUnauthorized, CodeWebhookRefused)
	without := newBench(t, nil)
	refused(t, without.send("POST", "/hubspot-webhooks", "[]", hubspotSignature, "AAAA"), http.StatusNotImplemented, CodeCrmNotConfigured)
}
