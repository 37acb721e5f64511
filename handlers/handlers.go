// Package handlers does what each route of openapi.yaml promises: one method an operation, typed request in,
// typed response out, and no HTTP.
//
//	connect:  start ─► state stored, authorize URL ─► (the CRM) ─► callback ─► state spent ─► code exchanged
//	                                                                   ─► grant sealed and stored ─► back to the app
//	sync:     outcome ─► curated? ─► rows in the log, delivery woken, one transaction ─► 202
//	                                                          └ Prefer: wait ─► 200 once they are settled
//
// This is where errors of the rooms below become *api.Error, once. What is not one is a fault of ours: api logs it and
// tells the caller nothing but that.
package handlers

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/delivery"
	"crm-connectors/store"

	"github.com/rs/zerolog"
)

// Config is what the handlers need; all of it.
type Config struct {
	Store           *store.Store
	Engine          *delivery.Engine
	Connectors      []connectors.Connector
	Apps            map[connectors.CRM]connectors.App
	Validator       *api.Validator
	Notifications   connectors.Outbound // where endpoints may be
	AppBaseURL      string              // where browsers are sent back to
	RedirectOrigins []string            // further origins that redirect_to may name in full
	Operators       *api.Operators      // who may use the console; nil: nobody
	Log             zerolog.Logger
	Observer        Observer         // nil: nobody
	Now             func() time.Time // nil: time.Now
}

// Handlers implements api.StrictServerInterface.
type Handlers struct {
	cfg        Config
	store      *store.Store
	engine     *delivery.Engine
	connectors map[connectors.CRM]connectors.Connector
	redirects  redirects
	overview   overview
	errors     errorsKept
	log        zerolog.Logger
}

var _ api.StrictServerInterface = (*Handlers)(nil)

// New checks the addresses in cfg.
func New(cfg Config) (*Handlers, error) {
	base, err := url.Parse(cfg.AppBaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fmt.Errorf("app base URL %q: want an absolute http or https URL", cfg.AppBaseURL)
	}
	if cfg.Observer == nil {
		cfg.Observer = unwatched{}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	h := &Handlers{cfg: cfg, store: cfg.Store, engine: cfg.Engine, connectors: map[connectors.CRM]connectors.Connector{},
		redirects: redirects{base: base, origins: append([]string{base.Scheme + "://" + base.Host}, cfg.RedirectOrigins...)}, log: cfg.Log}
	for _, c := range cfg.Connectors {
		h.connectors[c.CRM()] = c
	}
	return h, nil
}

func fail(code api.ErrorCode, message string, details map[string]any) *api.Error {
	return &api.Error{Code: code, Message: message, Details: details}
}

func notConnected(crm string) *api.Error {
	if crm == "" {
		return fail(api.CodeCrmNotConnected, "This workspace has connected no CRM. Connect HubSpot or Salesforce first.", nil)
	}
	return fail(api.CodeCrmNotConnected, "This workspace has not connected "+crm+". Connect it first.", map[string]any{"crm": crm})
}

// explain makes of an error of the store or the delivery what its caller may be told.
func explain(err error) error {
	var (
		conflict   *store.ConflictError
		missing    *store.NotConnectedError
		retriable  *store.NotRetriableError
		resolvable *store.NotResolvableError
		crm        *connectors.Error
	)
	switch {
	case errors.As(err, &conflict):
		return fail(api.CodeIdempotencyConflict, "The same source event carried other data before. Send changed data under a new source_event_id.",
			map[string]any{"idempotency_key": conflict.Key, "stored_payload_hash": conflict.StoredHash, "sent_payload_hash": conflict.SentHash})
	case errors.As(err, &missing):
		return notConnected(missing.CRM)
	case errors.As(err, &retriable):
		return fail(api.CodeWriteNotRetriable, whyNotRetriable(retriable), map[string]any{"status": retriable.Status, "connection_status": retriable.ConnectionStatus})
	case errors.As(err, &resolvable):
		return fail(api.CodeWriteNotResolvable, whyNotResolvable(resolvable), map[string]any{"status": resolvable.Status, "connection_status": resolvable.ConnectionStatus})
	case errors.As(err, &crm):
		return crmFailure(crm)
	}
	return err
}

// crmFailure tells why a CRM could not be asked: whether the customer must reconnect, somebody must change something, or waiting helps.
func crmFailure(e *connectors.Error) *api.Error {
	out := &api.Error{Code: api.CodeCrmNotConnected, Message: e.Cause + " " + e.Action, Details: map[string]any{"cause_code": e.Code}, Err: e}
	switch e.Class {
	case connectors.ClassRetry, connectors.ClassInDoubt:
		out.Code, out.RetryAfter = api.CodeCrmUnavailable, e.RetryAfter
		out.Message = e.Cause + " Nothing was changed; send it again later."
	case connectors.ClassRejected, connectors.ClassMisconfigured:
		out.Code = api.CodeCrmRefused
	}
	return out
}

func whyNotRetriable(e *store.NotRetriableError) string {
	switch e.Status {
	case store.Succeeded:
		return "The write succeeded already."
	case store.InDoubt, store.Reconciling, store.NeedsReview:
		return "The write may have reached the CRM. Repeating it could write it twice, so it has to be looked for first."
	case store.Blocked:
		return "The connection is " + e.ConnectionStatus + ". Reconnect the CRM; its writes then go on by themselves."
	}
	if e.ConnectionStatus != store.ConnectionConnected {
		return "The connection is " + e.ConnectionStatus + ". Reconnect the account that the write was made for, then try the write again."
	}
	return "A write that is " + strings.ReplaceAll(e.Status, "_", " ") + " cannot be tried again."
}

func whyNotResolvable(e *store.NotResolvableError) string {
	switch e.Status {
	case store.Succeeded, store.Cancelled:
		return "The write is " + e.Status + " already."
	case store.NeedsReview, store.Failed:
		return "The connection is " + e.ConnectionStatus + ", so that nothing can be verified. Reconnect the account that the write was made for, or cancel the write."
	}
	return "The service is still at work on this write. Wait until it is settled or needs review."
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func filled(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
