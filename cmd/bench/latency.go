package main

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// firstByte sends outcomes one at a time to an idle service and measures, from the caller's request to the first request of its outcome that
// the CRM sees. It counts the accepting too.
func firstByte(ctx context.Context, w *world) ([]figure, error) {
	n := max(20, w.scaled(300))
	db, p, at, drop, err := w.account(ctx, false)
	if err != nil {
		return nil, err
	}
	defer drop()
	s, err := w.start(ctx, db, crmURLs{hubspot: p.url})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }()
	seen := make(chan time.Time, 64)
	report := func(t time.Time) {
		select {
		case seen <- t:
		default:
		}
	}
	var waits, echoes []float64
	for i := range n + 5 {
		for len(seen) > 0 {
			<-seen
		}
		p.first.Store(&report)
		began := time.Now()
		if err := s.call(ctx, http.MethodPost, "/functions/v1/sync/hubspot", outcome(at.workspace, i, true), nil); err != nil {
			return nil, err
		}
		var first time.Time
		select {
		case first = <-seen:
		case <-time.After(30 * time.Second):
		}
		p.first.Store(nil)
		if err := db.drained(ctx, time.Minute); err != nil {
			return nil, err
		}
		if i >= 5 { // before that it learns of the account
			waits = append(waits, first.Sub(began).Seconds()*1000)
		}
		began = time.Now()
		if err := s.call(ctx, http.MethodGet, "/healthz", nil, nil); err != nil {
			return nil, err
		}
		echoes = append(echoes, time.Since(began).Seconds()*1000)
		time.Sleep(30 * time.Millisecond)
	}
	var out []figure
	for _, q := range []struct {
		name string
		at   float64
	}{{"first_byte_ms_p50", 0.5}, {"first_byte_ms_p99", 0.99}} {
		floor := quantile(echoes, q.at)
		out = append(out, figure{Name: q.name, Value: quantile(waits, q.at), Unit: "ms", Floor: &floor})
	}
	return out, nil
}

// quantile is the value below which the share q of the values lies.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
