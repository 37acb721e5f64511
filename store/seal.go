package store

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keyring seals secrets before they touch the database: Tink AEAD under a keyset whose primary key
// seals and whose other keys still open, so that keys rotate without a stop.
type Keyring struct{ aead tink.AEAD }

// ParseKeyring reads a Tink JSON keyset, as it is or in base64. Errors never quote it.
func ParseKeyring(text []byte) (*Keyring, error) {
	text = bytes.TrimSpace(text)
	if len(text) > 0 && text[0] != '{' {
		decoded, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			return nil, errors.New("the keyset is neither JSON nor base64 of JSON")
		}
		text = decoded
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, errors.New("the keyset is not a Tink JSON keyset")
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, errors.New("the keyset has no usable AEAD key")
	}
	return &Keyring{aead: primitive}, nil
}

// GenerateKeyset makes a new AES-256-GCM keyset as Tink JSON. It is a secret.
func GenerateKeyset() ([]byte, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("generate keyset: %w", err)
	}
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out)); err != nil {
		return nil, fmt.Errorf("write keyset: %w", err)
	}
	return out.Bytes(), nil
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

// Open decrypts what Seal made for the same place. A text moved from another place does not open.
func (k *Keyring) Open(sealed string, place ...string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", errors.New("open: not base64")
	}
	plain, err := k.aead.Decrypt(raw, associated(place))
	if err != nil {
		return "", errors.New("open: wrong key, wrong place or damaged")
	}
	return string(plain), nil
}

// associated prefixes each part with its length, so that ("ab","c") and ("a","bc") differ.
func associated(place []string) []byte {
	var b []byte
	for _, p := range place {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}
