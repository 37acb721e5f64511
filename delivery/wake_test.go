package delivery

import (
	"context"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/jackc/pgx/v5"
)

const theJob = `select (to_jsonb(j) - '{id,created_at,scheduled_at,attempted_at,finalized_at}'::text[] || jsonb_build_object(
	'soon', scheduled_at < now() + interval '1 minute', 'final', finalized_at is not null))::text from ` + store.JobSchema + `.river_job j where kind = 'crm.drain'`

// The database wakes a drain by itself, so that accepting waits for nothing in its middle; the job must be such as River itself makes, and River
// must hear of it.
func TestTheDatabaseMakesAndPullsForwardADrainAsRiverWould(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ear, err := b.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer ear.Release()
	if _, err := ear.Exec(t.Context(), `listen "river.river_insert"`); err != nil {
		t.Fatal(err)
	}
	// outcome is the job that a waker leaves, and what River was told.
	outcome := func(wake func(context.Context, pgx.Tx) error) (job, told string) {
		t.Helper()
		if err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { return wake(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
		for { // the first is of this waker; later ones say the same
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			n, err := ear.Conn().WaitForNotification(ctx)
			cancel()
			if err != nil {
				break
			}
			told = n.Payload
		}
		if err := b.pool.QueryRow(t.Context(), theJob).Scan(&job); err != nil {
			t.Fatal(err)
		}
		return job, told
	}
	database := func(ctx context.Context, tx pgx.Tx) error { return b.engine.Wake(ctx, tx, b.conn.ID) }
	b.exec(`delete from ` + store.JobSchema + `.river_job`)
	want, wantTold := outcome(func(ctx context.Context, tx pgx.Tx) error {
		_, err := b.engine.river.InsertTx(ctx, tx, drainArgs{ConnectionID: b.conn.ID}, drainOpts(connectors.HubSpot))
		return err
	})
	b.exec(`delete from ` + store.JobSchema + `.river_job`)
	if got, told := outcome(database); got != want || told != wantTold || told == "" {
		t.Errorf("the database makes %s\nand River        %s\nRiver is told %q and %q", got, want, told, wantTold)
	}

	const asleep = `update ` + store.JobSchema + `.river_job set state = $1::text::` + store.JobSchema + `.river_job_state, scheduled_at = now() + interval '1 hour', attempt = 25`
	for _, state := range []string{"scheduled", "retryable"} {
		b.exec(asleep, state)
		want, _ := outcome(func(ctx context.Context, tx pgx.Tx) error {
			var id int64
			if err := tx.QueryRow(ctx, `select id from `+store.JobSchema+`.river_job where kind = 'crm.drain'`).Scan(&id); err != nil {
				return err
			}
			_, err := b.engine.river.JobRetryTx(ctx, tx, id)
			return err
		})
		b.exec(`update ` + store.JobSchema + `.river_job set max_attempts = 25`)
		b.exec(asleep, state)
		if got, _ := outcome(database); got != want {
			t.Errorf("one that is %s: the database leaves %s\nand River %s", state, got, want)
		}
	}
}
