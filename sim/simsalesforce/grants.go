package simsalesforce

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

const codeLife = 15 * time.Minute

// oauthState is what the org remembers of sign-ins.
type oauthState struct {
	codes   map[string]*code
	grants  []*grant          // in order of approval
	refresh map[string]*grant // current and rotated-out refresh tokens
	tokens  map[string]*access
}

// code is one authorization code. It stays known after its use, to be refused by name.
type code struct {
	redirect  string
	challenge string
	scope     []string
	expires   time.Time
	used      bool
}

// grant is one approval: a chain of refresh tokens of which one is current.
type grant struct {
	scope    []string
	current  string // empty: the scope has no refresh token
	lastUsed time.Time
	busy     bool // a refresh is in flight
	revoked  bool
}

// access is one access token.
type access struct {
	grant   *grant
	issued  time.Time
	expires time.Time
}

func newOAuthState() oauthState {
	return oauthState{codes: map[string]*code{}, refresh: map[string]*grant{}, tokens: map[string]*access{}}
}

func (g *grant) has(scope string) bool { return slices.Contains(g.scope, scope) }

func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// approve makes a grant and, with MaxApprovals, silently revokes the oldest ones.
func (s *Sim) approve(scope []string) *grant {
	g := &grant{scope: scope, lastUsed: s.core.Clock.Now()}
	if g.has("refresh_token") {
		s.rotate(g)
	}
	s.oauth.grants = append(s.oauth.grants, g)
	if limit := s.behaviour.MaxApprovals; limit > 0 {
		for len(s.oauth.grants) > limit {
			s.end(s.oauth.grants[0])
		}
	}
	return g
}

// rotate gives a grant its next refresh token. The one before stays known, so that its use can be
// told from nonsense.
func (s *Sim) rotate(g *grant) {
	g.current = "5Aep861" + randomText(30)
	s.oauth.refresh[g.current] = g
}

// end revokes a grant with all its tokens.
func (s *Sim) end(g *grant) {
	g.revoked = true
	for token, a := range s.oauth.tokens {
		if a.grant == g {
			delete(s.oauth.tokens, token)
		}
	}
	s.oauth.grants = slices.DeleteFunc(s.oauth.grants, func(x *grant) bool { return x == g })
}

// issue makes an access token.
func (s *Sim) issue(g *grant) (string, time.Time) {
	now := s.core.Clock.Now()
	for token, a := range s.oauth.tokens {
		if !a.expires.After(now) {
			delete(s.oauth.tokens, token)
		}
	}
	minutes := s.behaviour.SessionMinutes
	if minutes <= 0 {
		minutes = 120
	}
	token := orgID[:15] + "!AQ" + strings.NewReplacer("-", ".", "_", ".").Replace(randomText(48))
	s.oauth.tokens[token] = &access{grant: g, issued: now, expires: now.Add(time.Duration(minutes) * time.Minute)}
	return token, now
}

// access is the living access token of that text, nil if there is none.
func (s *Sim) access(token string) *access {
	a := s.oauth.tokens[token]
	if a == nil || a.grant.revoked || !a.expires.After(s.core.Clock.Now()) {
		return nil
	}
	return a
}

// idle says that a refresh token was not used for too long.
func (s *Sim) idle(g *grant) bool {
	days := s.behaviour.RefreshIdleDays
	if days <= 0 {
		days = 30
	}
	return s.core.Clock.Now().Sub(g.lastUsed) > time.Duration(days)*24*time.Hour
}

// ExpireAccessTokens ends all sessions; refresh tokens stay good.
func (s *Sim) ExpireAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.oauth.tokens)
}

// RevokeGrants does what an admin does who revokes all of the app's tokens.
func (s *Sim) RevokeGrants() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range slices.Clone(s.oauth.grants) {
		s.end(g)
	}
}
