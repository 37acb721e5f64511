package delivery

import (
	"context"
	"math/rand/v2"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/riverqueue/river"
)

const (
	upkeepQueue     = "upkeep"
	forgottenAfter  = 30 * time.Second // due for so long without a drain: its wake-up was lost
	doubtLimit      = 24 * time.Hour
	keepAliveEvery  = time.Hour
	aheadEvery      = 30 * time.Second
	aheadMargin     = 3 * time.Minute  // before the end of a token, or up to half as much again: off the write path
	aheadUsed       = 30 * time.Minute // a HubSpot token's life: who did not write since then may wait for the next write
	aheadAtOnce     = 100
	keepAliveAge    = 7 * 24 * time.Hour // idle Salesforce refresh tokens die after 30 days
	keepAliveAtOnce = 50
)

type aheadArgs struct{}

// Kind names the job in River's tables.
func (aheadArgs) Kind() string { return "crm.refresh_ahead" }

type keepAliveArgs struct{}

// Kind names the job in River's tables.
func (keepAliveArgs) Kind() string { return "crm.keep_alive" }

// periodicJobs are enqueued by River's leader, one replica at a time.
func periodicJobs(retires bool) []*river.PeriodicJob {
	opts := &river.InsertOpts{Queue: upkeepQueue, MaxAttempts: 1} // the next one comes anyway
	jobs := []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(keepAliveEvery),
			func() (river.JobArgs, *river.InsertOpts) { return keepAliveArgs{}, opts }, nil),
		river.NewPeriodicJob(river.PeriodicInterval(aheadEvery),
			func() (river.JobArgs, *river.InsertOpts) { return aheadArgs{}, opts }, nil),
		river.NewPeriodicJob(river.PeriodicInterval(compareJobEvery),
			func() (river.JobArgs, *river.InsertOpts) { return compareArgs{}, opts }, nil),
	}
	if retires {
		jobs = append(jobs, river.NewPeriodicJob(river.PeriodicInterval(retireEvery),
			func() (river.JobArgs, *river.InsertOpts) { return retireArgs{}, opts }, nil))
	}
	return jobs
}

// sweepUntilStopped sweeps in every replica and not by a job: what mends a dead worker's work must not wait for the jobs of a dead
// leader. Replicas that sweep together take different rows.
func (e *Engine) sweepUntilStopped(ctx context.Context) {
	for {
		if err := e.Sweep(ctx); err != nil && ctx.Err() == nil {
			e.log.Error().Str("event", "sweep_failed").Err(err).Msg("sweep failed; it is tried again")
		}
		select {
		case <-time.After(e.cfg.SweepEvery*3/4 + rand.N(e.cfg.SweepEvery/2)): //nolint:gosec // jitter is no secret
		case <-e.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Sweep does once what the service does by itself every few seconds. It is safe to call at any time.
func (e *Engine) Sweep(ctx context.Context) (err error) {
	var found Swept
	defer func() { e.cfg.Observer.Swept(found, err) }()
	if found.Abandoned, err = e.store.Sweep(ctx, e.cfg.LateCommit+e.cfg.CallTimeout, e.Wake); err != nil {
		return err
	}
	if found.Revived, err = e.reviveDrains(ctx); err != nil {
		return err
	}
	if found.Woken, err = e.store.WakeDue(ctx, forgottenAfter, e.Wake); err != nil {
		return err
	}
	if found.Parked, err = e.store.ParkOldDoubt(ctx, doubtLimit); err != nil {
		return err
	}
	if _, err := e.store.ExplainWaiting(ctx); err != nil {
		return err
	}
	states, err := e.store.PurgeOAuthStates(ctx)
	if err != nil {
		return err
	}
	if found != (Swept{}) {
		e.log.Warn().Str("event", "sweep").Int("abandoned", found.Abandoned).Int64("drains_revived", found.Revived).Int("woken", found.Woken).
			Int64("parked", found.Parked).Int64("states_expired", states).Msg("sweep")
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
	return e.refreshAll(ctx, idle)
}

type aheadWorker struct {
	river.WorkerDefaults[aheadArgs]
	engine *Engine
}

// Work refreshes tokens that are about to end on connections that are in use, so that no write has to wait for it.
func (w *aheadWorker) Work(ctx context.Context, _ *river.Job[aheadArgs]) error {
	return w.engine.refreshAhead(ctx)
}

func (e *Engine) refreshAhead(ctx context.Context) error {
	ending, err := e.store.ExpiringConnections(ctx, aheadMargin, aheadUsed, aheadAtOnce)
	if err != nil {
		return err
	}
	return e.refreshAll(ctx, ending)
}

// refreshAll refreshes one after the other; the token endpoint's own budget spreads them.
func (e *Engine) refreshAll(ctx context.Context, conns []store.Connection) error {
	for _, conn := range conns {
		connector := e.connectors[connectors.CRM(conn.CRM)]
		if connector == nil {
			continue
		}
		t := &turn{engine: e, conn: conn, connector: connector}
		cause := t.refresh(ctx)
		var err error
		switch {
		case cause == nil:
		case cause.Class == connectors.ClassNeedsReconnect:
			err = t.giveUp(ctx, cause)
		case cause.Class == connectors.ClassMisconfigured:
			err = e.store.NoteTrouble(ctx, conn.ID, trouble(cause), 0)
		} // else it passes, and the token that there is still serves
		if err != nil {
			return err
		}
	}
	return nil
}
