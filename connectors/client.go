package connectors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Effect says what a call may do to the CRM, and with that whether it may be repeated.
type Effect string

// The effects.
const (
	Read       Effect = "read"       // changes nothing
	Idempotent Effect = "idempotent" // changes the same thing to the same state, however often; repeated by the log alone, which keeps the order
	Once       Effect = "once"       // creates, or spends something: never repeated when it may have been executed
)

// Call is one request to a CRM.
type Call struct {
	Method string
	URL    string // absolute; anything secret goes into Header or Body
	Route  string // the path with {id} for what varies: for logs, attempts and metrics
	Header http.Header
	Body   []byte
	Effect Effect
	SendBy time.Time // no first byte after this; zero: no limit

	Account string // whose allowance it uses; empty: nobody's, as for tokens
}

// Reply is a complete answer, whatever its status.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Doer makes calls. Client is the real one; Budget, Trace and Planner wrap another.
type Doer interface {
	// Do answers with a complete Reply, or with a *TransportError.
	Do(ctx context.Context, call Call) (Reply, error)
}

// TransportError says that there is no complete answer.
type TransportError struct {
	Sent   bool // bytes may have reached the CRM: it may have been executed
	Status int  // of an answer whose body was cut or too large; 0: none
	Err    error
}

// Error never holds the URL's query.
func (e *TransportError) Error() string {
	if e.Sent {
		return "no complete answer: " + e.Err.Error()
	}
	return "not sent: " + e.Err.Error()
}

// Unwrap gives what lies beneath.
func (e *TransportError) Unwrap() error { return e.Err }

// Errors that a TransportError may hold.
var (
	ErrSendDeadline = errors.New("the time to send had passed")
	ErrBodyTooLarge = errors.New("the answer was larger than allowed")
)

const formType = "application/x-www-form-urlencoded"

const (
	maxBody     = 4 << 20          // a full page of 200 records is well below
	callTimeout = 30 * time.Second // a Salesforce or HubSpot call of ours takes well under a second
	maxBlip     = 2 * time.Second  // longer waits belong to the log
	retries     = 2
)

// Client is the shared retry helper: go-retryablehttp, told what may be repeated. It mends
// blips of a second or two inside a drain; everything longer is the log's. It follows no redirect (a
// followed 302 turns a POST into a GET that ends in 200), sends no idempotency header (Go's client
// would then repeat a POST on its own) and reads at most 4 MiB.
type Client struct {
	http    *retryablehttp.Client
	now     func() time.Time
	timeout time.Duration
}

// NewClient makes a client over transport: that of an Outbound, or nil for one that connects wherever it is told.
func NewClient(transport http.RoundTripper, now func() time.Time) *Client {
	if transport == nil {
		transport = newTransport()
	}
	c := &Client{now: now, timeout: callTimeout}
	c.http = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryMax:     retries,
		RetryWaitMin: 200 * time.Millisecond,
		RetryWaitMax: maxBlip,
		CheckRetry:   checkRetry,
		Backoff:      c.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return c
}

// Limit sets how long a call and its short retries may take together, in place of 30 seconds. It is not for use once calls are made.
func (c *Client) Limit(timeout time.Duration) { c.timeout = timeout }

// progress is what one Call's attempts have come to; CheckRetry finds it in the context.
type progress struct {
	effect Effect
	sendBy time.Time
	now    func() time.Time
	sent   atomic.Bool // a connection was had in some attempt that was not retried as harmless
}

type progressKey struct{}

// Do makes the call and its short retries, within 30 seconds or what Limit said, unless the context's Breaker is open.
func (c *Client) Do(ctx context.Context, call Call) (Reply, error) {
	breaker := breakerOf(ctx, call)
	if refusal := breaker.Refusal(); refusal != nil {
		return Reply{}, &TransportError{Err: refusal}
	}
	reply, err := c.send(ctx, call)
	if ctx.Err() == nil { // else nobody waited for the answer
		breaker.saw(reply, err)
	}
	return reply, err
}

