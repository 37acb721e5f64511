package main

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/store/pgdev"
)

// openShort starts a harness for a test; it is skipped where there is no Postgres to be had, but not in CI.
func openShort(t *testing.T) (*harness, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	h := &harness{out: out, err: out, opt: options{step: 1, seed: 1, parallel: 4, bound: 45 * time.Second}}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	err := h.open(ctx)
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
	if errors.Is(err, pgdev.ErrNoServer) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h, out
}

// The long form of this is the command: see docs/chaos.md.
func TestWithRealProcesses(t *testing.T) {
	h, out := openShort(t)
	t.Run("a sample of kills, cuts and random faults writes nothing twice and loses nothing", func(t *testing.T) { sample(t, h, out) })
	t.Run("planted bugs are caught", func(t *testing.T) { plantedBugs(t, h, out) })
	t.Run("a write that kills its worker is parked after three tries and harms no other", func(t *testing.T) { poison(t, h) })
}

func sample(t *testing.T, h *harness, out *bytes.Buffer) {
	list, err := pick("")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := pick("hubspot-whole")
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []struct {
		name         string
		step, random int
		atLeast      int // schedules
		run          func(context.Context, []kind) error
		kinds        []kind
	}{
		{"kill points", 23, 0, 12, h.killPoints, whole},
		{"cuts", 397, 0, 40, h.cuts, whole},
		{"random", 1, 48, 48, h.random, list},
	} {
		h.total, h.broken, h.opt.step, h.opt.random = verdict{}, false, mode.step, mode.random
		out.Reset()
		if err := mode.run(t.Context(), mode.kinds); err != nil {
			t.Fatalf("%s: %v\n%s", mode.name, err, out)
		}
		if h.broken {
			t.Errorf("%s broke the promise:\n%s", mode.name, out)
		}
		if h.total.Schedules < mode.atLeast || h.total.Faulted*10 < h.total.Schedules*6 {
			t.Errorf("%s: %d schedules of which %d were faulted: that says nothing\n%s", mode.name, h.total.Schedules, h.total.Faulted, out)
		}
		t.Logf("%s: %+v", mode.name, h.total)
	}
}

func plantedBugs(t *testing.T, h *harness, out *bytes.Buffer) {
	h.broken = false
	out.Reset()
	for _, name := range []string{"sweeper re-queues", "5xx repeated"} {
		h.opt.mutant = name
		if err := h.mutants(t.Context(), nil); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	if h.broken {
		t.Errorf("a planted bug was not caught, or the service itself failed the aim:\n%s", out)
	}
}

// poisoned are four outcomes of one workspace; the service dies whenever it sends the first.
func poisoned(t *testing.T) plan {
	t.Helper()
	list, err := pick("hubspot-task")
	if err != nil {
		t.Fatal(err)
	}
	p := plan{tier: tierRead, replicas: 1, together: true, orders: []kind{list[0], list[0], list[0], list[0]}}
	poison := poisonFault(nil)
	poison.times = 100
	kill := poison.deed
	poison.deed = func(tr *trial, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error) {
		if !strings.Contains(string(e.Text), tr.orders[0].wants[1].Tag) {
			return lane.Pass(e), nil
		}
		return kill(tr, e, r)
	}
	p.faults = []fault{poison}
	return p
}

func poison(t *testing.T, h *harness) {
	b, err := h.openBench(t.Context(), world{service: h.base, tier: tierRead})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	}()
	tr := &trial{ctx: t.Context(), h: h, plan: poisoned(t), bench: b, rng: rand.New(rand.NewPCG(1, 2))} // it must repeat
	v, err := tr.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v.broken(false) || v.Flagged != 1 {
		t.Errorf("%+v, want the poison flagged and nothing else", v)
	}
	for i, o := range tr.orders {
		for _, row := range o.rows {
			guilty := i == 0 && row.Object == "task"
			if guilty && (row.Status != "needs_review" || row.Code != "worker_lost_repeatedly") {
				t.Errorf("the poison is %s, %s", row.Status, row.Code)
			}
			if !guilty && row.Status != "succeeded" {
				t.Errorf("an innocent %s is %s, %s", row.Object, row.Status, row.Code)
			}
		}
	}
	if n := b.lane.Replicas()[0].Lives(); n != 4 {
		t.Errorf("the service died %d times, want three", n-1)
	}
}
