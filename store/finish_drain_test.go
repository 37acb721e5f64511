package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"crm-connectors/store"
)

func (b *bench) epoch(id uuid.UUID) int64 {
	b.t.Helper()
	c, err := b.ConnectionByID(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c.DrainEpoch
}

func TestADrainThatIsNotTheNewestEndsThoughSomethingIsDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1"))
	for range 2 {
		if _, err := b.BeginDrain(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
	}
	var next *time.Time
	more, err := b.FinishDrain(t.Context(), c.ID, b.epoch(c.ID)-1, false, func(_ context.Context, _ pgx.Tx, at *time.Time) error {
		next = at
		return nil
	})
	if err != nil || more || next == nil {
		t.Errorf("more %v, %v, next %v; want an end that knows what is due", more, err, next)
	}
}

// finish ends a drain; next is what end was called with, called whether it was.
func (b *bench) finish(id uuid.UUID, yield bool) (more, called bool, next *time.Time) {
	b.t.Helper()
	more, err := b.FinishDrain(b.t.Context(), id, b.epoch(id), yield, func(_ context.Context, _ pgx.Tx, at *time.Time) error {
		called, next = true, at
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return more, called, next
}

// wantMore insists that the drain goes on.
func (b *bench) wantMore(what string, id uuid.UUID) {
	b.t.Helper()
	if more, called, _ := b.finish(id, false); !more || called {
		b.t.Errorf("%s: more %v, ended %v; want the drain to go on", what, more, called)
	}
}

// wantEnd insists that the drain ends with a successor at the given time from now, within some seconds; negative: with none.
func (b *bench) wantEnd(what string, id uuid.UUID, yield bool, in time.Duration) {
	b.t.Helper()
	more, called, next := b.finish(id, yield)
	if more || !called {
		b.t.Errorf("%s: more %v, ended %v; want the drain to end", what, more, called)
		return
	}
	switch {
	case in < 0 && next != nil:
		b.t.Errorf("%s: next at %v, want none", what, next)
	case in >= 0 && next == nil:
		b.t.Errorf("%s: no next, want one in %v", what, in)
	case in >= 0 && (time.Until(*next)-in).Abs() > 20*time.Second:
		b.t.Errorf("%s: next in %v, want %v", what, time.Until(*next), in)
	}
}

func TestADrainEndsOnlyWhenNothingIsDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.wantEnd("an empty log", c.ID, false, -1)
	writes := b.append(b.outcome("e1"))
	b.wantMore("something queued", c.ID)
	row := b.claimOne(c.ID)
	b.wantEnd("all on its way or waiting for it", c.ID, false, -1)
	b.settle(became(row, store.InDoubt))
	b.wantMore("something in doubt", c.ID)
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '10 minutes' where id = $1`, row.ID)
	b.wantEnd("in doubt, later", c.ID, false, 10*time.Minute)
	b.exec(`update crm_write_log set status = 'succeeded' where id = $1`, row.ID)
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '1 hour' where id = $1`, writes[1].ID)
	b.wantMore("one of two dependents", c.ID)
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '30 minutes' where id = $1`, writes[2].ID)
	b.wantEnd("the earlier of two", c.ID, false, 30*time.Minute)
}

func TestADrainThatYieldsLeavesASuccessorForWhatIsDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.wantEnd("nothing due", c.ID, true, -1)
	b.append(b.outcome("e1"))
	b.wantEnd("something due", c.ID, true, 0)
}

func TestADrainOfAPausedConnectionComesBackAfterThePause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.exec(`update crm_connections set paused_until = now() + interval '10 minutes'`)
	b.wantEnd("nothing due", c.ID, false, -1)
	b.append(b.outcome("e1", contact(ada)))
	b.wantEnd("due within the pause", c.ID, false, 10*time.Minute)
	b.exec(`update crm_write_log set next_attempt_at = now() + interval '20 minutes'`)
	b.wantEnd("due after the pause", c.ID, false, 20*time.Minute)
	b.exec(`update crm_connections set paused_until = now() - interval '1 second'`)
	b.exec(`update crm_write_log set next_attempt_at = now()`)
	b.wantMore("the pause over", c.ID)
}

func TestADrainOfABrokenConnectionEndsForGood(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	b.append(b.outcome("e1"))
	b.exec(`update crm_connections set status = 'error'`)
	b.wantEnd("in error", c.ID, false, -1)
}

func TestAFailedEndIsReported(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	no := errors.New("no")
	if more, err := b.FinishDrain(t.Context(), c.ID, c.DrainEpoch, false, func(context.Context, pgx.Tx, *time.Time) error { return no }); more || !errors.Is(err, no) {
		t.Errorf("got %v, %v; want the error of end", more, err)
	}
	if _, err := b.FinishDrain(t.Context(), uuid.New(), 0, false, nil); err == nil {
		t.Error("a drain of an unknown connection ended well")
	}
}

func TestADrainThatEndsWaitsForAnAppendAndSeesItsRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	inside, release := make(chan struct{}), make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		_, err := b.Append(t.Context(), []store.Outcome{b.outcome("e1")}, func(context.Context, pgx.Tx, uuid.UUID) error {
			close(inside)
			<-release
			return nil
		})
		if err != nil {
			t.Errorf("append: %v", err)
		}
	})
	<-inside
	calls.Go(func() {
		more, err := b.FinishDrain(t.Context(), c.ID, c.DrainEpoch, false, func(context.Context, pgx.Tx, *time.Time) error { return nil })
		if err != nil || !more {
			t.Errorf("finish: more %v, %v; want the drain to go on", more, err)
		}
	})
	defer calls.Wait()
	defer close(release)
	b.lockWaiter()
}

func TestAnAppendWaitsForADrainThatEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.connect("hubspot", "hub1")
	inside, release := make(chan struct{}), make(chan struct{})
	var ended atomic.Bool
	var calls sync.WaitGroup
	calls.Go(func() {
		_, err := b.FinishDrain(t.Context(), c.ID, c.DrainEpoch, false, func(context.Context, pgx.Tx, *time.Time) error {
			close(inside)
			<-release
			ended.Store(true)
			return nil
		})
		if err != nil {
			t.Errorf("finish: %v", err)
		}
	})
	<-inside
	calls.Go(func() {
		_, err := b.Append(t.Context(), []store.Outcome{b.outcome("e1")}, func(context.Context, pgx.Tx, uuid.UUID) error {
			if !ended.Load() {
				t.Error("the delivery was woken while its drain was ending")
			}
			return nil
		})
		if err != nil {
			t.Errorf("append: %v", err)
		}
	})
	defer calls.Wait()
	defer close(release)
	b.lockWaiter()
}

// jobs is the least of a job engine: one unique job a connection, which is skipped when there is one. A running job is
// not touched, so a wake-up is lost unless the drain that ends sees what was appended.
type jobs struct{ *bench }

func newJobs(b *bench) jobs {
	b.exec(`create table jobs (connection_id uuid primary key, at timestamptz not null, running bool not null default false)`)
	b.exec(`grant all on jobs to crm_connectors_workspace, crm_connectors_fleet`)
	return jobs{b}
}

func (j jobs) wake(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `insert into jobs (connection_id, at) values ($1, now()) on conflict do nothing`, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `update jobs set at = now() where connection_id = $1 and not running`, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `select pg_sleep(0.002)`) // for a drain to end between the wake-up and its commit, if it could
	return err
}

// work runs one due job, if there is one.
func (j jobs) work(ctx context.Context) error {
	var id uuid.UUID
	err := j.pool.QueryRow(ctx, `update jobs set running = true where connection_id = (select connection_id from jobs
		where not running and at <= now() limit 1 for update skip locked) returning connection_id`).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := j.BeginDrain(ctx, id)
	if err != nil {
		return err
	}
	for more := true; more; {
		rows, err := j.Claim(ctx, id, c.DrainEpoch, 10, lease)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if _, err := j.Settle(ctx, fates(rows)); err != nil {
				return err
			}
			continue
		}
		more, err = j.FinishDrain(ctx, id, c.DrainEpoch, false, func(ctx context.Context, tx pgx.Tx, next *time.Time) error {
			if next == nil {
				_, err := tx.Exec(ctx, `delete from jobs where connection_id = $1`, id)
				return err
			}
			_, err := tx.Exec(ctx, `update jobs set running = false, at = $2 where connection_id = $1`, id, *next)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fates writes most rows and has every fifth wait a moment, the first time.
func fates(rows []store.Claimed) []store.Settlement {
	out := make([]store.Settlement, len(rows))
	for i, r := range rows {
		out[i] = became(r, store.Succeeded)
		if r.Attempt == 1 && r.Seq%5 == 0 {
			out[i] = became(r, store.Queued)
			out[i].RetryIn = 0.05
		}
	}
	return out
}

func TestNoRowIsLeftBehindWhenDrainsEndWhileOthersAppend(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const appenders, outcomes, connections = 4, 60, 3
	j := newJobs(b)
	workspaces := make([]uuid.UUID, connections)
	for i := range workspaces {
		b.workspace = uuid.New()
		workspaces[i] = b.workspace
		b.connect("hubspot", "hub1")
	}
	var appended atomic.Int32
	var producers, workers sync.WaitGroup
	for p := range appenders {
		producers.Go(func() {
			for n := range outcomes {
				o := store.Outcome{WorkspaceID: workspaces[(p+n)%connections], SourceEventID: fmt.Sprint(p, n), Objects: []store.Object{task("t")}}
				if _, err := b.Append(t.Context(), []store.Outcome{o}, j.wake); err != nil {
					t.Errorf("append: %v", err)
				}
				appended.Add(1)
			}
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	for range connections {
		workers.Go(func() {
			for ctx.Err() == nil {
				if err := j.work(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("drain: %v", err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	producers.Wait()
	// Nobody wakes a connection from here on. With no job left, what is not written never will be.
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && value[bool](b, `select exists (select from jobs)`); {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	workers.Wait()
	written := value[int](b, `select count(*) from crm_write_log where status = 'succeeded'`)
	if want := appenders * outcomes; int(appended.Load()) != want || written != want {
		t.Errorf("%d of %d rows were written, want %d", written, appended.Load(), want)
	}
}
