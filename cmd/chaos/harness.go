package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"crm-connectors/cmd/chaos/build"
	"crm-connectors/cmd/chaos/lane"
	"crm-connectors/cmd/overlay"
)

// options are the flags.
type options struct {
	killPoints, cuts, mutants bool
	cold                      bool // of the cuts, those alone that only a new process asks
	random, takeovers         int
	seed                      int64
	only, mutant              string
	step                      int
	parallel                  int
	bound                     time.Duration
	beyond                    bool
	tier                      tier
	json                      bool
}

// harness is what all modes share.
type harness struct {
	opt    options
	out    io.Writer // results
	err    io.Writer // progress
	root   string    // of the repository
	dir    string    // everything of this run; gone at the end
	base   string    // the binary as it is
	waits  map[string]string
	total  verdict
	broken bool

	cluster *lane.Cluster
	ports   *lane.Ports

	mu      sync.Mutex
	benches int
	spares  []*lane.Cluster
	taken   map[string]int // steps of writes' lives, by their name
}

// open builds the service and starts what all benches share. The caller calls close, whatever the error.
func (h *harness) open(ctx context.Context) error {
	cwd, err := os.Getwd()
	if err != nil {
		return err
	}
	if h.root, err = overlay.Root(cwd); err != nil {
		return err
	}
	if h.dir, err = os.MkdirTemp("", "crm-connectors-chaos-"); err != nil {
		return err
	}
	if err := os.Chmod(h.dir, 0o711); err != nil { // the account of Postgres walks through
		return err
	}
	if err := os.Mkdir(h.work(), 0o700); err != nil {
		return err
	}
	h.waits = build.Waits()
	h.warn("building the service with short waits")
	h.base = filepath.Join(h.dir, "service")
	edits := build.Compressed()
	if h.opt.beyond {
		edits = append(edits, build.Daily()...)
	}
	if h.opt.cuts {
		edits = append(edits, build.Unlimited()...)
	}
	if err := build.Binary(ctx, h.root, h.work(), h.base, edits); err != nil {
		return err
	}
	h.warn("starting Postgres")
	h.ports = lane.NewPorts()
	h.cluster, err = lane.StartCluster(ctx, h.dir)
	return err
}

func (h *harness) work() string { return filepath.Join(h.dir, "build") }

func (h *harness) close() error {
	var err error
	if h.cluster != nil {
		err = h.cluster.Stop()
	}
	for _, c := range h.spares {
		err = errors.Join(err, c.Stop())
	}
	if h.dir != "" {
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return err
}

// ownCluster gives a Postgres that nobody else uses, and that the caller gives back or stops.
func (h *harness) ownCluster(ctx context.Context) (*lane.Cluster, error) {
	h.mu.Lock()
	if n := len(h.spares); n > 0 {
		c := h.spares[n-1]
		h.spares = h.spares[:n-1]
		h.mu.Unlock()
		return c, nil
	}
	h.mu.Unlock()
	return lane.StartCluster(ctx, h.dir)
}

func (h *harness) giveCluster(c *lane.Cluster) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spares = append(h.spares, c)
}

func (h *harness) waitsOf(w world) map[string]string {
	if w.production {
		return nil
	}
	return h.waits
}

func (h *harness) say(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = fmt.Fprintf(h.out, format+"\n", args...)
}

func (h *harness) warn(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, _ = fmt.Fprintf(h.err, format+"\n", args...)
}
