package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"crm-connectors/cmd/overlay"

	"golang.org/x/sync/errgroup"
)

// endless is how long the tests of a connector may take against a broken simulator; they take ten seconds against a whole one.
const endless = "3m"

// elsewhere are tests of a connector that have nothing to do with its simulator, and take long.
const elsewhere = "SOQL|LineSeparators|RecordedAnswer"

// hung stands for the test that did not end.
const hung = "a test that waits for ever"

var (
	failedTest  = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
	runningTest = regexp.MustCompile(`(?m)^\s+(Test\w+)\S* \(\d`)
)

// result is what became of one behaviour.
type result struct {
	behaviour
	caught []string // the tests that failed without it
	wrongs []string // the tests that failed with the connector made wrong; empty where that was not tried
}

// runner runs the connectors' tests against changed simulators.
type runner struct {
	root, work string
	out        io.Writer
	at         time.Time

	mu    sync.Mutex
	found []result
}

// all runs the chosen behaviours, several at once. It begins with the simulators as they are: what fails then proves nothing.
func (r *runner) all(ctx context.Context, chosen []behaviour, parallel int) error {
	crms := map[string]bool{}
	for _, b := range chosen {
		if crms[b.crm] {
			continue
		}
		crms[b.crm] = true
		failed, err := r.test(ctx, b.crm, nil)
		if err != nil {
			return err
		}
		if len(failed) > 0 {
			return fmt.Errorf("the tests of %s fail with the simulator as it is: %s", b.crm, strings.Join(failed, ", "))
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, b := range chosen {
		g.Go(func() error {
			res, err := r.one(ctx, b)
			if err == nil {
				r.keep(res, len(chosen))
			}
			return err
		})
	}
	return g.Wait()
}

func (r *runner) one(ctx context.Context, b behaviour) (result, error) {
	res := result{behaviour: b}
	var err error
	if res.caught, err = r.test(ctx, b.crm, b.sim); err != nil {
		return res, fmt.Errorf("%s, %s: %w", b.crm, b.name, err)
	}
	if len(res.caught) > 0 || len(b.connector) == 0 {
		return res, nil
	}
	if res.wrongs, err = r.test(ctx, b.crm, b.connector); err != nil {
		return res, fmt.Errorf("%s, %s, with the connector made wrong: %w", b.crm, b.name, err)
	}
	return res, nil
}

func (r *runner) keep(res result, of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, res)
	_, _ = fmt.Fprintf(r.out, "%3d/%d %4.0f s  %s: %s: %s\n", len(r.found), of, time.Since(r.at).Seconds(), res.crm, res.name, res.verdict())
}

// test runs a connector's tests with edits and gives the names of those that failed, first ones only.
func (r *runner) test(ctx context.Context, crm string, edits []overlay.Edit) ([]string, error) {
	out, broken, err := overlay.Test(ctx, r.root, r.work, edits, "-failfast", "-skip", elsewhere, "-timeout", endless, "./"+filepath.Join("connectors", crm))
	if err != nil || !broken {
		return nil, err
	}
	failed := named(failedTest, out)
	if strings.Contains(string(out), "panic: test timed out") {
		failed = append(append(failed, hung), named(runningTest, out)...)
	}
	if len(failed) == 0 {
		return nil, fmt.Errorf("go test names no test that failed:\n%s", out)
	}
	return failed, nil
}

func named(what *regexp.Regexp, out []byte) []string {
	var names []string
	for _, m := range what.FindAllSubmatch(out, -1) {
		if name := string(m[1]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
