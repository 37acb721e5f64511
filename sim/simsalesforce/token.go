package simsalesforce

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crm-connectors/sim"
)

// oauthError is the object that the OAuth endpoints answer errors with.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func invalidGrant(description string) *oauthError { return &oauthError{"invalid_grant", description} }

// tokenAnswer has only texts, and no expires_in: Salesforce does not say how long a token lives.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Signature    string `json:"signature"`
	Scope        string `json:"scope"`
	InstanceURL  string `json:"instance_url"`
	ID           string `json:"id"`
	TokenType    string `json:"token_type"`
	IssuedAt     string `json:"issued_at"`
}

// token is POST /services/oauth2/token.
func (s *Sim) token(w http.ResponseWriter, r *http.Request) {
	answer, err := s.tokenFor(r)
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		sim.WriteJSON(w, http.StatusBadRequest, err)
		return
	}
	sim.WriteJSON(w, http.StatusOK, answer)
}

func (s *Sim) tokenFor(r *http.Request) (*tokenAnswer, *oauthError) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return nil, &oauthError{"invalid_request", "content type must be application/x-www-form-urlencoded"}
	}
	if err := r.ParseForm(); err != nil {
		return nil, &oauthError{"invalid_request", "the form could not be read"}
	}
	if err := s.checkClient(r); err != nil {
		return nil, err
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		return s.exchange(r)
	case "refresh_token":
		return s.refresh(r)
	}
	return nil, &oauthError{"unsupported_grant_type", "grant type not supported"}
}

// checkClient takes the app's credentials from the form or from Basic authentication.
func (s *Sim) checkClient(r *http.Request) *oauthError {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, basic := r.BasicAuth(); basic && id == "" {
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	if id != s.cfg.ClientID {
		return &oauthError{"invalid_client_id", "client identifier invalid"}
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(s.cfg.ClientSecret)) != 1 {
		return &oauthError{"invalid_client", "invalid client credentials"}
	}
	return nil
}

// exchange turns a code into tokens. Whatever comes of it, the code is used up.
func (s *Sim) exchange(r *http.Request) (*tokenAnswer, *oauthError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	form := r.PostForm
	c := s.oauth.codes[form.Get("code")]
	switch {
	case c == nil:
		return nil, invalidGrant("invalid authorization code")
	case c.used || s.core.Clock.Now().After(c.expires):
		return nil, invalidGrant("expired authorization code")
	}
	c.used = true
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case form.Get("redirect_uri") != c.redirect:
		return nil, &oauthError{"redirect_uri_mismatch", "redirect_uri must match configuration"}
	case form.Get("code_verifier") == "":
		return nil, invalidGrant("code verifier is required")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge:
		return nil, &oauthError{"invalid_request", "invalid code verifier"}
	}
	g := s.approve(c.scope)
	return s.answerToken(r, g, g.current), nil
}

// refresh makes a new access token and, unless the org keeps them, a new refresh token. It goes
// on when the client hangs up: the token is rotated whether or not the answer arrives.
func (s *Sim) refresh(r *http.Request) (*tokenAnswer, *oauthError) {
	sent := r.PostForm.Get("refresh_token")
	g, err := s.beginRefresh(sent)
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Duration(s.Behaviour().TokenLatencyMS) * time.Millisecond)

	s.mu.Lock()
	defer s.mu.Unlock()
	g.busy = false
	if g.revoked {
		return nil, invalidGrant("expired access/refresh token")
	}
	g.lastUsed = s.core.Clock.Now()
	if s.behaviour.KeepRefreshTokens {
		return s.answerToken(r, g, ""), nil
	}
	s.rotate(g)
	return s.answerToken(r, g, g.current), nil
}

// beginRefresh checks the token and marks its grant busy. A rotated-out token ends the whole
// grant: to the org it means that somebody else has a copy.
func (s *Sim) beginRefresh(sent string) (*grant, *oauthError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.oauth.refresh[sent]
	switch {
	case g == nil || g.revoked:
		return nil, invalidGrant("expired access/refresh token")
	case g.busy:
		return nil, invalidGrant("token request is already being processed")
	case g.current != sent || s.idle(g):
		s.end(g)
		return nil, invalidGrant("expired access/refresh token")
	}
	g.busy = true
	return g, nil
}

func (s *Sim) answerToken(r *http.Request, g *grant, refresh string) *tokenAnswer {
	base, instance := s.baseURL(r), s.behaviour.InstanceURL
	if instance == "" {
		instance = base
	}
	token, issued := s.issue(g)
	at := strconv.FormatInt(issued.UnixMilli(), 10)
	id := identityURL(base)
	mac := hmac.New(sha256.New, []byte(s.cfg.ClientSecret))
	_, _ = mac.Write([]byte(id + at))
	return &tokenAnswer{
		AccessToken: token, RefreshToken: refresh, Signature: base64.StdEncoding.EncodeToString(mac.Sum(nil)),
		Scope: strings.Join(g.scope, " "), InstanceURL: instance, ID: id, TokenType: "Bearer", IssuedAt: at,
	}
}
