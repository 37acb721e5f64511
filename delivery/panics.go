package delivery

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/rs/zerolog"
)

// panicKind is what may be kept of a panic: its type, and the words where they are the runtime's own. Any other value may hold what the
// code had at hand, a token not excepted; the stack tells where it was.
func panicKind(p any) string {
	var fault runtime.Error
	if err, ok := p.(error); ok && errors.As(err, &fault) {
		return fault.Error()
	}
	return fmt.Sprintf("%T", p)
}

// quietPanics keeps what a job panics with out of River's table of jobs and out of its log, which both show the value.
type quietPanics struct {
	river.MiddlewareDefaults
	log zerolog.Logger
}

var errJobPanicked = errors.New("the job panicked; the log has its stack")

// Work is rivertype.WorkerMiddleware.
func (q *quietPanics) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.log.Error().Str("event", "job_panicked").Str("panic", panicKind(p)).Bytes("stack", debug.Stack()).Str("job", job.Kind).Msg("a job panicked")
			err = errJobPanicked
		}
	}()
	return work(ctx)
}
