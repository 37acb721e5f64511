package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/store"
	"crm-connectors/store/storetest"
)

// keysBench runs 'keys' as an operator does, over a database with one connection.
type keysBench struct {
	t    *testing.T
	vars map[string]string
	pool *pgxpool.Pool
}

func (b keysBench) keys(words string) (stdout, stderr string, code int) {
	b.t.Helper()
	var out, errs bytes.Buffer
	code = run(b.t.Context(), env{args: append([]string{"keys"}, strings.Fields(words)...), getenv: func(name string) string { return b.vars[name] }, stdout: &out, stderr: &errs})
	return out.String(), errs.String(), code
}

// next runs a step and makes the keyset that it prints the present one.
func (b keysBench) next(words string) {
	b.t.Helper()
	out, errs, code := b.keys(words)
	if code != exitOK {
		b.t.Fatalf("keys %s: exit code %d: %s", words, code, errs)
	}
	b.vars["TOKEN_KEYSET"] = out
}

func (b keysBench) store() *store.Store {
	b.t.Helper()
	ring, err := store.ParseKeyring([]byte(b.vars["TOKEN_KEYSET"]))
	if err != nil {
		b.t.Fatal(err)
	}
	return store.New(b.pool, ring)
}

func openKeysBench(t *testing.T) keysBench {
	t.Helper()
	url := storetest.NewDatabase(t, nil) // as all of this package: the first caller's choice is everybody's
	if err := storetest.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	b := keysBench{t: t, vars: map[string]string{"DATABASE_URL": url}, pool: pool}
	b.next("generate")
	return b
}

func TestKeysRotateThroughTheProgramWithoutLosingAToken(t *testing.T) {
	t.Parallel()
	b := openKeysBench(t)
	workspace := uuid.New()
	wake := func(context.Context, pgx.Tx, uuid.UUID) error { return nil }
	if _, err := b.store().Connect(t.Context(), store.NewGrant{WorkspaceID: workspace, CRM: "hubspot", AccountID: "1", AccessToken: "access", RefreshToken: "refresh"}, wake); err != nil {
		t.Fatal(err)
	}
	b.next("rotate prepare")
	b.next("rotate promote")
	if out, errs, code := b.keys("rotate retire"); code != exitFailed || !strings.Contains(errs, "keys reencrypt") || out != "" {
		t.Errorf("retire while the old key is needed: exit code %d, %q, %q", code, out, errs)
	}
	if out, errs, code := b.keys("reencrypt"); code != exitOK || !strings.Contains(out, "crm_connections.access_token_ciphertext: 1 sealed anew") {
		t.Fatalf("reencrypt: exit code %d, %q, %q", code, out, errs)
	}
	b.next("rotate retire")
	out, _, _ := b.keys("show")
	if strings.Count(out, "seals and opens") != 1 || strings.Contains(out, "no key of this keyset") || !strings.Contains(out, "crm_connections.refresh_token_ciphertext") {
		t.Errorf("show after all: %s", out)
	}
	c, err := b.store().Connection(t.Context(), workspace, "hubspot")
	if err != nil {
		t.Fatal(err)
	}
	if access, refresh, err := b.store().Tokens(c); err != nil || access != "access" || refresh != "refresh" {
		t.Errorf("the tokens open as %q, %q, %v", access, refresh, err)
	}
}

func TestAKeysetFileIsNewAndItsOwnersAlone(t *testing.T) {
	t.Parallel()
	b := keysBench{t: t, vars: map[string]string{}}
	file := filepath.Join(t.TempDir(), "keyset.json")
	if _, errs, code := b.keys("generate --out " + file); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want -rw-------", info.Mode(), err)
	}
	before, _ := os.ReadFile(file)
	if _, _, code := b.keys("generate --out " + file); code != exitFailed {
		t.Error("a keyset that was there is written over")
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("the keyset that was there changed")
	}
	for _, words := range []string{"", "rotate", "rotate everything", "generate extra"} {
		if _, _, code := b.keys(words); code != exitUsage {
			t.Errorf("keys %s: exit code %d, want %d", words, code, exitUsage)
		}
	}
}

