package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"crm-connectors/cmd/chaos/build"
	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
)

const (
	takeoverBar   = 150 * time.Second // from the kill to the last row settled, where the CRM enforces the marker
	takeoverBound = 240 * time.Second
	takeoverLook  = 250 * time.Millisecond
)

// takeovers measures, with the waits of production, how long after kill -9 of a replica another has settled what it was sending: contacts,
// of which HubSpot itself refuses a second one.
func (h *harness) takeovers(ctx context.Context, _ []kind) error {
	binary := filepath.Join(h.dir, "service-production")
	if err := build.Plain(ctx, h.root, binary); err != nil {
		return err
	}
	list, err := pick("hubspot-contact")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	turns := make(chan struct{}, h.opt.parallel)
	for range h.opt.takeovers {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			d, failed := h.takeover(ctx, world{service: binary, production: true}, list[0])
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, d), errors.Join(err, failed)
		})
	}
	all.Wait()
	if err != nil {
		return err
	}
	slices.Sort(took)
	h.say("\nTakeover after kill -9, %d times: %.0f s at the least, %.0f s in the middle, %.0f s at most.", len(took), took[0].Seconds(), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	h.broken = h.broken || took[len(took)-1] > takeoverBar
	return nil
}

// takeover kills the replica that has just sent a create, with another one beside it, and says how long the other takes.
func (h *harness) takeover(ctx context.Context, w world, k kind) (time.Duration, error) {
	b, err := h.openBench(ctx, w)
	if err != nil {
		return 0, err
	}
	d, err := b.takeover(ctx, k)
	return d, errors.Join(err, b.close())
}

func (b *bench) takeover(ctx context.Context, k kind) (time.Duration, error) {
	o, err := b.prepare(ctx, k)
	if err != nil {
		return 0, err
	}
	struck := newDeed()
	var killed time.Time
	var once sync.Once
	b.lane.SetProbe(func(e lane.Event) cut.Verdict {
		v := lane.Pass(e)
		if (moment{on: creates}).counts(e) {
			once.Do(func() {
				v.Do = func() {
					victim, err := b.lane.Replicas()[0], b.lane.AddReplica(ctx)
					killed = time.Now()
					struck.done <- errors.Join(err, victim.Kill())
				}
			})
		}
		return v
	})
	defer b.lane.SetProbe(nil)
	if err := b.send(ctx, o); err != nil {
		return 0, err
	}
	select {
	case err = <-struck.done:
	case <-time.After(takeoverBound):
		err = errors.New("nothing was sent")
	}
	for err == nil && time.Since(killed) < takeoverBound {
		var done bool
		if done, err = b.look(ctx, o); done {
			took := time.Since(killed)
			v, err := b.judge(ctx, []*order{o})
			if err == nil && (v.broken(false) || v.Flagged > 0) {
				err = fmt.Errorf("after the takeover: %v %v", v.problems, v.flags)
			}
			return took, err
		}
		if err == nil {
			err = sleep(ctx, takeoverLook)
		}
	}
	if err == nil {
		err = fmt.Errorf("not taken over within %s", takeoverBound)
	}
	return 0, err
}
