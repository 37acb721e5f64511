package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// schedule is one trial: it uses the bench as it likes and leaves it fit for the next.
type schedule struct {
	name  string
	kind  string // a line of the table
	aimed bool   // at one place, which is tried again if the run did not come to it
	run   func(ctx context.Context, b *bench) (verdict, error)
}

// pool runs schedules on several benches at once.
type pool struct {
	h     *harness
	world world
	cells int // schedules at once on one bench
	reuse int // schedules a bench, for each of its cells
	stop  func(verdict) bool
	seen  func(verdict) // of each schedule, one at a time
	quiet bool
}

const (
	schedulesPerBench = 300
	tries             = 3 // of a schedule for which the harness itself failed
	shots             = 6 // of a schedule that has a place to strike
)

// run carries out all schedules, or until stop says so, and gives the verdicts by kind. An error is of the harness.
func (p *pool) run(ctx context.Context, list []schedule) (map[string]verdict, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	feed := make(chan schedule)
	go func() {
		defer close(feed)
		for _, s := range list {
			select {
			case feed <- s:
			case <-ctx.Done():
				return
			}
		}
	}()
	t := &table{started: time.Now(), planned: len(list), byKind: map[string]verdict{}, quiet: p.quiet, seen: p.seen, h: p.h}
	done := func(s schedule, v verdict) {
		if s.aimed && v.Faulted == 0 {
			p.h.warn("not reached: %s", s.name)
		}
		if t.add(s, v); p.stop != nil && p.stop(v) {
			cancel(errStopped)
		}
	}
	var all sync.WaitGroup
	for range min((p.h.opt.parallel+p.cells-1)/p.cells, len(list)) {
		all.Go(func() {
			for more := true; more; {
				var err error
				if more, err = p.onOneBench(ctx, feed, done); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	t.say()
	err := context.Cause(ctx)
	if errors.Is(err, errStopped) {
		err = nil
	}
	return t.byKind, err
}

var errStopped = errors.New("enough was seen")

// onOneBench takes schedules until the bench is worn out. False means that there are no more.
func (p *pool) onOneBench(ctx context.Context, feed <-chan schedule, done func(schedule, verdict)) (bool, error) {
	s, more := <-feed
	if !more || ctx.Err() != nil {
		return false, nil //nolint:nilerr // whoever asked to stop knows
	}
	b, err := p.h.openBench(ctx, p.world)
	if err != nil {
		return false, err
	}
	var worn atomic.Bool
	var cells sync.WaitGroup
	failed := make(chan error, p.cells)
	left := atomic.Bool{}
	left.Store(true)
	for i := range p.cells {
		first := s
		cells.Go(func() {
			ok := i == 0
			for n := 0; n < p.reuse && !worn.Load() && ctx.Err() == nil; n++ {
				if !ok {
					if first, ok = <-feed; !ok {
						left.Store(false)
						return
					}
				}
				ok = false
				v, err := p.hit(ctx, b, first)
				if err != nil {
					worn.Store(true)
					failed <- fmt.Errorf("%s: %w", first.name, err)
					return
				}
				if v.broken(false) && v.Stuck > 0 {
					worn.Store(true)
				}
				done(first, v)
			}
		})
	}
	cells.Wait()
	closeErr := p.end(ctx, b, done)
	select {
	case err := <-failed:
		if ctx.Err() == nil {
			return false, err
		}
		return false, nil
	default:
		return left.Load() && ctx.Err() == nil, closeErr
	}
}

// end closes a bench after a last look at all that it has seen.
func (p *pool) end(ctx context.Context, b *bench, done func(schedule, verdict)) error {
	late, err := b.audit()
	if late.Duplicates > 0 {
		done(schedule{kind: "after the judgement", name: "after the judgement"}, late)
	}
	if steps, failed := b.lane.Steps(ctx); failed == nil {
		p.h.count(steps)
	} else if ctx.Err() == nil {
		err = errors.Join(err, failed)
	}
	return errors.Join(err, b.close())
}

// hit runs a schedule, and again if it has a place to strike and the run did not come to it: background work is never the same twice.
func (p *pool) hit(ctx context.Context, b *bench, s schedule) (verdict, error) {
	for n := 1; ; n++ {
		v, err := p.try(ctx, b, s)
		if err != nil || !s.aimed || v.Faulted > 0 || v.broken(false) || n == shots {
			v.Schedules = 1
			return v, err
		}
	}
}

// try runs a schedule again when the harness itself stumbled, which says nothing about the service.
func (p *pool) try(ctx context.Context, b *bench, s schedule) (verdict, error) {
	for n := 1; ; n++ {
		v, err := s.run(ctx, b)
		if err == nil || n == tries || ctx.Err() != nil {
			return v, err
		}
		p.h.warn("%s: %v; once more", s.name, err)
	}
}

// table gathers verdicts and tells how far the run is.
type table struct {
	h       *harness
	started time.Time
	planned int
	quiet   bool
	seen    func(verdict)

	mu     sync.Mutex
	byKind map[string]verdict
	total  verdict
	told   time.Time
}

const (
	tellEvery    = 10 * time.Second
	maxProblems  = 20
	defaultLanes = 4
)

func (t *table) add(s schedule, v verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.byKind[s.kind]
	k.add(v)
	k.flags = append(k.flags, v.flags...)
	k.problems = append(k.problems, v.problems...)
	if t.seen != nil {
		t.seen(v)
	}
	t.byKind[s.kind] = k
	before := len(t.total.problems)
	t.total.add(v)
	for _, text := range v.problems {
		t.total.problems = append(t.total.problems, text)
		if before < maxProblems && !t.quiet {
			t.h.say("\n%s\n  %s\n", s.name, text)
		}
	}
	if time.Since(t.told) > tellEvery {
		t.told = time.Now()
		t.tell()
	}
}

func (t *table) say() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell()
}

func (t *table) tell() {
	v := t.total
	t.h.warn("%d of %d schedules in %s, %d faulted: %d duplicates, %d lost, %d flagged, %d stuck", v.Schedules, t.planned,
		time.Since(t.started).Round(time.Second), v.Faulted, v.Duplicates, v.Lost, v.Flagged, v.Stuck)
}

func lanes() int { return defaultLanes * runtime.NumCPU() }
