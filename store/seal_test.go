package store_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"crm-connectors/store"
)

func newKeyset(t *testing.T) []byte {
	t.Helper()
	text, err := store.GenerateKeyset()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t *testing.T, text []byte) *store.Keyring {
	t.Helper()
	ring, err := store.ParseKeyring(text)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// rotated adds a key to the keyset and makes it the primary one.
func rotated(t *testing.T, text []byte) []byte {
	t.Helper()
	old, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	m := keyset.NewManagerFromHandle(old)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	both, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(both, keyset.NewJSONWriter(&out)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func seal(t *testing.T, ring *store.Keyring, plain string, place ...string) string {
	t.Helper()
	sealed, err := ring.Seal(plain, place...)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestWhatWasSealedOpensInItsPlaceAlone(t *testing.T) {
	t.Parallel()
	ring := parse(t, newKeyset(t))
	sealed := seal(t, ring, "token", "workspace", "hubspot", "access_token")
	if strings.Contains(sealed, "token") {
		t.Errorf("sealed text %q holds the plain one", sealed)
	}
	if got, err := ring.Open(sealed, "workspace", "hubspot", "access_token"); err != nil || got != "token" {
		t.Errorf("got %q, %v; want token", got, err)
	}
	for _, place := range [][]string{
		{"workspace", "hubspot", "refresh_token"}, {"another", "hubspot", "access_token"}, {"workspace", "salesforce", "access_token"},
		{"workspacehubspot", "", "access_token"}, {"workspace", "hubspot"}, nil,
	} {
		if got, err := ring.Open(sealed, place...); err == nil {
			t.Errorf("in %q it opened as %q", place, got)
		}
	}
}

func TestSealingTwiceGivesTwoTexts(t *testing.T) {
	t.Parallel()
	ring := parse(t, newKeyset(t))
	if a, b := seal(t, ring, "token", "p"), seal(t, ring, "token", "p"); a == b {
		t.Errorf("both are %q", a)
	}
}

func TestTheEmptyTextStaysEmpty(t *testing.T) {
	t.Parallel()
	ring := parse(t, newKeyset(t))
	if got := seal(t, ring, "", "p"); got != "" {
		t.Errorf("sealed: got %q, want empty", got)
	}
	if got, err := ring.Open("", "p"); err != nil || got != "" {
		t.Errorf("opened: got %q, %v; want empty", got, err)
	}
}

func TestADamagedTextDoesNotOpen(t *testing.T) {
	t.Parallel()
	ring := parse(t, newKeyset(t))
	raw, err := base64.StdEncoding.DecodeString(seal(t, ring, "token", "p"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		damaged := bytes.Clone(raw)
		damaged[i] ^= 1
		if got, err := ring.Open(base64.StdEncoding.EncodeToString(damaged), "p"); err == nil {
			t.Errorf("byte %d damaged: it opened as %q", i, got)
		}
	}
	if got, err := ring.Open("not base64!", "p"); err == nil {
		t.Errorf("text that is not base64 opened as %q", got)
	}
}

func TestAfterARotationOldTextsOpenAndTheNewKeySeals(t *testing.T) {
	t.Parallel()
	text := newKeyset(t)
	before, after := parse(t, text), parse(t, rotated(t, text))
	if got, err := after.Open(seal(t, before, "token", "p"), "p"); err != nil || got != "token" {
		t.Errorf("a text of the old key: got %q, %v; want token", got, err)
	}
	fresh := seal(t, after, "token", "p")
	if got, err := before.Open(fresh, "p"); err == nil {
		t.Errorf("the old key alone opened %q", got)
	}
	if got, err := after.Open(fresh, "p"); err != nil || got != "token" {
		t.Errorf("a text of the new key: got %q, %v; want token", got, err)
	}
}

func TestAKeysetIsReadAsJSONAndAsBase64OfIt(t *testing.T) {
	t.Parallel()
	text := newKeyset(t)
	sealed := seal(t, parse(t, text), "token", "p")
	for name, form := range map[string][]byte{
		"JSON":                    text,
		"JSON with white space":   []byte(" \n" + string(text) + "\n"),
		"base64":                  []byte(base64.StdEncoding.EncodeToString(text)),
		"base64 with a line feed": []byte(base64.StdEncoding.EncodeToString(text) + "\n"),
	} {
		ring, err := store.ParseKeyring(form)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := ring.Open(sealed, "p"); err != nil || got != "token" {
			t.Errorf("%s: got %q, %v; want token", name, got, err)
		}
	}
}

func TestErrorsOfAKeysetNeverQuoteIt(t *testing.T) {
	t.Parallel()
	good := string(newKeyset(t))
	encoded := base64.StdEncoding.EncodeToString([]byte(good))
	for name, form := range map[string]string{
		"empty":           "",
		"cut":             good[:len(good)-20],
		"cut base64":      encoded[:len(encoded)-41],
		"not base64":      "!" + encoded,
		"other JSON":      `{"secret":"correct horse"}`,
		"unknown type":    strings.Replace(good, "AesGcmKey", "OtherHorseKey", 1),
		"disabled key":    strings.Replace(good, `"ENABLED"`, `"DISABLED"`, 1),
		"base64 of prose": base64.StdEncoding.EncodeToString([]byte("correct horse")),
	} {
		_, err := store.ParseKeyring([]byte(form))
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for at := 0; at+12 <= len(form); at++ {
			if part := form[at : at+12]; strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error %q quotes %q", name, err, part)
				break
			}
		}
	}
}
