package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"crm-connectors/cmd/overlay"
	"crm-connectors/store/pgdev"

	"golang.org/x/sync/errgroup"
)

// endless is how long a test may take on a broken build.
const endless = "15m"

// runner runs tests against broken builds.
type runner struct {
	root, work string
	out        io.Writer
	say        bool
	at         time.Time

	database *pgdev.Server // for all runs, so that each need not make its own
	program  string        // the tests of supabase/, built once
	within   []string      // the folders that it is made of: a change of these builds it anew

	mu       sync.Mutex
	done     int
	verdicts map[string]string // by key
}

// prepare makes what all runs of the chosen ones share.
func (r *runner) prepare(ctx context.Context, chosen []breakage) (err error) {
	if slices.ContainsFunc(chosen, func(b breakage) bool { _, folder := b.pattern(); return folder == "./supabase" }) {
		if err := r.build(ctx); err != nil {
			return err
		}
	}
	r.database, err = pgdev.Start(ctx, pgdev.Options{Settings: map[string]string{"max_connections": "500", "autovacuum": "off"}})
	return err
}

func (r *runner) build(ctx context.Context) error {
	r.program = filepath.Join(r.work, "supabase.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-o", r.program, "./supabase")
	build.Dir = r.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the tests: %w\n%s", err, out)
	}
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-test", "-f", "{{.Dir}}", "./supabase")
	list.Dir = r.root
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("what the tests are made of: %w", err)
	}
	r.within = strings.Fields(string(out))
	return nil
}

// whole runs the tests of the chosen ones on the service as it is: what fails then proves nothing.
func (r *runner) whole(ctx context.Context, chosen []breakage) error {
	patterns := map[string][]string{}
	for _, b := range chosen {
		if pattern, folder := b.pattern(); !slices.Contains(patterns[folder], pattern) {
			patterns[folder] = append(patterns[folder], pattern)
		}
	}
	for folder, some := range patterns {
		cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-timeout", endless, "-run", strings.Join(some, "|"), folder)
		cmd.Dir = r.root
		said, failed, err := overlay.Run(cmd, r.root, r.work, nil)
		if err != nil {
			return err
		}
		if failed {
			return fmt.Errorf("tests fail on the service as it is:\n%s", said)
		}
	}
	return nil
}

// all runs the chosen ones, several at once, once they all pass on the whole service. One that cannot be run does not keep the others from it.
func (r *runner) all(ctx context.Context, chosen []breakage, parallel int) error {
	if err := r.whole(ctx, chosen); err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(parallel)
	var errs error
	for _, b := range chosen {
		g.Go(func() error {
			verdict, said, err := r.one(ctx, b)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil {
				errs = errors.Join(errs, fmt.Errorf("%s, %s: %w", b.item, b.broken, err))
				return nil
			}
			r.done++
			r.verdicts[b.key()] = verdict
			_, _ = fmt.Fprintf(r.out, "%3d/%d %4.0f s  %s: %s: %s\n", r.done, len(chosen), time.Since(r.at).Seconds(), b.item, b.broken, verdict)
			if r.say {
				_, _ = fmt.Fprintf(r.out, "%s\n", said)
			}
			return nil
		})
	}
	return errors.Join(g.Wait(), errs, ctx.Err())
}

// one breaks the build and runs the item's test.
func (r *runner) one(ctx context.Context, b breakage) (verdict string, said []byte, err error) {
	if ctx.Err() != nil {
		return "", nil, ctx.Err()
	}
	pattern, folder := b.pattern()
	cmd := exec.CommandContext(ctx, "go", "test", "-vet=off", "-count=1", "-timeout", endless, "-run", pattern, folder)
	cmd.Dir = r.root
	if folder == "./supabase" && !r.touches(b.edits) {
		cmd = exec.CommandContext(ctx, r.program, "-test.count=1", "-test.timeout", endless, "-test.run", pattern)
		cmd.Dir = filepath.Join(r.root, folder)
	}
	cmd.Env = []string{"TEST_DATABASE_URL=" + r.database.URL}
	said, failed, err := overlay.Run(cmd, r.root, r.work, b.edits)
	switch {
	case err != nil:
		return "", said, err
	case bytes.Contains(said, []byte("panic: test timed out")):
		return "", said, fmt.Errorf("the test did not end within %s\n%s", endless, said)
	case failed && b.seen(said):
		return noticed, said, nil
	}
	return notNoticed, said, nil
}

// touches says whether edits change what the tests themselves are made of.
func (r *runner) touches(edits []edit) bool {
	return slices.ContainsFunc(edits, func(e edit) bool { return slices.Contains(r.within, filepath.Join(r.root, filepath.Dir(e.In))) })
}
