package store

import (
	"context"
	"sync"
	"time"
)

const (
	gatherAtOnce = 2   // transactions under way: one is on its way to the disk while the next is made
	gatherMost   = 200 // outcomes of one transaction
	gatherWithin = 30 * time.Second
)

// gather lets outcomes that arrive one by one share transactions: what arrives while others are being stored goes with the next. On an
// idle service each goes at once and by itself; on a busy one the cost of round trips and of a commit is shared.
type gather struct {
	mu      sync.Mutex
	waiting []*arrival
	running int
}

type arrival struct {
	outcome Outcome
	done    chan struct{}
	result  Appended
	err     error
}

// AppendOne is Append for one outcome, and wakes the delivery by itself. It costs one round trip, which those that arrive together share, and
// one more where rows must be read because they are there already. When ctx ends first, the outcome may be stored all the same, as when an answer is lost: to send it again
// does no harm.
func (s *Store) AppendOne(ctx context.Context, o Outcome) (Appended, error) {
	if err := ctx.Err(); err != nil {
		return Appended{}, err
	}
	a := &arrival{outcome: o, done: make(chan struct{})}
	g := &s.arrivals
	g.mu.Lock()
	g.waiting = append(g.waiting, a)
	begin := g.running < gatherAtOnce
	if begin {
		g.running++
	}
	g.mu.Unlock()
	if begin {
		go s.storeArrivals(context.WithoutCancel(ctx))
	}
	select {
	case <-a.done:
		return a.result, a.err
	case <-ctx.Done():
		return Appended{}, ctx.Err()
	}
}

// storeArrivals stores what waits until nothing does.
func (s *Store) storeArrivals(ctx context.Context) {
	g := &s.arrivals
	for {
		g.mu.Lock()
		n := min(len(g.waiting), gatherMost)
		list := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		if n == 0 {
			g.running--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		s.storeTogether(ctx, list)
		for _, a := range list {
			close(a.done)
		}
	}
}

// storeTogether stores a list in one transaction. Where that fails, each goes by itself, so that nobody fails for another's fault.
func (s *Store) storeTogether(ctx context.Context, list []*arrival) {
	ctx, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	outcomes := make([]Outcome, len(list))
	for i, a := range list {
		outcomes[i] = a.outcome
	}
	appended, err := s.accept(ctx, outcomes)
	if err != nil && len(list) > 1 {
		for _, a := range list {
			s.storeTogether(ctx, []*arrival{a})
		}
		return
	}
	for i, a := range list {
		a.result, a.err = appended[i], err
	}
}
