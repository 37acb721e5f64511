package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
)

// referenceText is the contract for people; cmd/reference makes it.
//
//go:embed reference.gen.html
var referenceText []byte

// referenceOperation is how the log calls the page.
const referenceOperation = "docs"

// referencePage is the page as it goes out.
type referencePage struct{ packed, tag, policy string }

func newReferencePage() referencePage {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(referenceText) // to memory, which takes it
	_ = z.Close()
	sum := sha256.Sum256(referenceText)
	_, style, _ := strings.Cut(string(referenceText), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	of := sha256.Sum256([]byte(style))
	return referencePage{packed: packed.String(), tag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(of[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
}

// reference answers /docs, which holds nothing that the contract does not, to everybody: one page without scripts.
func reference(p *responder) func(http.Handler) http.Handler {
	page := sync.OnceValue(newReferencePage)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/docs" {
				next.ServeHTTP(w, r)
				return
			}
			x := exchangeFrom(r.Context())
			x.operation, x.route = referenceOperation, r.URL.Path
			if p.onlyReads(w, r) {
				page().write(w, r)
			}
		})
	}
}

func (g referencePage) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", g.policy)
	h.Set("Cache-Control", "no-cache") // is asked for each time, and not sent again if it is the same
	h.Set("ETag", g.tag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == g.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	text := string(referenceText)
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		text = g.packed
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte(text)) // who does not take it has left
	}
}
