// Command bench measures what the service costs a customer in CRM calls and waiting, and what it costs the machine it runs on.
//
//	bench ─► Postgres of its own, commits forced to disk
//	      ─► the real binary, as a child process: its CPU and memory are the kernel's figures
//	      ─► the simulated CRMs, in this process, with their published limits
//	      ─► baseline: the mission's calls one at a time, in this process, against the same simulators
//
// Each figure stands beside its baseline, what is physically possible (floor) and the ratio to the baseline, so that a figure from a busy
// machine can still be judged. docs/benchmarks.md says what each of them means.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// figure is one line of the result. A nil Baseline, Floor or Ratio has no meaning for it.
type figure struct {
	Name     string   `json:"name"`
	Value    float64  `json:"value"`
	Unit     string   `json:"unit"`
	Baseline *float64 `json:"baseline"`
	Floor    *float64 `json:"floor"`
	Ratio    *float64 `json:"ratio"` // how many times better than the baseline
}

// measure gives one or more figures in one run.
type measure struct {
	names []string
	run   func(context.Context, *world) ([]figure, error)
}

func measures() []measure {
	return []measure{
		{[]string{"hubspot_calls_per_outcome", "hubspot_drain_seconds", "hubspot_throttled"}, hubspotBudget},
		{[]string{"salesforce_calls_per_outcome"}, salesforceBudget},
		{[]string{"first_byte_ms_p50", "first_byte_ms_p99"}, firstByte},
		{[]string{"accept_per_second"}, accepting},
		{[]string{"batch_accept_per_second"}, acceptingBatches},
		{[]string{"drain_per_cpu_second"}, drainCPU},
		{[]string{"growth_ratio"}, growth},
		{[]string{"rss_idle_mib"}, idleMemory},
		{[]string{"rss_drain_mib"}, drainMemory},
		{[]string{"fair_wait_seconds_p99"}, fairness},
		{[]string{"blackhole_loss"}, blackHole},
		{[]string{"slow_clients_ms_p99", "slow_clients_rss_mib"}, slowClientsBeside},
	}
}

type options struct {
	only    []string
	scale   float64
	json    bool
	curve   bool
	layouts bool
	service string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	w, err := newWorld(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer w.close()
	if o.curve {
		return scaleOut(ctx, w, stdout)
	}
	if o.layouts {
		return partitions(ctx, w, stdout)
	}
	var all []figure
	for _, m := range measures() {
		if len(o.only) > 0 && !slices.ContainsFunc(m.names, func(n string) bool { return slices.Contains(o.only, n) }) {
			continue
		}
		w.say("%s", strings.Join(m.names, ", "))
		figures, err := m.run(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", m.names[0], err)
		}
		for _, f := range figures {
			if o.json {
				if err := json.NewEncoder(stdout).Encode(f); err != nil {
					return err
				}
			}
		}
		all = append(all, figures...)
	}
	if o.json {
		return nil
	}
	return table(stdout, all)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	only := fs.String("only", "", "measure these alone, by `NAME,…`")
	fs.Float64Var(&o.scale, "scale", 1, "make every run so much smaller or larger")
	fs.BoolVar(&o.json, "json", false, "print one JSON object a line")
	fs.BoolVar(&o.curve, "curve", false, "print throughput with 1, 2 and 4 processes, and nothing else")
	fs.BoolVar(&o.layouts, "partitions", false, "print what the log costs as one table and in monthly partitions, and nothing else")
	fs.StringVar(&o.service, "service", "", "`FILE` of the service's binary; empty: build it")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.scale <= 0 || fs.NArg() > 0 {
		return o, errors.New("--scale must be above 0, and there are no arguments besides flags")
	}
	if *only == "" {
		return o, nil
	}
	o.only = strings.Split(*only, ",")
	for _, name := range o.only {
		if !slices.ContainsFunc(measures(), func(m measure) bool { return slices.Contains(m.names, name) }) {
			return o, fmt.Errorf("there is no figure %q", name)
		}
	}
	return o, nil
}

func table(out io.Writer, figures []figure) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "figure\tvalue\tunit\tbaseline\tfloor\tratio")
	for _, f := range figures {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, number(&f.Value), f.Unit, number(f.Baseline), number(f.Floor), number(f.Ratio))
	}
	return t.Flush()
}

func number(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case *v >= 100:
		return fmt.Sprintf("%.0f", *v)
	case *v >= 1:
		return fmt.Sprintf("%.2f", *v)
	}
	return fmt.Sprintf("%.4f", *v)
}

// cheaper is a figure of which less is better.
func cheaper(name, unit string, value, baseline, floor float64) figure {
	ratio := baseline / value
	return figure{Name: name, Value: value, Unit: unit, Baseline: &baseline, Floor: &floor, Ratio: &ratio}
}

// faster is a figure of which more is better.
func faster(name, unit string, value, baseline, floor float64) figure {
	ratio := value / baseline
	return figure{Name: name, Value: value, Unit: unit, Baseline: &baseline, Floor: &floor, Ratio: &ratio}
}
