package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

const defaultRetryAfter = 5 * time.Second

// responder writes every failure, in one form.
type responder struct {
	log  zerolog.Logger
	away func(error) bool
}

// fail answers err. What is not an *Error becomes a 500 that says nothing; its text goes to the log.
func (p *responder) fail(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeFrom(r.Context())
	x.gone = errors.Is(r.Context().Err(), context.Canceled)
	e := p.asError(r.Context(), err)
	x.code = e.Code
	p.note(r, x, e, err)
	if written(w) {
		return // too late for another answer; the client sees a cut one
	}
	h := w.Header()
	h.Set("sb-error-code", string(e.Code))
	if e.Code == CodeRequestTooLarge || errors.Is(e.Err, errHeld) {
		h.Set("Connection", "close") // or the server would go on to read what nobody wants
	}
	if wait := retryAfter(e); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if e.Status() == http.StatusBadRequest && (strings.HasSuffix(x.operation, "OAuthCallback") || x.operation == "OAuthConfirm") {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(e.Status())
		_, _ = w.Write([]byte(e.Text())) //nolint:gosec // text/plain with nosniff
		return
	}
	text := e.Text()
	p.json(w, r, e.Status(), ErrorEnvelope{Code: e.Code, Error: e.word(), Message: text, Msg: text,
		RequestId: x.requestID, Details: e.Details})
}

// json writes body with status.
func (p *responder) json(w http.ResponseWriter, r *http.Request, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil { // details that cannot be encoded: a mistake of ours
		p.fail(w, r, &Error{Code: CodeInternal, Err: fmt.Errorf("encode the response: %w", err)})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}

// note logs the reason of a failure where the access line alone would not tell it.
func (p *responder) note(r *http.Request, x *exchange, e *Error, err error) {
	level := zerolog.DebugLevel
	if x.stopping {
		return
	}
	if e.Status() >= http.StatusInternalServerError && !x.gone {
		level = zerolog.ErrorLevel
	} else if e.Err == nil {
		return
	}
	p.log.WithLevel(level).Str("event", "request_failed").Err(err).Str("request_id", x.requestID).Str("operation", x.operation).
		Str("error_code", string(e.Code)).Str("method", r.Method).Msg("request failed")
}

func retryAfter(e *Error) time.Duration {
	if e.RetryAfter > 0 {
		return e.RetryAfter
	}
	switch e.Status() {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return defaultRetryAfter
	}
	return 0
}

// written tells whether a response has begun, where the writer can tell.
func written(w http.ResponseWriter) bool {
	s, ok := w.(interface{ Status() int })
	return ok && s.Status() != 0
}
