package simhubspot

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"time"

	"crm-connectors/sim"
)

// codeLifetime of an authorization code; HubSpot does not say how long its own is.
const codeLifetime = time.Minute

// authCode is what the customer allowed, until the app redeems it.
type authCode struct {
	redirectURI string
	challenge   string // PKCE S256, or ""
	scopes      []string
	expires     time.Time
}

// grant is one installation of the app. Several may exist at a time, as several workspaces may
// connect one portal.
type grant struct {
	scopes      []string
	refresh     string
	revoked     bool // no more refreshing; access tokens live on until they expire
	uninstalled bool // access tokens ended too
}

type accessToken struct {
	grant   *grant
	scopes  []string
	expires time.Time
}

// tokenError is a refusal of the token endpoint: the fields of RFC 6749 and the older ones.
type tokenError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Status      string `json:"status"`
	Message     string `json:"message"`
}

func refuseToken(code, status, message string) *tokenError {
	return &tokenError{Error: code, Description: message, Status: status, Message: message}
}

type tokenAnswer struct {
	TokenType    string   `json:"token_type"`
	TokenUse     string   `json:"token_use"`
	AccessToken  string   `json:"access_token"`
	RefreshToken string   `json:"refresh_token"`
	ExpiresIn    int64    `json:"expires_in"`
	HubID        int64    `json:"hub_id"`
	UserID       int64    `json:"user_id"`
	Scopes       []string `json:"scopes"`
}

// form reads a request of the OAuth endpoints: parameters count only in the body, and the app must
// identify itself.
func (s *Sim) form(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if err := r.ParseForm(); err != nil || r.PostForm == nil || r.Header.Get("Content-Type") == "" || isJSON(r) {
		writeError(w, fail(http.StatusUnsupportedMediaType, "", "Content-Type must be application/x-www-form-urlencoded"))
		return nil, false
	}
	f := r.PostForm
	switch {
	case !same(f.Get("client_id"), s.cfg.ClientID):
		sim.WriteJSON(w, http.StatusBadRequest, refuseToken("invalid_client", "BAD_CLIENT_ID", "missing or unknown client id"))
	case !same(f.Get("client_secret"), s.cfg.ClientSecret):
		sim.WriteJSON(w, http.StatusBadRequest, refuseToken("invalid_client", "BAD_CLIENT_SECRET", "missing or invalid client secret"))
	default:
		return f, true
	}
	return nil, false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (s *Sim) token(w http.ResponseWriter, r *http.Request) {
	f, ok := s.form(w, r)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer *tokenAnswer
	refusal := refuseToken("unsupported_grant_type", "BAD_GRANT_TYPE", "missing or unknown grant type")
	switch f.Get("grant_type") {
	case "authorization_code":
		answer, refusal = s.redeem(f)
	case "refresh_token":
		answer, refusal = s.refreshGrant(f.Get("refresh_token"))
	}
	if refusal != nil {
		sim.WriteJSON(w, http.StatusBadRequest, refusal)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	sim.WriteJSON(w, http.StatusOK, answer)
}

// redeem trades a code for tokens. A code is used up by the first attempt, good or bad.
func (s *Sim) redeem(f url.Values) (*tokenAnswer, *tokenError) {
	code := s.codes[f.Get("code")]
	delete(s.codes, f.Get("code"))
	switch {
	case code == nil || !s.core.Clock.Now().Before(code.expires):
		return nil, refuseToken("invalid_grant", "BAD_AUTH_CODE", "missing or unknown auth code")
	case f.Get("redirect_uri") != code.redirectURI:
		return nil, refuseToken("invalid_request", "BAD_REDIRECT_URI", "missing or invalid redirect uri")
	case code.challenge != "" && !same(s256(f.Get("code_verifier")), code.challenge):
		return nil, refuseToken("invalid_grant", "BAD_CODE_VERIFIER", "missing or invalid code verifier")
	}
	g := &grant{scopes: code.scopes, refresh: "na1-" + newUUID()}
	s.grants[g.refresh] = g
	return s.issue(g), nil
}

func (s *Sim) refreshGrant(refresh string) (*tokenAnswer, *tokenError) {
	g := s.grants[refresh]
	switch {
	case s.behaviour.PortalDeleted:
		return nil, refuseToken("access_denied", "BAD_HUB", "missing or unknown hub id")
	case g == nil || g.revoked || g.uninstalled:
		return nil, refuseToken("invalid_grant", "BAD_REFRESH_TOKEN", "refresh token is invalid, expired or revoked")
	}
	if s.behaviour.RotateRefreshTokens {
		delete(s.grants, g.refresh)
		g.refresh = "na1-" + newUUID()
		s.grants[g.refresh] = g
	}
	return s.issue(g), nil
}

// issue makes an access token. It is long, because clients must store tokens of up to 512 characters.
func (s *Sim) issue(g *grant) *tokenAnswer {
	b := make([]byte, 150)
	_, _ = rand.Read(b) // never fails
	life := s.behaviour.tokenLifetime()
	scopes := g.scopes
	if len(s.behaviour.GrantedScopes) > 0 {
		scopes = slices.Clone(s.behaviour.GrantedScopes)
	}
	t := &accessToken{grant: g, scopes: scopes, expires: s.core.Clock.Now().Add(life)}
	text := "sim-access-" + hex.EncodeToString(b)
	s.access[text] = t
	return &tokenAnswer{TokenType: "bearer", TokenUse: "access_token", AccessToken: text, RefreshToken: g.refresh,
		ExpiresIn: int64(max(life, 0) / time.Second), HubID: hubID, UserID: userID, Scopes: scopes}
}
