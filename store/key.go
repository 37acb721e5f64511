package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

var keyEscape = strings.NewReplacer("%", "%25", ":", "%3A")

// IdempotencyKey is buildCrmIdempotencyKey: lower-case hex SHA-256 of the six parts joined with ":". "%" and ":" inside
// a part are escaped first, so that two different tuples never give one key. The database has the same
// function as build_crm_idempotency_key.
func IdempotencyKey(workspaceID, crm, objectType, objectID, action, sourceEventID string) string {
	parts := []string{workspaceID, crm, objectType, objectID, action, sourceEventID}
	for i, p := range parts {
		parts[i] = keyEscape.Replace(p)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}

// PayloadHash is hex SHA-256 of the compact JSON with keys sorted by bytes and nothing escaped that JSON does
// not demand.
func PayloadHash(payload json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", fmt.Errorf("payload: %w", err)
	}
	var canonical bytes.Buffer
	enc := json.NewEncoder(&canonical)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // maps are encoded in byte order of their keys
		return "", fmt.Errorf("payload: %w", err)
	}
	sum := sha256.Sum256(bytes.TrimSuffix(rawSeparators(canonical.Bytes()), []byte("\n")))
	return hex.EncodeToString(sum[:]), nil
}

// rawSeparators writes out U+2028 and U+2029, which Go's encoder always escapes and JSON does not demand.
func rawSeparators(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] != '\\':
			out = append(out, b[i])
		case bytes.HasPrefix(b[i:], []byte(`\u2028`)), bytes.HasPrefix(b[i:], []byte(`\u2029`)):
			out = utf8.AppendRune(out, '\u2020'+rune(b[i+5]-'0'))
			i += 5
		default: // an escape of two characters, or the first two of a longer one
			out = append(out, b[i], b[i+1])
			i++
		}
	}
	return out
}

// idSpace makes the ids that are derived from what a row is about, so that a repeat finds the same row.
var idSpace = uuid.MustParse("6f1c1f0e-6a1b-5b52-9a63-0d1f5f0f3c7e")

// SyncID is the id of all writes of one source event in one workspace.
func SyncID(workspaceID uuid.UUID, sourceEventID string) uuid.UUID {
	return uuid.NewSHA1(idSpace, []byte("sync:"+workspaceID.String()+":"+sourceEventID))
}

func writeID(workspaceID uuid.UUID, crm, key string) uuid.UUID {
	return uuid.NewSHA1(idSpace, []byte("write:"+workspaceID.String()+":"+crm+":"+key))
}
