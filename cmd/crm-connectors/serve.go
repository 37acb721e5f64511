package main

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"

	"crm-connectors/api"
)

// gcPercent lets the small heap of this program grow to four times what lives in it: at Go's own 100 a fifth of a busy drain's CPU went into
// collecting, to save some 20 MiB.
const gcPercent = 300

func serveCommand() command {
	c := command{name: "serve", group: groupRun, summary: "Run the service (production)", usage: `Usage: crm-connectors serve

Runs the service until SIGTERM or SIGINT, then finishes what is under way. Any number of replicas may
run against one database; each applies missing migrations when it starts. It is configured by environment
variables alone: 'crm-connectors help config' lists them.

Example
  crm-connectors serve`}
	c.run = func(ctx context.Context, e env) error {
		if err := parseFlags(newFlags(c), c, e); err != nil {
			return err
		}
		cfg, err := LoadConfig(e.getenv)
		if err != nil {
			return err
		}
		log, err := newLogger(cfg.LogLevel, cfg.LogFormat, e.stdout)
		if err != nil {
			return err
		}
		log = log.With().Str("replica", replicaName()).Logger()
		if e.getenv("GOGC") == "" {
			debug.SetGCPercent(gcPercent)
		}
		// Listen first: a port that is taken fails before the database is touched, and ready means ready.
		at, err := listenAt(ctx, cfg)
		if err != nil {
			return err
		}
		s, err := newService(ctx, cfg, log)
		if err != nil {
			at.close()
			return err
		}
		return s.run(ctx, at)
	}
	return c
}

func listenAt(ctx context.Context, cfg Config) (at listeners, err error) {
	open := func(addr string) net.Listener {
		if addr == "" || err != nil {
			return nil
		}
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", addr); err != nil {
			err = fmt.Errorf("listen on %s: %w", addr, err)
			return nil
		}
		return l
	}
	at.api, at.metrics = open(cfg.ListenAddr), open(cfg.MetricsAddr)
	if at.api != nil {
		at.api = api.LimitConnections(at.api, cfg.Limits.Connections, cfg.Limits.ConnectionsPerAddress)
	}
	if cfg.Console != nil {
		at.console = open(cfg.Console.ListenAddr)
	}
	if err != nil {
		at.close()
	}
	return at, err
}

func (at listeners) close() {
	for _, l := range []net.Listener{at.api, at.console, at.metrics} {
		if l != nil {
			_ = l.Close()
		}
	}
}
