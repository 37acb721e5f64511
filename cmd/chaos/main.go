// Command chaos tries to break the promise that an outcome reaches the CRM exactly once.
//
//	chaos --kill-points   SIGKILL before and after everything the service sends or hears, one by one
//	chaos --cuts          every byte of every CRM request and answer: FIN, RST, black hole
//	chaos --random N      N schedules of several faults at once; the seed repeats them
//	chaos --takeover N    kill -9 with the waits of production, N times: how long until another replica has settled the rows
//	chaos --mutants       planted bugs that the harness must catch, and a control without any care
//
//	schedules ──► pool ──► benches (a lane each: service processes, proxies, simulators, Postgres) ──► oracle ──► table
//
// It exits with 1 when anything was written twice, lost, or neither written nor handed to a person in time. docs/chaos.md says how
// to read its tables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const (
	exitBroken = 1
	exitUsage  = 2
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	h := &harness{out: stdout, err: stderr}
	o := &h.opt
	fs := flag.NewFlagSet("chaos", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.BoolVar(&o.killPoints, "kill-points", false, "kill at every read and write")
	fs.BoolVar(&o.cuts, "cuts", false, "cut at every byte")
	fs.BoolVar(&o.cold, "cold", false, "with --cuts: those alone of what only a new process asks")
	fs.IntVar(&o.random, "random", 0, "`N` random schedules")
	fs.IntVar(&o.takeovers, "takeover", 0, "`N` takeovers with the waits of production")
	fs.BoolVar(&o.mutants, "mutants", false, "prove that planted bugs are caught")
	fs.StringVar(&o.mutant, "mutant", "", "with --mutants: these `NAMES` alone, with commas between")
	fs.Int64Var(&o.seed, "seed", 0, "of the random schedules; 0 takes one from the clock")
	fs.StringVar(&o.only, "only", "", "`KIND` of outcome, or the beginning of several: "+kindNames())
	fs.IntVar(&o.step, "step", 1, "every `K`-th point or byte")
	fs.IntVar(&o.parallel, "parallel", lanes(), "`P` schedules at once")
	fs.DurationVar(&o.bound, "bound", 45*time.Second, "after which an outcome counts as stuck")
	fs.Func("tier", "`TIER` of the accounts: enforced, read, search or none; random schedules: empty takes all", func(text string) error {
		if !slices.Contains(tiers(), tier(text)) {
			return errors.New("there are enforced, read, search and none")
		}
		o.tier = tier(text)
		return nil
	})
	fs.BoolVar(&o.beyond, "beyond-bounds", false, "let the CRM be later than the service assumes; every duplicate must be flagged")
	fs.BoolVar(&o.json, "json", false, "end with one line of JSON")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return exitUsage
	}
	list, err := pick(o.only)
	switch {
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case !o.killPoints && !o.cuts && o.random <= 0 && o.takeovers <= 0 && !o.mutants:
		err = errors.New("which of --kill-points, --cuts, --random N, --takeover N, --mutants?")
	case o.step < 1 || o.parallel < 1:
		err = errors.New("--step and --parallel are at least 1")
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "chaos: %v\n", err)
		return exitUsage
	}
	if o.seed == 0 {
		o.seed = time.Now().UnixNano() & 0xffffffff
	}
	h.say("seed %d", o.seed)
	err = h.run(ctx, list)
	if closeErr := h.close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "chaos: %v\n", err)
	}
	if o.json {
		err = errors.Join(err, h.last())
	}
	if err != nil || h.broken {
		return exitBroken
	}
	return 0
}

func (h *harness) run(ctx context.Context, list []kind) error {
	if err := h.open(ctx); err != nil {
		return err
	}
	for _, mode := range []struct {
		on  bool
		run func(context.Context, []kind) error
	}{{h.opt.killPoints, h.killPoints}, {h.opt.cuts, h.cuts}, {h.opt.random > 0, h.random}, {h.opt.takeovers > 0, h.takeovers}, {h.opt.mutants, h.mutants}} {
		if !mode.on {
			continue
		}
		if err := mode.run(ctx, list); err != nil {
			return err
		}
	}
	return h.steps()
}
