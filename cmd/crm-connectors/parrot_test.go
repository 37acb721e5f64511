package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// sentinels are all secrets of a run, by what they are. Those that are made on the way are noted as they pass.
type sentinels struct {
	mu   sync.Mutex
	kind map[string]string
}

func (s *sentinels) note(kind, secret string) {
	if len(secret) < 8 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind[secret] = kind
}

func (s *sentinels) all() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for secret, kind := range s.kind {
		all[secret] = kind
	}
	return all
}

// forms are the ways in which a secret can stand in a text: as it is, escaped, in base64 at each place of a longer text, and in hex.
func forms(secret string) []string {
	inJSON, _ := json.Marshal(secret)
	all := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(inJSON), `"`), strings.ReplaceAll(secret, "/", `\/`),
		html.EscapeString(secret), hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	for before := range 3 {
		text := base64.StdEncoding.EncodeToString(append(make([]byte, before), secret...))
		text = text[(before*8+5)/6 : (before+len(secret))*8/6]
		all = append(all, text, strings.NewReplacer("+", "-", "/", "_").Replace(text))
	}
	return all
}

// leaks are the secrets that a text holds in any form, each once, but for the kinds that it may. One pass looks for all by how they begin.
func (s *sentinels) leaks(text string, may ...string) []string {
	type form struct{ kind, secret, text string }
	begins := map[[8]byte][]form{}
	for secret, kind := range s.all() {
		if slices.Contains(may, kind) {
			continue
		}
		for _, as := range forms(secret) {
			begins[[8]byte([]byte(as))] = append(begins[[8]byte([]byte(as))], form{kind, secret, as})
		}
	}
	var found []string
	seen := map[string]bool{}
	for at := 0; at+8 <= len(text); at++ {
		for _, f := range begins[[8]byte([]byte(text[at:at+8]))] {
			if strings.HasPrefix(text[at:], f.text) && !seen[f.secret] {
				seen[f.secret] = true
				found = append(found, fmt.Sprintf("%s %q: …%.300s…", f.kind, f.text, text[max(0, at-160):min(len(text), at+len(f.text)+60)]))
			}
		}
	}
	return found
}

// transcript collects text from several goroutines.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write is io.Writer.
func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *transcript) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// parrot stands before a CRM, notes the tokens that pass, and answers in its place where it is told to: with a refusal that says back
// all that was sent.
type parrot struct {
	next    http.Handler
	secrets *sentinels

	mu   sync.Mutex
	rule *squawk
	said int // answers that quoted a secret
}

// squawk is one way to refuse. say gets the request as text, secrets and all.
type squawk struct {
	name string
	path string // part of the path of what is refused
	say  func(w http.ResponseWriter, quote string)
}

// refuse makes it quote from now on, or with nil let everything through.
func (p *parrot) refuse(rule *squawk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.said = rule, 0
}

func (p *parrot) quoted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said
}

// ServeHTTP is http.Handler.
func (p *parrot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	quote := "Authorization: " + r.Header.Get("Authorization")
	bearer, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.secrets.note("access_token", bearer)
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && !strings.HasSuffix(r.URL.Path, "/authorize") {
		form, _ = url.ParseQuery(string(body))
	}
	secret := isBearer
	for _, name := range []string{"refresh_token", "token", "code", "code_verifier", "client_secret"} {
		if value := form.Get(name); value != "" {
			p.secrets.note(name, value)
			quote, secret = quote+" "+name+"="+value, true
		}
	}
	p.mu.Lock()
	rule := p.rule
	if rule != nil && !strings.Contains(r.URL.Path, rule.path) {
		rule = nil
	}
	if rule != nil && secret {
		p.said++
	}
	p.mu.Unlock()
	switch {
	case rule != nil:
		rule.say(w, quote+" "+string(body))
	case len(form) > 0:
		p.passTokens(w, r)
	default:
		p.next.ServeHTTP(w, r)
	}
}

// passTokens notes what a token endpoint gives.
func (p *parrot) passTokens(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	p.next.ServeHTTP(rec, r)
	var given struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	_ = json.Unmarshal(rec.Body.Bytes(), &given)
	p.secrets.note("access_token", given.Access)
	p.secrets.note("refresh_token", given.Refresh)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// quoteIn is an answer of that status with the quotation in a text; %s stands for it, as escape writes it.
func quoteIn(status int, contentType, text string, escape func(string) string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, quote string) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Echo", quoteLine(quote))
		w.Header().Set("X-HubSpot-Correlation-Id", quoteLine(quote))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "%s", escape(quote)))
	}
}

func quoteLine(quote string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(quote) }

func inJSON(quote string) string {
	text, _ := json.Marshal(quote)
	return strings.Trim(string(text), `"`)
}

