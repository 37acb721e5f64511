package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// retryAfter are the waits between the tries, those that Standard Webhooks proposes: three days in all.
func retryAfter() []time.Duration {
	return []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}
}

const (
	sendTimeout = 15 * time.Second // from the first byte to the last of the answer
	answerKept  = 300              // bytes of a refusal, for whoever looks why
	pauseLeast  = 5 * time.Second  // of an endpoint that failed
	pauseMost   = 5 * time.Minute
	failingMost = 5 * 24 * time.Hour // an endpoint that took nothing for so long is told nothing more

	disabledGone    = "gone"    // it answered 410
	disabledFailing = "failing" // for failingMost
)

// send makes one try and says how it ended. What it meets is the endpoint's or the network's affair and so no error of this program's, but for secrets
// that cannot be opened.
func (n *Notifier) send(ctx context.Context, due store.DueNotification) store.NotificationOutcome {
	try := store.NotificationAttempt{StartedAt: n.cfg.Now().UTC()}
	wait, err := n.post(ctx, due, &try)
	try.EndedAt = n.cfg.Now().UTC()
	if err != nil {
		try.Error = plain(err)
	}
	return n.follows(due, try, wait)
}

// post sends one request. The error says in words why the message did not arrive, and wait what the endpoint asked for.
func (n *Notifier) post(ctx context.Context, due store.DueNotification, try *store.NotificationAttempt) (wait time.Duration, _ error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, due.Endpoint.URL, strings.NewReader(due.Payload))
	if err != nil {
		return 0, errors.New("the address cannot be read")
	}
	signatures, err := n.sign(due, try.StartedAt)
	if err != nil {
		n.cfg.Log.Error().Str("event", "notification_not_signed").Err(err).Stringer("endpoint_id", due.EndpointID).Msg("a message cannot be signed")
		return 0, errors.New("the endpoint's secret cannot be opened with the keyset of this service")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "crm-connectors")
	r.Header.Set(standardwebhooks.HeaderWebhookID, due.ID.String())
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(try.StartedAt.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, signatures)
	answer, err := n.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	try.HTTPStatus = answer.StatusCode
	if answer.StatusCode/100 == 2 {
		return 0, nil
	}
	begins, _ := io.ReadAll(io.LimitReader(answer.Body, answerKept)) // what came of it says enough
	try.Answer = strings.ToValidUTF8(string(bytes.ReplaceAll(begins, []byte{0}, nil)), "")
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		wait = min(time.Duration(min(seconds, 86400))*time.Second, 24*time.Hour)
	}
	if answer.StatusCode/100 == 3 {
		return wait, fmt.Errorf("it answered %d: redirects are not followed, so give the address that it leads to", answer.StatusCode)
	}
	return wait, fmt.Errorf("it answered %d", answer.StatusCode)
}

// sign gives the signatures of a message at a time, by each secret of its endpoint, with spaces between.
func (n *Notifier) sign(due store.DueNotification, at time.Time) (string, error) {
	secrets, err := n.cfg.Store.EndpointSecrets(due.Endpoint, at)
	if err != nil {
		return "", err
	}
	var signatures []string
	for _, secret := range secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", errors.New("it is not in the form of Standard Webhooks") // the error may quote it
		}
		signature, err := signer.Sign(due.ID.String(), at, []byte(due.Payload))
		if err != nil {
			return "", err
		}
		signatures = append(signatures, signature)
	}
	return strings.Join(signatures, " "), nil
}

// follows says what follows from a try.
func (n *Notifier) follows(due store.DueNotification, try store.NotificationAttempt, asked time.Duration) store.NotificationOutcome {
	end := store.NotificationOutcome{Status: store.NotificationDelivered, Attempt: try}
	if try.Error == "" {
		return end
	}
	waits := retryAfter()
	if end.Status = store.NotificationFailed; due.Failures < len(waits) {
		wait := waits[due.Failures]
		wait += time.Duration(rand.Int64N(int64(wait)/10 + 1)) //nolint:gosec // jitter is no secret
		end.Status, end.RetryIn = store.NotificationWaiting, max(wait, asked)
	}
	end.Pause = min(pauseMost, max(asked, pauseLeast<<min(due.Endpoint.Failures, 10)))
	since := due.Endpoint.FailingSince
	switch {
	case try.HTTPStatus == http.StatusGone:
		end.Disable = disabledGone
	case since != nil && n.cfg.Now().Sub(*since) > failingMost:
		end.Disable = disabledFailing
	}
	return end
}

// plain is err for people: without the address, which may hold a secret of its own in its query.
func plain(err error) string {
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("it gave no answer within %s", sendTimeout)
	case errors.Is(err, connectors.ErrAddressNotAllowed):
		return "its name leads to a private, local or reserved address"
	case errors.Is(err, connectors.ErrHostNotAllowed):
		return "its host may not be called: it is not https, or not a public name"
	}
	var name *net.DNSError
	if errors.As(err, &name) {
		return "its name is not known" // the error names the server that was asked
	}
	return err.Error()
}
