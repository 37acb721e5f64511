package connectors

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

const sentinel = "sentinel-7f3a/9c+tok.en"

func TestThreat17_ATokenThatTheCRMQuotesIsNotKept(t *testing.T) {
	t.Parallel()
	quoting := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": "bad token " + sentinel + " " + url.QueryEscape(sentinel) + ` ` + strings.ReplaceAll(sentinel, "/", `\/`)})
	}
	at, _ := crm(t, quoting)
	calls := map[string]Call{
		"bearer": {Method: http.MethodGet, URL: at + "/x", Header: JSONHeader(NewSecret(sentinel)), Effect: Read},
	}
	for _, name := range []string{"client_secret", "refresh_token", "code", "code_verifier", "token"} {
		calls[name] = FormCall(at+"/token", "/token", url.Values{name: {sentinel}})
	}
	for name, call := range calls {
		reply, err := NewClient(nil, time.Now).Do(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{sentinel, url.QueryEscape(sentinel), strings.ReplaceAll(sentinel, "/", `\/`)} {
			if strings.Contains(string(reply.Body)+reply.Header.Get("X-Echo"), form) {
				t.Errorf("%s: %s %s", name, reply.Body, reply.Header.Get("X-Echo"))
			}
		}
	}
	_, err := NewClient(nil, time.Now).Do(t.Context(), Call{Method: http.MethodGet, URL: "http://127.0.0.1:1/x?email=" + sentinel, Effect: Read})
	if err == nil || strings.Contains(err.Error(), "sentinel") {
		t.Errorf("an error of the network shows the query: %v", err)
	}
}

func TestATokenEndpointMayGiveTheRefreshTokenBack(t *testing.T) {
	t.Parallel()
	at, _ := crm(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"refresh_token":"`+sentinel+`"}`)
	})
	reply, err := NewClient(nil, time.Now).Do(t.Context(), FormCall(at+"/token", "/token", url.Values{"refresh_token": {sentinel}}))
	if err != nil || !strings.Contains(string(reply.Body), sentinel) {
		t.Errorf("got %s, %v", reply.Body, err)
	}
}

func FuzzThreat18_ForeignTextIsOnePrintableLine(f *testing.F) {
	for _, seed := range []string{"", "plain", "two\nlines", "cr\r\nlf: forged=1", "\x1b[31mred\x1b[0m", "<script>alert(1)</script>", "\u2028\u2029\u0085\u202e", "\xff\xfe",
		strings.Repeat("x", 1000), strings.Repeat("é", 400), "a\x00b", "\"quoted\" \\ {\"level\":\"info\"}"} {
		f.Add(seed)
	}
	f.Fuzz(oneLine)
}

func oneLine(t *testing.T, s string) {
	q := Quote(s)
	if utf8.RuneCountInString(q) > quoteLimit+1 || !utf8.ValidString(q) {
		t.Errorf("Quote(%q) is too long or broken: %q", s, q)
	}
	for _, r := range q {
		if !unicode.IsPrint(r) {
			t.Errorf("Quote(%q) holds %q", s, r)
		}
	}
}

func TestThreat18_ForeignTextCannotForgeALineOfTheLog(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a\nlevel=error msg=forged", "a\r\n2026-01-01 INFO forged", "a\u2028b", "a\u0085b", "\x1b[2Jgone", "a\x00b\x7f", "\u202egnissap", strings.Repeat("long ", 1000)} {
		oneLine(t, s)
	}
}

func TestThreat22_AHostileAnswerCostsNeitherMemoryNorTimeAndIsNotFollowed(t *testing.T) {
	t.Parallel()
	drip := make(chan struct{})
	t.Cleanup(func() { close(drip) })
	for name, hostile := range map[string]http.HandlerFunc{
		"a body without end": func(w http.ResponseWriter, _ *http.Request) {
			block := bytes.Repeat([]byte("x"), 1<<20)
			for range 1 << 14 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		},
		"a gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			block := make([]byte, 1<<20)
			for range 1 << 10 {
				if _, err := z.Write(block); err != nil {
					return
				}
			}
			_ = z.Close()
		},
		"a slow drip": func(w http.ResponseWriter, r *http.Request) {
			for {
				select {
				case <-drip:
					return
				case <-r.Context().Done():
					return
				case <-time.After(5 * time.Millisecond):
					_, _ = w.Write([]byte(" "))
					w.(http.Flusher).Flush()
				}
			}
		},
		"headers without end": func(w http.ResponseWriter, _ *http.Request) {
			for range 2000 {
				w.Header().Add("X-More", strings.Repeat("x", 100))
			}
		},
		"a broken length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("short"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := crm(t, hostile)
			client := NewClient(nil, time.Now)
			client.Limit(2 * time.Second)
			begun := time.Now()
			reply, err := client.Do(t.Context(), Call{Method: http.MethodPost, URL: at, Effect: Once})
			var lost *TransportError
			if !errors.As(err, &lost) || !lost.Sent {
				t.Errorf("%d bytes, %v; want a *TransportError that may have been executed", len(reply.Body), err)
			}
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		var followed bool
		other, _ := crm(t, func(http.ResponseWriter, *http.Request) { followed = true })
		at, _ := crm(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other+"/steal")
			w.WriteHeader(status)
		})
		reply, err := NewClient(nil, time.Now).Do(t.Context(), Call{Method: http.MethodPost, URL: at, Header: JSONHeader(NewSecret(sentinel)), Effect: Once, Body: []byte("{}")})
		if err != nil || reply.Status != status || followed {
			t.Errorf("%d: answered %d, %v, followed: %v", status, reply.Status, err, followed)
		}
	}
}
