package store_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"crm-connectors/store"
)

// Conduit's own cipher as Node, WebCrypto and Go compute it: key, sealed text, plain text.
const (
	formerKey    = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	formerSealed = "AAECAwQFBgcICQoLJnaJb6CWtkS8c6RWWqpWDKa/LedTCN1QYRN5"
	formerPlain  = "at_test_123"
)

func former(t *testing.T, ring *store.Keyring) *store.Keyring {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(formerKey)
	if err != nil {
		t.Fatal(err)
	}
	with, err := ring.WithFormerKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// sealedFormerly is plain as Conduit sealed it.
func sealedFormerly(t *testing.T, plain string) string {
	t.Helper()
	key, _ := base64.StdEncoding.DecodeString(formerKey)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, nil, []byte(plain), nil))
}

func keysetOf(t *testing.T, text []byte) *store.Keyset {
	t.Helper()
	keys, err := store.ReadKeyset(t.Context(), text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func ringOf(t *testing.T, keys *store.Keyset) *store.Keyring {
	t.Helper()
	ring, err := keys.Keyring()
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func step(t *testing.T, f func() (*store.Keyset, error)) *store.Keyset {
	t.Helper()
	keys, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func silent(store.Resealed) {}

// grants connects n workspaces through s, each with tokens that its number names.
func grants(t *testing.T, s *store.Store, n int) []store.Connection {
	t.Helper()
	var out []store.Connection
	for i := range n {
		c, err := s.Connect(t.Context(), store.NewGrant{WorkspaceID: uuid.New(), CRM: "hubspot", AccountID: fmt.Sprint(i),
			AccessToken: fmt.Sprint("access-", i), RefreshToken: fmt.Sprint("refresh-", i)}, new(bell).ring)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func TestTheFormerCipherOpensWithItsKeyAndNotWithout(t *testing.T) {
	t.Parallel()
	ring := parse(t, newKeyset(t))
	if got, err := ring.Open(formerSealed, "any", "place"); err == nil {
		t.Errorf("without the key it opened as %q", got)
	}
	if got, err := former(t, ring).Open(formerSealed, "any", "place"); err != nil || got != formerPlain {
		t.Errorf("got %q, %v; want %s", got, err, formerPlain)
	}
	if _, err := ring.WithFormerKey([]byte("short")); err == nil {
		t.Error("a key of five bytes was taken")
	}
}

func TestAKeysetRotatesInThreeStepsNoneOfWhichLosesAText(t *testing.T) {
	t.Parallel()
	first := keysetOf(t, newKeyset(t))
	prepared := step(t, first.Prepare)
	promoted := step(t, prepared.Promote)
	retired := step(t, promoted.Retire)
	// Processes of two steps that follow each other run side by side while a step is rolled out.
	for name, pair := range map[string][2]*store.Keyset{"first and prepared": {first, prepared}, "prepared and promoted": {prepared, promoted}} {
		for i := range pair {
			sealed := seal(t, ringOf(t, pair[i]), "token", "p")
			if got, err := ringOf(t, pair[1-i]).Open(sealed, "p"); err != nil || got != "token" {
				t.Errorf("%s, sealed by %d: got %q, %v", name, i, got, err)
			}
		}
	}
	if got, err := ringOf(t, retired).Open(seal(t, ringOf(t, first), "token", "p"), "p"); err == nil {
		t.Errorf("the retired key still opened %q", got)
	}
	for name, err := range map[string]error{"prepare twice": second(prepared.Prepare()), "promote nothing": second(first.Promote()),
		"retire nothing": second(first.Retire()), "retire what is not promoted": second(prepared.Retire())} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second(_ *store.Keyset, err error) error { return err }

func TestResealingLeavesNothingThatTheOldKeyOrTheFormerCipherSealed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := keysetOf(t, newKeyset(t))
	conns := grants(t, store.New(b.pool, ringOf(t, old)), 450)
	if _, err := b.pool.Exec(t.Context(), `update crm_connections set access_token_ciphertext = $2 where id = $1`, conns[7].ID, sealedFormerly(t, "access-7")); err != nil {
		t.Fatal(err)
	}
	promoted := step(t, step(t, old.Prepare).Promote)
	s := store.New(b.pool, former(t, ringOf(t, promoted)))
	done := map[string]int{}
	if err := s.Reseal(t.Context(), func(r store.Resealed) { done[r.Column] = r.Done }); err != nil {
		t.Fatal(err)
	}
	if done["crm_connections.access_token_ciphertext"] != 450 || done["crm_connections.refresh_token_ciphertext"] != 450 {
		t.Errorf("sealed anew: %v, want 450 of each token", done)
	}
	primary := promoted.Keys()[1].ID
	counts, err := s.Sealed(t.Context(), promoted)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		if c.Key != primary {
			t.Errorf("%d texts of %s are sealed by key %d, want %d", c.Texts, c.Column, c.Key, primary)
		}
	}
	alone := store.New(b.pool, ringOf(t, step(t, promoted.Retire)))
	for i, c := range conns {
		c, err := alone.ConnectionByID(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		access, refresh, err := alone.Tokens(c)
		if err != nil || access != fmt.Sprint("access-", i) || refresh != fmt.Sprint("refresh-", i) {
			t.Fatalf("connection %d opened as %q, %q, %v", i, access, refresh, err)
		}
	}
}

func TestResealingBrokenOffGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := keysetOf(t, newKeyset(t))
	grants(t, store.New(b.pool, ringOf(t, old)), 450)
	s := store.New(b.pool, ringOf(t, step(t, step(t, old.Prepare).Promote)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := s.Reseal(ctx, func(store.Resealed) { cancel() }); err == nil {
		t.Fatal("it was not broken off")
	}
	first := -1
	if err := s.Reseal(t.Context(), func(r store.Resealed) {
		if r.Column == "crm_connections.access_token_ciphertext" {
			first = r.Done
		}
	}); err != nil || first != 250 {
		t.Errorf("the second run sealed %d access tokens anew, %v; want the 250 that were left", first, err)
	}
}

func TestATokenRefreshedWhileResealingIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := keysetOf(t, newKeyset(t))
	promoted := step(t, step(t, old.Prepare).Promote)
	c := grants(t, store.New(b.pool, ringOf(t, old)), 1)[0]
	s := store.New(b.pool, ringOf(t, promoted))
	// The row is locked with a new token that is not committed yet, and Reseal has read the old one.
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh := seal(t, ringOf(t, promoted), "rotated", c.WorkspaceID.String(), c.CRM, "refresh_token")
	if _, err := tx.Exec(t.Context(), `update crm_connections set refresh_token_ciphertext = $2 where id = $1`, c.ID, fresh); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Reseal(context.WithoutCancel(t.Context()), silent) }()
	for value[int](b, `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == 0 {
		select {
		case err := <-done:
			t.Fatalf("it did not wait for the row: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	now, err := s.ConnectionByID(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, refresh, err := s.Tokens(now); err != nil || refresh != "rotated" {
		t.Errorf("the refresh token is %q, %v; want the rotated one", refresh, err)
	}
}

func TestATextThatNoKeyOpensIsCountedAndLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := grants(t, store.New(b.pool, keyring(t)), 1)[0]
	closed := 0
	if err := b.Reseal(t.Context(), func(r store.Resealed) { closed = max(closed, r.Closed) }); err != nil || closed != 1 {
		t.Errorf("%d texts counted as closed, %v; want 1", closed, err)
	}
	if got := value[string](b, `select access_token_ciphertext from crm_connections where id = $1`, c.ID); got != c.SealedAccessToken {
		t.Error("it was changed")
	}
}

func TestAnInstallThatWaitsToBeClaimedIsSealedAnewForItsId(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := keysetOf(t, newKeyset(t))
	id, err := store.New(b.pool, ringOf(t, old)).SaveInstall(t.Context(), store.NewGrant{CRM: "hubspot", AccountID: "1", AccessToken: "access", RefreshToken: "refresh"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	promoted := step(t, step(t, old.Prepare).Promote)
	if err := store.New(b.pool, ringOf(t, promoted)).Reseal(t.Context(), silent); err != nil {
		t.Fatal(err)
	}
	s := store.New(b.pool, ringOf(t, step(t, promoted.Retire)))
	c, err := s.ClaimInstall(t.Context(), id, b.workspace, "user", "", b.bell.ring)
	if err != nil {
		t.Fatal(err)
	}
	if access, refresh, err := s.Tokens(c); err != nil || access != "access" || refresh != "refresh" {
		t.Errorf("the tokens open as %q, %q, %v", access, refresh, err)
	}
}
