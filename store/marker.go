package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// MarkerLength is the number of characters of a marker: 26 of base32 carry 130 bits.
const MarkerLength = 26

const markerSecret = "marker"

// marker is what a write's record is known by in the CRM: the same on every attempt, and of another write or another CRM account
// never. Without the secret nobody can tell or make one.
func marker(secret []byte, workspaceID, crm, accountID, key string) string {
	said := make([]byte, 0, 192)
	for _, part := range []string{workspaceID, crm, accountID, key} {
		said = append(strconv.AppendInt(said, int64(len(part)), 10), ':')
		said = append(said, part...)
	}
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write(said) // a hash never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil))[:MarkerLength])
}

// markerKey is the secret of all markers. The first process that needs it makes it, and it stays the same for as long as the
// database lives, whatever becomes of the keyset: a marker is stored with its write besides.
func (s *Store) markerKey(ctx context.Context) ([]byte, error) {
	s.markerMu.Lock()
	defer s.markerMu.Unlock()
	if s.markerSecret != nil {
		return s.markerSecret, nil
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	sealed, err := s.keys.Seal(hex.EncodeToString(fresh), "crm_secrets", markerSecret)
	if err != nil {
		return nil, fmt.Errorf("marker secret: %w", err)
	}
	if _, err := s.everywhere().Exec(ctx, `insert into crm_secrets (name, value_ciphertext) values ($1, $2) on conflict do nothing`, markerSecret, sealed); err != nil {
		return nil, fmt.Errorf("marker secret: %w", err)
	}
	if err := s.everywhere().QueryRow(ctx, `select value_ciphertext from crm_secrets where name = $1`, markerSecret).Scan(&sealed); err != nil {
		return nil, fmt.Errorf("marker secret: %w", err)
	}
	text, err := s.keys.Open(sealed, "crm_secrets", markerSecret)
	if err != nil {
		return nil, fmt.Errorf("marker secret: %w", err)
	}
	secret, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("marker secret: %w", err)
	}
	s.markerSecret = secret
	return secret, nil
}
