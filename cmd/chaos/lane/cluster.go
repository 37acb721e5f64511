package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"crm-connectors/migrations"
	"crm-connectors/store/pgdev"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Cluster is a Postgres with a data folder of its own, that can be stopped as by a crash and come back.
type Cluster struct {
	mu     sync.Mutex
	dir    string
	server *pgdev.Server
	port   int
	made   int // databases
}

const (
	template    = "chaos_template"
	startWithin = 2 * time.Minute
)

// settings keep every commit in the operating system's hands before it is acknowledged: an immediate stop may lose nothing that
// was committed. Surviving a power cut is not what is tested, so nothing is forced to the disk.
func settings() map[string]string {
	return map[string]string{"synchronous_commit": "on", "fsync": "off", "full_page_writes": "off", "max_connections": "400",
		"shared_buffers": "32MB", "max_wal_size": "1GB", "log_min_messages": "fatal"}
}

// StartCluster makes a cluster in a new folder below dir, with a migrated template database. The caller calls Stop.
func StartCluster(ctx context.Context, dir string) (*Cluster, error) {
	home, err := os.MkdirTemp(dir, "postgres-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(home, 0o711); err != nil { // the account of Postgres walks through
		return nil, err
	}
	c := &Cluster{dir: home}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.server.URL)
	if err == nil {
		c.port, err = strconv.Atoi(u.Port())
	}
	if err == nil {
		err = c.makeTemplate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var err error
	c.server, err = pgdev.Start(ctx, pgdev.Options{Dir: c.dir, Port: c.port, Settings: settings()})
	return err
}

func (c *Cluster) makeTemplate(ctx context.Context) error {
	if err := c.execute(ctx, "create database "+template); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, c.url(template))
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err = migrations.Up(ctx, pool, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, watchSteps)
	return err
}

// Clone makes a database with the service's schema and gives its URL.
func (c *Cluster) Clone(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	name := fmt.Sprintf("lane_%d", c.made)
	if err := c.execute(ctx, "create database "+name+" template "+template); err != nil {
		return "", fmt.Errorf("clone the template: %w", err)
	}
	return c.url(name), nil
}

// Drop removes the database of a URL that Clone gave.
func (c *Cluster) Drop(ctx context.Context, database string) error {
	u, err := url.Parse(database)
	if err != nil {
		return err
	}
	return c.execute(ctx, "drop database if exists "+strings.TrimPrefix(u.Path, "/")+" with (force)")
}

// Crash stops the server at once, as pg_ctl stop -m immediate does, and starts it again.
func (c *Cluster) Crash(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, err := os.ReadFile(filepath.Join(c.dir, "data", "postmaster.pid"))
	if err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || pid <= 1 {
		return fmt.Errorf("crash: postmaster.pid says %q", line)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("crash: %w", err)
	}
	_ = c.server.Stop() // waits for the child, whose end is not an orderly one
	return c.start(ctx)
}

// Stop ends the server.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server.Stop()
}

func (c *Cluster) url(database string) string {
	u, err := url.Parse(c.server.URL)
	if err != nil {
		return c.server.URL // pgdev made it
	}
	u.Path = "/" + database
	return u.String()
}

func (c *Cluster) execute(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, c.server.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}
