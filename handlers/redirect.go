package handlers

import (
	"net/url"
	"slices"
	"strings"

	"crm-connectors/api"
)

const (
	defaultRedirect = "/integrations"
	claimPage       = "/claim-install"
	maxRedirect     = 2000
)

// redirects decides where browsers may be sent back to: a path of the app, or a full address of an origin that is
// configured. The answer is kept on our side, never in the URL.
type redirects struct {
	base    *url.URL
	origins []string
}

// check gives the absolute address for a redirect_to, or an *api.Error that says what is allowed.
func (r redirects) check(to string) (string, error) {
	if to == "" {
		to = defaultRedirect
	}
	refused := fail(api.CodeRedirectNotAllowed,
		`redirect_to must be a path of the app that starts with a single "/", or an address of an origin that is configured.`, map[string]any{"field": "redirect_to"})
	if len(to) > maxRedirect || strings.ContainsFunc(to, func(c rune) bool { return c < 0x20 || c == 0x7f || c == '\\' }) {
		return "", refused
	}
	u, err := url.Parse(to)
	if err != nil || u.User != nil || u.Opaque != "" || !plainPath(u.Path) {
		return "", refused
	}
	if u.Scheme == "" && u.Host == "" {
		if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
			return "", refused
		}
		full := *r.base
		full.Path, full.RawPath = strings.TrimSuffix(r.base.Path, "/")+u.Path, ""
		full.RawQuery, full.Fragment = u.RawQuery, u.Fragment
		return full.String(), nil
	}
	if !slices.Contains(r.origins, u.Scheme+"://"+u.Host) {
		return "", refused
	}
	return u.String(), nil
}

// plainPath refuses what browsers, routers and proxies resolve each in a way of its own: empty segments within a path, and those that climb.
func plainPath(path string) bool {
	if path == "" {
		return true
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if s == "." || s == ".." || (s == "" && i > 0 && i < len(segments)-1) {
			return false
		}
	}
	return true
}

// page is the address of a page of the app.
func (r redirects) page(path string, params map[string]string) string {
	full := *r.base
	full.Path = strings.TrimSuffix(r.base.Path, "/") + path
	return with(full.String(), params)
}

// with adds parameters to an address, whatever query it has.
func with(address string, params map[string]string) string {
	u, err := url.Parse(address)
	if err != nil { // it was checked when the flow began
		return address
	}
	q := u.Query()
	for k, v := range params {
		q.Set(k, v)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
