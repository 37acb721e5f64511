package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// drainArgs says that a connection has something due, and no more.
type drainArgs struct {
	ConnectionID uuid.UUID `json:"connection_id" river:"unique"`
}

// Kind names the job in River's tables.
func (drainArgs) Kind() string { return "crm.drain" }

// drainOpts make the job unique a connection in every state but the final ones: a finished drain must not block
// the next.
func drainOpts() *river.InsertOpts {
	return &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
		rivertype.JobStateScheduled, rivertype.JobStateRetryable}}}
}

// Wake is store.Wake: it makes sure that a drain of the connection will see what the transaction commits. A drain
// that sleeps is pulled forward; one that runs looks again under the connection's lock before it ends.
func (e *Engine) Wake(ctx context.Context, tx pgx.Tx, connectionID uuid.UUID) error {
	res, err := e.river.InsertTx(ctx, tx, drainArgs{ConnectionID: connectionID}, drainOpts())
	if err != nil {
		return fmt.Errorf("enqueue drain: %w", err)
	}
	if !res.UniqueSkippedAsDuplicate {
		return nil
	}
	switch res.Job.State {
	case rivertype.JobStateScheduled, rivertype.JobStateRetryable:
		if _, err := e.river.JobRetryTx(ctx, tx, res.Job.ID); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return fmt.Errorf("pull drain forward: %w", err)
		}
	}
	return nil
}

var _ store.Wake = (*Engine)(nil).Wake

type drainWorker struct {
	river.WorkerDefaults[drainArgs]
	engine *Engine
}

// Work runs one turn of a connection's drain.
func (w *drainWorker) Work(ctx context.Context, job *river.Job[drainArgs]) error {
	e := w.engine
	end := func(ctx context.Context, tx pgx.Tx, next *time.Time) error {
		if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
			return fmt.Errorf("complete drain: %w", err)
		}
		if next == nil {
			return nil
		}
		opts := drainOpts()
		if next.After(e.cfg.Now()) {
			opts.ScheduledAt = *next
		}
		if _, err := e.river.InsertTx(ctx, tx, drainArgs{ConnectionID: job.Args.ConnectionID}, opts); err != nil {
			return fmt.Errorf("enqueue next drain: %w", err)
		}
		return nil
	}
	err := e.drain(ctx, job.Args.ConnectionID, end)
	if errors.Is(err, store.ErrNotFound) {
		return river.JobCancel(err) // the connection is gone
	}
	if err != nil {
		e.log.Error().Err(err).Stringer("connection_id", job.Args.ConnectionID).Msg("drain stopped; it is tried again")
	}
	return err
}

// steadyRetry brings back a drain that failed for reasons of ours, such as a database that restarts: soon at first,
// then every half minute. The rows have their own schedule.
type steadyRetry struct{}

// NextRetry is River's ClientRetryPolicy.
func (steadyRetry) NextRetry(job *rivertype.JobRow) time.Time {
	wait := min(30*time.Second, time.Second<<min(len(job.Errors), 10))
	return time.Now().Add(wait)
}
