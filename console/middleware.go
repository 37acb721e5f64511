package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// policy lets a page load what the console itself serves and nothing else, run no script and wear no style that stands in the page, send its
// forms nowhere else, and be shown in no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // without the origin of its page a form could not prove where it comes from
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// record writes one line a request, as the API does: neither query nor form. What is polled is not told of while it works.
func (c *Console) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := c.cfg.Now()
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		note := &note{}
		next.ServeHTTP(ww, r.WithContext(context.WithValue(r.Context(), noteKey{}, note)))
		status := max(ww.Status(), http.StatusOK)
		if status < http.StatusBadRequest && (isPolled(r) || strings.HasPrefix(r.URL.Path, staticBase)) {
			return
		}
		level := zerolog.InfoLevel
		switch {
		case status >= http.StatusInternalServerError:
			level = zerolog.ErrorLevel
		case status >= http.StatusBadRequest:
			level = zerolog.WarnLevel
		}
		c.log.WithLevel(level).Str("event", "request").Str("component", "console").Str("method", r.Method).Str("path", r.URL.Path).Int("status", status).
			Dur("duration_ms", c.cfg.Now().Sub(start)).Int("bytes", ww.BytesWritten()).Str("operator", note.operator).
			Str("error_code", note.code).AnErr("error", note.err).Msg("request")
	})
}

// note is what the line of a request is told from within.
type note struct {
	operator, code string
	err            error // behind a failure that is ours
}

type noteKey struct{}

func noteOf(r *http.Request) *note {
	if n, ok := r.Context().Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

func isPolled(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/live") }

func (c *Console) recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // the server compares it like this
				panic(v)
			}
			kind := fmt.Sprintf("%T", v) // its value may hold what a page had at hand
			c.log.Error().Str("event", "request_panicked").Str("component", "console").Str("panic", kind).Bytes("stack", debug.Stack()).Msg("panic in a request")
			c.broken(w, r, errors.New("panic: "+kind))
		}()
		next.ServeHTTP(w, r)
	})
}

func deadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
