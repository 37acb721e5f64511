package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// wellRefused says that an answer is a success or a refusal that says what is wrong and quotes nothing.
func wellRefused(t *testing.T, w *httptest.ResponseRecorder, body string) (taken bool) {
	t.Helper()
	if w.Code < 300 {
		return true
	}
	if w.Code >= 500 || w.Code < 400 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	e := refused(t, w, w.Code, ErrorCode(w.Header().Get("sb-error-code")))
	if len(e.Message) > 600 || len(w.Body.String()) > 4096 {
		t.Errorf("%d bytes refuse %d", w.Body.Len(), len(body))
	}
	return false
}

func FuzzBodiesOfOutcomes(f *testing.F) {
	whole := outcomeWith(`"thread_id":"t","contact":{"email":"ada@example.com","first_name":"Ada"},"task":{"id":"t","subject":"s","due_at":"2026-11-27T09:00:00Z","priority":"high"},"rollup":{"id":"r","week_start":"2026-11-23","summary":"s"}`)
	for _, body := range []string{whole, `{"type":"INSERT","table":"outcomes","schema":"public","record":` + whole + `,"old_record":null}`, `{"type":"UPDATE","table":"t","record":{"outcome":` + whole + `},"old_record":{}}`,
		`{"type":"DELETE","table":"t","record":null,"old_record":{}}`, `{"type":"INSERT","table":"t","record":[]}`, `[]`, `null`, `{`, "\xff", strings.Repeat(`{"a":`, 70), outcomeWith(`"contact":{"email":"\ud800@example.com"}`),
		outcomeWith(`"contact":{"email":"a@example.com"},"contact":{"email":"b@example.com"}`), `{"workspace_id":"\u0000"}`, `{"a":1e999}`} {
		f.Add(body)
	}
	b := newBench(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		if body == "" || !wellRefused(t, b.send("POST", "/functions/v1/sync/hubspot", body), body) {
			return
		}
		first, _, _ := b.stub.last()
		if first == nil { // a deletion
			return
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if w := b.send("POST", "/functions/v1/sync/hubspot", string(again)); w.Code >= 300 {
			t.Fatalf("what was taken is refused when it is sent as it was understood: %s: %s", again, w.Body)
		}
		if second, _, _ := b.stub.last(); !reflect.DeepEqual(first, second) {
			t.Errorf("%s is understood as\n%+v and then as\n%+v", body, first, second)
		}
	})
}

func FuzzBodiesOfBatches(f *testing.F) {
	one := outcomeWith(`"contact":{"email":"ada@example.com"}`)
	for _, body := range []string{`{"outcomes":[` + one + `,{},7,null,` + one + `]}`, `{"outcomes":[]}`, `{"outcomes":{}}`, `{"outcomes":[[[[]]]]}`, `{"outcomes":[` + strings.Repeat("0,", 1000) + `0]}`, `{`, `[` + one + `]`} {
		f.Add(body)
	}
	b := newBench(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		if body != "" {
			wellRefused(t, b.send("POST", "/functions/v1/sync/hubspot/batch", body), body)
		}
	})
}

func FuzzThreat19_SignaturesOfHubSpot(f *testing.F) {
	secret, address, timestamp, signature, body := signedExample()
	now := time.UnixMilli(1790000001000)
	for _, query := range []string{"", "a=%2F%3A", "a=%zz", "%2f%3F?x"} {
		f.Add("POST", query, timestamp, signature, body)
	}
	f.Add("GET", "", "-1", "", "")
	f.Add("POST", "", "1790000001000.0", "====", body)
	h := NewHubSpotHooks(secret, address, func() time.Time { return now })
	f.Fuzz(func(t *testing.T, method, query, timestamp, signature, body string) {
		at := address
		if query != "" {
			at += "?" + query
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(method + signedAs.Replace(at) + body + timestamp))
		right := mac.Sum(nil)
		ms, notANumber := strconv.ParseInt(timestamp, 10, 64)
		inTime := notANumber == nil && now.Sub(time.UnixMilli(ms)).Abs() <= hookSkew
		given, broken := base64.StdEncoding.DecodeString(signature)
		if broken != nil {
			given = nil // of a text that breaks off the first part is given
		}
		if err := h.verify(method, at, timestamp, signature, []byte(body)); (err == nil) != (inTime && hmac.Equal(given, right)) {
			t.Errorf("signed %q at %q: %v", signature, timestamp, err)
		}
		if err := h.verify(method, at, timestamp, base64.StdEncoding.EncodeToString(right), []byte(body)); (err == nil) != inTime {
			t.Errorf("rightly signed at %q: %v", timestamp, err)
		}
	})
}

func FuzzEventsOfHubSpot(f *testing.F) {
	for _, body := range []string{mergeEvent, `[]`, `{}`, `[null,7,"x",[]]`, `[{"portalId":"4242"}]`, `[` + strings.Repeat(`{},`, 200) + `{}]`, `{`} {
		f.Add(body)
	}
	secret, address, _, _, _ := signedExample()
	now := time.UnixMilli(1790000001000)
	b := newBench(f, func(cfg *Config) {
		cfg.HubSpotHooks = NewHubSpotHooks(secret, address, func() time.Time { return now })
	})
	f.Fuzz(func(t *testing.T, body string) {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("POST" + address + body + "1790000001000"))
		w := b.send("POST", "/functions/v1/hubspot-webhooks", body, hubspotSignature, base64.StdEncoding.EncodeToString(mac.Sum(nil)), hubspotTimestamp, "1790000001000", "apikey", "")
		wellRefused(t, w, body)
		if w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
			t.Errorf("rightly signed and refused: %s", w.Body)
		}
	})
}

