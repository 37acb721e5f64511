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

// quiet gives a service with one connection that has a drain but rests, so that accepting is measured alone.
func (w *world) quiet(ctx context.Context) (*database, *service, *portal, func(), error) {
	db, drop, err := w.database(ctx)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	p, err := w.portals(ctx)
	if err != nil {
		return nil, nil, nil, drop, err
	}
	at, err := p.open(ctx, db, false)
	if err != nil {
		return nil, nil, nil, drop, err
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
	rate, err := together(n, func(i int) error {
		return s.send(ctx, http.MethodPost, "/functions/v1/sync/hubspot", bytes.NewReader(bodies[i]), nil)
	})
	if err != nil {
		return nil, err
	}
	rows, err := db.bareRows(ctx)
	if err != nil {
		return nil, err
	}
	bare, err := together(len(rows)/3, func(i int) error {
		batch := &pgx.Batch{} // one round trip and one commit, as an outcome has
		for _, row := range rows[3*i : 3*i+3] {
			batch.Queue(bareInsert, row...)
		}
		return db.pool.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return nil, err
	}
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
	rate, err := together(n, func(i int) error {
		return s.send(ctx, http.MethodPost, "/functions/v1/sync/hubspot/batch", bytes.NewReader(bodies[i]), nil)
	})
	if err != nil {
		return nil, err
	}
	rows, err := db.bareRows(ctx)
	if err != nil {
		return nil, err
	}
	bare, err := together(n, func(i int) error {
		_, err := db.pool.CopyFrom(ctx, pgx.Identifier{"bare"}, bareColumns(), pgx.CopyFromRows(rows[i*len(rows)/n:(i+1)*len(rows)/n]))
		return err
	})
	if err != nil {
		return nil, err
	}
	echo, err := w.echo(ctx, n, bodies)
	return []figure{faster("batch_accept_per_second", "outcomes/s", rate*batchSize, bare*batchSize, echo*batchSize)}, err
}

func bareColumns() []string {
	return []string{"id", "sync_id", "workspace_id", "crm", "connection_id", "crm_account_id", "object_type", "object_id", "action", "source_event_id",
		"idempotency_key", "marker", "payload_json", "payload_hash", "thread_id", "depends_on", "ordering_key", "status"}
}

const bareInsert = `insert into bare (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
	idempotency_key, marker, payload_json, payload_hash, thread_id, depends_on, ordering_key, status)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`

// bareRows are the rows that the service made, and makes the table bare for them with the same columns, constraints and indexes.
func (db *database) bareRows(ctx context.Context) ([][]any, error) {
	if _, err := db.pool.Exec(ctx, `create table bare (like crm_write_log including all)`); err != nil {
		return nil, err
	}
	rows, err := db.pool.Query(ctx, `select id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
		idempotency_key, marker, payload_json, payload_hash, thread_id, depends_on, ordering_key, status from crm_write_log order by source_event_id, seq`)
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
