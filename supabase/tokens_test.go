package supabase_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// claimsOf are those of a person's token, as supabase/auth makes it; further claims go over them, nil removes one.
func claimsOf(user string, further ...any) jwt.MapClaims {
	c := jwt.MapClaims{"iss": "https://project.example.com/auth/v1", "aud": "authenticated", "sub": user, "role": "authenticated",
		"iat": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(time.Hour).Unix(), "aal": "aal1", "is_anonymous": false,
		"user_metadata": map[string]any{"workspace_id": "11111111-1111-1111-1111-111111111111"}}
	for i := 0; i+1 < len(further); i += 2 {
		c[further[i].(string)] = further[i+1]
		if further[i+1] == nil {
			delete(c, further[i].(string))
		}
	}
	return c
}

// sign makes a token. kid is left out when empty.
func sign(t *testing.T, method jwt.SigningMethod, key any, kid string, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// hs256 is a token of a person, signed with the project's legacy secret.
func hs256(t *testing.T, user string, further ...any) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, []byte(jwtSecret), "", claimsOf(user, further...))
}

// projectKey is the legacy key of a role: a token without a person.
func projectKey(t *testing.T, role string) string {
	t.Helper()
	return sign(t, jwt.SigningMethodHS256, []byte(jwtSecret), "", jwt.MapClaims{"iss": "supabase", "ref": "project", "role": role,
		"iat": 1_700_000_000, "exp": time.Now().Add(time.Hour).Unix()})
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// jwk is the public half of a key in a key set.
func jwk(t *testing.T, kid string, public crypto.PublicKey) map[string]any {
	t.Helper()
	text := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4, x, y
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": text(point[1:33]), "y": text(point[33:])}
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": text(k.N.Bytes()), "e": text(big.NewInt(int64(k.E)).Bytes())}
	}
	t.Fatalf("no key of a project: %T", public)
	return nil
}

// jwks serves a project's key set.
type jwks struct {
	mu      sync.Mutex
	keys    []map[string]any
	down    bool
	fetched int
}

func (j *jwks) set(down bool, keys ...map[string]any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keys, j.down = keys, down
}

func (j *jwks) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fetched
}

// ServeHTTP is http.Handler.
func (j *jwks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fetched++
	if j.down || r.URL.Path != "/auth/v1/.well-known/jwks.json" {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=600")
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": j.keys})
}

// connections asks for a workspace's connections as whoever the headers say.
func (s *service) connections(workspace uuid.UUID, headers ...string) reply {
	s.t.Helper()
	return s.send("GET", "/functions/v1/connections?workspace_id="+workspace.String(), "", headers...)
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }
