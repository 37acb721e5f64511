package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// CallerKind says what a caller may be trusted with.
type CallerKind string

// The kinds of caller. The zero CallerKind is nobody: a callback, a health check.
const (
	CallerService CallerKind = "service" // holds a secret key: may act for every workspace
	CallerUser    CallerKind = "user"    // a signed-in person: only for workspaces they belong to
)

// Caller is who makes a request. The zero Caller is nobody.
type Caller struct {
	Kind   CallerKind
	Name   string // of the key, as configured; for the log
	UserID string // of a CallerUser
}

type callerKey struct{}

// CallerFrom is who makes the request of this context.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// WithCaller gives a context whose requests are made by c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// Authenticator says who makes a request. Its errors are *Error; anything else becomes a 500.
type Authenticator interface {
	Authenticate(r *http.Request) (Caller, error)
}

// ServiceKeys authenticates services by the secret keys of the project, in the header apikey or as
// Authorization: Bearer. It verifies no tokens: one that is not itself a known key is refused.
// It keeps hashes only.
type ServiceKeys struct {
	keys []serviceKey
}

type serviceKey struct {
	name string
	sum  [sha256.Size]byte
}

// NewServiceKeys takes the secret keys by name and the legacy service-role key. Empty keys are
// left out; without any, Authenticate refuses everybody with not_configured.
func NewServiceKeys(secrets map[string]string, serviceRole string) *ServiceKeys {
	s := &ServiceKeys{}
	for name, key := range secrets {
		s.add(name, key)
	}
	s.add("service_role", serviceRole)
	return s
}

func (s *ServiceKeys) add(name, key string) {
	if key = strings.TrimSpace(key); key != "" {
		s.keys = append(s.keys, serviceKey{name: name, sum: sha256.Sum256([]byte(key))})
	}
}

// Authenticate follows Supabase's rules: a bearer token that is present and no good is refused
// even beside a good key, but a bearer that is itself an API key only repeats the header apikey,
// as older clients send it.
func (s *ServiceKeys) Authenticate(r *http.Request) (Caller, error) {
	if len(s.keys) == 0 {
		return Caller{}, &Error{Code: CodeNotConfigured}
	}
	apikey := r.Header.Get("apikey")
	bearer, err := bearerToken(r.Header)
	if err != nil {
		return Caller{}, err
	}
	if bearer != "" {
		if c, ok := s.lookup(bearer); ok {
			return c, nil
		}
		if !isAPIKey(bearer) {
			return Caller{}, refuseToken(bearer)
		}
	}
	if c, ok := s.lookup(apikey); ok {
		return c, nil
	}
	return Caller{}, refuseKey(apikey, bearer)
}

// lookup compares with every key, whichever fits, so that time tells nothing.
func (s *ServiceKeys) lookup(key string) (Caller, bool) {
	sum := sha256.Sum256([]byte(key))
	found := -1
	for i := range s.keys {
		if subtle.ConstantTimeCompare(sum[:], s.keys[i].sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Caller{}, false
	}
	return Caller{Kind: CallerService, Name: s.keys[found].name}, true
}

// bearerToken is the token of the header Authorization; empty if there is no such header.
func bearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) == 0 || (len(values) == 1 && values[0] == "") {
		return "", nil
	}
	parts := strings.Fields(values[0])
	if len(values) > 1 || len(parts) != 2 || !strings.EqualFold(parts[0], "Bearer") {
		return "", &Error{Code: CodeInvalidJWTFormat}
	}
	return parts[1], nil
}

func isAPIKey(s string) bool { return strings.HasPrefix(s, "sb_") }

// refuseToken chooses the code by the algorithm that the token claims, as the gateway does.
func refuseToken(token string) error {
	alg, ok := tokenAlgorithm(token)
	switch {
	case !ok:
		return &Error{Code: CodeInvalidJWTFormat}
	case alg == "HS256":
		return &Error{Code: CodeLegacyJWT}
	case alg == "ES256" || alg == "RS256":
		return &Error{Code: CodeAsymmetricJWT}
	}
	e := &Error{Code: CodeUnsupportedTokenAlgorithm}
	if shortWord.MatchString(alg) {
		e.Message = "Unsupported JWT algorithm " + alg
	}
	return e
}

var shortWord = regexp.MustCompile(`^[A-Za-z0-9]{1,16}$`)

func tokenAlgorithm(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return "", false
	}
	var h struct {
		Alg string `json:"alg"`
	}
	if err := json.Unmarshal(header, &h); err != nil {
		return "", false
	}
	return h.Alg, true
}

// refuseKey: the public keys of a project are on every request of its clients and open nothing
// here, so next to one the true reason is the missing token.
func refuseKey(apikey, bearer string) error {
	for _, key := range []string{bearer, apikey} {
		_, token := tokenAlgorithm(key)
		if key == "" || token {
			continue
		}
		e := &Error{Code: CodeInvalidAPIKey}
		if strings.HasPrefix(key, "sb_publishable_") {
			e.Message = "A publishable key does not open this; send a secret key or a session's token"
		}
		return e
	}
	return &Error{Code: CodeNoAuthHeader}
}
