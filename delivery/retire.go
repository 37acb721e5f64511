package delivery

import (
	"context"
	"errors"
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

// Work deletes what is older than the retention, and the content of what is older than content is kept, a part at a time.
func (w *retireWorker) Work(ctx context.Context, _ *river.Job[retireArgs]) error {
	e := w.engine
	return errors.Join(
		w.inParts(ctx, "retired", "old writes are deleted", e.cfg.Retention, e.store.Retire),
		w.inParts(ctx, "content_erased", "the content of old writes is erased", e.cfg.ContentKept, e.store.EraseContent))
}

func (w *retireWorker) inParts(ctx context.Context, event, message string, keep time.Duration, part func(context.Context, time.Duration, int) (int64, error)) error {
	if keep <= 0 {
		return nil
	}
	var gone int64
	for range retireRounds {
		n, err := part(ctx, keep, retireAtOnce)
		gone += n
		if err != nil {
			return err
		}
		if n == 0 || w.engine.isStopping() {
			break
		}
	}
	if gone > 0 {
		w.engine.log.Info().Str("event", event).Int64("writes", gone).Dur("older_than", keep).Msg(message)
	}
	return nil
}
