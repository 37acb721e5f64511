package connectors

import (
	"context"
	"slices"
	"sync"
)

// Gauge is a Doer that remembers what the CRM last said about the account's allowance, for the life of one Deliver.
type Gauge struct {
	next  Doer
	read  func(Reply) []Limit
	order []string
	mu    sync.Mutex
	seen  map[string]Limit
}

// NewGauge makes a Gauge over next. read gives the limits that an answer states, refusals too; order names those that are shown, first to last.
func NewGauge(next Doer, read func(Reply) []Limit, order ...string) *Gauge {
	return &Gauge{next: next, read: read, order: slices.Clone(order), seen: map[string]Limit{}}
}

// Do passes the call on and reads its answer.
func (g *Gauge) Do(ctx context.Context, call Call) (Reply, error) {
	reply, err := g.next.Do(ctx, call)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.read(reply) {
		g.seen[l.Name] = l
	}
	return reply, err
}

// Limits are those that were last stated; empty: none was.
func (g *Gauge) Limits() []Limit {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Limit
	for _, name := range g.order {
		if l, ok := g.seen[name]; ok {
			out = append(out, l)
		}
	}
	return out
}
