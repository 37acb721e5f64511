// Package simhubspot plays HubSpot: one portal, one app, in memory.
//
//	browser ─► /oauth/authorize ─► consent page ─► redirect with code (or error=access_denied)
//	client  ─► /oauth/V/token ─► grant + access token
//	client  ─► /crm/… ─► normalise path (v3, v4, 2026-03, 2026-09) ─► bearer, scopes, limits, strict JSON
//	                       └► one critical section: check ─► operation log ─► change ─► answer
//	tests   ─► /__sim/… and the methods of Sim: seed, behaviour, expire, revoke, archive, merge
//
// Requests are judged strictly: a value that the real portal might let pass is refused here, so that
// a client that pleases the simulator does not depend on leniency. What the documentation leaves
// open can be switched in Behaviour. Seeded records and changes by the control API stand for what
// the customer does in the portal: they never appear in the operation log.
package simhubspot

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"crm-connectors/sim"
)

// The app that is registered when Config names none.
const (
	DefaultClientID     = "sim-hubspot-client"
	DefaultClientSecret = "sim-hubspot-secret-not-real"
)

// The seeded portal and the user who installs the app.
const (
	hubID     = 4242001
	userID    = 7001
	userEmail = "admin@example.com"
	hubDomain = "example.com"
	appID     = 998877
	uiDomain  = "app.hubspot.com"
)

// Config says how one simulator is set up. The zero value works.
type Config struct {
	Log          *sim.OpLog // where writes are recorded; nil makes one in memory, see Sim.Core
	ClientID     string     // default DefaultClientID
	ClientSecret string     // default DefaultClientSecret
	RedirectURLs []string   // exact; empty accepts any http(s) URL on localhost or 127.0.0.1
	AutoConsent  bool       // authorize redirects with a code at once, without the consent page
	Behaviour    Behaviour
}

// Sim is one simulated portal. Safe for concurrent use.
type Sim struct {
	core *sim.Core
	cfg  Config

	mu         sync.Mutex
	behaviour  Behaviour
	records    map[string]map[string]*record // kind name, id
	lastID     map[string]int64
	unique     map[uniqueKey]string // to the id of the record that owns the value
	everEmail  map[string][]string  // every address ever held, to contact ids: a search shortcut
	merged     map[string]string    // old contact id to the contact it became
	properties map[string]map[string]*Property
	owners     []Owner
	assocTypes []assocType
	lastTypeID int
	codes      map[string]*authCode
	grants     map[string]*grant // by refresh token
	access     map[string]*accessToken
	burst      window
	searches   window
	daily      day
	matched    int // searches that matched something, for PhantomSearchEvery
}

// New makes a portal with three deals (9001, 9002, 9003), two owners and no contacts. Record ids
// continue after those in the log, so that a log file never names two records by one id.
func New(cfg Config) *Sim {
	if cfg.Log == nil {
		cfg.Log = sim.NewOpLog()
	}
	if cfg.ClientID == "" {
		cfg.ClientID = DefaultClientID
	}
	if cfg.ClientSecret == "" {
		cfg.ClientSecret = DefaultClientSecret
	}
	s := &Sim{
		core:       sim.NewCore("hubspot", cfg.Log),
		cfg:        cfg,
		behaviour:  cfg.Behaviour,
		records:    map[string]map[string]*record{},
		lastID:     map[string]int64{},
		unique:     map[uniqueKey]string{},
		everEmail:  map[string][]string{},
		merged:     map[string]string{},
		properties: map[string]map[string]*Property{},
		assocTypes: standardAssociations(),
		lastTypeID: 30,
		codes:      map[string]*authCode{},
		grants:     map[string]*grant{},
		access:     map[string]*accessToken{},
		burst:      window{span: 10 * time.Second},
		searches:   window{span: time.Second},
	}
	for _, k := range kinds() {
		s.records[k.name] = map[string]*record{}
		s.properties[k.name] = standardProperties(k.name)
		s.lastID[k.name] = k.firstID - 1
	}
	for _, e := range cfg.Log.Entries(0) {
		if n, err := strconv.ParseInt(e.ID, 10, 64); err == nil && e.CRM == s.core.CRM && n > s.lastID[e.Object] {
			s.lastID[e.Object] = n
		}
	}
	s.seedPortal()
	return s
}

// Core is the shared part: operation log, faults, call counts, clock.
func (s *Sim) Core() *sim.Core { return s.core }

// HubID is the id of the seeded portal, as in hub_id of the token answer.
func (s *Sim) HubID() int64 { return hubID }

// Handler serves HubSpot's API and sign-in, the control API under /__sim/, and a page at / that
// shows what is in the portal.
func (s *Sim) Handler() http.Handler {
	return s.core.Handler(s.api(), func(mux *http.ServeMux) {
		s.control(mux)
		mux.HandleFunc("GET /{$}", s.home)
		mux.HandleFunc("GET /contacts/", s.home) // HubSpot's own pages for people are there
	})
}

// Behaviour is the present set of switches.
func (s *Sim) Behaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

// SetBehaviour replaces all switches, for requests that arrive from now on.
func (s *Sim) SetBehaviour(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
}
