package api

import (
	"context"
	"net/http"
	"regexp"

	"github.com/google/uuid"
)

// exchange is what the layers of one request tell each other: the outer ones log what the inner
// ones found out.
type exchange struct {
	requestID string
	operation string
	route     string // the contract's path; empty: none
	caller    Caller
	code      ErrorCode // of the failure, if it failed
	gone      bool      // the client left before there was an answer
	meter     *meter
	body      *heldBody // nil: there is none
	stopping  bool      // a health check that says no because the process is to end: nothing to look into

	traceparent string          // under which the work of the request is known; empty: none
	seen        context.Context // what the observer made of the context; nil: it has not seen the request
}

type exchangeKey struct{}

// exchangeFrom never gives nil, so that a layer can be used alone.
func exchangeFrom(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// observed is the context that the observer knows the request by.
func (x *exchange) observed(otherwise context.Context) context.Context {
	if x.seen != nil {
		return x.seen
	}
	return otherwise
}

// RequestIDFrom is the id under which the log knows this request; empty outside of one.
func RequestIDFrom(ctx context.Context) string { return exchangeFrom(ctx).requestID }

var (
	wellFormedID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)
	traceparent  = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$`)
)

// withRequestID carries on the id that came in, or makes one, and puts it on the response.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r.Header)
		w.Header().Set("sb-request-id", id)
		w.Header().Set("x-request-id", id)
		ctx := context.WithValue(r.Context(), exchangeKey{}, &exchange{requestID: id})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func requestID(h http.Header) string {
	for _, name := range []string{"sb-request-id", "x-request-id"} {
		if id := h.Get(name); wellFormedID.MatchString(id) {
			return id
		}
	}
	if id := TraceID(h.Get("traceparent")); id != "" {
		return id
	}
	if id, err := uuid.NewV7(); err == nil {
		return id.String()
	}
	return uuid.NewString()
}
