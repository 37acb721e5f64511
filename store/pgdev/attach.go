package pgdev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	readyWithin = 60 * time.Second
	pollEvery   = 10 * time.Millisecond
)

// errOwnerGone says that the owner ended while we waited for its server; the home is ours now.
var errOwnerGone = errors.New("the owner of the cluster ended")

// attach waits until the server of this home accepts connections and returns the URL of database,
// which it makes when missing. c is nil when another process owns the server.
func (h *home) attach(ctx context.Context, c *child, database string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var ended <-chan struct{}
	if c != nil {
		ended = c.ended
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if conn, u, err := h.connect(ctx); err == nil {
			u, err = ensureDatabase(ctx, conn, u, database)
			_ = conn.Close(ctx) // its work is done
			if err != nil {
				return "", err
			}
			return u.String(), nil
		}
		if c == nil && h.takeOver() {
			return "", errOwnerGone
		}
		select {
		case <-ended:
			return "", fmt.Errorf("postgres ended while starting (%w); its log: %s", c.err, filepath.Join(h.dir, "postgres.log"))
		case <-ctx.Done():
			return "", fmt.Errorf("postgres in %s is not ready: %w", h.dir, ctx.Err())
		case <-tick.C:
		}
	}
}

func (h *home) connect(ctx context.Context) (*pgx.Conn, *url.URL, error) {
	pm := readPostmaster(h.data())
	if !pm.ready {
		return nil, nil, errors.New("not ready")
	}
	password, err := os.ReadFile(h.password())
	if err != nil {
		return nil, nil, fmt.Errorf("read password: %w", err)
	}
	u := &url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", string(password)),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(pm.port)), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	conn, err := pgx.Connect(ctx, u.String())
	return conn, u, err
}

// ensureDatabase makes the database when missing and returns u with its name.
func ensureDatabase(ctx context.Context, conn *pgx.Conn, u *url.URL, name string) (*url.URL, error) {
	if name == "" || name == "postgres" {
		return u, nil
	}
	_, err := conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	// duplicate_database; unique_violation when two processes make it at the same moment.
	var pgErr *pgconn.PgError
	if err != nil && (!errors.As(err, &pgErr) || pgErr.Code != "42P04" && pgErr.Code != "23505") {
		return nil, fmt.Errorf("make database %s: %w", name, err)
	}
	u.Path = "/" + name
	return u, nil
}

// postmaster is what a running server says about itself in postmaster.pid.
type postmaster struct {
	pid, port int
	ready     bool
}

func readPostmaster(data string) postmaster {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return postmaster{}
	}
	line := strings.Split(string(b), "\n")
	at := func(n int) string { // lines are numbered from 1, as in Postgres's source
		if n > len(line) {
			return ""
		}
		return strings.TrimSpace(line[n-1])
	}
	var pm postmaster
	pm.pid, _ = strconv.Atoi(at(1)) // a half-written file reads as not ready
	pm.port, _ = strconv.Atoi(at(4))
	pm.ready = at(8) == "ready" && pm.port > 0 && alive(pm.pid)
	return pm
}

// alive includes processes of other accounts, which answer EPERM.
func alive(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// isPostmaster guards against a stale file whose pid is some other process by now: its command line must name
// this very cluster. A process that has ended and waits for its parent has none. Without /proc it
// says no, and postgres itself decides at its start.
func isPostmaster(pid int, data string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && slices.Contains(strings.Split(string(b), "\x00"), data)
}
