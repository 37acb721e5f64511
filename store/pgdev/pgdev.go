// Package pgdev finds or starts a Postgres for dev, demo and tests; never for production.
//
//	Options.URL ───────────────► used as it is
//	else Options.Dir ──────────► a private cluster kept there; empty: a throw-away one
//	  server programs: Options.BinDir ─► an installed PostgreSQL ─► npm's @embedded-postgres ─► ErrNoServer
//	  first start: initdb ─► data.new ─► rename to data     (a half-made cluster is never used)
//	  owner.lock free: start postgres as a child ─► wait until ready ─► Server (Owned)
//	  owner.lock held: attach to the postgres that the owner runs ─► Server (not Owned)
//
// Nothing here needs Docker. Postgres refuses to run as root, so under root it runs as the account
// postgres or nobody. It listens on 127.0.0.1 only, with a random password. On Linux
// the kernel stops it when the process that owns it dies, however it dies.
package pgdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// ErrNoServer says that no PostgreSQL server programs could be found or fetched. Its text says what to
// install.
var ErrNoServer = errors.New("no PostgreSQL server was found: install one (apt-get install postgresql), or set DATABASE_URL to one that runs")

// Options say which Postgres is wanted. The zero value is a throw-away cluster of whatever can be found.
type Options struct {
	// URL of a Postgres that already runs, usually the caller's DATABASE_URL. When set, nothing is
	// started and every other option is ignored.
	URL string

	// Dir is the cluster's home, made when missing and kept at Stop. Empty means throw-away: a temporary
	// folder that Stop removes, with fsync off.
	Dir string

	BinDir   string            // folder of initdb and postgres; empty: look in the usual places
	NoFetch  bool              // do not fetch server programs through npm when none are installed
	Port     int               // 0: any free one
	Database string            // made when missing; empty: "postgres"
	RunAs    string            // account used under root; empty: postgres, else nobody
	Settings map[string]string // server settings, as postgres -c takes them

	// Progress hears about what may take seconds, one line each; nil hears nothing.
	Progress func(string)
}

// Server is a Postgres that answers.
type Server struct {
	URL   string // with the password in it
	Owned bool   // this process started it and Stop ends it

	home  *home
	child *child
}

// Start returns a Postgres that accepts connections. The caller calls Stop. Two processes may start
// the same Dir at once: one owns the server, the other attaches and loses it when the owner
// stops. ctx bounds the start only, not the server's life.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.URL != "" {
		return useGiven(ctx, o.URL)
	}
	account, err := accountFor(o.RunAs)
	if err != nil {
		return nil, err
	}
	h, err := openHome(o.Dir, account)
	if err != nil {
		return nil, err
	}
	s := &Server{Owned: h.owned, home: h}
	if s.URL, err = s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Stop ends a server that this process owns and removes a throw-away cluster. It may be called twice.
func (s *Server) Stop() error {
	if s == nil || s.home == nil {
		return nil
	}
	var err error
	if s.child != nil {
		err = s.child.stop()
	}
	err = errors.Join(err, s.home.close())
	s.child, s.home = nil, nil
	return err
}

// Dir is the cluster's home, where postgres.log is; empty for a server that was given by URL.
func (s *Server) Dir() string {
	if s.home == nil {
		return ""
	}
	return s.home.dir
}

func useGiven(ctx context.Context, url string) (*Server, error) {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the given database: %w", err) // pgx leaves the password out
	}
	if err := c.Close(ctx); err != nil {
		return nil, fmt.Errorf("close the trial connection: %w", err)
	}
	return &Server{URL: url}, nil
}

func (s *Server) start(ctx context.Context, o Options) (string, error) {
	h := s.home
	if !h.owned {
		u, err := h.attach(ctx, nil, o.Database)
		if !errors.Is(err, errOwnerGone) {
			return u, err
		}
		s.Owned = true
	}
	if err := h.makeOwnedDir("run", 0o755); err != nil {
		return "", err
	}
	major, err := h.clusterMajor()
	if err != nil {
		return "", err
	}
	bin, err := findServer(ctx, o, installedPlaces(), major, h.account)
	if err != nil {
		return "", err
	}
	if err := h.endOrphan(); err != nil {
		return "", err
	}
	if major == "" {
		if err := h.initdb(ctx, bin); err != nil {
			return "", err
		}
	}
	settings, err := h.settings(o)
	if err != nil {
		return "", err
	}
	logFile, err := os.OpenFile(filepath.Join(h.dir, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("open Postgres's log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	if s.child, err = startChild(filepath.Join(bin, "postgres"), append([]string{"-D", h.data()}, settings...), h, logFile); err != nil {
		return "", err
	}
	return h.attach(ctx, s.child, o.Database)
}
