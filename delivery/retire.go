package delivery

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

const (
	retireEvery  = time.Hour
	retireAtOnce = 5000 // a transaction short enough for replicas and backups that follow the log
	retireRounds = 200  // so that the first run after years of growth does not last for hours
)

type retireArgs struct{}

// Kind names the job in River's tables.
func (retireArgs) Kind() string { return "crm.retire" }

type retireWorker struct {
	river.WorkerDefaults[retireArgs]
	engine *Engine
}

// Work deletes what is older than the retention, a part at a time.
func (w *retireWorker) Work(ctx context.Context, _ *river.Job[retireArgs]) error {
	e := w.engine
	var gone int64
	for range retireRounds {
		n, err := e.store.Retire(ctx, e.cfg.Retention, retireAtOnce)
		gone += n
		if err != nil {
			return err
		}
		if n == 0 || e.isStopping() {
			break
		}
	}
	if gone > 0 {
		e.log.Info().Str("event", "retired").Int64("writes", gone).Dur("older_than", e.cfg.Retention).Msg("old writes are deleted")
	}
	return nil
}
