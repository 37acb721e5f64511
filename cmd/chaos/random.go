package main

import (
	"context"
	"fmt"
	"math/rand/v2"
)

const randomPerBench = 60

// random runs the plans of n seeds from h.opt.seed on, tier by tier, each tier on benches of its own.
func (h *harness) random(ctx context.Context, list []kind) error {
	byTier := map[tier][]schedule{}
	for i := range h.opt.random {
		p := newPlan(h.opt.seed+int64(i), list, h.opt.beyond)
		if len(p.orders) == 0 || h.opt.tier != "" && h.opt.tier != p.tier {
			continue
		}
		byTier[p.tier] = append(byTier[p.tier], h.planned(p))
	}
	for _, t := range tiers() {
		if len(byTier[t]) == 0 {
			continue
		}
		p := &pool{h: h, world: world{service: h.base, own: true, tier: t}, cells: 1, reuse: randomPerBench}
		if err := h.report(ctx, "random, tier "+string(t), p, byTier[t]); err != nil {
			return err
		}
	}
	return nil
}

func (h *harness) planned(p plan) schedule {
	return schedule{name: p.String(), kind: fmt.Sprintf("%d replicas", p.replicas), run: func(ctx context.Context, b *bench) (verdict, error) {
		t := &trial{ctx: ctx, h: h, plan: p, bench: b, rng: rand.New(rand.NewPCG(uint64(p.seed), 2))} // it must repeat
		return t.run(ctx)
	}}
}
