package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/cmd/chaos/oracle"
)

// alarmWithin is a day: the comparison comes every two seconds (build.Daily), and the index may be six behind.
const alarmWithin = 20 * time.Second

// trial is one plan being carried out.
type trial struct {
	ctx    context.Context // of the whole trial, for what the proxies set off
	h      *harness
	plan   plan
	bench  *bench
	orders []*order

	mu      sync.Mutex
	rng     *rand.Rand
	pending []*armed
	over    bool // no fault begins any more
	struck  atomic.Int64
	going   group
	errs    error
}

// armed is a fault that waits for its call.
type armed struct {
	fault
	seen, fired int
}

func (t *trial) run(ctx context.Context) (verdict, error) {
	b := t.bench
	if err := errors.Join(b.tidy(ctx), b.lane.SetReplicas(ctx, t.plan.replicas), t.prepare(ctx)); err != nil {
		return verdict{}, err
	}
	for _, f := range t.plan.faults {
		switch {
		case f.at.first:
			t.strike(ctx, f)
		case f.at.nth > 0:
			t.pending = append(t.pending, &armed{fault: f})
		default:
			t.going.Go(func() {
				if sleep(ctx, f.at.after) == nil {
					t.strike(ctx, f)
				}
			})
		}
	}
	b.lane.SetProbe(t.probe)
	err := t.carry(ctx)
	b.lane.SetProbe(nil)
	t.end()
	if err := errors.Join(err, t.errs, b.tidy(ctx)); err != nil {
		return verdict{}, err
	}
	if t.plan.person {
		if err := t.attend(ctx); err != nil {
			return verdict{}, err
		}
	}
	v, err := b.judge(ctx, t.orders)
	for deadline := time.Now().Add(alarmWithin); t.h.opt.beyond && err == nil && v.Duplicates > v.Alarmed && time.Now().Before(deadline); {
		if err = sleep(ctx, 10*pollEvery); err == nil {
			err = b.settle(ctx, t.orders, 0) // reads the rows again
		}
		if err == nil {
			v, err = b.judge(ctx, t.orders)
		}
	}
	v.Faulted = btoi(t.struck.Load() > 0)
	return t.weigh(v), err
}

// weigh counts as broken, in a strict plan, what a person was bothered with for no reason, and as flagged the copies that the CRM made and the
// service told.
func (t *trial) weigh(v verdict) verdict {
	for _, f := range t.plan.faults {
		if f.spoil {
			v.Flagged, v.Duplicates, v.Alarmed = v.Flagged+v.Alarmed, v.Duplicates-v.Alarmed, 0
			if v.Duplicates == 0 {
				v.problems = slices.DeleteFunc(v.problems, func(p string) bool { return strings.HasPrefix(p, string(oracle.Duplicate)) })
			}
			break
		}
	}
	if t.plan.strict && v.Flagged > 0 {
		v.Lost += v.Flagged
		v.Flagged = 0
		for _, f := range v.flags {
			v.problems = append(v.problems, "handed to a person without need: "+f)
		}
	}
	return v
}

func (t *trial) prepare(ctx context.Context) error {
	spaces := map[string]*order{}
	for _, k := range t.plan.orders {
		var o *order
		var err error
		if first := spaces[k.crm]; first != nil && t.plan.together {
			o, err = t.bench.prepareIn(ctx, k, first.workspace)
		} else {
			o, err = t.bench.prepare(ctx, k)
			spaces[k.crm] = o
		}
		if err != nil {
			return err
		}
		t.orders = append(t.orders, o)
		if k.twice {
			t.orders = append(t.orders, t.bench.prepareNewer(o))
		}
	}
	return nil
}

// carry sends all orders at once and waits until the dust has settled.
func (t *trial) carry(ctx context.Context) error {
	errs := make(chan error, len(t.orders))
	for _, o := range t.orders {
		go func() { errs <- t.bench.send(ctx, o) }()
	}
	var err error
	for range t.orders {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return err
	}
	return t.settle(ctx)
}

// settle waits until all that was set off is over, all replicas run, and all orders have settled.
func (t *trial) settle(ctx context.Context) error {
	bound := t.plan.bound
	if bound == 0 {
		bound = t.h.opt.bound
	}
	t.going.Wait()
	if err := t.revive(ctx); err != nil {
		return err
	}
	return t.bench.settle(ctx, t.orders, bound)
}

// end lets no fault begin any more and waits for those that have.
func (t *trial) end() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.going.Wait()
}

// probe strikes with the faults that wait for a call.
func (t *trial) probe(e lane.Event) cut.Verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, done := lane.Pass(e), false
	if t.over {
		return v
	}
	for _, f := range t.pending {
		if !f.at.counts(e) || f.at.own && !t.sends(e) {
			continue
		}
		if f.seen++; f.seen < f.at.nth || f.fired >= max(1, f.times) {
			continue
		}
		f.fired++
		if f.deed == nil {
			t.going.Go(func() { t.strike(t.ctx, f.fault) })
			continue
		}
		if done { // by another
			continue
		}
		verdict, then := f.deed(t, e, t.rng)
		v, done = verdict, true
		t.struck.Add(1)
		if then != nil {
			t.going.Go(func() { t.note(f.fault, then(t.ctx)) })
		}
	}
	return v
}

// sends says whether a request is about a record of this trial: what was left over of an earlier one may go on beside it.
func (t *trial) sends(e lane.Event) bool {
	return slices.ContainsFunc(t.orders, func(o *order) bool {
		return slices.ContainsFunc(o.wants, func(w oracle.Want) bool { return strings.Contains(string(e.Text), w.Tag) })
	})
}

func (t *trial) strike(ctx context.Context, f fault) {
	if f.do == nil {
		return
	}
	t.mu.Lock()
	seed := t.rng.Int64()
	t.mu.Unlock()
	t.struck.Add(1)
	t.note(f, f.do(ctx, t, rand.New(rand.NewPCG(uint64(seed), 3)))) // it must repeat
}

func (t *trial) note(f fault, err error) {
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.errs = errors.Join(t.errs, fmt.Errorf("%s: %w", f.kind, err))
	}
}

func (t *trial) revive(ctx context.Context) error {
	var err error
	for _, r := range t.bench.lane.Replicas() {
		err = errors.Join(err, r.Ensure(ctx))
	}
	return err
}

// deed is something that the proxy does for us, and that it may never come to do, should its connection break first.
type deed struct{ done chan error }

const deedWithin = 2 * time.Second

func newDeed() deed { return deed{done: make(chan error, 1)} }

func (d deed) wait(ctx context.Context) error {
	select {
	case err := <-d.done:
		return err
	case <-time.After(deedWithin):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait is a pause between first and last.
func wait(r *rand.Rand, first, last time.Duration) time.Duration {
	return first + time.Duration(r.Int64N(int64(last-first)))
}
