// Command mutate asks whether the simulators' behaviours matter: it switches them off one at a time and runs the connector's tests
// against what is left. A behaviour that no test misses is either not tested or not used.
//
//	mutate                              both CRMs; rewrites docs/simulators.md
//	mutate --crm hubspot                one CRM; the other's rows stay as they are
//	mutate --crm hubspot --only 'lag'   the behaviours whose name has that text
//	mutate --missed                     what the page says no test misses, or has not seen: after tests were added
//	mutate --list                       names, and what is done instead of each
//
//	behaviour ──► overlay (nothing in the tree changes) ──► go test ./connectors/CRM ──► which tests fail ──► table
//
// Some behaviours are checks of what a client sends. Switching one off changes nothing for a connector that sends what it should, so
// where no test misses it the connector is made wrong instead and meets the check as it is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
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
		_, _ = fmt.Fprintf(os.Stderr, "mutate: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("mutate", flag.ContinueOnError)
	crm := fs.String("crm", "", "`CRM` to run: hubspot or salesforce; empty is both")
	only := fs.String("only", "", "run the behaviours whose name has this `TEXT`")
	missed := fs.Bool("missed", false, "run only what the page says that no test misses, or has not seen")
	list := fs.Bool("list", false, "list the behaviours and end")
	parallel := fs.Int("parallel", 2, "`N` test runs at once")
	if err := fs.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*crm, *only)
	if err != nil {
		return err
	}
	if *list {
		for _, b := range chosen {
			_, _ = fmt.Fprintf(out, "%s: %s\n\t%s\n", b.crm, b.name, b.off)
		}
		return nil
	}
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := overlay.Root(cwd)
	if err != nil {
		return err
	}
	page := filepath.Join(root, "docs", "simulators.md")
	if *missed {
		if chosen, err = unseen(page, chosen); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp("", "crm-connectors-mutate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	r := &runner{root: root, work: work, out: out, at: time.Now()}
	err = r.all(ctx, chosen, max(1, *parallel))
	return errors.Join(err, rewrite(page, r.found)) // what was found before it was stopped counts

}

// choose gives the behaviours of a CRM whose name has a text; empty is all.
func choose(crm, only string) ([]behaviour, error) {
	all := behaviours()
	chosen := slices.DeleteFunc(slices.Clone(all), func(b behaviour) bool {
		return crm != "" && b.crm != crm || !strings.Contains(strings.ToLower(b.name), strings.ToLower(only))
	})
	if len(chosen) == 0 {
		return nil, fmt.Errorf("none of the %d behaviours is of CRM %q with %q in its name: see --list", len(all), crm, only)
	}
	return chosen, nil
}
