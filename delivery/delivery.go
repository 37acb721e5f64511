// Package delivery carries the write log to the CRMs.
//
//	Append (handlers) ──Wake──► one River job a connection: "something is due"
//	                                   │
//	drain:  look for what is in doubt ─┤  claim (committed: from here on it counts as perhaps sent)
//	                                   │  connector.Deliver, with one refresh if the token is refused
//	                                   │  settle (fenced by the attempt)
//	                                   └─ again, until nothing is due, the slice is over or the CRM says wait
//	sweep:  a dead worker's rows become in doubt; lost wake-ups are given again
//
// The log is the only truth about writes. A job carries no payload, and may be lost or run twice
// without harm. One drain a connection at a time gives order, and one place that refreshes
// its tokens; a slice a drain keeps a large workspace from starving small ones. No transaction
// is open during a call to a CRM.
package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"
)

// Config is what an Engine needs. Zero durations take the defaults that are named beside them.
type Config struct {
	Pool       *pgxpool.Pool
	Store      *store.Store
	Connectors []connectors.Connector
	Apps       map[connectors.CRM]connectors.App
	Log        zerolog.Logger
	Observer   Observer               // nil: nobody
	Middleware []rivertype.Middleware // around River's jobs, inside of what keeps panics quiet
	Now        func() time.Time       // nil: time.Now

	Workers  int           // drains of one CRM at once in this process; 0: 50
	PollOnly bool          // no LISTEN: behind a transaction pooler
	Slice    time.Duration // how long a drain may hold its turn; 20 s

	Lease         store.Lease   // of a claimed row; 90 s to hold it, 50 s to begin to send
	LateCommit    time.Duration // how long a cut request may still be executed, and a read miss it; 11 min
	IndexLag      time.Duration // how much later a search index may show it; 4 min
	FirstLook     time.Duration // from doubt to the first look; 5 s
	LookAgain     time.Duration // between looks, at least; 60 s
	DeadGrantWait time.Duration // before a refused refresh token is believed; 3 s
	SweepEvery    time.Duration // 15 s
	ContentKept   time.Duration // how long the content of settled writes is kept; 0: as long as the writes
	Retention     time.Duration // how long settled writes and their keys are kept; 0: for ever
	CallTimeout   time.Duration // of one CRM call, as the connectors keep it; 30 s
}

func (c *Config) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Slice, 20*time.Second)
	set(&c.Lease.Hold, 90*time.Second)
	set(&c.Lease.Send, 50*time.Second)
	set(&c.LateCommit, 11*time.Minute)
	set(&c.IndexLag, 4*time.Minute)
	set(&c.FirstLook, 5*time.Second)
	set(&c.LookAgain, time.Minute)
	set(&c.DeadGrantWait, 3*time.Second)
	set(&c.SweepEvery, 15*time.Second)
	set(&c.CallTimeout, 30*time.Second)
	if c.Workers == 0 {
		c.Workers = 50
	}
	if c.Observer == nil {
		c.Observer = unwatched{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// River's own settings; the reasons and figures are those of its defaults being wrong for drains:
// a cool-down of 100 ms caps a process at workers ÷ 0.1 s, and a stuck job is by default rescued after an
// hour.
const (
	fetchCooldown = 10 * time.Millisecond
	pollInterval  = time.Second
	pollOnlyEvery = 100 * time.Millisecond
	completedKept = time.Hour
)

// Engine is the delivery of one process. It is safe for concurrent use.
type Engine struct {
	cfg        Config
	store      *store.Store
	connectors map[connectors.CRM]connectors.Connector
	river      *river.Client[pgx.Tx]
	refreshing singleflight.Group
	log        zerolog.Logger

	stopOnce sync.Once
	stopping chan struct{}
	sweeper  sync.WaitGroup
}

// New makes an engine that can wake at once and works after Start.
func New(cfg Config) (*Engine, error) {
	cfg.defaults()
	e := &Engine{cfg: cfg, store: cfg.Store, connectors: map[connectors.CRM]connectors.Connector{}, log: cfg.Log, stopping: make(chan struct{})}
	for _, c := range cfg.Connectors {
		e.connectors[c.CRM()] = c
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &drainWorker{engine: e})
	river.AddWorker(workers, &keepAliveWorker{engine: e})
	river.AddWorker(workers, &aheadWorker{engine: e})
	river.AddWorker(workers, &compareWorker{engine: e})
	river.AddWorker(workers, &retireWorker{engine: e})
	timeout := cfg.Slice + 2*cfg.CallTimeout // the last calls of a slice, and settling
	rc := &river.Config{
		Schema: store.JobSchema, Workers: workers, Logger: slog.New(zerolog.NewSlogHandler(cfg.Log.Level(zerolog.WarnLevel))),
		Queues:        cfg.queues(),
		FetchCooldown: fetchCooldown, FetchPollInterval: pollInterval, PollOnly: cfg.PollOnly,
		JobTimeout: timeout, RescueStuckJobsAfter: timeout + 10*time.Second,
		CompletedJobRetentionPeriod: completedKept, RetryPolicy: steadyRetry{}, Middleware: append([]rivertype.Middleware{&quietPanics{log: cfg.Log}}, cfg.Middleware...),
		PeriodicJobs: periodicJobs(cfg.Retention > 0 || cfg.ContentKept > 0),
	}
	if cfg.PollOnly {
		rc.FetchPollInterval = pollOnlyEvery
	}
	client, err := river.NewClient(riverpgxv5.New(cfg.Pool), rc)
	if err != nil {
		return nil, fmt.Errorf("job engine: %w", err)
	}
	e.river = client
	return e, nil
}

// Start begins to work. The context ends the work at once when it is cancelled; Stop is the orderly way.
func (e *Engine) Start(ctx context.Context) error {
	if err := e.river.Start(ctx); err != nil {
		return fmt.Errorf("start job engine: %w", err)
	}
	e.sweeper.Go(func() { e.sweepUntilStopped(ctx) })
	return nil
}

// Stop lets every drain finish the call that it is in, and hands its turn back. When ctx ends first, running
// drains are cancelled; what they had sent is then in doubt, as after a crash.
func (e *Engine) Stop(ctx context.Context) error {
	e.stopOnce.Do(func() { close(e.stopping) })
	e.sweeper.Wait()
	if err := e.river.Stop(ctx); err != nil {
		cancelCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := e.river.StopAndCancel(cancelCtx); err != nil {
			return fmt.Errorf("stop job engine: %w", err)
		}
	}
	return nil
}

func (e *Engine) isStopping() bool {
	select {
	case <-e.stopping:
		return true
	default:
		return false
	}
}
