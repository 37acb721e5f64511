package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	months      = 12              // of settled writes
	layoutWait  = 8 * time.Second // for each kind of round, at most
	layoutBatch = 100             // writes of a claim
)

// layout is the log in one table, or in one partition a month. Both have the log's columns, rules and indexes; a partitioned table's unique
// indexes must hold the month as well, and nothing can refer to its rows by id alone.
type layout struct {
	name, table string
	byMonth     bool
	accepts     []float64 // milliseconds
	claims      []float64
	retire      time.Duration // of the oldest month, with the vacuum that this takes
}

// partitions prints what accepting, claiming and retiring cost in both layouts. They take turns, so that a busy machine troubles both alike.
func partitions(ctx context.Context, w *world, out io.Writer) error {
	db, _, at, drop, err := w.account(ctx, false)
	if err != nil {
		return err
	}
	defer drop()
	layouts := []*layout{{name: "one table", table: "plain"}, {name: "by month", table: "parted", byMonth: true}}
	began := time.Now()
	n := w.scaled(1000000)
	if err := db.layOut(ctx, layouts, at.conn, n); err != nil {
		return err
	}
	w.say("  two logs of %d settled writes made in %.0f s", n, time.Since(began).Seconds())
	if err := db.takeTurns(ctx, layouts, at.conn); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "log        accept ms  claim of 100 ms  retire a month ms")
	for _, l := range layouts {
		if l.retire, err = db.retireMonth(ctx, l); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%-9s  %9.2f  %15.2f  %17.0f\n", l.name, quantile(l.accepts, 0.5), quantile(l.claims, 0.5), l.retire.Seconds()*1000)
	}
	return nil
}

