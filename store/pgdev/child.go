package pgdev

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopWithin is how long a fast shutdown may take before Postgres is told to drop everything.
const stopWithin = 20 * time.Second

// child is a postgres that this process started.
type child struct {
	process *os.Process
	ended   chan struct{} // closed when it is gone; err is set then
	err     error
}

// startChild starts postgres. It does not wait until it is ready.
func startChild(program string, args []string, h *home, logFile *os.File) (*child, error) {
	cmd := exec.Command(program, args...) //nolint:noctx // it outlives the call; stop ends it in order
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = h.dir, h.env(), logFile, logFile
	// A group of its own: a terminal's Ctrl-C goes to us alone, and we stop Postgres in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.account.credential(), Setpgid: true}
	setPdeathsig(cmd.SysProcAttr)

	c := &child{ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal is tied to the thread that forked, so it is kept for the child's life.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			c.process = cmd.Process
		}
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return c, nil
}

// stop ends Postgres: first in order (clients are disconnected), then at once.
func (c *child) stop() error {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if err := c.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop postgres: %w", err)
		}
		select {
		case <-c.ended:
			if c.err != nil {
				return fmt.Errorf("postgres ended: %w", c.err)
			}
			return nil
		case <-time.After(stopWithin):
		}
	}
	return errors.New("postgres does not end")
}
