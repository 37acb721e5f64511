package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

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
func TestASampleOfKillsCutsAndRandomFaultsWritesNothingTwiceAndLosesNothing(t *testing.T) {
	h, out := openShort(t)
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

func TestPlantedBugsAreCaught(t *testing.T) {
	h, out := openShort(t)
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
