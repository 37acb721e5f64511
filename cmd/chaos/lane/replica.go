package lane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const readyWithin = 30 * time.Second

// Replica is one process of the service at an address that it keeps over its lives.
type Replica struct {
	URL string

	lane *Lane
	addr string
	log  string

	starting sync.Mutex
	running  atomic.Pointer[process]
	lives    atomic.Int64
}

// SetReplicas starts or kills replicas until n run.
func (l *Lane) SetReplicas(ctx context.Context, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.replicas) > n {
		last := l.replicas[len(l.replicas)-1]
		if err := last.Kill(); err != nil {
			return err
		}
		l.replicas = l.replicas[:len(l.replicas)-1]
	}
	for len(l.replicas) < n {
		if _, err := l.add(ctx); err != nil {
			return err
		}
	}
	var err error
	for _, r := range l.replicas {
		err = errors.Join(err, r.Ensure(ctx))
	}
	return err
}

// AddReplica starts one more, whatever the others do.
func (l *Lane) AddReplica(ctx context.Context) error {
	l.mu.Lock()
	r, err := l.add(ctx)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return r.Ensure(ctx)
}

func (l *Lane) add(ctx context.Context) (*Replica, error) {
	addr, err := l.opt.Ports.Next(ctx)
	if err != nil {
		return nil, err
	}
	r := &Replica{URL: "http://" + addr, lane: l, addr: addr, log: filepath.Join(l.opt.Dir, fmt.Sprintf("service-%d.log", len(l.replicas)+1))}
	l.replicas = append(l.replicas, r)
	return r, nil
}

// Replicas are those that the lane has, running or not.
func (l *Lane) Replicas() []*Replica {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*Replica(nil), l.replicas...)
}

// Ensure starts the replica unless it runs, and waits until it is ready.
func (r *Replica) Ensure(ctx context.Context) error {
	r.starting.Lock()
	defer r.starting.Unlock()
	for deadline := time.Now().Add(readyWithin); ; {
		if p := r.running.Load(); p == nil || p.dead() {
			env := append([]string{"LISTEN_ADDR=" + r.addr, "PUBLIC_URL=" + r.URL, "PATH=/usr/bin:/bin"}, r.lane.env...)
			p, err := startProcess(r.lane.opt.Service, []string{"serve"}, env, r.log)
			if err != nil {
				return err
			}
			r.running.Store(p)
			r.lives.Add(1)
		}
		if r.ready(ctx) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the service at %s is not ready; its log is %s", r.addr, r.log)
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

func (r *Replica) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Kill sends SIGKILL and returns once the process is gone. It may be called on a dead one, and while Ensure waits.
func (r *Replica) Kill() error {
	if p := r.running.Load(); p != nil {
		return p.kill()
	}
	return nil
}

// Freeze stops the process for d, as a pause of its machine would, and lets it go on.
func (r *Replica) Freeze(ctx context.Context, d time.Duration) error {
	if err := r.Stop(); err != nil {
		return err
	}
	waited := pause(ctx, d)
	return errors.Join(waited, r.Continue())
}

// Stop stops the process, if it runs, until Continue.
func (r *Replica) Stop() error { return r.signal(syscall.SIGSTOP) }

// Continue lets a stopped process go on.
func (r *Replica) Continue() error { return r.signal(syscall.SIGCONT) }

func (r *Replica) signal(s syscall.Signal) error {
	p := r.running.Load()
	if p == nil || p.dead() {
		return nil
	}
	return p.signal(s)
}

// Lives counts the processes that the replica has had.
func (r *Replica) Lives() int64 { return r.lives.Load() }

// Log is the file of what its processes wrote.
func (r *Replica) Log() string { return r.log }
