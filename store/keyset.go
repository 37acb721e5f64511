package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keyset is the keys of a Keyring as an operator keeps them: a Tink keyset, in the clear or wrapped by a key that a key management
// service holds. It changes in three steps, each of which gives a new Keyset to hand to every process before the next step:
//
//	Prepare ─► a key that opens, unused yet ─► Promote ─► it seals ─► (Store.Reseal) ─► Retire ─► the only one
//
// A process that knows the keyset of one step opens whatever one of the step before or after seals.
type Keyset struct{ handle *keyset.Handle }

// wrappedFor is bound into a wrapped keyset, so that the service's key opens nothing else as one.
const wrappedFor = "crm-connectors token keyset"

// Errors of steps that a keyset does not allow.
var (
	ErrKeyPrepared    = errors.New("the keyset has a prepared key already: promote it")
	ErrNoKeyPrepared  = errors.New("the keyset has no key beside the primary one that could be promoted: prepare one")
	ErrNothingRetired = errors.New("the keyset has no key but the primary one")
)

// NewKeyset makes a keyset of one new AES-256-GCM key.
func NewKeyset() (*Keyset, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate keyset: %w", err)
	}
	return &Keyset{handle}, nil
}

// ReadKeyset reads a Tink JSON keyset, as it is or in base64. wrap opens a wrapped one and is nil for one in the clear. Errors never
// quote it.
func ReadKeyset(ctx context.Context, text []byte, wrap tink.AEADWithContext) (*Keyset, error) {
	text, err := keysetJSON(text)
	if err != nil {
		return nil, err
	}
	reader := keyset.NewJSONReader(bytes.NewReader(text))
	if wrap == nil {
		handle, err := insecurecleartextkeyset.Read(reader)
		if err != nil {
			return nil, errors.New("the keyset is not a Tink JSON keyset")
		}
		return &Keyset{handle}, nil
	}
	handle, err := keyset.ReadWithContext(ctx, reader, wrap, []byte(wrappedFor))
	if err != nil {
		return nil, fmt.Errorf("the keyset could not be unwrapped: %w", err)
	}
	return &Keyset{handle}, nil
}

// IsWrapped says whether text is a keyset that a key management service must open.
func IsWrapped(text []byte) bool {
	text, err := keysetJSON(text)
	return err == nil && bytes.Contains(text, []byte(`"encryptedKeyset"`))
}

func keysetJSON(text []byte) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] == '{' {
		return text, nil
	}
	decoded, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, errors.New("the keyset is neither JSON nor base64 of JSON")
	}
	return decoded, nil
}

// JSON is the keyset for ReadKeyset: wrapped, or where wrap is nil a secret in the clear.
func (k *Keyset) JSON(ctx context.Context, wrap tink.AEADWithContext) ([]byte, error) {
	var out bytes.Buffer
	writer := keyset.NewJSONWriter(&out)
	var err error
	if wrap == nil {
		err = insecurecleartextkeyset.Write(k.handle, writer)
	} else {
		err = k.handle.WriteWithContext(ctx, writer, wrap, []byte(wrappedFor))
	}
	if err != nil {
		return nil, fmt.Errorf("write keyset: %w", err)
	}
	return out.Bytes(), nil
}

// Key is one key of a keyset, without its material.
type Key struct {
	ID      uint32
	Primary bool // it seals; the others only open
}

// Keys are the keys in the order in which they were added.
func (k *Keyset) Keys() []Key {
	info := k.handle.KeysetInfo()
	var keys []Key
	for _, one := range info.GetKeyInfo() {
		keys = append(keys, Key{ID: one.GetKeyId(), Primary: one.GetKeyId() == info.GetPrimaryKeyId()})
	}
	return keys
}

// Prepare adds a key that does not seal yet. Error: ErrKeyPrepared.
func (k *Keyset) Prepare() (*Keyset, error) {
	if keys := k.Keys(); !keys[len(keys)-1].Primary {
		return nil, ErrKeyPrepared
	}
	return k.changed(func(m *keyset.Manager) error {
		_, err := m.Add(aead.AES256GCMKeyTemplate())
		return err
	})
}

// Promote lets the newest key seal. Error: ErrNoKeyPrepared.
func (k *Keyset) Promote() (*Keyset, error) {
	keys := k.Keys()
	newest := keys[len(keys)-1]
	if newest.Primary {
		return nil, ErrNoKeyPrepared
	}
	return k.changed(func(m *keyset.Manager) error { return m.SetPrimary(newest.ID) })
}

// Retire drops every key but the primary one: what they sealed is lost, so Store.Sealed must list nothing of theirs. Errors:
// ErrNothingRetired; ErrKeyPrepared where the newest key was not promoted.
func (k *Keyset) Retire() (*Keyset, error) {
	keys := k.Keys()
	switch {
	case len(keys) == 1:
		return nil, ErrNothingRetired
	case !keys[len(keys)-1].Primary:
		return nil, ErrKeyPrepared
	}
	return k.changed(func(m *keyset.Manager) error {
		for _, old := range keys {
			if !old.Primary {
				if err := m.Delete(old.ID); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (k *Keyset) changed(change func(*keyset.Manager) error) (*Keyset, error) {
	m := keyset.NewManagerFromHandle(k.handle)
	if err := change(m); err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	handle, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("change keyset: %w", err)
	}
	return &Keyset{handle}, nil
}

// Keyring is what seals and opens with the keyset.
func (k *Keyset) Keyring() (*Keyring, error) {
	primitive, err := aead.New(k.handle)
	if err != nil {
		return nil, errors.New("the keyset has no usable AEAD key")
	}
	ring := &Keyring{aead: primitive}
	for _, key := range k.Keys() {
		if key.Primary {
			ring.primary = key.ID
		}
	}
	return ring, nil
}
