package handlers

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/store"
)

func TestTheAppsAddressMustBeAWebAddress(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "app.example.com", "/app", "ftp://app.example.com", "https://", "javascript:alert(1)", "https://[::1", "\x7f"} {
		if _, err := New(Config{AppBaseURL: base}); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
	for _, base := range []string{"https://app.example.com", "http://localhost:3000", "https://example.com/app/"} {
		if _, err := New(Config{AppBaseURL: base}); err != nil {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestAnAppBelowAPathIsGoneBackToBelowThatPath(t *testing.T) {
	t.Parallel()
	h, err := New(Config{AppBaseURL: "https://example.com/app/"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.redirects.check("/settings?a=1"); err != nil || got != "https://example.com/app/settings?a=1" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestARefusalToRetrySaysWhatHelps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ status, connection, want string }{
		{store.Succeeded, store.ConnectionConnected, "succeeded already"},
		{store.Succeeded, store.ConnectionDisconnected, "succeeded already"},
		{store.InDoubt, store.ConnectionConnected, "may have reached the CRM"},
		{store.Reconciling, store.ConnectionConnected, "may have reached the CRM"},
		{store.NeedsReview, store.ConnectionError, "may have reached the CRM"},
		{store.Blocked, store.ConnectionError, "go on by themselves"},
		{store.Failed, store.ConnectionDisconnected, "then try the write again"},
		{store.Sending, store.ConnectionConnected, "sending cannot be tried again"},
		{store.Cancelled, store.ConnectionConnected, "cancelled cannot be tried again"},
	} {
		err := explain(&store.NotRetriableError{Status: c.status, ConnectionStatus: c.connection})
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeWriteNotRetriable || !strings.Contains(e.Message, c.want) || e.Details["status"] != c.status {
			t.Errorf("%s on %s: %v; want %q in it", c.status, c.connection, err, c.want)
		}
	}
}

func TestWhatIsNotForeseenIsNotExplained(t *testing.T) {
	t.Parallel()
	beneath := errors.New("a fault of ours")
	if got := explain(beneath); !errors.Is(got, beneath) {
		t.Errorf("got %v", got)
	}
	if got := itemError(beneath); got.Code != api.CodeInternal || strings.Contains(got.Message, "a fault of ours") {
		t.Errorf("an item says %+v", got)
	}
}

func TestAnAddressIsTrimmedAndLowered(t *testing.T) {
	t.Parallel()
	owner := "Rep@Example.com"
	o, err := accept(api.Outcome{Contact: &api.ContactInput{Email: " Ada@Example.COM\t"}, Task: &api.TaskInput{Id: "t", Subject: "S", OwnerEmail: &owner}})
	if err != nil {
		t.Fatal(err)
	}
	if c := o.Objects[0]; c.ID != "ada@example.com" || c.OrderingKey != c.ID || !strings.Contains(string(c.Payload), `"email":"ada@example.com"`) {
		t.Errorf("contact %+v", c)
	}
	if task := o.Objects[1]; task.DependsOn != "contact" || !strings.Contains(string(task.Payload), `"rep@example.com"`) {
		t.Errorf("task %+v", task)
	}
	if len(o.CRMs) != 0 {
		t.Errorf("CRMs %v, want every one", o.CRMs)
	}
}

func TestListsThatCannotBeReadAreShownAsEmpty(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "null", "{}", "x", "[1]"} {
		if got := decodeList[api.Note]([]byte(raw)); got == nil || len(got) != 0 {
			t.Errorf("%q: %v", raw, got)
		}
	}
	if notZero(time.Time{}) != nil {
		t.Error("the zero time is shown")
	}
}

func TestAParameterNeverReplacesTheAddress(t *testing.T) {
	t.Parallel()
	got := with("https://app.example.com/x?a=1&a=2&error=old#f", map[string]string{"error": "a&b=c#d"})
	u, err := url.Parse(got)
	if err != nil || u.Host != "app.example.com" || u.Fragment != "f" || u.Query().Get("error") != "a&b=c#d" || len(u.Query()["a"]) != 2 {
		t.Errorf("got %s, %v", got, err)
	}
	if got := with("https://[::1", nil); got != "https://[::1" {
		t.Errorf("what cannot be read became %s", got)
	}
}

func FuzzRedirects(f *testing.F) {
	for _, to := range []string{"/", "//evil.example", `/\evil.example`, "https://app.example.com/x", "/%2f/evil.example", "/a?b#c", "https://app.example.com@evil.example", "/%5cevil.example"} {
		f.Add(to)
	}
	h, err := New(Config{AppBaseURL: "https://app.example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to string) {
		full, err := h.redirects.check(to)
		if err != nil {
			return
		}
		full = with(full, map[string]string{"hubspot_success": "1"})
		rest, ours := strings.CutPrefix(full, "https://app.example.com")
		u, err := url.Parse(full)
		if !ours || !strings.ContainsAny(rest[:1], "/?#") || err != nil || u.Host != "app.example.com" || u.User != nil || u.Query().Get("hubspot_success") != "1" ||
			strings.ContainsFunc(full, func(c rune) bool { return c < 0x20 || c == 0x7f || c == '\\' }) {
			t.Errorf("%q leads to %q", to, full)
		}
	})
}
