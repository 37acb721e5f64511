package main

import (
	"context"

	"crm-connectors/api"

	"github.com/rs/zerolog"
)

// credentials are what callers of this installation prove themselves with. A key set that is fetched is kept fresh until ctx ends.
func credentials(ctx context.Context, cfg Config, log zerolog.Logger) (*api.Credentials, error) {
	keys := map[string]string{}
	for name, key := range cfg.ServiceKeys {
		keys[name] = key.Reveal()
	}
	set := cfg.Tokens.KeySet
	if set == nil && cfg.Tokens.KeySetURL != "" {
		var err error
		if set, err = api.FetchKeySet(ctx, cfg.Tokens.KeySetURL, log); err != nil {
			return nil, err
		}
	}
	secret := []byte(cfg.Tokens.Secret.Reveal())
	log.Info().Str("event", "credentials").Int("service_keys", len(keys)).Bool("tokens_by_secret", len(secret) > 0).Bool("tokens_by_key_set", set != nil).
		Str("key_set_url", cfg.Tokens.KeySetURL).Bool("webhooks", cfg.Hooks != nil).Msg("whom this installation lets in")
	return &api.Credentials{Keys: api.NewServiceKeys(keys, ""), Hooks: cfg.Hooks,
		Tokens: api.NewTokens(api.TokenRules{Secret: secret, Keys: set, Issuer: cfg.Tokens.Issuer, Audience: cfg.Tokens.Audience})}, nil
}
