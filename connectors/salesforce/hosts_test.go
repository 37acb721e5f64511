package salesforce

import (
	"strings"
	"testing"
)

func mustHosts(t *testing.T, extra ...string) hosts {
	t.Helper()
	h, err := newHosts(extra)
	if err != nil {
		t.Fatalf("newHosts(%q): %v", extra, err)
	}
	return h
}

func TestSalesforceHostsMayReceiveSecrets(t *testing.T) {
	t.Parallel()
	h := mustHosts(t, "127.0.0.1:8088", "[::1]:9", "crm.example.com")
	for raw, want := range map[string]string{
		"https://login.salesforce.com":                                      "https://login.salesforce.com",
		"https://login.salesforce.com/":                                     "https://login.salesforce.com",
		"HTTPS://Login.Salesforce.COM":                                      "https://login.salesforce.com",
		"https://test.salesforce.com":                                       "https://test.salesforce.com",
		"https://acme.my.salesforce.com":                                    "https://acme.my.salesforce.com",
		"https://acme--uat.sandbox.my.salesforce.com":                       "https://acme--uat.sandbox.my.salesforce.com",
		"https://orgfarm-1-dev-ed.develop.my.salesforce.com":                "https://orgfarm-1-dev-ed.develop.my.salesforce.com",
		"http://127.0.0.1:8088":                                             "http://127.0.0.1:8088",
		"https://127.0.0.1:8088/":                                           "https://127.0.0.1:8088",
		"http://[::1]:9":                                                    "http://[::1]:9",
		"http://CRM.example.com":                                            "http://crm.example.com",
		"https://" + strings.Repeat("a", 63) + ".my.salesforce.com":         "https://" + strings.Repeat("a", 63) + ".my.salesforce.com",
		"https://a.my.salesforce.com":                                       "https://a.my.salesforce.com",
		"https://acme-2.trailblaze.my.salesforce.com":                       "https://acme-2.trailblaze.my.salesforce.com",
		"https://xn--bcher-kva.my.salesforce.com":                           "https://xn--bcher-kva.my.salesforce.com",
		"https://data-power-55-dev-ed.scratch.my.salesforce.com":            "https://data-power-55-dev-ed.scratch.my.salesforce.com",
		"https://na139.my.salesforce.com/":                                  "https://na139.my.salesforce.com",
		"https://one.two.three.four.five.six.seven.eight.my.salesforce.com": "https://one.two.three.four.five.six.seven.eight.my.salesforce.com",
	} {
		got, err := h.login(raw)
		if err != nil || got != want {
			t.Errorf("login(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
	if got, err := h.instance("https://na139.salesforce.com"); err != nil || got != "https://na139.salesforce.com" {
		t.Errorf("instance of an old pod = %q, %v; want it allowed", got, err)
	}
}

// hostile is what must never receive a client secret or a token.
var hostile = []string{
	"", " ", "https://", "https:///", "login.salesforce.com", "//login.salesforce.com", "https:login.salesforce.com",
	"http://login.salesforce.com", "ftp://login.salesforce.com", "javascript:alert(1)", "file:///etc/passwd",
	"https://evil.example", "https://salesforce.com.evil.example", "https://login.salesforce.com.evil.example",
	"https://evilsalesforce.com", "https://evil-my.salesforce.com.example", "https://evilmy.salesforce.co",
	"https://login-salesforce.com", "https://my.salesforce.com.evil.example", "https://.my.salesforce.com",
	"https://acme..my.salesforce.com", "https://-acme.my.salesforce.com", "https://acme-.my.salesforce.com",
	"https://user@login.salesforce.com", "https://user:pass@login.salesforce.com", "https://login.salesforce.com@evil.example",
	"https://login.salesforce.com:pw@evil.example", "https://evil.example#@login.salesforce.com",
	"https://evil.example?.my.salesforce.com", "https://evil.example/.my.salesforce.com", `https://evil.example\.my.salesforce.com`,
	`https:\\login.salesforce.com`, "https://evil.example%2f.my.salesforce.com", "https://evil.example%00.my.salesforce.com",
	"https://login.salesforce.com:443", "https://login.salesforce.com:8443", "https://login.salesforce.com:",
	"https://acme.my.salesforce.com:80", "https://login.salesforce.com/services", "https://login.salesforce.com/?x=1",
	"https://login.salesforce.com#", "https://login.salesforce.com?", "https://login.salesforce.com.", "https://acme.my.salesforce.com.",
	"https://127.0.0.1", "https://169.254.169.254", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://0x7f000001", "https://2130706433",
	"https://localhost", "https://10.0.0.1:8088", "https://login。salesforce。com", "https://login．salesforce．com",
	"https://lоgin.salesforce.com", "https://acme.my.salesforce.com\n", "https://acme.my.salesforce.com\r\nX: y",
	" https://login.salesforce.com", "https://login.salesforce.com ", "https://login.sales\tforce.com", "https://login.salesforce.com\x00",
	"https://acme_1.my.salesforce.com", "https://*.my.salesforce.com", "https://acme.my.salesforce.com;evil.example",
	"https://127.0.0.1:8089", "https://127.0.0.1:8088@evil.example", "ws://127.0.0.1:8088", "https://crm.example.com.evil.example",
	"https://" + strings.Repeat("a.", 200) + "my.salesforce.com",
}

func TestNoOtherHostReceivesSecrets(t *testing.T) {
	t.Parallel()
	h := mustHosts(t, "127.0.0.1:8088", "crm.example.com")
	if len(hostile) < 40 {
		t.Fatalf("only %d hostile values", len(hostile))
	}
	for _, raw := range hostile {
		if got, err := h.login(raw); err == nil {
			t.Errorf("login(%q) = %q, want it refused", raw, got)
		}
		if got, err := h.instance(raw); err == nil && !strings.HasPrefix(raw, "https://my.") {
			t.Errorf("instance(%q) = %q, want it refused", raw, got)
		}
	}
	for _, raw := range []string{"https://my.salesforce.com", "https://www.salesforce.com", "https://salesforce.com",
		"https://help.salesforce.com", "https://acme.my.site.com", "https://acme.force.com", "https://acme.my.salesforce-sites.com"} {
		if got, err := h.login(raw); err == nil {
			t.Errorf("login(%q) = %q, want it refused", raw, got)
		}
	}
}

func TestTheRefusalOfALoginURLTellsTheMendAndNotTheURL(t *testing.T) {
	t.Parallel()
	_, err := mustHosts(t).login("https://user:hunter2@login.salesforce.com")
	if err == nil || !strings.Contains(err.Error(), "My Domain") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v; want a mend and no password", err)
	}
}

func TestTrustedHostsAreHostsAlone(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "http://127.0.0.1:80", "a.example/path", "user@a.example", "*.example.com", "a example", "a.example:"} {
		if _, err := newHosts([]string{bad}); err == nil {
			t.Errorf("newHosts(%q) succeeded, want an error", bad)
		}
	}
}
