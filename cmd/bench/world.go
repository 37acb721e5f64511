package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"crm-connectors/migrations"
	"crm-connectors/store"
	"crm-connectors/store/pgdev"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const template = "bench_template"

// world is what all measures share. Each of them works in databases of its own.
type world struct {
	scale   float64
	dir     string
	service string // binary
	pg      *pgdev.Server
	keyset  []byte
	keys    *store.Keyring
	log     io.Writer
	made    int
	closers []func()
}

func newWorld(ctx context.Context, o options, log io.Writer) (_ *world, err error) {
	w := &world{scale: o.scale, service: o.service, log: log}
	if w.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.service == "" {
		w.say("building the service")
		w.service = filepath.Join(w.dir, "crm-connectors")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", w.service, "crm-connectors/cmd/crm-connectors")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build the service: %w: %s", err, out)
		}
	}
	if w.keyset, err = store.GenerateKeyset(); err != nil {
		return nil, err
	}
	if w.keys, err = store.ParseKeyring(w.keyset); err != nil {
		return nil, err
	}
	// As a production server: what is committed is on the disk.
	w.pg, err = pgdev.Start(ctx, pgdev.Options{Settings: map[string]string{"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min", "max_connections": "300"}})
	if err != nil {
		return nil, err
	}
	if err := w.execute(ctx, "create database "+template); err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, w.url(template))
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	_, err = migrations.Up(ctx, pool, slog.New(slog.DiscardHandler))
	return w, err
}

func (w *world) close() {
	for _, f := range w.closers {
		f()
	}
	_ = w.pg.Stop()
	_ = os.RemoveAll(w.dir)
}

func (w *world) say(format string, args ...any) { _, _ = fmt.Fprintf(w.log, format+"\n", args...) }

// scaled is n of the full run in this one, at least one.
func (w *world) scaled(n int) int { return max(1, int(float64(n)*w.scale)) }

// database is a fresh one with the service's schema.
type database struct {
	url   string
	pool  *pgxpool.Pool
	store *store.Store
}

func (w *world) database(ctx context.Context) (*database, func(), error) {
	w.made++
	name := fmt.Sprintf("bench_%d", w.made)
	if err := w.execute(ctx, "create database "+name+" template "+template); err != nil {
		return nil, nil, err
	}
	pc, err := pgxpool.ParseConfig(w.url(name))
	if err != nil {
		return nil, nil, err
	}
	pc.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, nil, err
	}
	drop := func() {
		pool.Close()
		_ = w.execute(context.WithoutCancel(ctx), "drop database if exists "+name+" with (force)")
	}
	return &database{url: w.url(name), pool: pool, store: store.New(pool, w.keys)}, drop, nil
}

func (w *world) url(name string) string {
	u, err := url.Parse(w.pg.URL)
	if err != nil {
		return w.pg.URL // pgdev made it
	}
	u.Path = "/" + name
	return u.String()
}

func (w *world) execute(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, w.pg.URL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// listen serves h until the world is closed.
func (w *world) listen(ctx context.Context, h http.Handler) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }()
	w.closers = append(w.closers, func() { _ = srv.Close() })
	return "http://" + l.Addr().String(), nil
}
