package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// Authenticator says who makes a request. Its errors are *Error; anything else becomes a 500.
type Authenticator interface {
	Authenticate(r *http.Request) (Caller, error)
}

// Credentials authenticates by all that Supabase's clients, services and databases send. Keys is required; without a single key
// everybody is refused with not_configured.
type Credentials struct {
	Keys   *ServiceKeys
	Tokens *Tokens // nil: no person can sign in
	Hooks  *Hooks  // nil: webhooks and cron need a secret key, like services
}

// Authenticate follows Supabase's rules: a bearer token that is present and no good is refused even beside a good key, but a bearer
// that is itself an API key only repeats the header apikey, as older clients send it. Headers that a gateway may set, such as
// sb-api-key and X-Forwarded-For, prove nothing: whoever reaches this service could send them.
func (c *Credentials) Authenticate(r *http.Request) (Caller, error) {
	if c.Keys == nil || len(c.Keys.keys) == 0 {
		return Caller{}, &Error{Code: CodeNotConfigured}
	}
	apikey := r.Header.Get("apikey")
	bearer, err := bearerToken(r.Header)
	if err != nil {
		return Caller{}, err
	}
	if bearer != "" {
		if caller, ok := c.Keys.lookup(bearer); ok {
			return caller, nil
		}
		if !isAPIKey(bearer) {
			return c.Tokens.verify(r.Context(), bearer)
		}
	}
	if caller, ok := c.Keys.lookup(apikey); ok {
		return caller, nil
	}
	if caller, tried, err := c.Hooks.authenticate(r); tried {
		return caller, err
	}
	return Caller{}, refuseKey(apikey, bearer)
}

// ServiceKeys are the secret keys of the project, in the header apikey or as Authorization: Bearer. Hashes alone are kept.
type ServiceKeys struct {
	keys []serviceKey
}

type serviceKey struct {
	name string
	sum  [sha256.Size]byte
}

// NewServiceKeys takes the secret keys by name and the legacy service-role key. Empty keys are left out.
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
