package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestTheReferenceHasEveryOperationSchemaAndCodeAndEveryLinkOfItLeadsSomewhere(t *testing.T) {
	t.Parallel()
	spec, err := GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	page := string(referenceText)
	has := func(id string) {
		if strings.Count(page, `id="`+id+`"`) != 1 {
			t.Errorf("the page has %q %d times", id, strings.Count(page, `id="`+id+`"`))
		}
	}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			has(strings.ToLower(op.OperationID[:1]) + op.OperationID[1:])
			if !strings.Contains(page, method+`</span> <code>`+path+`</code>`) {
				t.Errorf("the page does not show %s %s", method, path)
			}
		}
	}
	for name := range spec.Components.Schemas {
		has("schema-" + name)
	}
	for code := range codes {
		has("code-" + string(code))
	}
	links := regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1)
	for _, link := range links {
		if anchor, own := strings.CutPrefix(link[1], "#"); own {
			has(anchor)
		} else if !strings.HasPrefix(link[1], "https://") {
			t.Errorf("a link leads to %s", link[1])
		}
	}
	if len(links) < 200 || strings.Contains(page, "<script") || strings.Contains(page, " style=") || regexp.MustCompile(`src=|@import|url\(`).MatchString(page) {
		t.Errorf("%d links; or the page has a script, or loads something", len(links))
	}
}

func TestTheReferenceIsForEverybodyPackedOnceAndNotSentAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, path := range []string{"/docs", "/docs/", "/functions/v1/docs"} {
		r := b.send(http.MethodGet, path, "", "apikey", "")
		if r.Code != http.StatusOK || r.Body.String() != string(referenceText) || r.Header().Get("Content-Type") != "text/html; charset=utf-8" ||
			!strings.HasPrefix(r.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") || r.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d, %v", path, r.Code, r.Header())
		}
		tag := r.Header().Get("ETag")
		if again := b.send(http.MethodGet, path, "", "apikey", "", "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() != 0 || tag == "" {
			t.Errorf("again: %d with %d bytes", again.Code, again.Body.Len())
		}
		packed := b.send(http.MethodGet, path, "", "apikey", "", "Accept-Encoding", "br, gzip")
		if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() > 60_000 {
			t.Fatalf("packed: %d bytes, %v", packed.Body.Len(), packed.Header())
		}
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != string(referenceText) {
			t.Errorf("unpacked: %d bytes, %v", len(text), err)
		}
	}
	if head := b.send(http.MethodHead, "/docs", "", "apikey", ""); head.Code != http.StatusOK || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", head.Code, head.Body.Len())
	}
	refused(t, b.send(http.MethodPost, "/docs", "", "apikey", ""), http.StatusMethodNotAllowed, CodeMethodNotAllowed)
}
