package main

import (
	"context"
	"fmt"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
)

// growth compares the time that accepting one outcome and claiming a batch take in a small log and in one with a million settled writes.
// Its value is the larger of the two ratios.
func growth(ctx context.Context, w *world) ([]figure, error) {
	db, _, at, drop, err := w.account(ctx, false)
	if err != nil {
		return nil, err
	}
	defer drop()
	const rounds = 150
	small, err := db.pace(ctx, at.conn, 0, rounds)
	if err != nil {
		return nil, err
	}
	if err := db.fill(ctx, at.conn, w.scaled(1000000), true); err != nil {
		return nil, err
	}
	large, err := db.pace(ctx, at.conn, 1000000, rounds)
	if err != nil {
		return nil, err
	}
	var size float64
	if err := db.pool.QueryRow(ctx, `select (pg_total_relation_size('crm_write_log') + pg_total_relation_size('crm_write_attempts') + pg_total_relation_size('crm_object_links'))::float8
		/ (select count(*) from crm_write_log)`).Scan(&size); err != nil {
		return nil, err
	}
	w.say("  %.0f bytes of disk a write, with its indexes, attempt and known contact", size)
	w.say("  accept %.2f -> %.2f ms, claim %.2f -> %.2f ms", small.accept, large.accept, small.claim, large.claim)
	none := 1.0
	return []figure{{Name: "growth_ratio", Value: max(large.accept/small.accept, large.claim/small.claim), Unit: "x", Floor: &none}}, nil
}

// paces are medians in milliseconds.
type paces struct{ accept, claim float64 }

// pace accepts outcomes one by one, and claims and settles batches between them as a drain does.
func (db *database) pace(ctx context.Context, c store.Connection, from, rounds int) (paces, error) {
	conn, err := db.store.BeginDrain(ctx, c.ID)
	if err != nil {
		return paces{}, err
	}
	const batch = 100
	lease := store.Lease{Hold: 90 * time.Second, Send: 50 * time.Second}
	if err := db.backlog(ctx, c.WorkspaceID, c.CRM, from, from+(rounds+1)*batch, true); err != nil {
		return paces{}, err
	}
	from += (rounds + 1) * batch
	var accepts, claims []float64
	for i := range rounds {
		o, err := stored(c.WorkspaceID, c.CRM, from+i, true)
		if err != nil {
			return paces{}, err
		}
		began := time.Now()
		if _, err := db.store.Append(ctx, []store.Outcome{o}, asleep); err != nil {
			return paces{}, err
		}
		accepts = append(accepts, time.Since(began).Seconds()*1000)
		began = time.Now()
		claimed, err := db.store.Claim(ctx, c.ID, conn.DrainEpoch, batch, lease)
		if err != nil {
			return paces{}, err
		}
		claims = append(claims, time.Since(began).Seconds()*1000)
		settlements := make([]store.Settlement, len(claimed))
		for n, r := range claimed {
			settlements[n] = store.Settlement{ID: r.ID, Attempt: r.Attempt, Status: store.Succeeded, CRMObjectType: "records", CRMObjectID: uuid.NewString(), Outcome: "created",
				Kind: "send", StartedAt: began, EndedAt: began, Result: "succeeded", Wrote: true}
		}
		if len(claimed) == 0 {
			return paces{}, fmt.Errorf("nothing to claim in round %d", i)
		}
		if _, err := db.store.Settle(ctx, settlements); err != nil {
			return paces{}, err
		}
	}
	return paces{quantile(accepts, 0.5), quantile(claims, 0.5)}, nil
}
