package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// callers ask at once: more than cores, so that none of them idles.
const callers = 16

// together runs do for 0..n-1 by all callers and gives the rate a second.
func together(n int, do func(i int) error) (float64, error) {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// spent runs do and gives the CPU time that Postgres used meanwhile, and the process pid besides, if it is not 0.
func (w *world) spent(pid int, do func() error) (postgres, process time.Duration, err error) {
	pg, err := w.postgresCPU()
	if err != nil {
		return 0, 0, err
	}
	var own, then time.Duration
	if pid != 0 {
		if own, err = cpuOf(pid); err != nil {
			return 0, 0, err
		}
	}
	if err := do(); err != nil {
		return 0, 0, err
	}
	if pid != 0 {
		if then, err = cpuOf(pid); err != nil {
			return 0, 0, err
		}
	}
	after, err := w.postgresCPU()
	return after - pg, then - own, err
}

func (w *world) sayCPU(outcomes int, own, pg, bare time.Duration) {
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(outcomes) }
	w.say("  CPU an outcome: service %.0f µs, its Postgres %.0f µs, bare Postgres %.0f µs", each(own), each(pg), each(bare))
}

// quiet gives a service with one connection that has a drain but rests, so that accepting is measured alone.
func (w *world) quiet(ctx context.Context) (*database, *service, *portal, func(), error) {
	db, p, at, drop, err := w.account(ctx, false)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	if _, err := db.pool.Exec(ctx, `update crm_connections set paused_until = now() + interval '1 day'`); err != nil {
		return nil, nil, nil, drop, err
	}
	s, err := w.start(ctx, db, crmURLs{hubspot: p.url})
	if err != nil {
		return nil, nil, nil, drop, err
	}
	return db, s, at, func() { _ = s.stop(); drop() }, nil
}

// accepting sends single outcomes of three writes each, and then inserts the same rows into a table with the same indexes, bare.
func accepting(ctx context.Context, w *world) ([]figure, error) {
	n := w.scaled(10000)
	db, s, at, end, err := w.quiet(ctx)
	if end != nil {
		defer end()
	}
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, n)
	for i := range bodies {
		if bodies[i], err = json.Marshal(outcome(at.workspace, i, true)); err != nil {
			return nil, err
		}
	}
	var rate, bare float64
	pg, own, err := w.spent(s.pid(), func() error {
		rate, err = together(n, func(i int) error {
			return s.send(ctx, http.MethodPost, "/functions/v1/sync/hubspot", bytes.NewReader(bodies[i]), nil)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	rows, err := db.bareRows(ctx)
	if err != nil {
		return nil, err
	}
	barePG, _, err := w.spent(0, func() error {
		bare, err = together(len(rows)/3, func(i int) error {
			batch := &pgx.Batch{} // one round trip and one commit, as an outcome has
			for _, row := range rows[3*i : 3*i+3] {
				batch.Queue(bareInsert, row...)
			}
			return db.pool.SendBatch(ctx, batch).Close()
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	w.sayCPU(n, own, pg, barePG)
	echo, err := w.echo(ctx, n, bodies)
	return []figure{faster("accept_per_second", "outcomes/s", rate, bare, echo)}, err
}

// acceptingBatches does the same with batches of a thousand, against unnest.
func acceptingBatches(ctx context.Context, w *world) ([]figure, error) {
	n := max(4, w.scaled(40))
	db, s, at, end, err := w.quiet(ctx)
	if end != nil {
		defer end()
	}
	if err != nil {
		return nil, err
	}
	bodies := make([][]byte, n)
	for b := range bodies {
		list := make([]map[string]any, batchSize)
		for i := range list {
			list[i] = outcome(at.workspace, b*batchSize+i, true)
		}
		if bodies[b], err = json.Marshal(map[string]any{"outcomes": list}); err != nil {
			return nil, err
		}
	}
	var rate, bare float64
	pg, own, err := w.spent(s.pid(), func() error {
		rate, err = together(n, func(i int) error {
			return s.send(ctx, http.MethodPost, "/functions/v1/sync/hubspot/batch", bytes.NewReader(bodies[i]), nil)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	rows, err := db.bareRows(ctx)
	if err != nil {
		return nil, err
	}
	barePG, _, err := w.spent(0, func() error {
		bare, err = together(n, func(i int) error {
			_, err := db.pool.Exec(ctx, bareUnnest, arrays(rows[i*len(rows)/n:(i+1)*len(rows)/n])...)
			return err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	w.sayCPU(n*batchSize, own, pg, barePG)
	echo, err := w.echo(ctx, n, bodies)
	return []figure{faster("batch_accept_per_second", "outcomes/s", rate*batchSize, bare*batchSize, echo*batchSize)}, err
}

const bareInsert = `insert into bare (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
	idempotency_key, marker, payload_json, payload_hash, thread_id, depends_on, ordering_key, status)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`

const bareUnnest = `insert into bare (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
	idempotency_key, marker, payload_json, payload_hash, thread_id, depends_on, ordering_key, status)
	select a, b, c, d, e, f, g, h, i, j, k, l, m::jsonb, n, o, p, q, r from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[],
		$8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::uuid[], $17::text[], $18::text[])
		as r (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)`

// arrays are the columns of rows.
func arrays(rows [][]any) []any {
	var out []any
	for c := range rows[0] {
		var ids pgtype.FlatArray[pgtype.UUID]
		var texts pgtype.FlatArray[*string]
		for _, row := range rows {
			switch v := row[c].(type) {
			case [16]byte:
				ids = append(ids, pgtype.UUID{Bytes: v, Valid: true})
			case string:
				texts = append(texts, &v)
			default:
				ids, texts = append(ids, pgtype.UUID{}), append(texts, nil)
			}
		}
		if len(texts) == len(rows) {
			out = append(out, texts)
		} else {
			out = append(out, ids)
		}
	}
	return out
}

// bareRows are the rows that the service made, and makes the table bare for them with the same columns, indexes and foreign keys.
func (db *database) bareRows(ctx context.Context) ([][]any, error) {
	if _, err := db.pool.Exec(ctx, `create table bare (like crm_write_log including all)`); err != nil {
		return nil, err
	}
	if _, err := db.pool.Exec(ctx, `alter table bare add foreign key (connection_id) references crm_connections (id), add foreign key (depends_on) references bare (id)`); err != nil {
		return nil, err
	}
	rows, err := db.pool.Query(ctx, `select id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
		idempotency_key, marker, payload_json::text, payload_hash, thread_id, depends_on, ordering_key, status from crm_write_log order by source_event_id, seq`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) ([]any, error) { return r.Values() })
}

// echo is the rate at which bodies travel over HTTP to a server that does nothing.
func (w *world) echo(ctx context.Context, n int, bodies [][]byte) (float64, error) {
	at, err := w.listen(ctx, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) }))
	if err != nil {
		return 0, err
	}
	s := &service{url: at, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	return together(n, func(i int) error { return s.send(ctx, http.MethodPost, "/", bytes.NewReader(bodies[i]), nil) })
}
