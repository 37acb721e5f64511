package api

import (
	"context"
	"net/http"
	"regexp"
	"time"
)

// The cookie that tells a browser from others while it connects a CRM. With the prefix no other host and no plain HTTP can set it.
const (
	secureCookie = "__Host-crm_oauth"
	plainCookie  = "crm_oauth" // where the service is reached without TLS, as on a developer's machine
)

// Browser is what a request tells of the browser that made it.
type Browser struct {
	Origin        string // of the page whose script made the request; empty: none, or a navigation
	secure, plain string
}

var wellFormedNonce = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// Nonce is the value of the browser's cookie; empty: it has none of ours. secure says whether browsers reach this service over TLS.
func (b Browser) Nonce(secure bool) string {
	if secure {
		return b.secure
	}
	return b.plain
}

// NonceCookie is the header Set-Cookie that gives a browser its nonce. The cookie comes along when a CRM sends the browser back, and never
// with a form or a script of another site.
func NonceCookie(secure bool, nonce string, life time.Duration) string {
	c := &http.Cookie{Name: plainCookie, Value: nonce, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if secure {
		c.Name, c.Secure = secureCookie, true
	}
	return c.String()
}

type browserKey struct{}

// BrowserFrom is the browser that makes the request of this context.
func BrowserFrom(ctx context.Context) Browser {
	b, _ := ctx.Value(browserKey{}).(Browser)
	return b
}

// WithBrowser reads what a request tells of its browser.
func WithBrowser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := Browser{Origin: r.Header.Get("Origin"), secure: nonceOf(r, secureCookie), plain: nonceOf(r, plainCookie)}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), browserKey{}, b)))
	})
}

func nonceOf(r *http.Request, name string) string {
	if c, err := r.Cookie(name); err == nil && wellFormedNonce.MatchString(c.Value) {
		return c.Value
	}
	return ""
}