// fakeKMS answers Encrypt and Decrypt as AWS KMS does, which binds what it encrypts to the encryption context.
func fakeKMS(t *testing.T) (url string, down *bool) {
	t.Helper()
	down = new(bool)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			KeyID                     string `json:"KeyId"`
			Plaintext, CiphertextBlob []byte
			EncryptionContext         map[string]string
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || *down {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		bound, _ := json.Marshal(in.EncryptionContext)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch plain, ok := bytes.CutPrefix(flip(in.CiphertextBlob), bound); {
		case operation == "Encrypt":
			_ = json.NewEncoder(w).Encode(map[string]any{"CiphertextBlob": flip(append(bound, in.Plaintext...)), "KeyId": in.KeyID})
		case operation == "Decrypt" && ok:
			_ = json.NewEncoder(w).Encode(map[string]any{"Plaintext": plain, "KeyId": in.KeyID})
		default:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"InvalidCiphertextException"}`))
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, down
}

func flip(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= 0x5a
	}
	return out
}

func TestAKeysetThatAKeyManagementServiceWrapsIsOpenedByItAlone(t *testing.T) {
	url, down := fakeKMS(t)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_KMS": url, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_MAX_ATTEMPTS": "1"} {
		t.Setenv(name, value)
	}
	const uri = "aws-kms://arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-000000000000"
	b := keysBench{t: t, vars: map[string]string{}}
	b.next("generate")
	clear := b.vars["TOKEN_KEYSET"]
	b.vars["TOKEN_KEYSET_KMS"] = uri
	if _, err := LoadConfig(with(t, b.vars)); err == nil || !strings.Contains(err.Error(), "keys wrap") {
		t.Errorf("a keyset in the clear beside TOKEN_KEYSET_KMS: %v; want the way to wrap it", err)
	}
	b.next("wrap")
	if !store.IsWrapped([]byte(b.vars["TOKEN_KEYSET"])) {
		t.Fatalf("it is not wrapped: %s", b.vars["TOKEN_KEYSET"])
	}
	b.next("rotate prepare")
	cfg, err := LoadConfig(with(t, b.vars))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := cfg.Keyset.Keyring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before, err := store.ParseKeyring([]byte(clear))
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := before.Seal("token", "p")
	if got, err := ring.Open(sealed, "p"); err != nil || got != "token" {
		t.Errorf("what the keyset sealed in the clear opens as %q, %v", got, err)
	}
	*down = true
	if _, err := cfg.Keyset.Keyring(t.Context()); err == nil {
		t.Error("it opened without the service")
	}
	without := maps.Clone(b.vars)
	without["TOKEN_KEYSET_KMS"] = ""
	if _, err := LoadConfig(with(t, without)); err == nil || !strings.Contains(err.Error(), "TOKEN_KEYSET_KMS is not set") {
		t.Errorf("a wrapped keyset without TOKEN_KEYSET_KMS: %v", err)
	}
}

func TestTheFormerKeyIsCheckedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"hush", "aHVzaA==", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="} {
		_, err := LoadConfig(with(t, map[string]string{"TOKEN_ENC_KEY_B64": bad}))
		if err == nil || !strings.Contains(err.Error(), "TOKEN_ENC_KEY_B64 is not 32 bytes in base64") || strings.Contains(err.Error(), bad) {
			t.Errorf("%v", err)
		}
	}
	cfg, err := LoadConfig(with(t, map[string]string{"TOKEN_ENC_KEY_B64": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := cfg.Keyset.Keyring(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ring.Open("AAECAwQFBgcICQoLJnaJb6CWtkS8c6RWWqpWDKa/LedTCN1QYRN5", "p"); err != nil || got != "at_test_123" {
		t.Errorf("the known text opens as %q, %v", got, err)
	}
}

func TestTheProgramTellsWhatLiesUnderTheFormerKeyAndDropsItWhenTold(t *testing.T) {
	t.Parallel()
	b := openKeysBench(t)
	if out, errs, code := b.keys("drop former --yes"); code != exitOK || out != "" || !strings.Contains(errs, "no table of Conduit's is left") {
		t.Errorf("where Conduit never ran: exit code %d, %q, %q", code, out, errs)
	}
	if _, err := b.pool.Exec(t.Context(), `create table conduit_crm_connections (id int, workspace_id uuid, access_token_ciphertext text, refresh_token_ciphertext text);
		insert into conduit_crm_connections values (1, null, 'sealed', 'sealed')`); err != nil {
		t.Fatal(err)
	}
	const held = "1 rows of Conduit's, 2 tokens by its former key"
	for _, words := range []string{"show", "drop former", "drop former --yes"} {
		if out, errs, code := b.keys(words); code != exitOK || !strings.Contains(out, held) {
			t.Errorf("keys %s: exit code %d, %q, %q", words, code, out, errs)
		}
	}
	if out, errs, code := b.keys("show"); code != exitOK || strings.Contains(out, "Conduit's") {
		t.Errorf("show after all: exit code %d, %q, %q", code, out, errs)
	}
}
