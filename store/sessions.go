package store

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// sessionPlace is what a console's session is sealed for: no other sealed text opens there.
func sessionPlace() []byte { return associated([]string{"console", "session"}) }

// SealSession encrypts what a browser keeps of an operator's session, so that any replica can read it and nobody can make one.
func (s *Store) SealSession(plain []byte) (string, error) {
	sealed, err := s.keys.aead.Encrypt(plain, sessionPlace())
	if err != nil {
		return "", fmt.Errorf("seal session: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenSession decrypts what SealSession made. The former key opens none: it is bound to no place.
func (s *Store) OpenSession(sealed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errors.New("open session: not base64")
	}
	plain, err := s.keys.aead.Decrypt(raw, sessionPlace())
	if err != nil {
		return nil, errors.New("open session: wrong key or damaged")
	}
	return plain, nil
}
