package main

import (
	"sync/atomic"
	"time"
)

// group counts what is going on. Unlike a sync.WaitGroup it may be joined while somebody waits.
type group struct{ n atomic.Int64 }

// Go runs f as part of the group.
func (g *group) Go(f func()) {
	g.n.Add(1)
	go func() {
		defer g.n.Add(-1)
		f()
	}()
}

// Wait returns at a moment at which nothing goes on.
func (g *group) Wait() {
	for g.n.Load() > 0 {
		time.Sleep(pollEvery / 4)
	}
}
