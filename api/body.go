package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// strayBody is how long a body may be, in bytes, that comes with a request which has no use for one.
const strayBody = 4 << 10

// limits are the largest bodies, in bytes.
type limits struct {
	body, batch int64
}

// body reads, checks and binds the body of operations that have one. After it the request holds
// what was validated, so that the generated code binds exactly that.
func body(p *responder, v *Validator, most limits) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rule, ok := v.bodies[matchFrom(r.Context()).route.Operation]
			if !ok {
				if r.ContentLength < 0 || r.ContentLength > strayBody {
					w.Header().Set("Connection", "close") // or the server would read all of it before it answers
				}
				next.ServeHTTP(w, r)
				return
			}
			limit := most.body
			if rule.batch {
				limit = most.batch
			}
			data, err := readBody(w, r, limit, rule.form)
			if err != nil {
				p.fail(w, r, err)
				return
			}
			if at := tooDeep(data); at >= 0 && !rule.form {
				p.fail(w, r, &Error{Code: CodeInvalidJSON, Message: fmt.Sprintf("The body is nested deeper than %d levels at byte %d", mostDepth, at), Details: map[string]any{"offset": at}})
				return
			}
			checked, err := rule.check(data, r.Header.Get("Idempotency-Key"))
			if errors.Is(err, errNothingToCarry) {
				p.json(w, r, http.StatusOK, ignored())
				return
			}
			if err != nil {
				p.fail(w, r, err)
				return
			}
			r.Body = checked
			r.ContentLength = int64(len(data))
			r.Header.Set("Content-Type", map[bool]string{true: formMedia, false: jsonMedia}[rule.form])
			next.ServeHTTP(w, r)
		})
	}
}

// readBody gives the body of at most limit bytes; an empty one is a failure.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, form bool) ([]byte, error) {
	tooLarge := &Error{Code: CodeRequestTooLarge, Message: fmt.Sprintf("The body is larger than %d bytes", limit),
		Details: map[string]any{"limit": limit}}
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, errHeld):
		return nil, noRoom()
	case err != nil:
		return nil, &Error{Code: CodeInvalidJSON, Message: "The body could not be read to its end", Err: err}
	case len(bytes.TrimSpace(data)) == 0:
		return nil, invalid("body", "is required")
	}
	return data, mediaType(r.Header, form)
}

// mediaType takes JSON under the names that clients give it: supabase-js sends a string as text/plain, and
// a bare client may say nothing. A form has one name.
func mediaType(h http.Header, form bool) error {
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return &Error{Code: CodeUnsupportedMediaType, Message: "The body must not be compressed"}
	}
	declared := h.Get("Content-Type")
	if declared == "" && !form {
		return nil
	}
	name, params, err := mime.ParseMediaType(declared)
	if form && (err != nil || name != formMedia) {
		return &Error{Code: CodeUnsupportedMediaType, Message: "The body must be the form of the page"}
	}
	if !form && (err != nil || name != "application/json" && name != "text/plain" && !strings.HasSuffix(name, "+json")) {
		return &Error{Code: CodeUnsupportedMediaType}
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return &Error{Code: CodeUnsupportedMediaType, Message: "The body must be in UTF-8"}
	}
	return nil
}

// decodeJSON is data as maps, slices and json.Number, so that no integer loses digits.
func decodeJSON(data []byte) (any, error) {
	if at := invalidUTF8(data); at >= 0 {
		return nil, brokenJSON(int64(at))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, brokenJSON(errorOffset(err, data))
	}
	if rest := data[dec.InputOffset():]; len(bytes.TrimSpace(rest)) > 0 {
		return nil, brokenJSON(int64(len(data) - len(bytes.TrimLeft(rest, " \t\r\n"))))
	}
	return value, nil
}

// mostDepth is how deep the JSON of a body may be nested; the contract's deepest is a dozen.
const mostDepth = 64

// tooDeep is the byte at which data is nested too deep, or -1.
func tooDeep(data []byte) int {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > mostDepth {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

func errorOffset(err error, data []byte) int64 {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return max(syntax.Offset-1, 0) // Offset counts the byte that broke it
	}
	return int64(len(data))
}

func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// brokenJSON names the byte, counted from 0; the bytes around it are not shown.
func brokenJSON(offset int64) *Error {
	return &Error{Code: CodeInvalidJSON, Message: fmt.Sprintf("The body is not valid JSON: it breaks at byte %d", offset),
		Details: map[string]any{"offset": offset}}
}

// checkedBody is a body that was validated. The generated code binds ValidatedValue, matching names
// exactly where encoding/json alone would also take other cases.
type checkedBody struct {
	io.ReadCloser
	value any
}

// ValidatedValue is the decoded body.
func (b checkedBody) ValidatedValue() any { return b.value }

func newCheckedBody(data []byte, value any) io.ReadCloser {
	return checkedBody{ReadCloser: io.NopCloser(bytes.NewReader(data)), value: value}
}
