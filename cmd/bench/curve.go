package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// scaleOut prints how many outcomes a second 1, 2 and 4 processes carry together, each curve with as many accounts as keep them busy.
func scaleOut(ctx context.Context, w *world, out io.Writer) error {
	_, _ = fmt.Fprintln(out, "processes  outcomes/s  service CPU  Postgres CPU  (cores)")
	for _, processes := range []int{1, 2, 4} {
		rate, own, pg, err := w.fleet(ctx, processes)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%9d  %10.0f  %11.2f  %12.2f\n", processes, rate, own, pg)
	}
	return nil
}

// fleet drains a backlog with several processes and gives the rate, and the cores that they and Postgres kept busy.
func (w *world) fleet(ctx context.Context, processes int) (rate, own, postgres float64, err error) {
	db, drop, err := w.database(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	defer drop()
	p, err := w.portals(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	const accounts = 16
	n := w.scaled(2000)
	for range accounts {
		at, err := p.open(ctx, db, false)
		if err != nil {
			return 0, 0, 0, err
		}
		if err := db.backlog(ctx, at.workspace, "hubspot", 0, n, true); err != nil {
			return 0, 0, 0, err
		}
	}
	pgBefore, err := w.postgresCPU()
	if err != nil {
		return 0, 0, 0, err
	}
	began := time.Now()
	var all []*service
	defer func() {
		for _, s := range all {
			_ = s.stop()
		}
	}()
	for range processes {
		s, err := w.start(ctx, db, crmURLs{hubspot: p.url})
		if err != nil {
			return 0, 0, 0, err
		}
		all = append(all, s)
	}
	if err := db.drained(ctx, 10*time.Minute); err != nil {
		return 0, 0, 0, err
	}
	took := time.Since(began)
	pgAfter, err := w.postgresCPU()
	if err != nil {
		return 0, 0, 0, err
	}
	var sum time.Duration
	for _, s := range all {
		cpu, err := cpuOf(s.pid())
		if err != nil {
			return 0, 0, 0, err
		}
		sum += cpu
	}
	return float64(n*accounts) / took.Seconds(), sum.Seconds() / took.Seconds(), (pgAfter - pgBefore).Seconds() / took.Seconds(), nil
}