// rawAnswer is bytes in place of an answer.
func rawAnswer(text string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, quote string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(text, "%s", strings.ReplaceAll(quoteLine(quote), " ", "_")))
		_ = conn.Close()
	}
}

// refusals are the ways in which a CRM, or what stands before it, says no.
func refusals(crm string) []squawk {
	envelope := func(code string) string {
		if crm == "hubspot" {
			return `{"status":"error","message":"%s","correlationId":"%s","category":"` + code + `","errors":[{"message":"%s","context":{"properties":["%s"]}}]}`
		}
		return `[{"message":"%s","errorCode":"` + code + `","fields":["%s"]}]`
	}
	page := `<!doctype html><title>Error</title><h1>Bad gateway</h1><pre>%s</pre>`
	return []squawk{
		{name: "400", say: quoteIn(400, "application/json", envelope("VALIDATION_ERROR"), inJSON)},
		{name: "400, escaped twice", say: quoteIn(400, "application/json", envelope("VALIDATION_ERROR"), func(q string) string { return inJSON(inJSON(q)) })},
		{name: "400, for a URL", say: quoteIn(400, "application/json", envelope("VALIDATION_ERROR"), url.QueryEscape)},
		{name: "400, in base64", say: quoteIn(400, "application/json", envelope("VALIDATION_ERROR"), func(q string) string { return base64.StdEncoding.EncodeToString([]byte(q)) })},
		{name: "400, a page", say: quoteIn(400, "text/html", page, html.EscapeString)},
		{name: "401", say: quoteIn(401, "application/json", envelope("INVALID_SESSION_ID"), inJSON)},
		{name: "403", say: quoteIn(403, "application/json", envelope("FORBIDDEN"), inJSON)},
		{name: "404", say: quoteIn(404, "application/json", envelope("NOT_FOUND"), inJSON)},
		{name: "409", say: quoteIn(409, "application/json", envelope("CONFLICT"), inJSON)},
		{name: "500", say: quoteIn(500, "application/json", envelope("UNKNOWN_EXCEPTION"), inJSON)},
		{name: "502, a page", say: quoteIn(502, "text/html", page, html.EscapeString)},
		{name: "redirect", say: func(w http.ResponseWriter, quote string) {
			w.Header().Set("Location", "https://login.example.com/?"+url.Values{"from": {quote}}.Encode())
			w.WriteHeader(http.StatusFound)
		}},
		{name: "redirect to nowhere", say: rawAnswer("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://login.example.com/%zz?from=%s\r\n\r\n")},
		{name: "no HTTP", say: rawAnswer("%s\r\n\r\n")},
		{name: "a header that is none", say: rawAnswer("HTTP/1.1 400 Bad Request\r\n%s\r\n\r\n")},
		{name: "cut short", say: rawAnswer("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n%s")},
		{name: "429", say: quoteIn(429, "application/json", envelope("RATE_LIMIT"), inJSON)},
	}
}

// tokenRefusals are those of a token endpoint.
func tokenRefusals() []squawk {
	said := func(code string) string {
		return `{"error":"` + code + `","error_description":"%s","status":"BAD","message":"%s","correlationId":"%s"}`
	}
	return []squawk{
		{name: "invalid_grant", path: "/token", say: quoteIn(400, "application/json", said("invalid_grant"), inJSON)},
		{name: "invalid_client", path: "/token", say: quoteIn(401, "application/json", said("invalid_client"), inJSON)},
		{name: "an error nobody knows", path: "/token", say: quoteIn(400, "application/json", said("%s"), inJSON)},
		{name: "500, a page", path: "/token", say: quoteIn(500, "text/html", `<pre>%s</pre>`, html.EscapeString)},
		{name: "a success that is none", path: "/token", say: quoteIn(200, "application/json", `{"access_token":12345678,"error":"%s"}`, inJSON)},
		{name: "redirect to nowhere", path: "/token", say: rawAnswer("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://login.example.com/%zz?from=%s\r\n\r\n")},
		{name: "no HTTP", path: "/token", say: rawAnswer("%s\r\n\r\n")},
		{name: "429", path: "/token", say: quoteIn(429, "application/json", said("rate_limit_exceeded"), inJSON)},
	}
}

func TestTheSearchForSecretsSeesThemInEveryForm(t *testing.T) {
	t.Parallel()
	s := &sentinels{kind: map[string]string{"a/secret+of=this.test": "secret"}}
	for _, form := range append(forms("a/secret+of=this.test"), base64.StdEncoding.EncodeToString([]byte("id:a/secret+of=this.test"))) {
		if len(s.leaks("before "+form+" after")) != 1 || len(s.leaks("before "+form+" after", "other", "secret")) != 0 {
			t.Errorf("%q is not seen", form)
		}
	}
	if found := s.leaks("nothing of it: a/secret of this test"); len(found) != 0 {
		t.Errorf("seen where it is not: %v", found)
	}
}
