package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
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
		if e.getenv("GOGC") == "" {
			debug.SetGCPercent(gcPercent)
		}
		// Listen first: a port that is taken fails before the database is touched, and ready means ready.
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.ListenAddr)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", cfg.ListenAddr, err)
		}
		var consoleAt net.Listener
		if cfg.Console != nil && cfg.Console.ListenAddr != "" {
			if consoleAt, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Console.ListenAddr); err != nil {
				return errors.Join(fmt.Errorf("listen on %s: %w", cfg.Console.ListenAddr, err), l.Close())
			}
		}
		s, err := newService(ctx, cfg, log)
		if err != nil {
			_ = l.Close()
			if consoleAt != nil {
				_ = consoleAt.Close()
			}
			return err
		}
		return s.run(ctx, l, consoleAt)
	}
	return c
}
