package api

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// accessLog writes one line a request: never the query, which holds OAuth codes, nor a body. Health
// checks are logged only when they fail.
func accessLog(log zerolog.Logger, observer Observer, now func() time.Time) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := now()
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			method, path, x := r.Method, r.URL.Path, exchangeFrom(r.Context())
			next.ServeHTTP(ww, r)

			x.gone = x.gone || r.Context().Err() != nil // before our own deadline: that is of the layers within
			status := ww.Status()
			if status == 0 {
				status = http.StatusOK
			}
			took := now().Sub(start)
			observer.Answered(x.observed(r.Context()), Answer{Method: method, Route: x.route, Caller: x.caller.Kind, Status: status, Code: x.code, Took: took, Gone: x.gone})
			if x.operation == healthOperation && (status < http.StatusBadRequest || x.stopping) {
				return
			}
			line := log.WithLevel(accessLevel(x, status)).Str("event", "request").Str("component", "api").Str("method", method).
				Str("path", path).Str("operation", x.operation).Int("status", status).
				Dur("duration_ms", took).Int("bytes", ww.BytesWritten()).Str("request_id", x.requestID)
			if x.caller.Kind != "" {
				line = line.Str("caller", string(x.caller.Kind)+":"+x.caller.Name+x.caller.UserID)
			}
			if id := TraceID(x.traceparent); id != "" {
				line = line.Str("trace_id", id)
			}
			if x.code != "" {
				line = line.Str("error_code", string(x.code))
			}
			line.Bool("client_gone", x.gone).Msg("request")
		})
	}
}

func accessLevel(x *exchange, status int) zerolog.Level {
	switch {
	case x.gone, status < http.StatusBadRequest:
		return zerolog.InfoLevel
	case status < http.StatusInternalServerError:
		return zerolog.WarnLevel
	}
	return zerolog.ErrorLevel
}

// recoverer turns a panic into a 500. The stack goes to the log alone.
func recoverer(p *responder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if v == http.ErrAbortHandler { //nolint:errorlint // the server compares it like this
					panic(v)
				}
				p.log.Error().Str("event", "request_panicked").Str("request_id", RequestIDFrom(r.Context())).Str("panic", panicKind(v)).
					Bytes("stack", debug.Stack()).Msg("panic in a request")
				p.fail(w, r, &Error{Code: CodeInternal, Err: errors.New("panic: " + panicKind(v))})
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// panicKind is what may be logged of a panic: its type, and the words where they are the runtime's own. Any other value may hold what a
// handler had at hand, a token or a header not excepted.
func panicKind(v any) string {
	var fault runtime.Error
	if err, ok := v.(error); ok && errors.As(err, &fault) {
		return fault.Error()
	}
	return fmt.Sprintf("%T", v)
}

const (
	corsMethods = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
	corsHeaders = "authorization, x-client-info, apikey, content-type, x-retry-count, traceparent, tracestate, baggage, " +
		"x-region, idempotency-key, x-request-id, prefer, x-supabase-client-platform, x-supabase-client-platform-version, " +
		"x-supabase-client-runtime, x-supabase-client-runtime-version"
	corsExposed = "sb-error-code, sb-request-id, x-request-id, retry-after"
)

// cors puts its headers on every response, failures included, and answers every preflight itself, for a
// preflight never has credentials. No credentials mode: the tokens are in headers, not cookies.
func cors(origins []string) func(http.Handler) http.Handler {
	everybody := len(origins) == 0 || slices.Contains(origins, "*")
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			if everybody {
				h.Set("Access-Control-Allow-Origin", "*")
			} else {
				h.Add("Vary", "Origin")
				if o := r.Header.Get("Origin"); o != "" && slices.ContainsFunc(origins, func(a string) bool { return strings.EqualFold(a, o) }) {
					h.Set("Access-Control-Allow-Origin", o)
				}
			}
			h.Set("Access-Control-Expose-Headers", corsExposed)
			if r.Method == http.MethodOptions {
				h.Set("Access-Control-Allow-Methods", corsMethods)
				h.Set("Access-Control-Allow-Headers", corsHeaders)
				h.Set("Access-Control-Max-Age", "7200")
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// harden sets what every answer of this service wants: nothing here may be cached, sniffed or
// passed on as a referrer, least of all an OAuth callback's address.
func harden(hsts bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			if hsts {
				h.Set("Strict-Transport-Security", oneYear)
			}
			h.Set("Cache-Control", "no-store")
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("X-Frame-Options", "DENY")
			h.Set("x-served-by", "crm-connectors")
			next.ServeHTTP(w, r)
		})
	}
}

// oneYear is for how long a browser that was told to use TLS goes on to. Other hosts of the domain are their owners' affair.
const oneYear = "max-age=31536000"
