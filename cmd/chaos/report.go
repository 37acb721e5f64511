package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// report runs a mode and prints its table, in the form in which docs/chaos.md has it.
func (h *harness) report(ctx context.Context, mode string, p *pool, list []schedule) error {
	started := time.Now()
	byKind, err := p.run(ctx, list)
	if err != nil {
		return err
	}
	h.say("\n| %s | schedules | faulted | duplicates | lost | flagged | stuck |", mode)
	h.say("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
	var sum verdict
	flags := map[string]int{}
	for _, k := range slices.Sorted(maps.Keys(byKind)) {
		v := byKind[k]
		h.line(k, v)
		sum.add(v)
		for _, f := range v.flags {
			parts := strings.SplitN(f, ": ", 3) // kind: record: why
			flags[parts[len(parts)-1]]++
		}
	}
	h.line("all", sum)
	h.say("\n%d schedules in %s, %.2f s each.", sum.Schedules, time.Since(started).Round(time.Second), time.Since(started).Seconds()/float64(max(1, sum.Schedules)))
	for _, f := range slices.Sorted(maps.Keys(flags)) {
		h.say("flagged %4d times: %s", flags[f], f)
	}
	h.total.add(sum)
	h.broken = h.broken || sum.broken(h.opt.beyond)
	return ctx.Err()
}

func (h *harness) line(name string, v verdict) {
	h.say("| %s | %d | %d | %d | %d | %d | %d |", name, v.Schedules, v.Faulted, v.Duplicates, v.Lost, v.Flagged, v.Stuck)
}

// last prints the one line for programs.
func (h *harness) last() error {
	raw, err := json.Marshal(h.total)
	if err != nil {
		return err
	}
	h.say("%s", raw)
	return nil
}
