package delivery

import (
	"context"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/jackc/pgx/v5"
)

// job is the drain of the bench's connection that is not over.
func (b *bench) job() (state, queue string, at time.Time, all int) {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `select state::text, queue, scheduled_at from `+store.JobSchema+`.river_job
		where kind = 'crm.drain' and state not in ('completed', 'cancelled', 'discarded')`)
	if err != nil {
		b.t.Fatal(err)
	}
	for rows.Next() {
		if err := rows.Scan(&state, &queue, &at); err != nil {
			b.t.Fatal(err)
		}
		all++
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return state, queue, at, all
}

func (b *bench) wake() {
	b.t.Helper()
	if err := pgx.BeginFunc(b.t.Context(), b.pool, func(tx pgx.Tx) error { return b.engine.Wake(b.t.Context(), tx, b.conn.ID) }); err != nil {
		b.t.Fatal(err)
	}
}

func TestWakingMakesOneDrainInTheQueueOfItsCRMHoweverOften(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`delete from ` + store.JobSchema + `.river_job`)
	b.wake()
	b.wake()
	if state, queue, _, all := b.job(); state != "available" || queue != "drain_hubspot" || all != 1 {
		t.Errorf("%d drains, one %s in %s; want one in HubSpot's queue", all, state, queue)
	}
}

func TestWakingPullsForwardADrainThatSleepsAndLeavesOneThatRuns(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{"scheduled": "available", "retryable": "available", "running": "running"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.exec(`update `+store.JobSchema+`.river_job set state = $1::text::`+store.JobSchema+`.river_job_state, scheduled_at = now() + interval '1 hour',
				attempt = 1, attempted_at = now()`, state)
			b.wake()
			got, _, at, all := b.job()
			if soon := time.Until(at) < time.Minute; got != want || all != 1 || soon != (want == "available") {
				t.Errorf("the drain is %s at %s, %d in all; want it %s", got, at, all, want)
			}
		})
	}
}

func TestWakingLeavesADrainThatComesWhenItsConnectionHasRested(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rest, at string
		want     string
	}{
		"at the end of the rest": {"1 hour", "1 hour", "scheduled"},
		"long after the rest":    {"1 minute", "1 hour", "available"},
		"the rest is over":       {"-1 second", "1 hour", "available"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.exec(`update crm_connections set paused_until = now() + $1::text::interval`, c.rest)
			b.exec(`update `+store.JobSchema+`.river_job set state = 'scheduled', scheduled_at = (select coalesce(max(paused_until), now()) from crm_connections)
				+ $1::text::interval - $2::text::interval`, c.at, c.rest)
			b.wake()
			if got, _, _, all := b.job(); got != c.want || all != 1 {
				t.Errorf("the drain is %s, %d in all; want it %s", got, all, c.want)
			}
		})
	}
}

// paced is a CRM whose account has no room for calls until the test says so.
type paced struct {
	*script
	room func() time.Duration
}

// Room is connectors.Pacer.
func (p paced) Room(connectors.Account, int) time.Duration { return p.room() }

func TestAConnectionWhoseAccountHasNoRoomRestsAndClaimsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	full := true
	b.engine = b.newEngine(func(c *Config) {
		c.Connectors = []connectors.Connector{paced{b.crm, func() time.Duration {
			b.crm.mu.Lock()
			defer b.crm.mu.Unlock()
			if full {
				return time.Hour
			}
			return 0
		}}}
	})
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	c := b.untilRest(0)
	if left := time.Until(*c.PausedUntil); left < 59*time.Minute || left > time.Hour || c.LastError != nil || c.Status != store.ConnectionConnected {
		t.Errorf("it rests for %s, is %s and says %q; want an hour, and no trouble", left, c.Status, c.LastErrorCode)
	}
	if got := b.write(w.ID); got.Attempt != 0 || got.Status != store.Queued {
		t.Errorf("the row is %s after %d attempts, want it untouched", got.Status, got.Attempt)
	}
	b.crm.mu.Lock()
	full = false
	b.crm.mu.Unlock()
	b.runDue()
	b.until(w.ID, store.Succeeded)
}

func TestWhatIsOlderThanTheRetentionIsDeletedPartByPartUntilNothingIsLeft(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) { c.Retention = 90 * 24 * time.Hour })
	old := b.append("old", "contact", "task") // the contact can only go after its task
	young, waits := b.append("young", "task")[0], b.append("waits", "task")[0]
	b.exec(`update crm_write_log set status = 'sending', attempt = 1, lease_until = now(), send_deadline = now() where id <> $1`, waits.ID)
	b.exec(`update crm_write_log set status = 'succeeded', settled_at = now(), lease_until = null, send_deadline = null, crm_object_id = id::text, crm_object_type = 'x' where id <> $1`, waits.ID)
	b.exec(`update crm_write_log set created_at = now() - interval '100 days', settled_at = settled_at - interval '99 days' where id <> $1`, young.ID)
	if err := (&retireWorker{engine: b.engine}).Work(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, w := range old {
		if _, err := b.store.Write(context.WithoutCancel(t.Context()), b.workspace, w.ID); err == nil {
			t.Errorf("the old %s is still there", w.ObjectType)
		}
	}
	for _, w := range []store.Write{young, waits} {
		if _, err := b.store.Write(t.Context(), b.workspace, w.ID); err != nil {
			t.Errorf("a %s that is young or waits: %v", w.ObjectType, err)
		}
	}
}

func TestNothingIsRetiredUnlessARetentionIsSet(t *testing.T) {
	t.Parallel()
	if with, without := len(periodicJobs(true)), len(periodicJobs(false)); with != without+1 {
		t.Errorf("%d periodic jobs with a retention and %d without, want one more", with, without)
	}
}
