package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

// keysetSource is where the keyring comes from. A keyset that a key management service wrapped is opened when the process starts, and
// the service is not asked again.
type keysetSource struct {
	text   connectors.Secret // Tink JSON, or base64 of it
	kms    string            // URI of the key that wraps it; empty: it is in the clear
	former connectors.Secret // Conduit's own key, raw; empty: nothing of that time is left
}

const kmsPrefix = "aws-kms://"

var kmsShape = regexp.MustCompile(`^aws-kms://arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+$`)

// wrapping is the key that wraps the keyset, or nil.
func (k keysetSource) wrapping(ctx context.Context) (tink.AEADWithContext, error) {
	if k.kms == "" {
		return nil, nil
	}
	wrap, err := awskms.NewAEADWithContext(ctx, k.kms[len(kmsPrefix):])
	if err != nil {
		return nil, fmt.Errorf("TOKEN_KEYSET_KMS: %w", err)
	}
	return wrap, nil
}

// keyset opens the keyset, which is wrapped or not as its text says.
func (k keysetSource) keyset(ctx context.Context) (*store.Keyset, error) {
	text := []byte(k.text.Reveal())
	var wrap tink.AEADWithContext
	if store.IsWrapped(text) {
		var err error
		if wrap, err = k.wrapping(ctx); err != nil {
			return nil, err
		}
		if wrap == nil {
			return nil, errors.New("the keyset is wrapped, and TOKEN_KEYSET_KMS does not say by which key")
		}
	}
	return store.ReadKeyset(ctx, text, wrap)
}

// Keyring is what seals and opens.
func (k keysetSource) Keyring(ctx context.Context) (*store.Keyring, error) {
	keys, err := k.keyset(ctx)
	if err != nil {
		return nil, err
	}
	ring, err := keys.Keyring()
	if err != nil || k.former.Empty() {
		return ring, err
	}
	return ring.WithFormerKey([]byte(k.former.Reveal()))
}

// keyset checks all that can be checked without a key management service.
func (c *checker) keyset(v variables) keysetSource {
	name, text := c.keysetText(v)
	source := keysetSource{text: text, former: c.formerKey(v), kms: v.TokenKeysetKMS}
	if source.kms != "" && !kmsShape.MatchString(source.kms) {
		c.add("TOKEN_KEYSET_KMS", "is not the URI of an AWS KMS key; keys of other services are not supported")
	}
	switch wrapped := store.IsWrapped([]byte(text.Reveal())); {
	case text.Empty():
	case wrapped && source.kms == "":
		c.add("TOKEN_KEYSET_KMS", "is not set, though the keyset is wrapped")
	case wrapped:
	case source.kms != "":
		c.add(name, fmt.Sprintf("is in the clear, though TOKEN_KEYSET_KMS is set: wrap it with '%s keys wrap'", program))
	default:
		if _, err := store.ParseKeyring([]byte(text.Reveal())); err != nil {
			c.add(name, "is not usable: "+err.Error())
		}
	}
	return source
}

func (c *checker) keysetText(v variables) (name string, text connectors.Secret) {
	name = "TOKEN_KEYSET"
	switch {
	case v.TokenKeyset != "" && v.TokenKeysetFile != "":
		c.add(name, "is set, and so is TOKEN_KEYSET_FILE: which one counts is unclear")
		return name, connectors.Secret{}
	case v.TokenKeyset != "":
		return name, connectors.NewSecret(v.TokenKeyset)
	case v.TokenKeysetFile == "":
		c.add(name, "is not set, nor is TOKEN_KEYSET_FILE")
		return name, connectors.Secret{}
	}
	name = "TOKEN_KEYSET_FILE"
	read, err := os.ReadFile(v.TokenKeysetFile)
	if err != nil {
		reason := err
		var path *os.PathError
		if errors.As(err, &path) {
			reason = path.Err // without the value
		}
		c.add(name, "cannot be read: "+reason.Error())
	} else if len(read) == 0 {
		c.add(name, "is an empty file")
	}
	return name, connectors.NewSecret(string(read))
}

func (c *checker) formerKey(v variables) connectors.Secret {
	if v.TokenEncKey == "" {
		return connectors.Secret{}
	}
	key, err := base64.StdEncoding.DecodeString(v.TokenEncKey)
	if err != nil || len(key) != store.FormerKeySize {
		c.add("TOKEN_ENC_KEY_B64", fmt.Sprintf("is not %d bytes in base64", store.FormerKeySize))
		return connectors.Secret{}
	}
	return connectors.NewSecret(string(key))
}
