package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
)

// Sizes of a random schedule.
const (
	minFaults, maxFaults = 2, 5
	maxOrders            = 4
	lastCall             = 14 // faults strike by the n-th call to a CRM, n up to this,
	lastMoment           = 1500 * time.Millisecond
	randomPerBench       = 60
)

// plan is what a seed comes to. It is all that the seed decides: processes keep their own time.
type plan struct {
	seed     int64
	replicas int
	orders   []kind
	together bool // the orders share a workspace a CRM
	faults   []fault
}

// fault is one thing that goes wrong, and when.
type fault struct {
	kind  string
	when  int           // the n-th call to a CRM; 0: by the clock
	after time.Duration // from the first outcome sent
	do    func(ctx context.Context, b *bench, r *rand.Rand) error
	// deed is instead of do: what becomes of the call that when names, and what is to be done afterwards.
	deed func(b *bench, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error)
}

func newPlan(seed int64, list []kind, beyond bool) plan {
	r := rand.New(rand.NewPCG(uint64(seed), 1)) //nolint:gosec // it must repeat
	p := plan{seed: seed, replicas: []int{1, 1, 2, 2, 2, 3}[r.IntN(6)], together: r.IntN(3) == 0}
	for range 1 + r.IntN(maxOrders) {
		p.orders = append(p.orders, list[r.IntN(len(list))])
	}
	menu := faultMenu(beyond)
	for range minFaults + r.IntN(maxFaults-minFaults+1) {
		f := menu[r.IntN(len(menu))](r)
		f.when, f.after = 1+r.IntN(lastCall), time.Duration(r.Int64N(int64(lastMoment)))
		if f.do != nil && r.IntN(2) == 0 {
			f.when = 0
		}
		p.faults = append(p.faults, f)
	}
	return p
}

func (p plan) String() string {
	var names []string
	for _, f := range p.faults {
		at := fmt.Sprintf("call %d", f.when)
		if f.when == 0 {
			at = f.after.Round(time.Millisecond).String()
		}
		names = append(names, f.kind+" at "+at)
	}
	var orders []string
	for _, k := range p.orders {
		orders = append(orders, k.name)
	}
	return fmt.Sprintf("seed %d: %d replicas, %s; %s", p.seed, p.replicas, strings.Join(orders, " + "), strings.Join(names, ", "))
}

// random runs n plans of the seeds from h.opt.seed on.
func (h *harness) random(ctx context.Context, list []kind) error {
	var all []schedule
	for i := range h.opt.random {
		all = append(all, h.planned(newPlan(h.opt.seed+int64(i), list, h.opt.beyond)))
	}
	return h.report(ctx, "random", &pool{h: h, service: h.base, own: true, cells: 1, reuse: randomPerBench}, all)
}

func (h *harness) planned(p plan) schedule {
	return schedule{name: p.String(), kind: fmt.Sprintf("%d replicas", p.replicas), run: func(ctx context.Context, b *bench) (verdict, error) {
		t := &trial{ctx: ctx, h: h, plan: p, bench: b, rng: rand.New(rand.NewPCG(uint64(p.seed), 2))} //nolint:gosec // it must repeat
		return t.run(ctx)
	}}
}

// trial is one plan being carried out.
type trial struct {
	ctx    context.Context // of the whole trial, for what the proxies set off
	h      *harness
	plan   plan
	bench  *bench
	orders []*order

	mu      sync.Mutex
	rng     *rand.Rand
	calls   int
	pending []fault
	struck  atomic.Int64
	going   sync.WaitGroup
	errs    error
}

func (t *trial) run(ctx context.Context) (verdict, error) {
	b := t.bench
	if err := errors.Join(t.tidy(ctx), b.lane.SetReplicas(ctx, t.plan.replicas)); err != nil {
		return verdict{}, err
	}
	spaces := map[string]*order{}
	for _, k := range t.plan.orders {
		var o *order
		var err error
		if first := spaces[k.crm]; first != nil && t.plan.together {
			o, err = b.prepareIn(ctx, k, first.workspace)
		} else {
			o, err = b.prepare(ctx, k)
			spaces[k.crm] = o
		}
		if err != nil {
			return verdict{}, err
		}
		t.orders = append(t.orders, o)
	}
	t.pending = append(t.pending, t.plan.faults...)
	b.lane.SetProbe(t.probe)
	for _, f := range t.plan.faults {
		if f.when == 0 {
			t.going.Go(func() {
				if sleep(ctx, f.after) == nil {
					t.strike(ctx, f)
				}
			})
		}
	}
	err := t.carry(ctx)
	b.lane.SetProbe(nil)
	t.going.Wait()
	if err = errors.Join(err, t.errs, t.tidy(ctx)); err != nil {
		return verdict{}, err
	}
	v, err := b.judge(ctx, t.orders)
	v.Faulted = btoi(t.struck.Load() > 0)
	return v, err
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
	t.going.Wait()
	if err := t.revive(ctx); err != nil {
		return err
	}
	return t.bench.settle(ctx, t.orders, t.h.opt.bound)
}

// probe strikes with the faults that wait for a call to a CRM.
func (t *trial) probe(e lane.Event) cut.Verdict {
	if e.Wire == lane.Postgres || e.Dir != cut.Up || !e.Begins {
		return t.answer(e)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	v := lane.Pass(e)
	for _, f := range t.pending {
		if f.when != t.calls {
			continue
		}
		if f.deed == nil {
			t.going.Go(func() { t.strike(t.ctx, f) })
			continue
		}
		verdict, then := f.deed(t.bench, e, t.rng)
		v = verdict
		t.struck.Add(1)
		if then != nil {
			t.going.Go(func() { t.note(f, then(t.ctx)) })
		}
	}
	return v
}

// answer cuts the answers that a fault asked for.
func (t *trial) answer(e lane.Event) cut.Verdict {
	if e.Wire == lane.Postgres || e.Dir != cut.Down || !e.Begins {
		return lane.Pass(e)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, f := range t.pending {
		if f.kind == cutAnswer && t.calls >= f.when {
			t.pending = append(t.pending[:i:i], t.pending[i+1:]...)
			t.struck.Add(1)
			return cut.Verdict{Bytes: t.rng.IntN(len(e.Text) + 1), Harm: anyHarm(t.rng)}
		}
	}
	return lane.Pass(e)
}

func (t *trial) strike(ctx context.Context, f fault) {
	if f.do == nil {
		return
	}
	t.mu.Lock()
	seed := t.rng.Int64()
	t.mu.Unlock()
	t.struck.Add(1)
	t.note(f, f.do(ctx, t.bench, rand.New(rand.NewPCG(uint64(seed), 3)))) //nolint:gosec // it must repeat
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

// tidy makes the CRMs behave again.
func (t *trial) tidy(ctx context.Context) error {
	var err error
	for _, crm := range []string{lane.HubSpot, lane.Salesforce} {
		err = errors.Join(err, t.bench.lane.Control(ctx, crm, http.MethodDelete, "faults", nil, nil),
			t.bench.lane.Control(ctx, crm, http.MethodPut, "behaviour", map[string]any{}, nil))
	}
	return err
}
