package handlers

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func appAlone() redirects {
	base := &url.URL{Scheme: "https", Host: "app.example.com", Path: "/base"}
	return redirects{base: base, origins: []string{"https://app.example.com", "https://partner.example.com"}}
}

// hostileRedirects are addresses of others in every disguise that browsers and URL parsers have been known to read differently.
func hostileRedirects() []string {
	out := []string{"//", "///", "//?x", "//#x", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "javascript://app.example.com/%0aalert(1)", "data:text/html,x", "vbscript:x", "blob:https://evil.example/1",
		"file:///etc/passwd", "ftp://app.example.com/", "ws://app.example.com/", "view-source:https://evil.example", "about:blank", "mailto:a@evil.example", "tel:1", "intent://evil.example#Intent;end",
		"http://app.example.com/", "https://app.example.com:8443/", "https://app.example.com:443/", "https://app.example.com.", "https://app.example.com./x", "https://APP.example.com.evil.example",
		"https://user@app.example.com/", "https://user:word@app.example.com/", "https://@app.example.com/", "https://app.example.com@evil.example/", "https://app.example.com:x@evil.example/",
		"https://app.example.com%2eevil.example/", "https://app.example.com%00.evil.example", "https://app.example.com%23@evil.example", "https://app.example.com;evil.example", "https://app.example.com,evil.example",
		"https://app-example.com", "https://appexample.com", "https://xapp.example.com", "https://example.com", "https://sub.app.example.com", "https://partner.example.com.evil.example/", "https://partner.example.comx/",
		"integrations", "evil.example", "./x", "../x", "..", ".", "?next=/x", "#x", " /x", "\t/x", "/x\r\nSet-Cookie: a=b", "/x\nLocation: https://evil.example", "/x\x00", "/x\x7f", "/%zz", "https://[::1/", "https://", "https:///", "https:",
		"/..", "/../x", "/x/..", "/x/../../evil.example", "/.", "/./x", "/x/./y", "/%2e%2e/evil.example", "/%2E%2e//evil.example", "/a/..//evil.example", "/a//evil.example", "/x//", "/" + strings.Repeat("a", 2000)}
	hosts := []string{"evil.example", "evil.example/app.example.com", "app.example.com.evil.example", "user@evil.example", "127.0.0.1", "[::1]", "0x7f000001", "2130706433", "evil。example", "еvil.example", "xn--vil-1na.example", "evil.example:80", "169.254.169.254"}
	for _, host := range hosts {
		for _, before := range []string{"//", "///", "////", `\\`, `/\`, `\/`, `/\/`, "/%2f", "/%2F", "%2f%2f", "/%5c", "https://", "http://", "HTTPS://", "https:/", "https:", "https:\\\\", "https://app.example.com@", "https://app.example.com\\@", "//app.example.com@", "/\t/", "/\n/"} {
			out = append(out, before+host)
		}
	}
	return out
}

func TestThreat06_NoRedirectTargetLeadsAwayFromTheConfiguredOrigins(t *testing.T) {
	t.Parallel()
	r, refused := appAlone(), 0
	hostile := hostileRedirects()
	for _, to := range hostile {
		got, err := r.check(to)
		if err != nil {
			refused++
			continue
		}
		staysHome(t, to, got)
		if !strings.HasPrefix(to, "/%5c") { // an escaped backslash is a character of a path
			t.Errorf("%q was taken, as %s", to, got)
		}
	}
	if len(hostile) < 200 || refused < 200 {
		t.Errorf("%d of %d were refused, want 200 at least", refused, len(hostile))
	}
}

// staysHome reads an address as a browser does, by the rules of the WHATWG as far as they differ from RFC 3986.
func staysHome(t *testing.T, to, got string) {
	t.Helper()
	asBrowser := strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(got)
	u, err := url.Parse(asBrowser)
	if err != nil {
		t.Fatalf("%q became %q, which is no address", to, got)
	}
	if origin := u.Scheme + "://" + u.Host; (origin != "https://app.example.com" && origin != "https://partner.example.com") || u.User != nil {
		t.Fatalf("%q leads to %q", to, got)
	}
	if u.Host == "app.example.com" && strings.HasPrefix(to, "/") && !strings.HasPrefix(u.Path, "/base/") {
		t.Fatalf("%q leaves the app: %q", to, got)
	}
	for _, part := range strings.Split(u.Path, "/") {
		if part == ".." || part == "." {
			t.Fatalf("%q climbs: %q", to, got)
		}
	}
	if strings.Contains(u.Path, "//") {
		t.Fatalf("%q has an empty segment: %q", to, got)
	}
}

func FuzzThreat06_RedirectTargets(f *testing.F) {
	for _, to := range hostileRedirects() {
		f.Add(to)
	}
	for _, to := range []string{"", "/", "/integrations?x=1#y", "https://app.example.com/a", "https://partner.example.com", "/größe/東京"} {
		f.Add(to)
	}
	r := appAlone()
	f.Fuzz(func(t *testing.T, to string) {
		got, err := r.check(to)
		if err != nil {
			return
		}
		staysHome(t, to, got)
		staysHome(t, to, with(got, map[string]string{"hubspot_success": "1", "error_description": fmt.Sprint(to)}))
	})
}
