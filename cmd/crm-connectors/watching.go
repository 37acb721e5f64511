package main

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"
	"crm-connectors/telemetry"

	"github.com/rs/zerolog"
)

// watching is what tells others of this process.
type watching struct {
	*telemetry.Telemetry
	tracing  *telemetry.Tracing // nil: off
	stopping *atomic.Bool
}

func newWatching(ctx context.Context, cfg Config, crms []connectors.CRM, log zerolog.Logger) (*watching, error) {
	w := &watching{stopping: &atomic.Bool{}}
	this := thisBuild()
	tc := telemetry.Config{CRMs: crms, Build: telemetry.Build{Version: this.Version, Commit: this.Commit, Go: runtime.Version()}, Log: log}
	if t := cfg.Tracing; t != nil {
		headers := map[string]string{}
		for name, value := range t.Headers {
			headers[name] = value.Reveal()
		}
		var err error
		if w.tracing, err = telemetry.NewTracing(ctx, telemetry.TracingConfig{Endpoint: t.Endpoint, Headers: headers, ServiceName: t.ServiceName,
			Version: this.Version, Instance: replicaName(), Sampler: t.Sampler, SamplerArg: t.SamplerArg}, log); err != nil {
			return nil, err
		}
		tc.Tracing = w.tracing
	}
	w.Telemetry = telemetry.New(tc)
	return w, nil
}

// flush sends the spans that are left.
func (w *watching) flush(ctx context.Context) error {
	if w.tracing == nil {
		return nil
	}
	return w.tracing.Shutdown(ctx)
}

// ready is what /readyz asks.
func (w *watching) ready(st *store.Store) func(context.Context) error {
	return func(ctx context.Context) error {
		if w.stopping.Load() {
			return &api.Error{Code: api.CodeNotReady, Message: "This process is stopping"}
		}
		err := st.Ready(ctx)
		if errors.Is(err, store.ErrNotMigrated) || errors.Is(err, store.ErrWrongKeyset) {
			return &api.Error{Code: api.CodeNotReady, Err: err}
		}
		return err
	}
}

// replicaName tells the processes of one installation apart: the host's name, which in a container is the container's, and the process where
// it is not the only one there.
func replicaName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	if pid := os.Getpid(); pid != 1 {
		host += "/" + strconv.Itoa(pid)
	}
	return host
}
