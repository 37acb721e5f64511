package main

import (
	"context"
	"fmt"
	"time"
)

// idleMemory is the resident memory of a process that has nothing to do, half a minute after its start.
func idleMemory(ctx context.Context, w *world) ([]figure, error) {
	db, drop, err := w.database(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	s, err := w.start(ctx, db, crmURLs{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }()
	select {
	case <-time.After(30 * time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now, _, err := memoryOf(s.pid())
	return []figure{{Name: "rss_idle_mib", Value: now, Unit: "MiB"}}, err
}

// drainMemory is the highest resident memory while a backlog of a million writes is worked on.
func drainMemory(ctx context.Context, w *world) ([]figure, error) {
	n := w.scaled(1000000)
	db, p, at, drop, err := w.account(ctx, false)
	if err != nil {
		return nil, err
	}
	defer drop()
	if err := db.fill(ctx, at.conn, n, false); err != nil {
		return nil, err
	}
	s, err := w.start(ctx, db, crmURLs{hubspot: p.url})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }()
	select {
	case <-time.After(time.Minute):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	_, peak, err := memoryOf(s.pid())
	if err != nil {
		return nil, err
	}
	var done int
	if err := db.pool.QueryRow(ctx, `select count(*) from crm_write_log where status = 'succeeded'`).Scan(&done); err != nil {
		return nil, err
	}
	if done == 0 {
		return nil, fmt.Errorf("nothing of the backlog was written in a minute")
	}
	w.say("  %d of %d writes in a minute", done, n)
	return []figure{{Name: "rss_drain_mib", Value: peak, Unit: "MiB"}}, nil
}
