package handlers_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"crm-connectors/api"
	"crm-connectors/store"
)

// begin starts an OAuth flow and gives the address for the browser.
func (d *desk) begin(crm string, extra ...any) string {
	d.t.Helper()
	body := map[string]any{"workspace_id": d.workspace}
	for i := 0; i < len(extra); i += 2 {
		body[extra[i].(string)] = extra[i+1]
	}
	s := decode[api.OAuthStart](d.call(http.MethodPost, "/"+crm+"-oauth-start", body), http.StatusOK)
	if s.Url != s.AuthUrl || s.Url != s.AuthorizeUrl || s.Url == "" {
		d.t.Fatalf("the three addresses differ: %+v", s)
	}
	return s.Url
}

// atCRM plays a browser at the CRM: it opens the authorize URL, presses the button that is named, if a page with buttons
// comes, and gives the callback that the CRM sends it to.
func (d *desk) atCRM(authorizeURL, button string) *url.URL {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, authorizeURL, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	r := d.do(req)
	if r.status == http.StatusOK {
		form := url.Values{"decision": {button}}
		for _, m := range hiddenField.FindAllStringSubmatch(string(r.body), -1) {
			form.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
		}
		target, _, _ := strings.Cut(authorizeURL, "?")
		if req, err = http.NewRequestWithContext(d.t.Context(), http.MethodPost, target, strings.NewReader(form.Encode())); err != nil {
			d.t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r = d.do(req)
	}
	back, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != http.StatusFound || !strings.HasPrefix(back.String(), d.url) {
		d.t.Fatalf("the CRM answered %d to %q: %s", r.status, back, r.body)
	}
	return back
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// visit opens an address of the service as a browser does, without a key, and agrees to every page of the service.
func (d *desk) visit(address string) reply {
	d.t.Helper()
	r := d.look(address)
	for r.status == http.StatusOK {
		r = d.answer(r, "allow")
	}
	return r
}

// look opens an address of the service and answers nothing. cookie is what the browser has; empty: nothing.
func (d *desk) look(address string, cookie ...string) reply {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Cookie", strings.Join(cookie, "; "))
	return d.do(req)
}

// answer presses a button of a page, in the browser that was shown it.
func (d *desk) answer(page reply, button string) reply {
	d.t.Helper()
	cookie, _, _ := strings.Cut(page.header.Get("Set-Cookie"), ";")
	return d.post(page.form(button), cookie)
}

// form is the form of a page of the service as a button sends it.
func (r reply) form(button string) url.Values {
	form := url.Values{"decision": {button}}
	for _, m := range hiddenField.FindAllStringSubmatch(string(r.body), -1) {
		form.Set(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return form
}

func (d *desk) post(form url.Values, cookie string) reply {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"/functions/v1/oauth-confirm", strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Cookie", cookie)
	return d.do(req)
}

// backAtApp is where a callback sent the browser.
func (r reply) backAtApp() *url.URL {
	r.t.Helper()
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil || (r.status != http.StatusFound && r.status != http.StatusSeeOther) {
		r.t.Fatalf("status %d, Location %q: %s; want a redirect", r.status, r.header.Get("Location"), r.body)
	}
	return to
}

// connect walks the whole flow and gives the connection.
func (d *desk) connect(crm string) store.Connection {
	d.t.Helper()
	to := d.visit(d.atCRM(d.begin(crm), "allow").String()).backAtApp()
	if to.Query().Get(crm+"_success") != "1" {
		d.t.Fatalf("connecting ended at %s", to)
	}
	d.noteTokens(crm)
	return d.connection(crm)
}

func (d *desk) connection(crm string) store.Connection {
	d.t.Helper()
	c, err := d.store.Connection(d.t.Context(), d.workspace, crm)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// noteTokens remembers the tokens that are stored now, to be searched for when the test ends.
func (d *desk) noteTokens(crm string) (access, refresh string) {
	d.t.Helper()
	access, refresh, err := d.store.Tokens(d.connection(crm))
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, token := range []string{access, refresh} {
		if token != "" {
			d.secrets[token] = true
		}
	}
	return access, refresh
}
