package api

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// hookSecretHeader has dashes: Envoy refuses header names with underscores.
	hookSecretHeader    = "x-webhook-secret"
	hookSkew            = 5 * time.Minute // Standard Webhooks: how far the sender's clock may be off, and how old a delivery may be
	shortestHookSecret  = 16              // bytes
	signedBodyLimit     = 1 << 20         // bytes: a signature is over the whole body
	hookSecretSeparator = "|"             // as in Supabase's settings, while a secret is being rotated
)

// Hooks authenticates what a database sends: by a shared secret in the header x-webhook-secret, or by a signature over the body in
// the form of Standard Webhooks.
type Hooks struct {
	shared  [][sha256.Size]byte
	signing []*standardwebhooks.Webhook
	now     func() time.Time
}

// NewHooks takes the shared secrets and the signing secrets (v1,whsec_BASE64), several separated by |. Both empty give nil, which
// authenticates nobody. Errors do not quote a secret.
func NewHooks(shared, signing string, now func() time.Time) (*Hooks, error) {
	h := &Hooks{now: now}
	for _, secret := range split(shared) {
		if len(secret) < shortestHookSecret {
			return nil, fmt.Errorf("a shared secret is shorter than %d characters", shortestHookSecret)
		}
		h.shared = append(h.shared, sha256.Sum256([]byte(secret)))
	}
	for _, secret := range split(signing) {
		encoded := strings.TrimPrefix(strings.TrimPrefix(secret, "v1,"), "whsec_")
		hook, err := standardwebhooks.NewWebhook(encoded)
		if err != nil || len(encoded) < shortestHookSecret*4/3 {
			return nil, fmt.Errorf("a signing secret is not v1,whsec_ and at least %d bytes in base64", shortestHookSecret)
		}
		h.signing = append(h.signing, hook)
	}
	if h.shared == nil && h.signing == nil {
		return nil, nil
	}
	if h.now == nil {
		h.now = time.Now
	}
	return h, nil
}

func split(secrets string) []string {
	return strings.FieldsFunc(secrets, func(c rune) bool { return strings.ContainsRune(hookSecretSeparator, c) })
}

// authenticate says whether the request carries a hook's credentials at all, and if so, whether they are good.
func (h *Hooks) authenticate(r *http.Request) (_ Caller, tried bool, _ error) {
	if h == nil {
		return Caller{}, false, nil
	}
	if secret := r.Header.Get(hookSecretHeader); secret != "" && h.shared != nil {
		if !h.knows(secret) {
			return Caller{}, true, &Error{Code: CodeWebhookRefused, Message: "The webhook's secret is not the one that is configured here"}
		}
		return Caller{Kind: CallerHook, Name: "secret"}, true, nil
	}
	if r.Header.Get(standardwebhooks.HeaderWebhookSignature) != "" && h.signing != nil {
		if err := h.verify(r); err != nil {
			return Caller{}, true, err
		}
		return Caller{Kind: CallerHook, Name: "signature"}, true, nil
	}
	return Caller{}, false, nil
}

func (h *Hooks) knows(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	found := 0
	for i := range h.shared {
		found |= subtle.ConstantTimeCompare(sum[:], h.shared[i][:])
	}
	return found == 1
}

// verify reads the body and puts it back. The library's own check of the time cannot be given a clock, so it is made here.
func (h *Hooks) verify(r *http.Request) error {
	refused := func(err error) error { return &Error{Code: CodeWebhookRefused, Err: err} }
	seconds, err := strconv.ParseInt(r.Header.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil {
		return refused(err)
	}
	if off := h.now().Sub(time.Unix(seconds, 0)); off.Abs() > hookSkew {
		return refused(fmt.Errorf("signed %s ago", off))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, signedBodyLimit+1))
	switch {
	case errors.Is(err, errHeld):
		return noRoom()
	case err != nil:
		return &Error{Code: CodeInvalidJSON, Message: "The body could not be read to its end", Err: err}
	case len(body) > signedBodyLimit:
		return &Error{Code: CodeRequestTooLarge, Message: fmt.Sprintf("A signed body must not be larger than %d bytes", signedBodyLimit),
			Details: map[string]any{"limit": signedBodyLimit}}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	headers := r.Header.Clone() // Supabase joins several signatures by a comma and a space, the specification by a space
	headers.Set(standardwebhooks.HeaderWebhookSignature, strings.ReplaceAll(headers.Get(standardwebhooks.HeaderWebhookSignature), ", ", " "))
	failed := errors.New("no secret")
	for _, hook := range h.signing {
		if failed = hook.VerifyIgnoringTimestamp(body, headers); failed == nil {
			return nil
		}
	}
	return refused(failed)
}
