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
		out["sub"] = identityURL(base)
	}
	sim.WriteJSON(w, http.StatusOK, out)
}

func identityURL(base string) string { return base + "/id/" + orgID + "/" + UserID }

// knownUser is the user of the request's token. The refusal is plain text and a 403, unlike the data
// API's. The caller holds the lock.
func (s *Sim) knownUser(w http.ResponseWriter, r *http.Request) *Record {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if s.access(strings.TrimSpace(token)) != nil {
		return s.tables["User"].byID[UserID]
	}
	text := "Bad_OAuth_Token"
	if token == "" {
		text = "Missing_OAuth_Token"
	}
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(text))
	return nil
}

// identity serves the identity URL, whose names are Salesforce's own and not those of OpenID.
func (s *Sim) identity(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.knownUser(w, r)
	if u == nil {
		return
	}
	sim.WriteJSON(w, http.StatusOK, map[string]any{
		"id": identityURL(s.baseURL(r)), "asserted_user": true, "user_id": UserID, "organization_id": orgID,
		"username": u.str("Username"), "nick_name": u.str("Alias"), "display_name": u.str("Name"), "email": u.str("Email"),
		"email_verified": true, "first_name": u.str("FirstName"), "last_name": u.str("LastName"), "timezone": "Europe/London",
		"active": u.is("IsActive"), "user_type": "STANDARD", "language": "en_US", "locale": "en_US", "is_app_installed": true,
	})
}

// userinfo serves /services/oauth2/userinfo.
func (s *Sim) userinfo(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.knownUser(w, r)
	if u == nil {
		return
	}
	sim.WriteJSON(w, http.StatusOK, map[string]any{
		"sub": identityURL(s.baseURL(r)), "user_id": UserID, "organization_id": orgID,
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
