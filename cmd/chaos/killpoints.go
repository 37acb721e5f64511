package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
)

// point is a place on a wire that means the same in every run: the n-th time that something of this name passes.
type point struct {
	wire  string
	dir   cut.Direction
	label string
	nth   int
}

func (p point) String() string { return fmt.Sprintf("%s %s %d. %s", p.wire, p.dir, p.nth, p.label) }

func pointOf(e lane.Event) point { return point{wire: e.Wire, dir: e.Dir, label: e.Label} }

// counter numbers the events of one name as they pass.
type counter struct {
	mu   sync.Mutex
	seen map[point]int
	all  []point
}

func (c *counter) next(e lane.Event) point {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[point]int{}
	}
	p := pointOf(e)
	c.seen[p]++
	p.nth = c.seen[p]
	c.all = append(c.all, p)
	return p
}

func (c *counter) points() []point {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]point(nil), c.all...)
}

// ofTheEngine tells the job engine's own work, which goes on by its clock whatever the service does.
func ofTheEngine(label string) bool { return strings.Contains(label, "river") }

// engineRepeats is how many times the engine's own statements are taken as points, each.
const engineRepeats = 2

// coldStart gives the bench a process that has not done anything yet, so that all caches and connections are made anew. What the
// process before had begun, a new connection's first look around say, is let end: its death is not part of the schedule.
func coldStart(ctx context.Context, b *bench) error {
	for deadline := time.Now().Add(idleWithin); time.Now().Before(deadline); {
		var busy bool
		err := b.lane.DB.QueryRow(ctx, `select exists (select from river.river_job where kind = 'crm.drain' and state in ('available', 'running'))`).Scan(&busy)
		if err != nil {
			return err
		}
		if !busy {
			break
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
	r := b.lane.Replicas()[0]
	return errors.Join(r.Kill(), r.Ensure(ctx))
}

const idleWithin = 3 * time.Second

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// goldenRuns is how often each kind is run without faults: what passes in each of them is of the write itself, and what passes in some
// is background work that happened to be due.
const goldenRuns = 3

// place is a point and whether every golden run passed it.
type place struct {
	point
	steady bool
}

// places gives the points of a kind's golden runs, those of the first one first.
func (h *harness) places(ctx context.Context, b *bench, k kind) ([]place, error) {
	runs := map[point]int{}
	var order []point
	for range goldenRuns {
		points, err := h.golden(ctx, b, k)
		if err != nil {
			return nil, err
		}
		for _, p := range points {
			if runs[p]++; runs[p] == 1 {
				order = append(order, p)
			}
		}
	}
	list := make([]place, len(order))
	for i, p := range order {
		list[i] = place{point: p, steady: runs[p] == goldenRuns}
	}
	return list, nil
}

// golden runs a kind without faults and gives the points that it passes.
func (h *harness) golden(ctx context.Context, b *bench, k kind) ([]point, error) {
	o, err := b.prepare(ctx, k)
	if err != nil {
		return nil, err
	}
	if err := coldStart(ctx, b); err != nil {
		return nil, err
	}
	c := &counter{}
	b.lane.SetProbe(func(e lane.Event) cut.Verdict {
		c.next(e)
		return lane.Pass(e)
	})
	err = errors.Join(b.send(ctx, o), b.settle(ctx, []*order{o}, h.opt.bound))
	b.lane.SetProbe(nil)
	if err != nil {
		return nil, err
	}
	v, err := b.judge(ctx, []*order{o})
	if err == nil && (v.broken(false) || v.Flagged > 0) {
		err = fmt.Errorf("the golden run of %s went wrong without any fault: %v %v", k.name, v.problems, v.flags)
	}
	var points []point
	for _, p := range c.points() {
		if p.nth <= engineRepeats || !ofTheEngine(p.label) {
			points = append(points, p)
		}
	}
	return points, err
}

// killPoints kills the service before and after everything that it sends or hears in the golden runs of every kind.
func (h *harness) killPoints(ctx context.Context, list []kind) error {
	var all []schedule
	b, err := h.openBench(ctx, world{service: h.base, tier: h.opt.tier})
	if err != nil {
		return err
	}
	for _, k := range list {
		points, err := h.places(ctx, b, k)
		if err != nil {
			return errors.Join(err, b.close())
		}
		crm, steady := 0, 0
		for i, p := range points {
			crm += btoi(p.wire != lane.Postgres)
			steady += btoi(p.steady)
			for _, after := range []bool{false, true} {
				if (2*i+btoi(after))%h.opt.step == 0 {
					all = append(all, h.killAt(k, p, after))
				}
			}
		}
		h.say("%-24s %4d reads and writes: %d with the CRM, %d with Postgres; %d of them in every run", k.name, len(points), crm, len(points)-crm, steady)
	}
	if err := b.close(); err != nil {
		return err
	}
	p := &pool{h: h, world: world{service: h.base, tier: h.opt.tier}, reuse: schedulesPerBench, cells: 1}
	return h.report(ctx, "kill points", p, all)
}

// killAt is one kill. Where the point is not reached the schedule counts as one without a fault. Places that not every run passes
// have a line of the table of their own.
func (h *harness) killAt(k kind, at place, after bool) schedule {
	when := "before"
	if after {
		when = "after"
	}
	s := schedule{name: fmt.Sprintf("%s: kill %s %s", k.name, when, at), kind: k.name, aimed: true}
	if !at.steady {
		s.kind += ", what not every run passes"
	}
	s.run = func(ctx context.Context, b *bench) (verdict, error) {
		o, err := b.prepare(ctx, k)
		if err != nil {
			return verdict{}, err
		}
		if err := coldStart(ctx, b); err != nil {
			return verdict{}, err
		}
		struck, revived := h.arm(ctx, b, at.point, after)
		err = errors.Join(b.send(ctx, o), b.settle(ctx, []*order{o}, h.opt.bound))
		b.lane.SetProbe(nil)
		if struck.Load() {
			err = errors.Join(err, <-revived)
		}
		if err != nil {
			return verdict{}, err
		}
		v, err := b.judge(ctx, []*order{o})
		v.Faulted = btoi(struck.Load())
		return v, err
	}
	return s
}

// arm makes the proxies kill the service at a point and start it again.
func (h *harness) arm(ctx context.Context, b *bench, at point, after bool) (*atomic.Bool, <-chan error) {
	struck := &atomic.Bool{}
	revived := make(chan error, 1)
	c := &counter{}
	r := b.lane.Replicas()[0]
	b.lane.SetProbe(func(e lane.Event) cut.Verdict {
		if struck.Load() || c.next(e) != at {
			return lane.Pass(e)
		}
		kill := func() {
			struck.Store(true)
			err := r.Kill()
			go func() { revived <- errors.Join(err, r.Ensure(ctx)) }()
		}
		if after {
			return cut.Verdict{Bytes: len(e.Text), Do: kill}
		}
		return cut.Verdict{Do: kill, Harm: cut.RST}
	})
	return struck, revived
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
