package api

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	hubspotSignature = "X-HubSpot-Signature-v3"
	hubspotTimestamp = "X-HubSpot-Request-Timestamp" // milliseconds
)

// HubSpotHooks authenticates HubSpot's webhooks by the third version of its signature: HMAC-SHA-256 with the app's client secret over
// method, address, body and time. The first two versions can be replayed at any time and are not taken.
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
type HubSpotHooks struct {
	secret []byte
	url    string
	now    func() time.Time
}

// NewHubSpotHooks takes the app's client secret and the address that HubSpot calls as it is set in the app: what a proxy made of it on the way
// is not what was signed. An empty secret gives nil, which authenticates nobody.
func NewHubSpotHooks(secret, url string, now func() time.Time) *HubSpotHooks {
	if secret == "" || url == "" {
		return nil
	}
	if now == nil {
		now = time.Now
	}
	return &HubSpotHooks{secret: []byte(secret), url: url, now: now}
}

// signedAs are the escapes that HubSpot decodes in an address before it signs, and no other.
var signedAs = strings.NewReplacer("%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
	"%3a", ":", "%2f", "/", "%3f", "?", "%2a", "*", "%2c", ",", "%3b", ";")

// authenticate reads the body and puts it back.
func (h *HubSpotHooks) authenticate(r *http.Request) (Caller, error) {
	signature := r.Header.Get(hubspotSignature)
	if signature == "" {
		return Caller{}, &Error{Code: CodeNoAuthHeader, Message: "Missing header " + hubspotSignature}
	}
	if h == nil {
		return Caller{}, &Error{Code: CodeCrmNotConfigured}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, signedBodyLimit+1))
	switch {
	case errors.Is(err, errHeld):
		return Caller{}, noRoom()
	case err != nil:
		return Caller{}, &Error{Code: CodeInvalidJSON, Message: "The body could not be read to its end", Err: err}
	case len(body) > signedBodyLimit:
		return Caller{}, &Error{Code: CodeRequestTooLarge, Message: fmt.Sprintf("A signed body must not be larger than %d bytes", signedBodyLimit),
			Details: map[string]any{"limit": signedBodyLimit}}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	address := h.url
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	if err := h.verify(r.Method, address, r.Header.Get(hubspotTimestamp), signature, body); err != nil {
		return Caller{}, &Error{Code: CodeWebhookRefused, Err: err}
	}
	return Caller{Kind: CallerHook, Name: "hubspot"}, nil
}

func (h *HubSpotHooks) verify(method, address, timestamp, signature string, body []byte) error {
	ms, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errors.New("no time")
	}
	if off := h.now().Sub(time.UnixMilli(ms)); off.Abs() > hookSkew {
		return fmt.Errorf("signed %s ago", off)
	}
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return errors.New("the signature is not base64")
	}
	mac := hmac.New(sha256.New, h.secret)
	_, _ = io.WriteString(mac, method+signedAs.Replace(address))
	_, _ = mac.Write(body)
	_, _ = io.WriteString(mac, timestamp)
	if !hmac.Equal(given, mac.Sum(nil)) {
		return errors.New("another signature")
	}
	return nil
}
