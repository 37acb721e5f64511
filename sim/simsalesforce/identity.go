package simsalesforce

import (
	"net/http"
	"strings"

	"crm-connectors/sim"
)

// revoke is POST /services/oauth2/revoke. A refresh token takes its access tokens along.
func (s *Sim) revoke(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		sim.WriteJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "the form could not be read"})
		return
	}
	token := r.PostForm.Get("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.oauth.refresh[token]; g != nil && !g.revoked && g.current == token {
		s.end(g)
		return
	}
	if s.access(token) != nil {
		delete(s.oauth.tokens, token)
		return
	}
	sim.WriteJSON(w, http.StatusBadRequest, oauthError{"unsupported_token_type", "this token is not supported"})
}

// introspect is POST /services/oauth2/introspect.
func (s *Sim) introspect(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		sim.WriteJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "the form could not be read"})
		return
	}
	if err := s.checkClient(r); err != nil {
		sim.WriteJSON(w, http.StatusUnauthorized, err)
		return
	}
	base, token := s.baseURL(r), r.PostForm.Get("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]any{"active": false}
	if a := s.access(token); a != nil {
		out = map[string]any{"active": true, "token_type": "access_token", "scope": strings.Join(a.grant.scope, " "),
			"exp": a.expires.Unix(), "iat": a.issued.Unix(), "nbf": a.issued.Unix()}
	} else if g := s.oauth.refresh[token]; g != nil && !g.revoked && g.current == token && !s.idle(g) {
		out = map[string]any{"active": true, "token_type": "refresh_token", "scope": strings.Join(g.scope, " "), "iat": g.lastUsed.Unix()}
	}
	if out["active"] == true {
		out["client_id"], out["username"] = s.cfg.ClientID, s.tables["User"].byID[UserID].str("Username")
		out["sub"] = base + "/id/" + orgID + "/" + UserID
	}
	sim.WriteJSON(w, http.StatusOK, out)
}

// userinfo serves /services/oauth2/userinfo and the identity URL. Their refusal is plain text and
// a 403, unlike the data API's.
func (s *Sim) userinfo(w http.ResponseWriter, r *http.Request) {
	base := s.baseURL(r)
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access(strings.TrimSpace(token)) == nil {
		text := "Bad_OAuth_Token"
		if token == "" {
			text = "Missing_OAuth_Token"
		}
		w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(text))
		return
	}
	u := s.tables["User"].byID[UserID]
	sim.WriteJSON(w, http.StatusOK, map[string]any{
		"sub": base + "/id/" + orgID + "/" + UserID, "user_id": UserID, "organization_id": orgID,
		"preferred_username": u.str("Username"), "nickname": u.str("Alias"), "name": u.str("Name"), "email": u.str("Email"),
		"email_verified": true, "given_name": u.str("FirstName"), "family_name": u.str("LastName"), "zoneinfo": "Europe/London",
		"active": u.is("IsActive"),
	})
}

// discovery is the OpenID configuration.
func (s *Sim) discovery(w http.ResponseWriter, r *http.Request) {
	base := s.baseURL(r)
	oauth := base + "/services/oauth2/"
	sim.WriteJSON(w, http.StatusOK, map[string]any{
		"issuer": base, "authorization_endpoint": oauth + "authorize", "token_endpoint": oauth + "token",
		"revocation_endpoint": oauth + "revoke", "userinfo_endpoint": oauth + "userinfo",
		"introspection_endpoint": oauth + "introspect", "scopes_supported": knownScopes,
		"response_types_supported": []string{"code"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
	})
}
