package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"crm-connectors/cmd/chaos/build"
)

const (
	mutantSchedules = 2000 // within which a planted bug must be caught
	aimChecks       = 4    // schedules of an aim that the service as it is must pass
	controlRuns     = 200
	controlBar      = 5 // per cent of the faulted schedules in which blind repetition must duplicate
)

// mutants plants one bug after the other and runs schedules aimed at it until one of them breaks the promise. The service as it is passes the same
// aims first. Last comes a control without any care.
func (h *harness) mutants(ctx context.Context, _ []kind) error {
	var rows []string
	for _, m := range build.Mutants() {
		if h.opt.mutant != "" && !slices.Contains(strings.Split(h.opt.mutant, ","), m.Name) {
			continue
		}
		row, err := h.hunt(ctx, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		rows = append(rows, row)
	}
	h.say("\n| planted bug | what it does | aim passes without it | caught after | how it shows |")
	h.say("| --- | --- | ---: | ---: | --- |")
	for _, r := range rows {
		h.say("%s", r)
	}
	if h.opt.mutant != "" {
		return nil
	}
	return h.control(ctx)
}

func (h *harness) hunt(ctx context.Context, m build.Mutant) (string, error) {
	aim := aims()[m.Name]
	if aim == nil {
		return "", errors.New("nothing aims at it")
	}
	honest, err := h.aimed(ctx, h.base, aim, aimChecks, false)
	if err != nil {
		return "", err
	}
	if honest.Faulted == 0 {
		return "", errors.New("the aim strikes nothing")
	}
	for _, p := range honest.problems {
		h.say("%s: the service as it is fails the aim: %s", m.Name, p)
		h.broken = true
	}
	binary := filepath.Join(h.dir, "mutant-"+strings.ReplaceAll(m.Name, " ", "-"))
	if err := build.Binary(ctx, h.root, h.work(), binary, append(build.Compressed(), m.Edits...)); err != nil {
		return "", err
	}
	v, err := h.aimed(ctx, binary, aim, mutantSchedules, true)
	if err != nil {
		return "", err
	}
	row := fmt.Sprintf("| %s | %s | %d of %d | %d | %d duplicates, %d lost, %d stuck |", m.Name, m.What, aimChecks-len(honest.problems), aimChecks, v.Schedules, v.Duplicates, v.Lost, v.Stuck)
	if !v.broken(false) {
		h.broken = true
		row = fmt.Sprintf("| %s | %s | %d of %d | never in %d | |", m.Name, m.What, aimChecks-len(honest.problems), aimChecks, v.Schedules)
	}
	h.warn("%s", row)
	return row, nil
}

// aimed runs n schedules of an aim, or until one breaks.
func (h *harness) aimed(ctx context.Context, service string, aim func(seed int64) plan, n int, stop bool) (verdict, error) {
	var list []schedule
	for i := range n {
		list = append(list, h.planned(aim(h.opt.seed+int64(i))))
	}
	p := &pool{h: h, world: world{service: service, tier: aim(0).tier}, cells: 1, reuse: schedulesPerBench, quiet: true}
	if stop {
		p.stop = func(v verdict) bool { return v.broken(false) }
	}
	byKind, err := p.run(ctx, list)
	var sum verdict
	for _, v := range byKind {
		sum.add(v)
		sum.problems = append(sum.problems, v.problems...)
	}
	return sum, err
}

// control counts in how many random schedules a service that repeats everything blindly writes something twice.
func (h *harness) control(ctx context.Context) error {
	binary := filepath.Join(h.dir, "blind")
	if err := build.Binary(ctx, h.root, h.work(), binary, append(build.Compressed(), build.Blind()...)); err != nil {
		return err
	}
	doubled := 0
	var list []schedule
	kinds, err := pick("hubspot")
	if err != nil {
		return err
	}
	for i := range controlRuns {
		p := newPlan((h.opt.seed+int64(i))*int64(len(tiers()))+1, kinds, false) // of the read tier
		p.bound = 15 * time.Second
		list = append(list, h.planned(p))
	}
	pl := &pool{h: h, world: world{service: binary, own: true, tier: tierRead}, cells: 1, reuse: randomPerBench, quiet: true}
	pl.seen = func(v verdict) {
		if v.Duplicates > 0 {
			doubled++
		}
	}
	byKind, err := pl.run(ctx, list)
	if err != nil {
		return err
	}
	var sum verdict
	for _, v := range byKind {
		sum.add(v)
	}
	percent := 100 * float64(doubled) / float64(max(1, sum.Faulted))
	h.say("\nControl: repeating blindly duplicates in %d of %d faulted schedules, %.1f %%.", doubled, sum.Faulted, percent)
	h.broken = h.broken || percent < controlBar
	return nil
}
