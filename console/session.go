package console

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"crm-connectors/handlers"
)

// The session's cookie. With the prefix no other host and no plain HTTP can set it.
const (
	secureCookie = "__Host-crm_console"
	plainCookie  = "crm_console" // on a developer's machine
)

const maxForm = 64 << 10

func (c *Console) cookie(value string, maxAge int) *http.Cookie {
	// Lax, not Strict: a person who comes back from the CRM's page of consent is still signed in. It goes along with no request of another
	// site that could change anything.
	k := &http.Cookie{Name: secureCookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode} //nolint:gosec // secure but where the console is told that there is no TLS
	if c.cfg.NoTLS {
		k.Name, k.Secure = plainCookie, false
	}
	return k
}

type operatorKey struct{}

// operatorOf is who is signed in; the zero Operator on pages for everybody.
func operatorOf(r *http.Request) handlers.Operator {
	op, _ := r.Context().Value(operatorKey{}).(handlers.Operator)
	return op
}

// signedIn lets operators through, whose handlers then act for them, and asks everybody else to sign in.
func (c *Console) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op, ok := c.session(r)
		switch {
		case ok:
			noteOf(r).operator = op.Name
			ctx := context.WithValue(handlers.AsOperator(r.Context(), op), operatorKey{}, op)
			next.ServeHTTP(w, r.WithContext(ctx))
		case isPolled(r):
			w.WriteHeader(http.StatusUnauthorized) // the script then stops asking
		default:
			to := Base + "/sign-in"
			if r.Method == http.MethodGet && r.URL.Path != Base {
				to += "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
		}
	})
}

func (c *Console) session(r *http.Request) (handlers.Operator, bool) {
	k, err := r.Cookie(c.cookie("", 0).Name)
	if err != nil {
		return handlers.Operator{}, false
	}
	return c.handlers.OperatorOf(k.Value)
}

// kept is the parameter with which the browser comes back from signing in, to show that it has kept the cookie.
const kept = "kept"

type signInView struct{ Next, Wrong, Action string }

func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, ok := c.session(r); ok {
		http.Redirect(w, r, inside(r.URL.Query().Get("next")), http.StatusSeeOther) //nolint:gosec // inside gives paths of the console alone
		return
	}
	view := signInView{Next: inside(r.URL.Query().Get("next"))}
	if r.URL.Query().Has(kept) {
		view.Wrong, view.Action = "The key is right, but your browser has not kept the session.", "Open the console over https, or as http://localhost."
	}
	c.show(w, r, http.StatusOK, "sign-in", "Sign in", view)
}

// signIn judges no credential of an address that has sent too many wrong ones.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	view := signInView{Next: inside(r.PostFormValue("next"))}
	if !c.attempts.may(r) {
		w.Header().Set("Retry-After", "60")
		view.Wrong, view.Action = "Too many wrong keys came from your address.", "Wait a minute, then try again."
		c.show(w, r, http.StatusTooManyRequests, "sign-in", "Sign in", view)
		return
	}
	sealed, op, err := c.handlers.SignIn(r.Context(), r.PostFormValue("credential"))
	if err != nil {
		p := handlers.ProblemOf(err)
		if p.Status >= http.StatusInternalServerError {
			noteOf(r).err = err
		} else {
			c.attempts.wrong(r)
		}
		noteOf(r).code = p.Code
		view.Wrong, view.Action = sentence(p.Cause), p.Action
		c.show(w, r, p.Status, "sign-in", "Sign in", view)
		return
	}
	noteOf(r).operator = op.Name
	http.SetCookie(w, c.cookie(sealed, int(handlers.OperatorSession.Seconds())))
	http.Redirect(w, r, Base+"/sign-in?"+url.Values{"next": {view.Next}, kept: {"1"}}.Encode(), http.StatusSeeOther)
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, c.cookie("", -1))
	http.Redirect(w, r, Base+"/sign-in", http.StatusSeeOther)
}

// inside is an address to go on to if it is one of the console, and else its first page.
func inside(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Host != "" || u.Scheme != "" || path.Clean(u.Path) != u.Path || !strings.HasPrefix(u.Path, Base+"/") {
		return Base
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String()
}
