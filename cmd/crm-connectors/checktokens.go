package main

import (
	"net/url"
	"strings"

	"crm-connectors/api"
	"crm-connectors/connectors"
)

const (
	keySetPath        = "/auth/v1/.well-known/jwks.json"
	shortestJWTSecret = 32 // characters; HS256 wants no less
)

// tokens reads how people's tokens are verified. Keys given in full go before a URL, and a URL that is given before those that follow
// from the project's address.
func (c *checker) tokens(v variables) TokenConfig {
	t := TokenConfig{Issuer: v.JWTIssuer, Audience: v.JWTAudience}
	name, secret := "SUPABASE_JWT_SECRET", v.JWTSecret //nolint:gosec // the name of a variable
	if secret == "" {
		name, secret = "JWT_SECRET", v.JWTSecretOwn
	}
	if secret != "" && len(secret) < shortestJWTSecret {
		c.add(name, "is shorter than 32 characters")
	}
	t.Secret = connectors.NewSecret(secret)
	switch {
	case v.JWKS != "":
		var err error
		if t.KeySet, err = api.ParseKeySet([]byte(v.JWKS)); err != nil {
			c.add("SUPABASE_JWKS", "is not usable: "+err.Error())
		}
	case v.JWKSURL != "":
		if t.KeySetURL = v.JWKSURL; !mayVouch(v.JWKSURL) {
			c.add("SUPABASE_JWKS_URL", "is not an https URL; without TLS only this machine's own addresses are taken")
		}
	default:
		for _, base := range []string{v.SupabasePublicURL, v.SupabaseURL} {
			if derived := strings.TrimRight(base, "/") + keySetPath; t.KeySetURL == "" && base != "" && mayVouch(derived) {
				t.KeySetURL = derived
			}
		}
	}
	return t
}

// mayVouch says whether keys from the address can be believed: whoever could change them on the way could sign in as anybody.
func mayVouch(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u))
}

func (c *checker) hooks(v variables) *api.Hooks {
	if _, err := api.NewHooks(v.WebhookSecret, "", nil); err != nil {
		c.add("WEBHOOK_SECRET", "is not usable: "+err.Error())
		return nil
	}
	h, err := api.NewHooks(v.WebhookSecret, v.WebhookSigningSecret, nil)
	if err != nil {
		c.add("WEBHOOK_SIGNING_SECRET", "is not usable: "+err.Error())
	}
	return h
}
