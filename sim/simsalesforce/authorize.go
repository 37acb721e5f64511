package simsalesforce

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

var knownScopes = []string{"refresh_token", "api", "full", "id", "openid", "profile", "email", "web"}

var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Allow access? - simulated Salesforce</title>
<style>body{font:16px sans-serif;max-width:28rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1.5rem}</style></head>
<body><h1>Allow access?</h1>
<p><b>{{.Get "client_id"}}</b> asks for access to this simulated Salesforce org: {{or (.Get "scope") "all that the app may ask for"}}.</p>
<form method="post" action="/services/oauth2/authorize">
{{range $name, $values := .}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>
</form></body></html>
`))

var errorPage = template.Must(template.New("error").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Salesforce error</title></head>
<body><h1>We can't authorize you because of an OAuth error.</h1><p>error={{.error}}&amp;error_description={{.description}}</p></body></html>
`))

// authorize is GET /services/oauth2/authorize. Beside the real parameters it knows the switches
// __allow, __deny, __blocked and __notinstalled, which answer without the page.
func (s *Sim) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !s.checkApp(w, q) {
		return
	}
	decision := ""
	for _, d := range []string{"allow", "deny", "blocked", "notinstalled"} {
		if q.Get("__"+d) != "" {
			decision = d
		}
	}
	if decision == "" && s.cfg.AutoConsent {
		decision = "allow"
	}
	if decision == "" && requestError(q) == "" {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
		w.Header().Set("Cache-Control", "no-store")
		_ = consentPage.Execute(w, q) // the browser went away
		return
	}
	s.finish(w, r, q, decision)
}

// decide is the form of the consent page coming back.
func (s *Sim) decide(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		showError(w, "invalid_request", "the form could not be read")
		return
	}
	if s.checkApp(w, r.PostForm) {
		s.finish(w, r, r.PostForm, r.PostForm.Get("decision"))
	}
}

// checkApp shows an error page, and redirects nowhere, when the app or its address is wrong.
func (s *Sim) checkApp(w http.ResponseWriter, q url.Values) bool {
	switch {
	case q.Get("client_id") != s.cfg.ClientID:
		showError(w, "invalid_client_id", "client identifier invalid")
	case !s.redirectAllowed(q.Get("redirect_uri")):
		showError(w, "redirect_uri_mismatch", "redirect_uri must match configuration")
	default:
		return true
	}
	return false
}

func showError(w http.ResponseWriter, code, description string) {
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.WriteHeader(http.StatusBadRequest)
	_ = errorPage.Execute(w, map[string]string{"error": code, "description": description})
}

func (s *Sim) redirectAllowed(to string) bool {
	if len(s.cfg.RedirectURLs) > 0 {
		return slices.Contains(s.cfg.RedirectURLs, to)
	}
	u, err := url.Parse(to)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1")
}

// requestError names what is wrong with a request of a known app; empty for nothing.
func requestError(q url.Values) string {
	switch {
	case q.Get("response_type") != "code":
		return "unsupported_response_type"
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43:
		return "invalid_request"
	}
	for _, scope := range strings.Fields(q.Get("scope")) {
		if scope != "offline_access" && !slices.Contains(knownScopes, scope) {
			return "invalid_scope"
		}
	}
	return ""
}

var refusals = map[string][2]string{
	"deny":                      {"access_denied", "end-user denied authorization"},
	"blocked":                   {"OAUTH_APP_BLOCKED", "this app is blocked by admin"},
	"notinstalled":              {"invalid_client", "app must be installed into org"},
	"unsupported_response_type": {"unsupported_response_type", "response type not supported"},
	"invalid_request":           {"invalid_request", "missing required code challenge"},
	"invalid_scope":             {"invalid_scope", "the requested scope is not allowed"},
}

// finish sends the browser back to the app.
func (s *Sim) finish(w http.ResponseWriter, r *http.Request, q url.Values, decision string) {
	if wrong := requestError(q); wrong != "" {
		decision = wrong
	}
	answer := url.Values{}
	if decision == "allow" {
		answer.Set("code", s.newCode(q))
	} else {
		why, known := refusals[decision]
		if !known {
			why = refusals["deny"]
		}
		answer.Set("error", why[0])
		answer.Set("error_description", why[1])
	}
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		showError(w, "redirect_uri_mismatch", "redirect_uri must match configuration")
		return
	}
	back := to.Query()
	for name, values := range answer {
		back[name] = values
	}
	to.RawQuery = back.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

// newCode ends in "==", which clients must take for part of the code.
func (s *Sim) newCode(q url.Values) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := "aPrx" + randomText(24) + "=="
	s.oauth.codes[text] = &code{
		redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), scope: grantedScope(q.Get("scope")),
		expires: s.core.Clock.Now().Add(codeLife),
	}
	for k, c := range s.oauth.codes {
		if s.core.Clock.Now().Sub(c.expires) > time.Hour {
			delete(s.oauth.codes, k)
		}
	}
	return text
}

// grantedScope orders the scopes as token answers do. Asking for none asks for all of the app's.
func grantedScope(asked string) []string {
	want := strings.Fields(strings.ReplaceAll(asked, "offline_access", "refresh_token"))
	if len(want) == 0 {
		return []string{"refresh_token", "api"}
	}
	var out []string
	for _, scope := range knownScopes {
		if slices.Contains(want, scope) {
			out = append(out, scope)
		}
	}
	return out
}