func (c *Client) send(ctx context.Context, call Call) (Reply, error) {
	if !call.SendBy.IsZero() && !c.now().Before(call.SendBy) {
		return Reply{}, &TransportError{Err: ErrSendDeadline}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	p := &progress{effect: call.Effect, sendBy: call.SendBy, now: c.now}
	ctx = context.WithValue(ctx, progressKey{}, p)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { p.sent.Store(true) }})

	var body any
	if call.Body != nil {
		body = call.Body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, call.Method, call.URL, body)
	if err != nil {
		return Reply{}, &TransportError{Err: scrubError(call, withoutURL(err))}
	}
	req.Header = call.Header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", "crm-connectors")
	resp, err := c.http.Do(req)
	if err != nil {
		return Reply{}, &TransportError{Sent: p.sent.Load(), Err: scrubError(call, withoutURL(err))}
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return Reply{}, &TransportError{Sent: true, Status: resp.StatusCode, Err: scrubError(call, withoutURL(err))}
	case len(data) > maxBody:
		return Reply{}, &TransportError{Sent: true, Status: resp.StatusCode, Err: ErrBodyTooLarge}
	}
	return scrub(call, Reply{Status: resp.StatusCode, Header: resp.Header, Body: data}), nil
}

// checkRetry lets a call be repeated within the drain only where that cannot execute it twice.
func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	p, ok := ctx.Value(progressKey{}).(*progress)
	if !ok || ctx.Err() != nil {
		return false, ctx.Err()
	}
	if !p.sendBy.IsZero() && !p.now().Add(maxBlip).Before(p.sendBy) {
		return false, nil // the pause before the retry could end after the time to send
	}
	if errors.Is(err, ErrHostNotAllowed) || errors.Is(err, ErrAddressNotAllowed) {
		return false, nil
	}
	if err != nil {
		return !p.sent.Load() || p.effect == Read, nil
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		wait, given := RetryAfter(resp.Header, p.now())
		again := given && wait <= maxBlip // no executed call is answered 429
		if again {
			p.sent.Store(false)
		}
		return again, nil
	case resp.StatusCode >= 500:
		return p.effect == Read, nil
	}
	return false, nil
}

// backoff honours a short Retry-After, else doubles from 200 ms with full jitter.
func (c *Client) backoff(low, high time.Duration, attempt int, resp *http.Response) time.Duration {
	if resp != nil {
		if wait, ok := RetryAfter(resp.Header, c.now()); ok && wait <= high {
			return wait
		}
	}
	return min(high, low/2+rand.N(low<<attempt)) //nolint:gosec // jitter is no secret
}

// longestWait is what a CRM may ask for: no limit of either lasts longer than a day.
const longestWait = 7 * 24 * time.Hour

// RetryAfter reads the header of that name, in seconds or as a date. The bool says that it was there and
// made sense.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if s, err := strconv.Atoi(v); err == nil && s >= 0 && s <= int(longestWait/time.Second) {
		return time.Duration(s) * time.Second, true
	}
	if at, err := http.ParseTime(v); err == nil && at.Sub(now) <= longestWait {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// withoutURL drops the URL that net/url puts into errors: its query may hold an email address.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return fmt.Errorf("%s: %w", ue.Op, ue.Err)
	}
	return err
}

// JSONHeader is the header of a call with a bearer token and a JSON body.
func JSONHeader(token Secret) http.Header {
	h := http.Header{}
	h.Set("Authorization", "Bearer "+token.Reveal())
	h.Set("Accept", "application/json")
	h.Set("Content-Type", "application/json")
	return h
}

// FormCall is a POST of a form, as token endpoints want it. It is never repeated.
func FormCall(endpoint, route string, form url.Values) Call {
	h := http.Header{}
	h.Set("Accept", "application/json")
	h.Set("Content-Type", formType)
	return Call{Method: http.MethodPost, URL: endpoint, Route: route, Header: h,
		Body: bytes.NewBufferString(form.Encode()).Bytes(), Effect: Once}
}
