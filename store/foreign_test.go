package store_test

import (
	"strings"
	"testing"

	"crm-connectors/store"
)

func FuzzSealedTexts(f *testing.F) {
	text, err := store.GenerateKeyset()
	if err != nil {
		f.Fatal(err)
	}
	keys, err := store.ParseKeyring(text)
	if err != nil {
		f.Fatal(err)
	}
	const plain = "what nobody may read"
	sealed, err := keys.Seal(plain, "workspace", "hubspot", "access_token")
	if err != nil {
		f.Fatal(err)
	}
	s := store.New(nil, keys)
	session, err := s.SealSession([]byte(plain))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{sealed, session, "", "AQ==", strings.Repeat("A", 64), sealed[:20], "!", sealed + "=", "v1:" + sealed} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		for column, opens := range map[string]bool{"access_token": true, "refresh_token": false} {
			got, err := keys.Open(given, "workspace", "hubspot", column)
			if err == nil && got != "" && (got != plain || !opens) {
				t.Errorf("%q opens as %q for %s", given, got, column)
			}
			if err != nil && len(given) > 8 && strings.Contains(err.Error(), given) {
				t.Errorf("the error repeats the text: %v", err)
			}
		}
		if got, err := s.OpenSession(given); err == nil && string(got) != plain {
			t.Errorf("%q opens as a session of %q", given, got)
		}
	})
}

func FuzzKeysets(f *testing.F) {
	text, err := store.GenerateKeyset()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(text), "", "{}", `{"primaryKeyId":1,"key":[]}`, string(text[:len(text)/2]), strings.ReplaceAll(string(text), "ENABLED", "DISABLED"), "AAAA"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, given []byte) {
		keys, err := store.ParseKeyring(given)
		if err != nil {
			if len(given) > 40 && strings.Contains(err.Error(), string(given)) {
				t.Error("the error repeats the keyset")
			}
			return
		}
		sealed, err := keys.Seal("x", "a", "b", "c")
		if err != nil {
			t.Fatal("a keyset is taken that seals nothing")
		}
		if got, err := keys.Open(sealed, "a", "b", "c"); err != nil || got != "x" {
			t.Errorf("%q, %v", got, err)
		}
	})
}
