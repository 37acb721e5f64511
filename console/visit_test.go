package console_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// visitor is somebody at a browser without scripts.
type visitor struct {
	d    *desk
	http *http.Client
}

// page is what a visitor is shown.
type page struct {
	t      *testing.T
	status int
	at     string // where the browser is, after redirects
	header http.Header
	body   string
}

func (d *desk) visitor() *visitor {
	d.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return &visitor{d: d, http: &http.Client{Jar: jar, Timeout: 60 * time.Second}}
}

// operator is a visitor who has signed in with a key.
func (d *desk) operator() *visitor {
	d.t.Helper()
	v := d.visitor()
	v.signIn(operatorKey).shows(http.StatusOK, "Overview")
	return v
}

func (v *visitor) signIn(credential string) page {
	v.d.t.Helper()
	return v.post("/console/sign-in", url.Values{"credential": {credential}})
}

func (v *visitor) get(path string) page {
	v.d.t.Helper()
	return v.do(http.MethodGet, path, nil, nil)
}

// post sends a form as a page of the console does.
func (v *visitor) post(path string, form url.Values) page {
	v.d.t.Helper()
	return v.do(http.MethodPost, path, form, http.Header{"Origin": {v.d.url}, "Sec-Fetch-Site": {"same-origin"}})
}

func (v *visitor) do(method, path string, form url.Values, header http.Header) page {
	v.d.t.Helper()
	req, err := http.NewRequestWithContext(v.d.t.Context(), method, v.d.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.d.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.http.Do(req)
	if err != nil {
		v.d.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.d.t.Fatal(err)
	}
	_ = resp.Header.Write(&v.d.seen)
	_, _ = v.d.seen.Write(append(body, '\n'))
	return page{t: v.d.t, status: resp.StatusCode, at: resp.Request.URL.RequestURI(), header: resp.Header, body: string(body)}
}

// shows wants a status and texts of the page, as a person reads them.
func (p page) shows(status int, texts ...string) page {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("%s: status %d, want %d: %s", p.at, p.status, status, p.body)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(p.body), text) {
			p.t.Fatalf("%s does not show %q:\n%s", p.at, text, p.body)
		}
	}
	return p
}

func (p page) showsNot(texts ...string) page {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(html.UnescapeString(p.body), text) {
			p.t.Fatalf("%s shows %q:\n%s", p.at, text, p.body)
		}
	}
	return p
}
