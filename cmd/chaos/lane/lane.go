// Package lane is one complete world in which the service is tested: everything real but the CRMs.
//
//	         ┌──────────── Lane ────────────────────────────────────────────────┐
//	caller ──► replica 1..n (processes) ──► proxy ──► simulators (one process) ──► operation log, forced to disk
//	         │        └───────────────────► proxy ──► Postgres (Cluster), a database of the lane's own
//	         └── Probe: sees every byte on the proxies before it passes ─────────┘
//
// Lanes share nothing but, where the caller wants it, a Cluster, so that several run at once. What is asked of the database for
// judgement goes past the proxies.
package lane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/sim/simsalesforce"
	"crm-connectors/store"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Options say what a lane is made of.
type Options struct {
	Service  string // the binary under test
	Sim      string // the binary that plays the CRMs: never a mutant
	Dir      string // where the lane puts its files; the caller removes it
	Cluster  *Cluster
	Ports    *Ports // of the services, shared by all lanes
	Replicas int
	Waits    map[string]string // environment of the service, beside the addresses and secrets
}

// Lane is safe for concurrent use.
type Lane struct {
	Key     string // of a service
	OpLog   string // file
	DB      *pgxpool.Pool
	Cluster *Cluster

	opt      Options
	database string
	sim      *process
	simURL   map[string]string // by CRM, past the proxies
	proxies  map[string]*cut.Proxy
	probe    atomic.Pointer[Probe]
	env      []string

	mu       sync.Mutex
	replicas []*Replica
}

// Start starts all parts of a lane. The caller calls Close.
func Start(ctx context.Context, o Options) (_ *Lane, err error) {
	l := &Lane{Key: "chaos-" + rand.Text(), OpLog: filepath.Join(o.Dir, "operations.ndjson"), Cluster: o.Cluster, opt: o,
		simURL: map[string]string{}, proxies: map[string]*cut.Proxy{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if l.database, err = o.Cluster.Clone(ctx); err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(l.database)
	if err != nil {
		return nil, err
	}
	pc.MaxConns = 4
	if l.DB, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, err
	}
	if err := l.startSims(ctx); err != nil {
		return nil, err
	}
	for name, target := range map[string]string{HubSpot: hostOf(l.simURL[HubSpot]), Salesforce: hostOf(l.simURL[Salesforce]), Postgres: hostOf(l.database)} {
		if l.proxies[name], err = l.openProxy(name, target); err != nil {
			return nil, err
		}
	}
	if l.env, err = l.environment(); err != nil {
		return nil, err
	}
	err = l.SetReplicas(ctx, max(1, o.Replicas))
	return l, err
}

// startSims starts the simulators and waits until both say where they listen.
func (l *Lane) startSims(ctx context.Context) error {
	log := filepath.Join(l.opt.Dir, "sim.log")
	args := []string{"sim", "--hubspot-listen", "127.0.0.1:0", "--salesforce-listen", "127.0.0.1:0", "--oplog", l.OpLog, "--auto-consent"}
	var err error
	if l.sim, err = startProcess(l.opt.Sim, args, nil, log); err != nil {
		return err
	}
	for deadline := time.Now().Add(readyWithin); len(l.simURL) < 2; {
		raw, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(raw)) {
			if name, addr, ok := strings.Cut(line, "http://"); ok && strings.HasSuffix(line, "\n") {
				l.simURL[strings.ToLower(strings.TrimSpace(name))] = "http://" + strings.TrimSpace(addr)
			}
		}
		if time.Now().After(deadline) || l.sim.dead() {
			return fmt.Errorf("the simulators did not start: %s", raw)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// environment is what all replicas have in common.
func (l *Lane) environment() ([]string, error) {
	keyset, err := store.GenerateKeyset()
	if err != nil {
		return nil, err
	}
	db, err := url.Parse(l.database)
	if err != nil {
		return nil, err
	}
	db.Host = l.proxies[Postgres].Addr()
	hubspot, salesforce := "http://"+l.proxies[HubSpot].Addr(), "http://"+l.proxies[Salesforce].Addr()
	vars := map[string]string{
		"DATABASE_URL": db.String(), "DB_MAX_CONNS": "8", "TOKEN_KEYSET": string(keyset), "SUPABASE_SECRET_KEY": l.Key, "APP_BASE_URL": appURL,

		"HUBSPOT_CLIENT_ID": simhubspot.DefaultClientID, "HUBSPOT_CLIENT_SECRET": simhubspot.DefaultClientSecret, "HUBSPOT_API_BASE_URL": hubspot, "HUBSPOT_AUTH_BASE_URL": hubspot,
		"SALESFORCE_CLIENT_ID": simsalesforce.DefaultClientID, "SALESFORCE_CLIENT_SECRET": simsalesforce.DefaultClientSecret, "SALESFORCE_AUTH_BASE_URL": salesforce,
		"CRM_TRUSTED_HOSTS": hostOf(hubspot) + "," + hostOf(salesforce), "SHUTDOWN_GRACE": "2s", "LOG_LEVEL": "info",
	}
	var env []string
	for _, set := range []map[string]string{vars, l.opt.Waits} {
		for k, v := range set {
			env = append(env, k+"="+v)
		}
	}
	return env, nil
}

// Counts are what passed on a wire so far, by connection.
func (l *Lane) Counts(wire string) []cut.Count { return l.proxies[wire].Counts() }

// Cut resets all connections of a wire and, for as long as down lasts, refuses new ones.
func (l *Lane) Cut(ctx context.Context, wire string, down time.Duration) error {
	p := l.proxies[wire]
	p.Refuse(true)
	p.ResetAll()
	err := pause(ctx, down)
	p.Refuse(false)
	return err
}

// Close ends everything of the lane and drops its database.
func (l *Lane) Close() error {
	var err error
	l.mu.Lock()
	for _, r := range l.replicas {
		err = errors.Join(err, r.Kill())
	}
	l.mu.Unlock()
	if l.sim != nil {
		err = errors.Join(err, l.sim.kill())
	}
	for _, p := range l.proxies {
		err = errors.Join(err, p.Close())
	}
	if l.DB != nil {
		l.DB.Close()
	}
	if l.database != "" {
		ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
		defer cancel()
		err = errors.Join(err, l.Cluster.Drop(ctx, l.database))
	}
	return err
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
