package api

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// Observer is told of requests, for figures and traces. Its methods are called on their way: they are quick, and safe for concurrent use.
type Observer interface {
	// Routed is told of a request once it is known which operation it is for, and before anything is done for it. traceparent is the W3C
	// trace context that came with it, in its first version; empty: none, or none that is well-formed. The context goes on with the
	// request; the string is the trace context under which its work is to be known, empty for none.
	Routed(ctx context.Context, method, route, traceparent string) (context.Context, string)
	// Answered is told of every request; ctx is Routed's, if there was a route.
	Answered(ctx context.Context, a Answer)
}

// Answer is what came of a request.
type Answer struct {
	Method string
	Route  string // the contract's path, or that of a health check; empty: there is none
	Caller CallerKind
	Status int
	Code   ErrorCode // empty: it did not fail
	Took   time.Duration
	Gone   bool // the client left before there was an answer
}

// unwatched is without an observer. The caller's own trace context goes on, so that the log can be found by it.
type unwatched struct{}

func (unwatched) Routed(ctx context.Context, _, _, traceparent string) (context.Context, string) {
	return ctx, traceparent
}
func (unwatched) Answered(context.Context, Answer) {}

// observed shows a request that has a route to the observer.
func observed(observer Observer) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := exchangeFrom(r.Context())
			x.seen, x.traceparent = observer.Routed(r.Context(), r.Method, x.route, incoming(r.Header))
			next.ServeHTTP(w, r.WithContext(x.seen))
		})
	}
}

// incoming is the traceparent of a request as it may be stored: of the version that has a fixed length, and not all zeros.
func incoming(h http.Header) string {
	parent := h.Get("traceparent")
	if len(parent) != len("00-00000000000000000000000000000000-0000000000000000-00") || !strings.HasPrefix(parent, "00-") || TraceID(parent) == "" {
		return ""
	}
	return parent
}

// TraceID is the id of the trace that a W3C traceparent belongs to; empty: it is none.
func TraceID(parent string) string {
	m := traceparent.FindStringSubmatch(parent)
	if len(m) < 3 || strings.Trim(m[1], "0") == "" || strings.Trim(m[2], "0") == "" {
		return ""
	}
	return m[1]
}

// TraceparentFrom is the trace context under which the work of this request is known; empty: none.
func TraceparentFrom(ctx context.Context) string { return exchangeFrom(ctx).traceparent }
