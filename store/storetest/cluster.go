// Package storetest gives every test a Postgres database of its own.
//
//	TestMain ─► Main ─► m.Run ─► stop the cluster
//	test ─► NewDatabase ─► cluster, once a process: TEST_DATABASE_URL or DATABASE_URL, else a throw-away one
//	                    ─► template, once a process: an empty database on which the caller's migrations ran
//	                    ─► create database … template …, dropped when the test ends
//
// go test runs the tests of several packages as several processes at once. Each has a cluster of
// its own: a shared one would go away with the process that started it. It costs about a second a
// process, and about 50 ms a database.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"crm-connectors/migrations"
	"crm-connectors/store/pgdev"
)

const (
	startWithin = 3 * time.Minute // a first run may have to fetch Postgres
	dropWithin  = 30 * time.Second
)

// process is what this test process shares: Go offers no other place that outlives one test.
var process shared

type shared struct {
	mu       sync.Mutex
	server   *pgdev.Server
	err      error
	template string // its name; empty until the first NewDatabase
}

// Main runs the tests of a package and stops what they started. Its TestMain is to be
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
//
// Main does not return. Without it, or when the process is killed, Postgres ends with the process and
// the next run of any package removes the folder.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a package that has to tidy up more: it returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	if err := process.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		code = max(code, 1)
	}
	return code
}

// Cluster is the Postgres of this process, for tests that make databases themselves. Where none can be
// had it skips the test, and fails it when CI=true. Nobody but Main stops it.
func Cluster(tb testing.TB) *pgdev.Server {
	tb.Helper()
	process.mu.Lock()
	defer process.mu.Unlock()
	return process.cluster(tb)
}

// NewDatabase returns the URL of a fresh database that is dropped when tb ends. Its content is what migrate
// made of an empty one. migrate runs once in a process, so all callers of a package pass the same
// one (nil leaves the database empty), and it closes its connections before it returns.
func NewDatabase(tb testing.TB, migrate func(ctx context.Context, url string) error) string {
	tb.Helper()
	process.mu.Lock()
	s := process.cluster(tb)
	err := process.makeTemplate(s.URL, migrate)
	template := process.template
	process.mu.Unlock()
	if err != nil {
		tb.Fatal(err)
	}
	name := newName()
	if err := execute(s.URL, "create database "+name+" template "+template); err != nil {
		tb.Fatalf("clone the template: %v", err)
	}
	tb.Cleanup(func() {
		if err := execute(s.URL, "drop database if exists "+name+" with (force)"); err != nil {
			tb.Errorf("drop the test's database: %v", err)
		}
	})
	u, err := inDatabase(s.URL, name)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// Migrate brings the database at url to the service's own schema: what most callers give to NewDatabase.
func Migrate(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to the template: %w", err)
	}
	defer pool.Close()
	_, err = migrations.Up(ctx, pool, slog.New(slog.DiscardHandler))
	return err
}

// cluster starts the server or repeats why there is none. The caller holds mu.
func (p *shared) cluster(tb testing.TB) *pgdev.Server {
	tb.Helper()
	if p.server == nil && p.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		p.server, p.err = pgdev.Start(ctx, options())
	}
	if p.err == nil {
		return p.server
	}
	if os.Getenv("CI") == "true" {
		tb.Fatalf("CI needs a Postgres: %v", p.err)
	}
	tb.Skipf("no Postgres: %v", p.err)
	return nil
}

func options() pgdev.Options {
	given := os.Getenv("TEST_DATABASE_URL")
	if given == "" {
		given = os.Getenv("DATABASE_URL")
	}
	return pgdev.Options{
		URL: given,
		Settings: map[string]string{
			"max_connections": "300",
			"shared_buffers":  "32MB",
			"max_wal_size":    "256MB",
			"autovacuum":      "off", // databases live for seconds
		},
		Progress: func(line string) { fmt.Fprintln(os.Stderr, "storetest:", line) },
	}
}

// makeTemplate runs migrate on an empty database, the first time. The caller holds mu.
func (p *shared) makeTemplate(cluster string, migrate func(context.Context, string) error) error {
	if p.template != "" {
		return nil
	}
	name := newName()
	if err := execute(cluster, "create database "+name); err != nil {
		return fmt.Errorf("make the template: %w", err)
	}
	u, err := inDatabase(cluster, name)
	if err == nil && migrate != nil {
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		err = migrate(ctx, u)
	}
	if err == nil {
		// A clone needs the template to itself.
		err = execute(cluster, "alter database "+name+" allow_connections false")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("fill the template: %w", err), execute(cluster, "drop database "+name+" with (force)"))
	}
	p.template = name
	return nil
}

// stop ends a cluster of ours; on one that was given by URL it removes the template.
func (p *shared) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		return nil
	}
	var err error
	if !p.server.Owned && p.template != "" {
		err = execute(p.server.URL, "drop database if exists "+p.template+" with (force)")
	}
	err = errors.Join(err, p.server.Stop())
	p.server, p.template, p.err = nil, "", errors.New("the tests of this process have ended")
	return err
}

// newName needs no quoting and does not collide on a server that several processes share.
func newName() string { return "crm_test_" + strings.ToLower(rand.Text()) }

func execute(cluster, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), dropWithin)
	defer cancel()
	c, err := pgx.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	_, err = c.Exec(ctx, sql)
	return err
}

func inDatabase(cluster, name string) (string, error) {
	u, err := url.Parse(cluster)
	if err != nil || u.Host == "" {
		return "", errors.New("the database for tests must be given as a URL: postgres://…")
	}
	u.Path = "/" + name
	return u.String(), nil
}
