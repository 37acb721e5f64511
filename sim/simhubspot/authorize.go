package simhubspot

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// consentPage is what the customer sees; the form carries the request on to its decision.
var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Connect app</title>
<body style="font-family:sans-serif;max-width:34rem;margin:3rem auto">
<h1>Connect app to portal {{.Hub}}</h1>
<p>Simulated HubSpot. The app <b>{{.ClientID}}</b> asks for:</p>
<ul>{{range .Scopes}}<li><code>{{.}}</code></li>{{end}}</ul>
<form method="post">
{{range $name, $value := .Hidden}}<input type="hidden" name="{{$name}}" value="{{$value}}">
{{end}}<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form></body></html>
`))

var refusalPage = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Authorization failed</title>
<body style="font-family:sans-serif;max-width:34rem;margin:3rem auto">
<h1>Authorization failed</h1><p>{{.}}</p></body></html>
`))

// authorizeRequest is a checked request of the sign-in page.
type authorizeRequest struct {
	redirect  *url.URL
	rawURI    string
	state     string
	challenge string
	scopes    []string
	form      url.Values
}

// authorize shows the consent page. A request that cannot be trusted is answered on the page itself and
// never by a redirect.
func (s *Sim) authorize(w http.ResponseWriter, r *http.Request) {
	req, problem := s.checkAuthorize(r.PathValue("hubID"), r.URL.Query())
	if problem != "" {
		refuseAuthorize(w, problem)
		return
	}
	if s.cfg.AutoConsent {
		s.allow(w, r, req)
		return
	}
	hidden := map[string]string{}
	for name := range req.form {
		hidden[name] = req.form.Get(name)
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	_ = consentPage.Execute(w, map[string]any{"Hub": hubID, "ClientID": s.cfg.ClientID, "Scopes": req.scopes, "Hidden": hidden})
}

// consent takes the customer's decision.
func (s *Sim) consent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if err := r.ParseForm(); err != nil {
		refuseAuthorize(w, "The form could not be read.")
		return
	}
	req, problem := s.checkAuthorize(r.PathValue("hubID"), r.PostForm)
	if problem != "" {
		refuseAuthorize(w, problem)
		return
	}
	switch r.PostForm.Get("decision") {
	case "allow":
		s.allow(w, r, req)
	case "deny":
		req.back(w, r, url.Values{"error": {"access_denied"}, "error_description": {"The user denied access"}})
	default:
		refuseAuthorize(w, "No decision was sent.")
	}
}

func (s *Sim) allow(w http.ResponseWriter, r *http.Request, req *authorizeRequest) {
	code := newUUID()
	s.mu.Lock()
	s.codes[code] = &authCode{
		redirectURI: req.rawURI, challenge: req.challenge, scopes: req.scopes, expires: s.core.Clock.Now().Add(codeLifetime),
	}
	s.mu.Unlock()
	req.back(w, r, url.Values{"code": {code}})
}

// back sends the browser to the app. Parameters that the redirect address already had stay.
func (req *authorizeRequest) back(w http.ResponseWriter, r *http.Request, add url.Values) {
	u := *req.redirect
	q := u.Query()
	for name := range add {
		q.Set(name, add.Get(name))
	}
	if req.state != "" {
		q.Set("state", req.state)
	}
	u.RawQuery = q.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, u.String(), http.StatusFound)
}

func (s *Sim) checkAuthorize(hub string, q url.Values) (*authorizeRequest, string) {
	redirect, err := url.Parse(q.Get("redirect_uri"))
	req := &authorizeRequest{
		redirect: redirect, rawURI: q.Get("redirect_uri"), state: q.Get("state"), challenge: q.Get("code_challenge"), form: url.Values{},
		scopes: strings.Fields(q.Get("scope") + " " + q.Get("optional_scope")),
	}
	for _, name := range []string{"client_id", "redirect_uri", "scope", "optional_scope", "state", "code_challenge", "code_challenge_method"} {
		if q.Has(name) {
			req.form.Set(name, q.Get(name))
		}
	}
	switch {
	case hub != "" && hub != strconv.Itoa(hubID):
		return nil, "You have no access to that account."
	case q.Get("client_id") != s.cfg.ClientID:
		return nil, "The client_id is missing or unknown."
	case err != nil || !s.redirectAllowed(req.rawURI, redirect):
		return nil, "The redirect_uri does not match one that is registered for the app."
	case strings.TrimSpace(q.Get("scope")) == "":
		return nil, "The scope parameter is missing."
	case req.challenge != "" && q.Get("code_challenge_method") != "S256":
		return nil, "Only the code_challenge_method S256 is supported."
	}
	return req, ""
}

func (s *Sim) redirectAllowed(raw string, u *url.URL) bool {
	if len(s.cfg.RedirectURLs) > 0 {
		return slices.Contains(s.cfg.RedirectURLs, raw)
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"
	return local && (u.Scheme == "http" || u.Scheme == "https")
}

func refuseAuthorize(w http.ResponseWriter, problem string) {
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	_ = refusalPage.Execute(w, problem)
}

// s256 is the PKCE challenge of a verifier.
func s256(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
