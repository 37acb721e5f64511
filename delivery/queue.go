package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// calledBack is how near a drain must be for this process to see to it by itself.
const calledBack = 20 * time.Second

// drainArgs says that a connection has something due, and no more.
type drainArgs struct {
	ConnectionID uuid.UUID `json:"connection_id" river:"unique"`
}

// Kind names the job in River's tables.
func (drainArgs) Kind() string { return "crm.drain" }

// drainQueue is where a CRM's drains wait. Each CRM has its own, with workers of its own, so that one whose calls all hang holds no other up.
func drainQueue(crm connectors.CRM) string { return "drain_" + string(crm) }

// queues are those of all CRMs that there are and, beside them, the one in which an earlier release has left drains.
func (c *Config) queues() map[string]river.QueueConfig {
	all := map[string]river.QueueConfig{upkeepQueue: {MaxWorkers: 2}, river.QueueDefault: {MaxWorkers: c.Workers},
		drainQueue(connectors.HubSpot): {MaxWorkers: c.Workers}, drainQueue(connectors.Salesforce): {MaxWorkers: c.Workers}}
	for _, connector := range c.Connectors {
		all[drainQueue(connector.CRM())] = river.QueueConfig{MaxWorkers: c.Workers}
	}
	return all
}

// drainOpts make the job unique a connection in every state but the final ones: a finished drain must not block
// the next.
func drainOpts(crm connectors.CRM) *river.InsertOpts {
	return &river.InsertOpts{Queue: drainQueue(crm), UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
		rivertype.JobStateScheduled, rivertype.JobStateRetryable}}}
}

// Wake is store.WakeDrain, for those who know the engine alone.
func (e *Engine) Wake(ctx context.Context, tx pgx.Tx, connectionID uuid.UUID) error {
	return store.WakeDrain(ctx, tx, connectionID)
}

var _ store.Wake = (*Engine)(nil).Wake

type drainWorker struct {
	river.WorkerDefaults[drainArgs]
	engine *Engine
}

// Work runs one turn of a connection's drain.
func (w *drainWorker) Work(ctx context.Context, job *river.Job[drainArgs]) error {
	e := w.engine
	var soon *time.Time
	end := func(ctx context.Context, tx pgx.Tx, crm connectors.CRM, next *time.Time) error {
		soon = next
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
			return fmt.Errorf("complete drain: %w", err)
		}
		if next == nil {
			return nil
		}
		opts := drainOpts(crm)
		if next.After(e.cfg.Now()) {
			opts.ScheduledAt = *next
		}
		if _, err := e.river.InsertTx(ctx, tx, drainArgs{ConnectionID: job.Args.ConnectionID}, opts); err != nil {
			return fmt.Errorf("enqueue next drain: %w", err)
		}
		return nil
	}
	err := e.drain(ctx, job.Args.ConnectionID, end)
	if err == nil && soon != nil {
		e.callBack(job.Args.ConnectionID, *soon)
	}
	if errors.Is(err, store.ErrNotFound) {
		return river.JobCancel(err) // the connection is gone
	}
	if err != nil {
		e.log.Error().Str("event", "drain_failed").Err(err).Stringer("connection_id", job.Args.ConnectionID).Msg("drain stopped; it is tried again")
	}
	return err
}

// callBack pulls a drain forward that is due within seconds, for River looks at its schedule only every five. It is a
// courtesy of this process: if it dies, the scheduled job is still there.
func (e *Engine) callBack(connectionID uuid.UUID, at time.Time) {
	wait := at.Sub(e.cfg.Now())
	if wait <= 0 || wait > calledBack {
		return
	}
	time.AfterFunc(wait+time.Millisecond, func() {
		if e.isStopping() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), calledBack)
		defer cancel()
		err := e.store.WakeAgain(ctx, connectionID, e.Wake)
		if err != nil && !e.isStopping() {
			e.log.Debug().Str("event", "drain_not_pulled").Err(err).Stringer("connection_id", connectionID).Msg("a drain was not pulled forward; its schedule brings it")
		}
	})
}

// reviveDrains gives up on drains that show no sign of life for as long as a claim lasts: their process is dead or stopped, and
// their job would keep others from the connection until River's own rescue, a leader's life and a minute later. Should the
// process come back, its drain is not the newest and claims nothing.
func (e *Engine) reviveDrains(ctx context.Context) (int64, error) {
	return e.store.ReviveDrains(ctx, drainArgs{}.Kind(), e.cfg.Lease.Hold)
}

// steadyRetry brings back a drain that failed for reasons of ours, such as a database that restarts: soon at first,
// then every half minute. The rows have their own schedule.
type steadyRetry struct{}

// NextRetry is River's ClientRetryPolicy.
func (steadyRetry) NextRetry(job *rivertype.JobRow) time.Time {
	wait := min(30*time.Second, time.Second<<min(len(job.Errors), 10))
	return time.Now().Add(wait)
}
