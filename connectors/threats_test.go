package connectors

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

const sentinel = "sentinel-7f3a/9c+tok.en"

// quotations are the ways in which a CRM, or what stands before it, writes down what it was sent.
func quotations(secret string) map[string]string {
	inJSON, _ := json.Marshal(secret)
	return map[string]string{
		"as it is":                 secret,
		"in a query":               url.QueryEscape(secret),
		"in a query, lower case":   strings.ToLower(url.QueryEscape("<" + secret + ">"))[3:],
		"in a query of a query":    url.QueryEscape(url.QueryEscape(secret)),
		"in a path":                url.PathEscape(secret),
		"in JSON":                  string(inJSON),
		"in JSON in JSON":          fmt.Sprintf("%q", inJSON),
		"in JSON, slashes escaped": strings.ReplaceAll(secret, "/", `\/`),
		"in JSON, all escaped":     strings.NewReplacer("/", `\u002F`, "+", `\u002b`, "=", `\u003d`, ".", `\u002e`).Replace(secret),
		"in HTML":                  html.EscapeString(secret),
		"in HTML by number":        strings.NewReplacer("/", "&#x2F;", "+", "&#43;", "=", "&#61;").Replace(secret),
		"in HTML by name":          strings.NewReplacer("/", "&sol;", "+", "&plus;", "=", "&equals;").Replace(secret),
		"in base64":                base64.StdEncoding.EncodeToString([]byte(secret)),
		"in base64, for URLs":      base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"in Basic":                 base64.StdEncoding.EncodeToString([]byte("client:" + secret)),
		"in base64 of a dump":      base64.StdEncoding.EncodeToString([]byte("Authorization: Bearer " + secret + "\r\n")),
		"in hex":                   hex.EncodeToString([]byte(secret)),
		"in hex, upper case":       strings.ToUpper(hex.EncodeToString([]byte(secret))),
	}
}

// told says whether text gives the sentinel away to whoever undoes the escaping: a long part of it is there, in clear or encoded.
func told(text string) bool {
	for _, part := range []string{"sentinel-7f3a", "sentinel\\u002d7f3a", "9c+tok", hex.EncodeToString([]byte("sentinel-7f")), base64.RawStdEncoding.EncodeToString([]byte("sentinel-7f3"))} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(part)) {
			return true
		}
	}
	return false
}

// secretCalls are the calls that carry the sentinel, one for each place of it.
func secretCalls(at string) map[string]Call {
	calls := map[string]Call{"bearer": {Method: http.MethodGet, URL: at + "/x", Header: JSONHeader(NewSecret(sentinel)), Effect: Read}}
	for _, name := range []string{"client_secret", "refresh_token", "code", "code_verifier", "token"} {
		calls[name] = FormCall(at+"/token", "/token", url.Values{name: {sentinel}})
	}
	return calls
}

func TestThreat17_ATokenThatTheCRMQuotesIsNotKept(t *testing.T) {
	t.Parallel()
	for how, quoted := range quotations(sentinel) {
		at, _ := crm(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Echo", "Bearer "+quoted)
			w.Header().Set("Location", "https://example.com/?t="+quoted)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "{\"message\": \"bad token "+quoted+" here\"}")
		})
		for name, call := range secretCalls(at) {
			reply, err := NewClient(nil, time.Now).Do(t.Context(), call)
			if err != nil {
				t.Fatal(err)
			}
			for _, shown := range []string{string(reply.Body), reply.Header.Get("X-Echo"), reply.Header.Get("Location")} {
				if told(shown) || strings.Contains(shown, quoted) || !strings.Contains(shown, redacted) {
					t.Errorf("%s, quoted %s: %s", name, how, shown)
				}
			}
		}
	}
}

// What no HTTP client can read it repeats in its error.
func TestThreat17_AnAnswerThatCannotBeReadIsNotRepeatedWithTheTokenInIt(t *testing.T) {
	t.Parallel()
	for what, answer := range map[string]string{
		"a status that is none":   "HTTP/1.1 " + sentinel + "\r\n\r\n",
		"no HTTP at all":          sentinel + "\r\n\r\n",
		"a header that is none":   "HTTP/1.1 401 Unauthorized\r\nbad token " + sentinel + "\r\n\r\n",
		"an address that is none": "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://example.com/%zz?token=" + sentinel + "\r\n\r\n",
		"a length that is none":   "HTTP/1.1 401 Unauthorized\r\nContent-Length: " + sentinel + "\r\n\r\n",
		"a coding that is none":   "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: " + sentinel + "\r\n\r\n",
	} {
		at := raw(t, answer)
		for name, call := range secretCalls(at) {
			call.Effect = Once
			_, err := NewClient(nil, time.Now).Do(t.Context(), call)
			var lost *TransportError
			if !errors.As(err, &lost) {
				t.Errorf("%s, %s: %v; want a *TransportError", name, what, err)
			} else if !strings.Contains(err.Error(), redacted) || told(err.Error()) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	_, err := NewClient(nil, time.Now).Do(t.Context(), Call{Method: http.MethodGet, URL: "http://127.0.0.1:1/x?email=" + sentinel, Effect: Read})
	if err == nil || told(err.Error()) {
		t.Errorf("an error of the network shows the query: %v", err)
	}
}

// raw is a server that answers everything with these bytes, once the request has come.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, answer)
			}
			_ = c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestThreat17_TextWithoutTheSecretStaysAsItIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "sentinel-7f3a alone", "a%2Fb &amp; \\u0026", strings.Repeat("x", 1<<16)} {
		if got := Redact(text, sentinel, "", "short"); got != text {
			t.Errorf("%.40q became %.40q", text, got)
		}
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
