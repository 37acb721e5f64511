package delivery

import (
	"context"
	"time"

	"crm-connectors/connectors"

	"github.com/riverqueue/river"
)

const (
	upkeepQueue     = "upkeep"
	lateRequest     = 30 * time.Second // from the last moment to send to the end of a request's own deadline
	forgottenAfter  = 30 * time.Second // due for so long without a drain: its wake-up was lost
	doubtLimit      = 24 * time.Hour
	keepAliveEvery  = time.Hour
	keepAliveAge    = 7 * 24 * time.Hour // idle Salesforce refresh tokens die after 30 days
	keepAliveAtOnce = 50
)

type sweepArgs struct{}

// Kind names the job in River's tables.
func (sweepArgs) Kind() string { return "crm.sweep" }

type keepAliveArgs struct{}

// Kind names the job in River's tables.
func (keepAliveArgs) Kind() string { return "crm.keep_alive" }

// periodicJobs are enqueued by River's leader, one replica at a time.
func periodicJobs(sweepEvery time.Duration) []*river.PeriodicJob {
	opts := &river.InsertOpts{Queue: upkeepQueue, MaxAttempts: 1} // the next one comes anyway
	return []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(sweepEvery),
			func() (river.JobArgs, *river.InsertOpts) { return sweepArgs{}, opts }, &river.PeriodicJobOpts{RunOnStart: true}),
		river.NewPeriodicJob(river.PeriodicInterval(keepAliveEvery),
			func() (river.JobArgs, *river.InsertOpts) { return keepAliveArgs{}, opts }, nil),
	}
}

type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	engine *Engine
}

// Work takes rows from dead workers, gives lost wake-ups again and deletes what is over.
func (w *sweepWorker) Work(ctx context.Context, _ *river.Job[sweepArgs]) error {
	return w.engine.Sweep(ctx)
}

// Sweep does once what the service does by itself every few seconds. It is safe to call at any time.
func (e *Engine) Sweep(ctx context.Context) error {
	taken, err := e.store.Sweep(ctx, e.cfg.LateCommit+lateRequest, e.Wake)
	if err != nil {
		return err
	}
	woken, err := e.store.WakeDue(ctx, forgottenAfter, e.Wake)
	if err != nil {
		return err
	}
	parked, err := e.store.ParkOldDoubt(ctx, doubtLimit)
	if err != nil {
		return err
	}
	if _, err := e.store.ExplainWaiting(ctx); err != nil {
		return err
	}
	states, err := e.store.PurgeOAuthStates(ctx)
	if err != nil {
		return err
	}
	if taken > 0 || woken > 0 || parked > 0 {
		e.log.Warn().Str("event", "sweep").Int("abandoned", taken).Int("woken", woken).Int64("parked", parked).Int64("states_expired", states).Msg("sweep")
	}
	return nil
}

type keepAliveWorker struct {
	river.WorkerDefaults[keepAliveArgs]
	engine *Engine
}

// Work refreshes connections that nobody used for a week, so that their grants live and dead ones are noticed.
func (w *keepAliveWorker) Work(ctx context.Context, _ *river.Job[keepAliveArgs]) error {
	return w.engine.keepAlive(ctx, keepAliveAge)
}

func (e *Engine) keepAlive(ctx context.Context, age time.Duration) error {
	idle, err := e.store.IdleConnections(ctx, age, keepAliveAtOnce)
	if err != nil {
		return err
	}
	for _, conn := range idle {
		connector := e.connectors[connectors.CRM(conn.CRM)]
		if connector == nil {
			continue
		}
		t := &turn{engine: e, conn: conn, connector: connector}
		if cause := t.refresh(ctx); cause != nil {
			if err := t.giveUp(ctx, cause); err != nil {
				return err
			}
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil { // spread over the CRM's token endpoint
			return err
		}
	}
	return nil
}
