package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/connectors/hubspot"
	"crm-connectors/sim/simhubspot"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// portals are several simulated HubSpot accounts behind one address: the access token tells which one is asked.
type portals struct {
	url       string
	throttled atomic.Int64 // answers of status 429
	first     atomic.Pointer[func(time.Time)]

	mu      sync.Mutex
	byToken map[string]*portal
}

// portal is one account with the workspace that is connected to it.
type portal struct {
	sim       *simhubspot.Sim
	handler   http.Handler
	token     string
	workspace uuid.UUID
	conn      store.Connection
	hangs     atomic.Bool // it takes requests and never answers
}

func (w *world) portals(ctx context.Context) (*portals, error) {
	p := &portals{byToken: map[string]*portal{}}
	var err error
	p.url, err = w.listen(ctx, p)
	return p, err
}

// account is a database of its own and one HubSpot account that is connected in it. limits says whether the account enforces its published
// ones. The caller drops the database unless there is an error.
func (w *world) account(ctx context.Context, limits bool) (*database, *portals, *portal, func(), error) {
	db, drop, err := w.database(ctx)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	p, err := w.portals(ctx)
	var at *portal
	if err == nil {
		at, err = p.open(ctx, db, limits)
	}
	if err != nil {
		drop()
		return nil, nil, nil, nil, err
	}
	return db, p, at, drop, nil
}

// ServeHTTP hands the request to the account of its token.
func (p *portals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if seen := p.first.Load(); seen != nil {
		(*seen)(time.Now())
	}
	p.mu.Lock()
	at := p.byToken[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	p.mu.Unlock()
	if at == nil {
		http.Error(w, "no portal has this token", http.StatusUnauthorized)
		return
	}
	if at.hangs.Load() {
		<-r.Context().Done()
		return
	}
	at.handler.ServeHTTP(&statusWriter{ResponseWriter: w, on: func(status int) {
		if status == http.StatusTooManyRequests {
			p.throttled.Add(1)
		}
	}}, r)
}

type statusWriter struct {
	http.ResponseWriter
	on func(int)
}

// WriteHeader passes the status on.
func (s *statusWriter) WriteHeader(status int) {
	s.on(status)
	s.ResponseWriter.WriteHeader(status)
}

// open makes an account, and a workspace that is connected to it in db.
func (p *portals) open(ctx context.Context, db *database, limits bool) (*portal, error) {
	at := &portal{sim: simhubspot.New(simhubspot.Config{Behaviour: simhubspot.Behaviour{EnforceRateLimits: limits}}), workspace: uuid.New()}
	at.handler = at.sim.Handler()
	scopes := append(hubspot.DefaultScopes(), hubspot.DefaultOptionalScopes()...)
	var refresh string
	refresh, at.token = at.sim.Connect(scopes...)
	p.mu.Lock()
	p.byToken[at.token] = at
	account := fmt.Sprint(5000000 + len(p.byToken))
	p.mu.Unlock()
	var err error
	at.conn, err = db.store.Connect(ctx, store.NewGrant{WorkspaceID: at.workspace, CRM: string(connectors.HubSpot), AccountID: account, AccountName: "bench",
		Scopes: scopes, AccessToken: at.token, RefreshToken: refresh, ExpiresAt: time.Now().Add(29 * time.Minute),
		AppClientID: ""}, asleep)
	return at, err
}

// asleep wakes nobody: the rows wait until a service looks.
func asleep(context.Context, pgx.Tx, uuid.UUID) error { return nil }
