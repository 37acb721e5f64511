package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keyring seals secrets before they touch the database: Tink AEAD under a keyset whose primary key
// seals and whose other keys still open, so that keys rotate without a stop.
type Keyring struct {
	aead    tink.AEAD
	primary uint32
	former  cipher.AEAD // Conduit's own cipher, from before this service; may be nil
}

// ParseKeyring reads a keyset in the clear: see ReadKeyset. Errors never quote it.
func ParseKeyring(text []byte) (*Keyring, error) {
	keys, err := ReadKeyset(context.Background(), text, nil)
	if err != nil {
		return nil, err
	}
	return keys.Keyring()
}

// GenerateKeyset makes a new AES-256-GCM keyset as Tink JSON. It is a secret.
func GenerateKeyset() ([]byte, error) {
	keys, err := NewKeyset()
	if err != nil {
		return nil, err
	}
	return keys.JSON(context.Background(), nil)
}

// FormerKeySize is the length in bytes of the key that Conduit sealed tokens with before this service did.
const FormerKeySize = 32

// WithFormerKey gives a keyring that also opens what Conduit sealed under key: AES-256-GCM, base64 of nonce, text and tag. Such a text is
// bound to no place, so whoever can write to the database can move it: seal all anew (Store.Reseal), then do without this key.
func (k *Keyring) WithFormerKey(key []byte) (*Keyring, error) {
	if len(key) != FormerKeySize {
		return nil, fmt.Errorf("the key has %d bytes, not %d", len(key), FormerKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errors.New("the key cannot be used")
	}
	former, err := cipher.NewGCM(block)
	if err != nil {
		return nil, errors.New("the key cannot be used")
	}
	with := *k
	with.former = former
	return &with, nil
}

// Seal encrypts plain for one place, which place names: workspace, crm, column. The empty text seals to the
// empty text.
func (k *Keyring) Seal(plain string, place ...string) (string, error) {
	if plain == "" {
		return "", nil
	}
	sealed, err := k.aead.Encrypt([]byte(plain), associated(place))
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// ErrUnreadable says that a sealed text does not open: another keyset sealed it, or it was moved from another place, or damaged.
var ErrUnreadable = errors.New("wrong key, wrong place or damaged")

// Open decrypts what Seal made for the same place. A text moved from another place does not open: ErrUnreadable.
func (k *Keyring) Open(sealed string, place ...string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", fmt.Errorf("open: not base64: %w", ErrUnreadable)
	}
	plain, err := k.aead.Decrypt(raw, associated(place))
	if err == nil {
		return string(plain), nil
	}
	if k.former != nil && len(raw) > k.former.NonceSize() {
		at := k.former.NonceSize()
		if plain, err = k.former.Open(nil, raw[:at], raw[at:], nil); err == nil {
			return string(plain), nil
		}
	}
	return "", fmt.Errorf("open: %w", ErrUnreadable)
}

// sealedBy is how every text begins, in hex, that the key of this id sealed: Tink's version and the id.
func sealedBy(id uint32) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32([]byte{1}, id))
}

// associated prefixes each part with its length, so that ("ab","c") and ("a","bc") differ.
func associated(place []string) []byte {
	var b []byte
	for _, p := range place {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p))) //nolint:gosec // no part is as long as that
		b = append(b, p...)
	}
	return b
}
