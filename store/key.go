package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
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
	if plain, ok := sortedPlain(payload); ok {
		sum := sha256.Sum256(plain)
		return hex.EncodeToString(sum[:]), nil
	}
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

// sortedPlain is the canonical form of a flat object of texts without escapes and spaces, which nearly every payload is, at a tenth of the cost.
func sortedPlain(payload []byte) ([]byte, bool) {
	if len(payload) < 2 || payload[0] != '{' || payload[len(payload)-1] != '}' || bytes.IndexByte(payload, '\\') >= 0 || !utf8.Valid(payload) {
		return nil, false
	}
	var fields [][]byte // each with its key
	var keys []string
	for rest := payload[1 : len(payload)-1]; len(rest) > 0; {
		key, after, ok := plainText(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return nil, false
		}
		_, end, ok := plainText(after[1:])
		if !ok {
			return nil, false
		}
		keys, fields = append(keys, string(key)), append(fields, rest[:len(rest)-len(end)])
		if rest = end; len(rest) == 0 {
			break
		}
		if rest[0] != ',' || len(rest) == 1 {
			return nil, false
		}
		rest = rest[1:]
	}
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(keys[a], keys[b]) })
	out := append(make([]byte, 0, len(payload)), '{')
	for n, i := range order {
		if n > 0 {
			if keys[i] == keys[order[n-1]] { // the last of a key counts: that is for the decoder
				return nil, false
			}
			out = append(out, ',')
		}
		out = append(out, fields[i]...)
	}
	return append(out, '}'), true
}

// plainText takes a quoted text without control characters off the front.
func plainText(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 || slices.ContainsFunc(b[1:1+end], func(c byte) bool { return c < ' ' }) {
		return nil, nil, false
	}
	return b[1 : 1+end], b[2+end:], true
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
