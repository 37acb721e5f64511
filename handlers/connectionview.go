package handlers

import (
	"encoding/json"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// ConnectionView is a connection as operators see it, and never a token.
type ConnectionView struct {
	ID, WorkspaceID        uuid.UUID // WorkspaceID: uuid.Nil while it waits to be claimed
	CRM, CRMName           string    // hubspot, HubSpot
	Status, Health         string    // Health: see Health.Name
	AccountID, AccountName string
	AccountURL             string // where people look at it; may be empty
	ConnectedAt, CheckedAt *time.Time
	PausedUntil            *time.Time // nil, or in the future
	Trouble                *Trouble
	Waits                  Waits // of a list and of a page
}

// Trouble is what went wrong last with a connection, from the catalogue of failures, with the CRM's own words where it had any.
type Trouble struct{ Code, Cause, Action string }

// Waits are how many writes of a connection are not written.
type Waits struct{ Queued, Blocked, InDoubt, Review, Failed Count }

// view is c without its counts.
func (h *Handlers) view(c store.Connection) ConnectionView {
	v := ConnectionView{ID: c.ID, WorkspaceID: c.WorkspaceID, CRM: c.CRM, CRMName: title(c.CRM), Status: c.Status, Health: c.Status,
		AccountID: c.AccountID, AccountName: c.AccountName, ConnectedAt: c.ConnectedAt, CheckedAt: c.LastCheckedAt}
	if c.PausedUntil != nil && c.PausedUntil.After(h.cfg.Now()) {
		v.PausedUntil = c.PausedUntil
	}
	if c.LastError != nil {
		v.Trouble = &Trouble{Code: c.LastErrorCode, Cause: *c.LastError, Action: c.LastErrorAction}
	}
	if c.Status == store.ConnectionConnected {
		switch {
		case v.PausedUntil != nil:
			v.Health = store.HealthPaused
		case v.Trouble != nil:
			v.Health = store.HealthTrouble
		default:
			v.Health = store.HealthWriting
		}
	}
	if l, ok := h.connectors[connectors.CRM(c.CRM)].(connectors.Linker); ok {
		v.AccountURL = l.AccountURL(accountOf(c))
	}
	return v
}

// accountOf is what a page may know of the account: nothing that opens it.
func accountOf(c store.Connection) connectors.Account {
	return connectors.Account{ID: c.AccountID, InstanceURL: c.InstanceURL}
}

// decodeCapabilities are what a probe found; those of nothing where that cannot be read.
func decodeCapabilities(c store.Connection) connectors.Capabilities {
	var found connectors.Capabilities
	if err := json.Unmarshal(c.Capabilities, &found); err != nil {
		return connectors.Capabilities{}
	}
	return found
}

// WaitsOf is one of the counts with its word.
type WaitsOf struct {
	Word  string
	Count Count
}

// List has the counts in the order in which they matter.
func (w Waits) List() []WaitsOf {
	return []WaitsOf{{"failed", w.Failed}, {"for review", w.Review}, {"blocked", w.Blocked}, {"in doubt", w.InDoubt}, {"queued", w.Queued}}
}

// Any says whether there is one.
func (w Waits) Any() bool {
	for _, part := range w.List() {
		if part.Count.N > 0 {
			return true
		}
	}
	return false
}
