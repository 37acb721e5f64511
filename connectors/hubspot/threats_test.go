package hubspot

import (
	"bytes"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"crm-connectors/connectors"
)

func FuzzThreat14_APartOfAPathStaysOnePart(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "../..", "/", "a/b", "%2e%2e", "%2f", "..%2f..", "a?b=c", "a#b", "a;b", "a b", "a+b", "\\..\\", "ü", "\x00", "\r\nHost: evil", "//evil.example", "@evil.example", ":443", "501"} {
		f.Add(seed)
	}
	f.Fuzz(onePart)
}

func onePart(t *testing.T, s string) {
	at := "https://api.hubapi.com/crm/v3/objects/contacts/" + segment(s) + "/tail"
	u, err := url.Parse(at)
	if err != nil {
		t.Fatalf("segment(%q): %v", s, err)
	}
	parts := strings.Split(u.EscapedPath(), "/")
	if u.Host != "api.hubapi.com" || u.RawQuery != "" || u.Fragment != "" || len(parts) != 7 || parts[6] != "tail" {
		t.Errorf("segment(%q) makes the URL %s", s, at)
	}
	if got := parts[5]; got == "" || got == "." || got == ".." {
		t.Errorf("segment(%q) is %q, which means another folder", s, got)
	}
	if got, err := url.PathUnescape(parts[5]); err == nil && got != s && got != "-"+s {
		t.Errorf("segment(%q) reads as %q", s, got)
	}
}

func TestThreat14_AnIdCannotClimbOutOfItsPath(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", ".", "..", "../../../oauth/v3/token", "1/associations/deals/2", "1?archived=true", "1#", "%2e%2e%2f", `..\..`, "1;x", "//evil.example", "1\r\nX: y"} {
		onePart(t, s)
	}
}

var tags = regexp.MustCompile(`<[^>]*>`)

func FuzzRichTextHoldsNoForeignTag(f *testing.F) {
	for _, seed := range []string{"", "plain", "a & b", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "a\n\nb\nc", "&lt;b&gt;", "\xff<", strings.Repeat("<", 3000), "\u2028<b>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, made := range []string{lines(s, 200), paragraphs(s, 200)} {
			if units(made) > 200 || !utf8.ValidString(made) {
				t.Errorf("%q became %d units: %q", s, units(made), made)
			}
			for _, tag := range tags.FindAllString(made, -1) {
				if tag != "<br>" && tag != "<p>" && tag != "</p>" {
					t.Errorf("%q became %q, which holds %q", s, made, tag)
				}
			}
			if rest := tags.ReplaceAllString(made, ""); strings.ContainsAny(rest, "<>") || strings.Contains(html.UnescapeString(rest), "\x00") {
				t.Errorf("%q became %q", s, made)
			}
		}
	})
}

func FuzzHubSpotsRefusals(f *testing.F) {
	for _, seed := range []string{"", "null", "[]", "{}", `{"status":"error","message":"m","correlationId":"c","category":"VALIDATION_ERROR","errors":[{"message":"m","in":"f","code":"c"}]}`,
		`{"message":"Property values were not valid: [{\"isValid\":false,\"message\":\"m\",\"name\":\"n\"}]"}`, `{"message":{"a":[1,2]}}`, `{"errors":"text"}`, `{"status":"BAD_REFRESH_TOKEN"}`,
		"<html><body>502</body></html>", "\xff\xfe", `{"message":"line\nline\u0007"}`} {
		for _, status := range []int{200, 400, 401, 403, 409, 429, 500} {
			f.Add(status, []byte(seed))
		}
	}
	for _, depth := range []int{9_000, 200_000} {
		f.Add(400, bytes.Repeat([]byte(`[`), depth))
		f.Add(400, bytes.Repeat([]byte(`{"message":`), depth))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		reply := connectors.Reply{Status: status, Header: http.Header{}, Body: body}
		for _, effect := range []connectors.Effect{connectors.Read, connectors.Once} {
			decent(t, classify(reply, effect, time.Unix(0, 0)))
		}
		decent(t, classifyToken(reply, "refresh_token", time.Unix(0, 0)))
	})
}

// decent says that an error of a CRM may be kept and shown.
func decent(t *testing.T, e *connectors.Error) {
	t.Helper()
	if e == nil {
		return
	}
	if e.Code == "" || e.Class == "" || utf8.RuneCountInString(e.Cause) > 700 || strings.ContainsAny(e.Cause+e.Code+e.RequestID, "\r\n\x00\x1b") || len(e.RequestID) > 200 {
		t.Errorf("class %q, code %q, request %q, cause %q", e.Class, e.Code, e.RequestID, e.Cause)
	}
}
