package handlers_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"crm-connectors/api"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The database wakes the delivery when an outcome is accepted, the engine at every other time: whoever it is, the same job is there afterwards,
// and River hears the same of it.
func TestTheDatabaseWakesAsTheEngineDoes(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	c := d.connect(hubSpot).ID
	ear, err := d.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Release()
	if _, err := ear.Exec(t.Context(), `listen "river.river_insert"`); err != nil {
		t.Fatal(err)
	}
	heard := map[string]string{} // the first thing that each says
	listen := func(who string) {
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			n, err := ear.Conn().WaitForNotification(ctx)
			cancel()
			if err != nil {
				return
			}
			if heard[who] == "" {
				heard[who] = n.Payload
			}
		}
	}
	wakers := map[string]func() error{
		"engine": func() error {
			return pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error { return d.engine.Wake(t.Context(), tx, c) })
		},
		"database": func() error {
			decode[api.SyncAccepted](d.call(http.MethodPost, "/sync", d.whole(uuid.NewString())), http.StatusAccepted)
			return nil
		},
	}
	const jobs = `select jsonb_agg(to_jsonb(j) - '{id,created_at,scheduled_at,attempted_at,finalized_at}'::text[] || jsonb_build_object(
		'hours', greatest(-1, round(extract(epoch from scheduled_at - now()) / 3600)), 'final', finalized_at is not null) order by id)::text from river.river_job j`
	for name, before := range map[string]string{
		"nothing is on its way":              `delete from river.river_job`,
		"one is about to run":                `update river.river_job set scheduled_at = '2026-01-01'`,
		"one runs":                           `update river.river_job set state = 'running', attempt = 1, attempted_at = '2026-01-01'`,
		"one sleeps":                         `update river.river_job set state = 'scheduled', scheduled_at = now() + interval '1 hour'`,
		"one failed for the last time":       `update river.river_job set state = 'retryable', attempt = 25, scheduled_at = now() + interval '1 hour'`,
		"one sleeps until the pause's end":   `update crm_connections set paused_until = now() + interval '1 hour'; update river.river_job set state = 'scheduled', scheduled_at = now() + interval '1 hour'`,
		"one failed and the account rests":   `update crm_connections set paused_until = now() + interval '1 hour'; update river.river_job set state = 'retryable', scheduled_at = now()`,
		"one sleeps longer than the pause":   `update crm_connections set paused_until = now() + interval '1 hour'; update river.river_job set state = 'scheduled', scheduled_at = now() + interval '2 hours'`,
		"the last one is done":               `update river.river_job set state = 'completed', finalized_at = now()`,
		"the last one was taken off by hand": `update river.river_job set state = 'cancelled', finalized_at = now()`,
	} {
		left := map[string]string{}
		for who, wake := range wakers {
			d.exec(`delete from river.river_job; update crm_connections set paused_until = null`)
			if err := wakers["engine"](); err != nil {
				t.Fatal(err)
			}
			d.exec(before)
			listen("before")
			if err := wake(); err != nil {
				t.Fatal(err)
			}
			listen(who)
			var out string
			if err := d.pool.QueryRow(t.Context(), jobs).Scan(&out); err != nil {
				t.Fatal(err)
			}
			left[who] = out
		}
		if left["engine"] != left["database"] {
			t.Errorf("%s:\nthe engine leaves %s\nthe database    %s", name, left["engine"], left["database"])
		}
	}
	if heard["database"] != heard["engine"] || heard["engine"] == "" {
		t.Errorf("River is told %q by the engine and %q by the database", heard["engine"], heard["database"])
	}
}
