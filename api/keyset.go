package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

const (
	keySetRefresh  = 10 * time.Minute // the max-age that Supabase gives its key set
	keySetCoolDown = 30 * time.Second // between fetches because of an unknown key id, so that junk tokens cost one fetch
	keySetWait     = time.Second      // how long a request with an unknown key id may wait for the end of the cool-down
	keySetTimeout  = 5 * time.Second
)

// errNoKeys says that the key set could never be fetched: nothing is known about the token.
var errNoKeys = errors.New("the key set has not been fetched yet")

// KeySet is the public keys that a project signs tokens with (a JWKS).
type KeySet struct {
	keys   keyfunc.Keyfunc
	loaded *noting
}

// ParseKeySet reads {"keys": [...]} or the bare list of keys.
func ParseKeySet(text []byte) (*KeySet, error) {
	if text = bytes.TrimSpace(text); len(text) > 0 && text[0] == '[' {
		text = fmt.Appendf(nil, `{"keys":%s}`, text)
	}
	var shape struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &shape); err != nil || len(shape.Keys) == 0 {
		return nil, errors.New("it is no JSON Web Key Set with at least one key")
	}
	keys, err := keyfunc.NewJWKSetJSON(text)
	if err != nil {
		return nil, errors.New("one of its keys is of no use")
	}
	return &KeySet{keys: keys}, nil
}

// FetchKeySet reads the key set at url and keeps it fresh until ctx ends. The last good set stays when a fetch fails; when none has
// succeeded yet, the next token tries again.
func FetchKeySet(ctx context.Context, url string, log zerolog.Logger) (*KeySet, error) {
	loaded := &noting{Storage: jwkset.NewMemoryStorage()}
	remote, err := jwkset.NewStorageFromHTTP(url, jwkset.HTTPClientStorageOptions{Ctx: ctx, Client: &http.Client{}, HTTPTimeout: keySetTimeout,
		NoErrorReturnFirstHTTPReq: true, RefreshInterval: keySetRefresh, Storage: loaded,
		RefreshErrorHandler: func(_ context.Context, err error) {
			log.Warn().Str("event", "key_set_not_fetched").Err(err).Msg("the key set for people's tokens could not be fetched; the last good one stays")
		}})
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	storage, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{HTTPURLs: map[string]jwkset.Storage{url: remote},
		RateLimitWaitMax: keySetWait, RefreshUnknownKID: rate.NewLimiter(rate.Every(keySetCoolDown), 1)})
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	keys, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: storage})
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return &KeySet{keys: keys, loaded: loaded}, nil
}

// keyfunc finds the key of a token. Its error is errNoKeys where there is no set to look in.
func (k *KeySet) keyfunc(ctx context.Context) jwt.Keyfunc {
	find := k.keys.KeyfuncCtx(ctx)
	return func(token *jwt.Token) (any, error) {
		key, err := find(token)
		if err != nil && k.loaded != nil && !k.loaded.once.Load() {
			return nil, errNoKeys
		}
		return key, err
	}
}

// noting is a storage that knows whether it was ever filled: an empty set that was fetched is an answer, too.
type noting struct {
	jwkset.Storage
	once atomic.Bool
}

// KeyReplaceAll is called after each fetch that succeeded.
func (n *noting) KeyReplaceAll(ctx context.Context, given []jwkset.JWK) error {
	err := n.Storage.KeyReplaceAll(ctx, given)
	if err == nil {
		n.once.Store(true)
	}
	return err
}
