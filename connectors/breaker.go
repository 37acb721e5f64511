package connectors

import (
	"context"
	"errors"
	"sync"
)

// Breaker keeps an account that does not answer from being called again and again. It watches the calls made under Watch: once so many in a
// row came to nothing (no answer, half of one, a failure of the CRM's own), or one took all the time that a call has, it opens, and no
// further one is sent. Calls without an Account pass as they are.
//
// It is of one turn. What outlasts the turn is with the connection, where all replicas and all that wakes it see it: how many calls came to
// nothing, to begin the next turn with, and the pause. A circuit breaker that keeps its state itself, such as sony/gobreaker,
// would let each replica find out by itself, and would hold rows that are claimed already.
type Breaker struct {
	limit  int
	refuse func(silent int) *Error

	mu     sync.Mutex
	silent int
	open   *Error
}

// NewBreaker begins with so many calls that came to nothing, and opens at the first further one of limit or more in a row. refuse makes the
// answer to calls that are not sent then, which should pause the connection.
func NewBreaker(silent, limit int, refuse func(silent int) *Error) *Breaker {
	return &Breaker{silent: silent, limit: limit, refuse: refuse}
}

type breakerKey struct{}

// Watch lets the breaker see, and refuse, the calls that a Client makes with the context that it gives.
func (b *Breaker) Watch(ctx context.Context) context.Context {
	return context.WithValue(ctx, breakerKey{}, b)
}

func breakerOf(ctx context.Context, call Call) *Breaker {
	if call.Account == "" {
		return nil
	}
	b, _ := ctx.Value(breakerKey{}).(*Breaker)
	return b
}

// Silent is how many calls in a row have come to nothing.
func (b *Breaker) Silent() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.silent
}

// Refusal is why no call is sent any more; nil: they are.
func (b *Breaker) Refusal() *Error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// saw counts what became of a call.
func (b *Breaker) saw(reply Reply, err error) {
	if b == nil || isOurs(err) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && reply.Status < 500 || errors.Is(err, ErrBodyTooLarge) {
		b.silent = 0
		return
	}
	b.silent++
	if isTimeout(err) { // the next would take as long
		b.silent = max(b.silent, b.limit)
	}
	if b.silent >= b.limit && b.open == nil {
		b.open = b.refuse(b.silent)
	}
}

// isOurs tells whether it is for a reason of ours that a call was not made or not waited for.
func isOurs(err error) bool {
	for _, reason := range []error{ErrSendDeadline, ErrHostNotAllowed, ErrAddressNotAllowed, context.Canceled} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
