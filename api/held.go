package api

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// How many bytes of bodies a process holds at once: of callers who have proved who they are, and, for signatures are over whole bodies, of
// those who have not yet. A body counts by what has come of it, from then until its request is answered.
const (
	heldOfCallers   = 64 << 20
	heldOfStrangers = 16 << 20
)

// errHeld ends the reading of a body for which there is no room now.
var errHeld = errors.New("too many bodies are held at once")

// pool is room for bodies. Safe for concurrent use.
type pool struct {
	most int64
	now  atomic.Int64
}

// heldBody counts what is read of a request's body.
type heldBody struct {
	io.ReadCloser
	in   *pool
	took map[*pool]int64
}

// Read is io.Reader.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.took[b.in] += int64(n)
	if b.in.now.Add(int64(n)) > b.in.most {
		return 0, errHeld
	}
	return n, err
}

func (b *heldBody) release() {
	for pool, n := range b.took {
		pool.now.Add(-n)
	}
}

// hold counts bodies as strangers' until proved says otherwise.
func hold(strangers *pool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == nil || r.Body == http.NoBody {
				next.ServeHTTP(w, r)
				return
			}
			b := &heldBody{ReadCloser: r.Body, in: strangers, took: map[*pool]int64{}}
			defer b.release()
			exchangeFrom(r.Context()).body = b
			r2 := r.WithContext(r.Context())
			r2.Body = b
			next.ServeHTTP(w, r2)
		})
	}
}

// proved counts what is still to be read of the body as a caller's.
func (x *exchange) proved(callers *pool) {
	if x.body != nil {
		x.body.in = callers
	}
}

func noRoom() *Error {
	return &Error{Code: CodeRateLimited, Message: "Too many large bodies are under way; send it again in a moment", Err: errHeld}
}
