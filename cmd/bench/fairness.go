package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	smallWorkspaces = 50
	smallOutcomes   = 10
)

// fairness gives one workspace a backlog of 100,000 writes and lets fifty others bring ten outcomes' contacts each. The figure is how long the
// unluckiest of those waited from their acceptance to the CRM's answer.
func fairness(ctx context.Context, w *world) ([]figure, error) {
	db, p, big, drop, err := w.account(ctx, true)
	if err != nil {
		return nil, err
	}
	defer drop()
	if err := db.fill(ctx, big.conn, w.scaled(100000), false); err != nil {
		return nil, err
	}
	small := make([]*portal, smallWorkspaces)
	for i := range small {
		if small[i], err = p.open(ctx, db, true); err != nil {
			return nil, err
		}
	}
	s, err := w.start(ctx, db, crmURLs{hubspot: p.url})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }()
	time.Sleep(3 * time.Second) // the large one is under way
	for _, at := range small {
		if err := s.post(ctx, "hubspot", at.workspace, 0, smallOutcomes, false); err != nil {
			return nil, err
		}
	}
	var left int
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if err := db.pool.QueryRow(ctx, `select count(*) from crm_write_log where workspace_id <> $1 and status <> 'succeeded'`, big.workspace).Scan(&left); err != nil {
			return nil, err
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%d writes of small workspaces were not written in two minutes", left)
		}
	}
	var wait, typical float64
	if err := db.pool.QueryRow(ctx, `select extract(epoch from percentile_cont(0.99) within group (order by settled_at - created_at))::float8,
		extract(epoch from percentile_cont(0.5) within group (order by settled_at - created_at))::float8
		from crm_write_log where workspace_id <> $1`, big.workspace).Scan(&wait, &typical); err != nil {
		return nil, err
	}
	w.say("  median %.2f s", typical)
	return []figure{{Name: "fair_wait_seconds_p99", Value: wait, Unit: "s"}}, nil
}

// blackHole compares how fast ten accounts are served with an eleventh that answers and with one that hangs for ever, three times each in turn. The
// loss is a share of the median rate.
func blackHole(ctx context.Context, w *world) ([]figure, error) {
	rates := map[bool][]float64{}
	for _, hangs := range []bool{false, true, true, false, false, true} {
		rate, err := w.beside(ctx, hangs)
		if err != nil {
			return nil, err
		}
		rates[hangs] = append(rates[hangs], rate)
	}
	none := 0.0
	w.say("  outcomes a second: %.0f while it answers, %.0f while it hangs", rates[false], rates[true])
	return []figure{{Name: "blackhole_loss", Value: max(0, 1-quantile(rates[true], 0.5)/quantile(rates[false], 0.5)), Unit: "share", Floor: &none}}, nil
}

// beside drains ten accounts with an eleventh beside them, and gives the outcomes of the ten a second.
func (w *world) beside(ctx context.Context, hangs bool) (float64, error) {
	db, drop, err := w.database(ctx)
	if err != nil {
		return 0, err
	}
	defer drop()
	p, err := w.portals(ctx)
	if err != nil {
		return 0, err
	}
	const accounts = 10
	n := w.scaled(1000)
	var wg sync.WaitGroup
	var all []*portal
	for i := range accounts + 1 {
		at, err := p.open(ctx, db, false)
		if err != nil {
			return 0, err
		}
		size := n
		if i == accounts { // the eleventh has little to do, so that it takes no share of the machine when it answers
			size = 10
			at.hangs.Store(hangs)
		}
		if err := db.backlog(ctx, at.workspace, "hubspot", 0, size, true); err != nil {
			return 0, err
		}
		all = append(all, at)
	}
	s, err := w.start(ctx, db, crmURLs{hubspot: p.url})
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.stop(); wg.Wait() }()
	began := time.Now()
	last := all[accounts].workspace
	for deadline := began.Add(10 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var open int
		if err := db.pool.QueryRow(ctx, `select count(*) from (select from crm_write_log where status in ('queued', 'sending') and workspace_id <> $1 limit 1) x`, last).Scan(&open); err != nil {
			return 0, err
		}
		if open == 0 {
			return float64(n*accounts) / time.Since(began).Seconds(), nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("not drained in ten minutes")
		}
	}
}
