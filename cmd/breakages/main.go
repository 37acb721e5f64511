// Command breakages proves that the tests of what Supabase's callers rely on, and those that play an attack, can fail: it breaks the service
// in one place, runs the one test that has to notice, and goes on to the next.
//
//	go run ./cmd/breakages                     # all of them, about 40 minutes on two cores
//	go run ./cmd/breakages --only redirect     # some; the other rows of the pages stay as they are
//	go run ./cmd/breakages --only "T07 "       # those of one threat
//
//	breakage.go, routing.go, ...: item, what the broken build does, edits
//	      └► overlay.Test: go test -overlay, the item's test alone ─► a row of docs/supabase-tests.md or
//	          docs/security-tests.md, which this command writes
//
// Nothing of the repository but those pages is changed.
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
	"strings"
	"syscall"
	"time"

	"crm-connectors/cmd/overlay"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintf(os.Stderr, "breakages: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("breakages", flag.ContinueOnError)
	only := fs.String("only", "", "run those whose item and text have this `TEXT`, such as \"25 \" or \"redirect\"")
	each := fs.Bool("each", false, "run the first of each item")
	missed := fs.Bool("missed", false, "run only what the pages do not say is noticed")
	parallel := fs.Int("parallel", 2, "`N` test runs at once")
	say := fs.Bool("say", false, "print what each test said")
	if err := fs.Parse(args); err != nil {
		return err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := overlay.Root(cwd)
	if err != nil {
		return err
	}
	known, err := readPages(root)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(breakages(), func(b breakage) bool {
		return !strings.Contains(b.item+" "+b.broken, *only) || *missed && known[b.key()] == noticed
	})
	if *each {
		chosen = slices.CompactFunc(chosen, func(a, b breakage) bool { return a.item == b.item })
	}
	if len(chosen) == 0 && *missed {
		return writePages(root, known)
	}
	if len(chosen) == 0 {
		return fmt.Errorf("none of the %d breakages has %q in it", len(breakages()), *only)
	}
	work, err := os.MkdirTemp("", "crm-connectors-breakages-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	r := &runner{root: root, work: work, out: out, say: *say, at: time.Now(), verdicts: known}
	if err := r.prepare(ctx, chosen); err != nil {
		return err
	}
	err = r.all(ctx, chosen, max(1, *parallel))
	return errors.Join(err, r.database.Stop(), writePages(root, r.verdicts))
}
