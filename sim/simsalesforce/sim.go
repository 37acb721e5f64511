// Package simsalesforce plays one Salesforce org: sign-in, REST data API and the rules of Lead,
// Contact and Task that surprise clients.
//
//	browser ─► /services/oauth2/authorize ─► consent page ─► code
//	client  ─► /services/oauth2/token ─► grant: one chain of refresh tokens, its access tokens
//	client  ─► /services/data/vXX.0/… ─► size ─► session ─► version ─► daily limit ─► call
//	             call, under one lock:  query: lexer ─► parser ─► bind ─► rows ─► page
//	                                    write: decode ─► rules ─► derive ─► tx ─► operation log
//
// What was written over the API has its line in the operation log before the lock is released,
// so before any client can see it. What a test or a demo puts in itself (Seed, Delete,
// ConvertLead and their control routes) is the work of the org's people and is not logged.
//
// Left out on purpose: relationship and aggregate queries other than COUNT(), composite/graph,
// triggers, sharing, and signed id_tokens. Texts of errors follow what public logs show.
package simsalesforce

import (
	"errors"
	"net/http"
	"strings"
	"sync"

	"crm-connectors/sim"
)

// The one app that the simulated org knows, unless Config names another.
const (
	DefaultClientID     = "sim-salesforce-client"
	DefaultClientSecret = "sim-salesforce-secret-not-real"
)

// Config says what is fixed while the simulator runs.
type Config struct {
	Log          *sim.OpLog // required
	ClientID     string     // empty: DefaultClientID
	ClientSecret string     // empty: DefaultClientSecret
	RedirectURLs []string   // compared letter for letter; empty: any URL on localhost or 127.0.0.1
	AutoConsent  bool       // authorize answers at once instead of showing the consent page
	BaseURL      string     // the simulator's URL as clients see it; empty: from the request's Host
	Behaviour    Behaviour  // can be changed at run time
}

// Sim is one org. Safe for concurrent use.
type Sim struct {
	cfg  Config
	core *sim.Core

	mu            sync.Mutex // guards all below
	behaviour     Behaviour
	schema        map[string]*object // by lower-case name, as the connected user sees it
	adminSchema   map[string]*object // the same without what is hidden from that user
	schemaChanged string
	tables        map[string]*table // by name
	seq           int64
	usage         usage
	cursors       cursors
	oauth         oauthState
}

// New makes an org with its users, an account and three opportunities. It panics without a log.
func New(cfg Config) *Sim {
	if cfg.Log == nil {
		panic(errors.New("simsalesforce: Config.Log is required"))
	}
	if cfg.ClientID == "" {
		cfg.ClientID = DefaultClientID
	}
	if cfg.ClientSecret == "" {
		cfg.ClientSecret = DefaultClientSecret
	}
	cfg.BaseURL = strings.TrimRight(cfg.BaseURL, "/")
	s := &Sim{cfg: cfg, core: sim.NewCore("salesforce", cfg.Log), tables: map[string]*table{}, oauth: newOAuthState()}
	for _, o := range standardObjects(Behaviour{}) {
		s.tables[o.name] = newTable()
	}
	s.SetBehaviour(cfg.Behaviour)
	s.seedOrg()
	s.restore()
	return s
}

// Core gives the faults, the clock, the calls and the log.
func (s *Sim) Core() *sim.Core { return s.core }

// OrgID is the org's id, 18 characters, the account of all entries in the operation log.
func (s *Sim) OrgID() string { return orgID }

// OpportunityIDs are the seeded opportunities, always the same.
func (s *Sim) OpportunityIDs() []string {
	return []string{OpportunityOneID, OpportunityTwoID, OpportunityThreeID}
}

// Behaviour is a copy of the switches in force.
func (s *Sim) Behaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour.clone()
}

// SetBehaviour replaces all switches. Records stay as they are.
func (s *Sim) SetBehaviour(b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b.clone()
	s.schema, s.schemaChanged = buildSchema(s.behaviour), stamp(s.core.Clock.Now())
	open := s.behaviour
	open.HiddenFields, open.ReadOnlyFields = nil, nil
	s.adminSchema = buildSchema(open)
	s.fillStatuses()
}

// Handler serves the org and, under /__sim/, its control API.
func (s *Sim) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /services/oauth2/authorize", s.authorize)
	mux.HandleFunc("POST /services/oauth2/authorize", s.decide)
	mux.HandleFunc("POST /services/oauth2/token", s.token)
	mux.HandleFunc("POST /services/oauth2/revoke", s.revoke)
	mux.HandleFunc("POST /services/oauth2/introspect", s.introspect)
	mux.HandleFunc("GET /services/oauth2/userinfo", s.userinfo)
	mux.HandleFunc("POST /services/oauth2/userinfo", s.userinfo)
	mux.HandleFunc("GET /id/{org}/{user}", s.identity)
	mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("/services/data", s.versions)
	mux.HandleFunc("/services/data/{$}", s.versions)
	mux.HandleFunc("/services/data/", s.data)
	mux.HandleFunc("GET /{$}", s.home)
	return s.core.Handler(limitSize(mux), s.control)
}

// objectOf is the type that an id belongs to, nil for none of the org's.
func (s *Sim) objectOf(id string) *object {
	if len(id) < 3 {
		return nil
	}
	for _, o := range s.schema {
		if o.prefix == id[:3] {
			return o
		}
	}
	return nil
}

// baseURL is the simulator's own address as the client of r sees it.
func (s *Sim) baseURL(r *http.Request) string {
	if s.cfg.BaseURL != "" {
		return s.cfg.BaseURL
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