func FuzzTokensOfPeople(f *testing.F) {
	secret := []byte("the project's legacy secret, for tests alone")
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	sign := func(c jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(secret)
		if err != nil {
			f.Fatal(err)
		}
		return text
	}
	later := now.Add(time.Hour).Unix()
	for _, token := range []string{sign(jwt.MapClaims{"sub": "u", "role": "authenticated", "exp": later, "app_metadata": map[string]any{"workspace_ids": []string{workspace}, "roles": []any{"a", 7}}}),
		sign(jwt.MapClaims{"role": "service_role", "exp": later}), sign(jwt.MapClaims{"sub": "u", "exp": now.Unix() - 1}), sign(jwt.MapClaims{"sub": "u"}), sign(jwt.MapClaims{"role": "anon", "exp": later}),
		fakeJWT("none", "service_role"), fakeJWT("RS256", "authenticated"), fakeJWT("HS512", "x"), "..", "a.b.c", "", "eyJhbGciOiJIUzI1NiJ9..", strings.Repeat(".", 5)} {
		f.Add(token)
	}
	tokens := NewTokens(TokenRules{Secret: secret, Now: func() time.Time { return now }})
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := tokens.verify(t.Context(), token)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Code == "" || len(token) > 12 && strings.Contains(e.Message, token) { //nolint:errorlint // no wrapped one is an answer
				t.Errorf("%v", err)
			}
			return
		}
		parts := strings.Split(token, ".")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(parts[0] + "." + parts[1]))
		given, _ := base64.RawURLEncoding.DecodeString(parts[2])
		if len(parts) != 3 || !hmac.Equal(given, mac.Sum(nil)) {
			t.Errorf("%q is taken for %+v", token, caller)
		}
		if caller.Kind == CallerUser && caller.UserID == "" {
			t.Errorf("a person without an id: %+v", caller)
		}
	})
}

func FuzzKeySets(f *testing.F) {
	for _, text := range []string{`{"keys":[]}`, `[]`, `{"keys":[{"kty":"EC","crv":"P-256","kid":"a","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`,
		`[{"kty":"RSA","n":"AQAB","e":"AQAB"}]`, `[{"kty":"oct","k":"c2VjcmV0"}]`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{`, ` [null]`} {
		f.Add([]byte(text))
	}
	token := fakeJWT("ES256", "service_role")
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := ParseKeySet(text)
		if (set == nil) == (err == nil) {
			t.Fatalf("%v, %v", set, err)
		}
		if err != nil {
			return
		}
		if caller, err := NewTokens(TokenRules{Keys: set}).verify(t.Context(), token); err == nil {
			t.Errorf("a token that nobody signed is %+v", caller)
		}
	})
}

func FuzzSignaturesOfDatabases(f *testing.F) {
	signing := "v1,whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret that is for tests alone"))
	now := time.Unix(1790000001, 0)
	h, err := NewHooks("", signing, func() time.Time { return now })
	if err != nil {
		f.Fatal(err)
	}
	right := func(id, timestamp, body string) []byte {
		mac := hmac.New(sha256.New, []byte("a secret that is for tests alone"))
		mac.Write([]byte(id + "." + timestamp + "." + body))
		return mac.Sum(nil)
	}
	f.Add("msg_1", "1790000001", "v1,"+base64.StdEncoding.EncodeToString(right("msg_1", "1790000001", "{}")), "{}")
	f.Add("msg_1", "1790000001", "v1a,x v1, v1,AAAA, v1,"+base64.StdEncoding.EncodeToString(right("msg_1", "1790000001", "{}")), "{}")
	f.Add("", "0", "v1,", "")
	f.Fuzz(func(t *testing.T, id, timestamp, signature, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("webhook-id", id)
		r.Header.Set("webhook-timestamp", timestamp)
		r.Header.Set("webhook-signature", signature)
		caller, tried, err := h.authenticate(r)
		seconds, _ := strconv.ParseInt(timestamp, 10, 64) // which is what is signed, however it is written
		if tried && err == nil && !strings.Contains(signature, base64.StdEncoding.EncodeToString(right(id, strconv.FormatInt(seconds, 10), body))) {
			t.Errorf("%q at %q is taken for %+v", signature, timestamp, caller)
		}
	})
}

func FuzzPreferences(f *testing.F) {
	for _, text := range []string{"", "wait=10", `wait="10"`, "return=minimal, wait=5;x", "WAIT = 7", "wait=-1", "wait=99999999999", "wait", "=,;", "wait=1,wait=2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if wait := Wait(&text); wait < 0 || wait > maxWait {
			t.Errorf("%q waits for %s", text, wait)
		}
	})
}

func FuzzCookiesOfBrowsers(f *testing.F) {
	good := strings.Repeat("a", 43)
	for _, text := range []string{"", secureCookie + "=" + good, plainCookie + "=" + good + "; " + secureCookie + "=x", secureCookie + "=\"" + good + "\"", "=; ;=", secureCookie, strings.Repeat("a=b; ", 500), "\x00=\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Cookie"] = []string{text}
		for _, name := range []string{secureCookie, plainCookie} {
			if nonce := nonceOf(r, name); nonce != "" && (len(nonce) != 43 || !strings.Contains(text, nonce) || strings.ContainsAny(nonce, " ;=,\"\r\n")) {
				t.Errorf("%q gives the nonce %q", text, nonce)
			}
		}
	})
}
