package api

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// healthOperation is how the log calls all four checks.
const healthOperation = "health"

const readyTimeout = 2 * time.Second

// health answers the checks before routing, so that they need no credentials and leave no line in the log.
func health(p *responder, ready func(context.Context) error) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body any = Health{Status: HealthStatusOk}
			switch r.URL.Path {
			case "/health", "/healthz", "/readyz":
			case "/_internal/health": // the edge runtime's own probe
				body = map[string]string{"message": "ok"}
			default:
				next.ServeHTTP(w, r)
				return
			}
			x := exchangeFrom(r.Context())
			x.operation, x.route = healthOperation, r.URL.Path
			if !p.onlyReads(w, r) {
				return
			}
			if r.URL.Path == "/readyz" && ready != nil {
				ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
				defer cancel()
				if err := ready(ctx); err != nil {
					var why *Error
					if !errors.As(err, &why) {
						why = &Error{Code: CodeDatabaseUnavailable, Message: "Not ready", Err: err}
					}
					x.stopping = why.Code == CodeNotReady && why.Err == nil
					p.fail(w, r, why)
					return
				}
			}
			p.json(w, r, http.StatusOK, body)
		})
	}
}

// onlyReads says whether a request reads; any other has been refused.
func (p *responder) onlyReads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	p.fail(w, r, &Error{Code: CodeMethodNotAllowed})
	return false
}
