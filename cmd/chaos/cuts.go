package main

import (
	"context"
	"errors"
	"fmt"

	"crm-connectors/cmd/chaos/cut"
)

// carried runs one order under a cell's watch.
func (h *harness) carried(ctx context.Context, b *bench, o *order, w *cell) error {
	b.cutter.watch(o.workspace, w)
	defer b.cutter.watch(o.workspace, nil)
	return errors.Join(b.send(ctx, o), b.settle(ctx, []*order{o}, h.opt.bound))
}

// exchanges are those of a kind in a run without faults, from a process that has not done anything yet or from a warm one.
func (h *harness) exchanges(ctx context.Context, b *bench, k kind, cold bool) (*cell, error) {
	o, err := b.prepare(ctx, k)
	if err == nil && cold {
		err = coldStart(ctx, b)
	}
	if err != nil {
		return nil, err
	}
	w := &cell{}
	if err := h.carried(ctx, b, o, w); err != nil {
		return nil, err
	}
	v, err := b.judge(ctx, []*order{o})
	if err == nil && (v.broken(false) || v.Flagged > 0) {
		err = fmt.Errorf("the golden run of %s went wrong without any fault: %v %v", k.name, v.problems, v.flags)
	}
	return w, err
}

// cuts cuts every CRM request and answer of every kind at every byte.
func (h *harness) cuts(ctx context.Context, list []kind) error {
	b, err := h.openBench(ctx, world{service: h.base, cutting: true, tier: h.opt.tier})
	if err != nil {
		return err
	}
	var warm, cold []schedule
	for _, k := range list {
		_, err := h.exchanges(ctx, b, k, false) // fills the caches: what is asked but once is no part of the usual
		var usual, first *cell
		if err == nil {
			usual, err = h.exchanges(ctx, b, k, false)
		}
		if err == nil {
			first, err = h.exchanges(ctx, b, k, true)
		}
		if err != nil {
			return errors.Join(err, b.close())
		}
		n, m := len(warm), len(cold)
		for _, ex := range usual.order {
			warm = append(warm, h.cutsOf(k, ex, *usual.sizes[ex], false)...)
		}
		for _, ex := range first.order {
			if usual.sizes[ex] == nil {
				cold = append(cold, h.cutsOf(k, ex, *first.sizes[ex], true)...)
			}
		}
		h.say("%-24s %2d calls, %2d from a cold start: %d cuts", k.name, len(usual.order), len(first.order), len(warm)-n+len(cold)-m)
	}
	if err := b.close(); err != nil {
		return err
	}
	if !h.opt.cold {
		if err := h.report(ctx, "cuts", &pool{h: h, world: world{service: h.base, cutting: true, tier: h.opt.tier}, cells: cellsPerBench, reuse: schedulesPerBench}, warm); err != nil || len(cold) == 0 {
			return err
		}
	}
	return h.report(ctx, "cuts of what only a new process asks", &pool{h: h, world: world{service: h.base, cutting: true, tier: h.opt.tier}, cells: 1, reuse: schedulesPerBench}, cold)
}

const cellsPerBench = 8

// cutsOf are the cuts of one exchange.
func (h *harness) cutsOf(k kind, ex exchange, size [2]int, cold bool) []schedule {
	var out []schedule
	for _, dir := range []cut.Direction{cut.Up, cut.Down} {
		for at := 0; at <= size[dir]; at++ {
			for _, harm := range []cut.Harm{cut.FIN, cut.RST, cut.Hole} {
				// Thinned out so that every harm and both ends of a message stay.
				if (at+int(harm))%h.opt.step == 0 || at == 0 || at == size[dir] {
					out = append(out, h.cutAt(k, cell{cut: true, at: ex, dir: dir, byte: at, harm: harm}, cold))
				}
			}
		}
	}
	return out
}

func (h *harness) cutAt(k kind, spec cell, cold bool) schedule {
	s := schedule{kind: k.name, aimed: true, name: fmt.Sprintf("%s: %s at byte %d %s of %d. %s", k.name, spec.harm, spec.byte, spec.dir, spec.at.nth, spec.at.label)}
	s.run = func(ctx context.Context, b *bench) (verdict, error) {
		o, err := b.prepare(ctx, k)
		if err == nil && cold {
			err = coldStart(ctx, b)
		}
		if err != nil {
			return verdict{}, err
		}
		w := spec
		if err := h.carried(ctx, b, o, &w); err != nil {
			return verdict{}, err
		}
		v, err := b.judge(ctx, []*order{o})
		v.Faulted = btoi(b.cutter.struck(&w))
		return v, err
	}
	return s
}