// layOut makes and fills both tables, and then their indexes.
func (db *database) layOut(ctx context.Context, layouts []*layout, c store.Connection, n int) error {
	statements := []string{
		`create sequence layout_seq`,
		`create table plain (like crm_write_log including defaults including constraints)`,
		`alter table plain alter column seq set default nextval('layout_seq')`,
		`create table parted (like plain including defaults including constraints) partition by range (created_at)`,
	}
	for m := range months + 1 {
		statements = append(statements, fmt.Sprintf(`do $$ begin execute format('create table parted_%d partition of parted for values from (%%L) to (%%L)',
			date_trunc('month', now()) - interval '%d months', date_trunc('month', now()) - interval '%d months'); end $$`, m, months-m, months-m-1))
	}
	for _, sql := range statements {
		if _, err := db.pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if _, err := db.pool.Exec(ctx, layoutFill, c.WorkspaceID, c.ID, n, taskBody, months); err != nil {
		return err
	}
	if _, err := db.pool.Exec(ctx, `insert into parted select * from plain`); err != nil {
		return err
	}
	rows, err := db.pool.Query(ctx, `select indexdef from pg_indexes where tablename = 'crm_write_log' and schemaname = current_schema order by indexname`)
	if err != nil {
		return err
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, l := range layouts {
		for _, def := range indexes {
			if _, err := db.pool.Exec(ctx, l.index(def)); err != nil {
				return fmt.Errorf("%s: %w", l.index(def), err)
			}
		}
	}
	if _, err := db.pool.Exec(ctx, `alter table plain add foreign key (depends_on) references plain (id)`); err != nil {
		return err
	}
	_, err = db.pool.Exec(ctx, `vacuum analyze`)
	return err
}

// index is an index of the log for this layout.
func (l *layout) index(def string) string {
	def = regexp.MustCompile(`INDEX \S+ ON \S+`).ReplaceAllString(def, "INDEX ON "+l.table)
	if l.byMonth && strings.HasPrefix(def, "CREATE UNIQUE") {
		def = strings.Replace(def, ")", ", created_at)", 1)
	}
	return def
}

// layoutFill makes a third of $3 outcomes, spread over $5 months before this one.
const layoutFill = `insert into plain (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
		idempotency_key, marker, payload_json, payload_hash, depends_on, ordering_key, status, crm_object_type, crm_object_id, outcome, settled_at, created_at)
	select md5(o || k)::uuid, md5(o::text)::uuid, $1, 'hubspot', $2, 'a', k, k || o, case k when 'contact' then 'upsert' else 'create' end, 'e' || o,
		encode(sha256(convert_to(o || k, 'UTF8')), 'hex'), substr(md5(o || k), 1, 26), jsonb_build_object('id', o, 'body', $4::text),
		encode(sha256(convert_to(k || o, 'UTF8')), 'hex'), case k when 'contact' then null else md5(o || 'contact')::uuid end,
		case k when 'contact' then 'p' || o end, 'succeeded', k, k || o, 'created', at, at
	from generate_series(0, $3::int / 3 - 1) o cross join unnest(array['contact', 'task', 'rollup']) k,
		lateral (select date_trunc('month', now()) - make_interval(months => $5::int - o * $5::int / ($3::int / 3)) + interval '1 day' as at) a
	order by o`

// accept is the statement that stores outcome $3, of which each row depends on a contact that is settled. Over partitions no index keeps a key
// unique: who inserts looks for it in each of them, and holds the workspace, so that no other does at the same time.
func (l *layout) accept(b *pgx.Batch, c store.Connection, i int) {
	unless := ""
	if l.byMonth {
		b.Queue(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, c.WorkspaceID.String())
		unless = ` where not exists (select from parted p where p.workspace_id = $1 and p.crm = 'hubspot' and p.idempotency_key = encode(sha256(convert_to('new' || $3::int || k, 'UTF8')), 'hex'))`
	}
	b.Queue(`insert into `+l.table+` (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
			idempotency_key, marker, payload_json, payload_hash, depends_on, ordering_key, status)
		select md5('new' || $3::int || k)::uuid, md5('new' || $3::int)::uuid, $1, 'hubspot', $2, 'a', k, 'new' || k || $3::int, case k when 'contact' then 'upsert' else 'create' end, 'new' || $3::int,
			encode(sha256(convert_to('new' || $3::int || k, 'UTF8')), 'hex'), substr(md5('new' || $3::int || k), 1, 26), jsonb_build_object('id', $3::int, 'body', $4::text),
			'', md5($3::int || 'contact')::uuid, case k when 'contact' then 'p' || $3::int end, 'queued'
		from unnest(array['contact', 'task', 'rollup']) k`+unless+` on conflict do nothing`, c.WorkspaceID, c.ID, i, taskBody)
}

// claim takes what is due as the service does: its contact settled, nothing older of its ordering key unfinished. It settles the same rows.
func (l *layout) claim() (take, settle string) {
	month := "" // which a claim knows, and so need not look for its rows in every partition
	if l.byMonth {
		month = " and w.created_at = due.created_at"
	}
	take = strings.ReplaceAll(`with due as (select w.id, w.created_at from LOG w where w.connection_id = $1 and w.object_type = 'contact' and w.status = 'queued'
			and w.next_attempt_at <= now() and exists (select from LOG d where d.id = w.depends_on and d.status = 'succeeded')
			and not exists (select from LOG o where o.connection_id = w.connection_id and o.ordering_key = w.ordering_key
				and o.status in ('queued', 'sending', 'in_doubt', 'reconciling', 'blocked') and o.seq < w.seq)
			order by w.next_attempt_at, w.seq limit $2 for update skip locked)
		update LOG w set status = 'sending', attempt = w.attempt + 1, lease_until = now() + interval '90 seconds' from due
		where w.id = due.id`+month+` returning w.id`, "LOG", l.table)
	return take, `update ` + l.table + ` set status = 'succeeded', lease_until = null, settled_at = now(), crm_object_id = id::text where id = any($1)`
}

// takeTurns accepts outcomes and claims batches of them, one layout after the other.
func (db *database) takeTurns(ctx context.Context, layouts []*layout, c store.Connection) error {
	next := 0
	for began := time.Now(); next < 30*layoutBatch && (next < 10*layoutBatch || time.Since(began) < layoutWait); next++ {
		for _, l := range layouts {
			b := &pgx.Batch{}
			l.accept(b, c, next)
			at := time.Now()
			if err := db.pool.SendBatch(ctx, b).Close(); err != nil {
				return fmt.Errorf("accept, %s: %w", l.name, err)
			}
			l.accepts = append(l.accepts, time.Since(at).Seconds()*1000)
		}
	}
	for range next / layoutBatch {
		for _, l := range layouts {
			take, settle := l.claim()
			at := time.Now()
			rows, err := db.pool.Query(ctx, take, c.ID, layoutBatch)
			if err != nil {
				return fmt.Errorf("claim, %s: %w", l.name, err)
			}
			ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			if err != nil {
				return fmt.Errorf("claim, %s: %w", l.name, err)
			}
			if len(ids) != layoutBatch {
				return fmt.Errorf("claim, %s: %d writes of %d", l.name, len(ids), layoutBatch)
			}
			l.claims = append(l.claims, time.Since(at).Seconds()*1000)
			if _, err := db.pool.Exec(ctx, settle, ids); err != nil {
				return fmt.Errorf("settle, %s: %w", l.name, err)
			}
		}
	}
	return nil
}

// retireMonth forgets the oldest month: by lots and a vacuum, or by a look whether all of it is settled, and a drop.
func (db *database) retireMonth(ctx context.Context, l *layout) (time.Duration, error) {
	began := time.Now()
	if l.byMonth {
		var open bool
		if err := db.pool.QueryRow(ctx, `select exists (select from parted_0 where status not in ('succeeded', 'cancelled') or alarm <> '')`).Scan(&open); err != nil {
			return 0, err
		}
		if open {
			return 0, fmt.Errorf("the oldest month is not settled")
		}
		_, err := db.pool.Exec(ctx, `drop table parted_0`)
		return time.Since(began), err
	}
	for {
		tag, err := db.pool.Exec(ctx, `delete from plain where id in (select w.id from plain w
			where w.created_at < date_trunc('month', now()) - make_interval(months => $1) and w.settled_at < now() and w.status in ('succeeded', 'cancelled') and w.alarm = ''
				and not exists (select from plain d where d.depends_on = w.id) limit 5000 for update skip locked)`, months-1)
		if err != nil {
			return 0, err
		}
		if tag.RowsAffected() == 0 {
			break
		}
	}
	_, err := db.pool.Exec(ctx, `vacuum plain`)
	return time.Since(began), err
}
