package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const (
	fleetPage = 50
	openMost  = 999 // how far a connection's waiting writes are counted in a list
)

// FleetQuery narrows the list of connections. Empty fields do not narrow.
type FleetQuery struct {
	Health, CRM, Text string
	After             string // Fleet.Next of the page before
}

// Fleet is a page of all workspaces' connections.
type Fleet struct {
	Connections []ConnectionView
	Next        string // empty: this is the last page
}

// Fleet lists connections, the worse off first. It is for operators alone.
func (h *Handlers) Fleet(ctx context.Context, q FleetQuery) (Fleet, error) {
	f := store.FleetFilter{Health: q.Health, CRM: q.CRM, Text: strings.TrimSpace(q.Text), Limit: fleetPage + 1}
	if rank, id, ok := strings.Cut(q.After, "."); ok {
		var err error
		if f.After.ID, err = uuid.Parse(id); err == nil {
			_, err = fmt.Sscan(rank, &f.After.Rank)
		}
		if err != nil {
			return Fleet{}, fail(api.CodeValidationFailed, "after is not a place in this list.", map[string]any{"field": "after"})
		}
	}
	rows, err := h.store.Fleet(ctx, f)
	if err != nil {
		return Fleet{}, err
	}
	var out Fleet
	if len(rows) > fleetPage {
		rows = rows[:fleetPage]
		last := rows[fleetPage-1]
		out.Next = fmt.Sprintf("%d.%s", last.Rank, last.ID)
	}
	for _, r := range rows {
		out.Connections = append(out.Connections, h.view(r.Connection))
	}
	return out, h.countOpen(ctx, out.Connections)
}

func (h *Handlers) countOpen(ctx context.Context, views []ConnectionView) error {
	ids := make([]uuid.UUID, len(views))
	for i, v := range views {
		ids[i] = v.ID
	}
	counts, err := h.store.OpenWrites(ctx, ids, openMost)
	for _, n := range counts {
		i := slices.Index(ids, n.ID)
		views[i].Waits = Waits{Queued: upTo(n.Queued), Blocked: upTo(n.Blocked), InDoubt: upTo(n.InDoubt), Review: upTo(n.Review), Failed: upTo(n.Failed)}
	}
	return err
}

func upTo(n int) Count { return Count{N: min(n, openMost), More: n > openMost} }

// ConnectionPage is all that operators see of one connection.
type ConnectionPage struct {
	ConnectionView
	Scopes   []Scope
	Markers  []Marker
	Advice   []string       // what makes the markers better
	Probed   *time.Time     // when the markers were last asked for
	Limits   []Limit        // as the CRM last said
	LimitsAt *time.Time     // when
	OwnApp   string         // client id of the workspace's own app; empty: the service's
	Settings SettingsFields // as they are
}

// Scope is a right that the service asks for or was given.
type Scope struct {
	Name                string
	Granted             bool
	Required, WasWanted bool
}

// Marker is what tells a record of ours from a copy.
type Marker struct{ Object, Tier, Words, Field string }

// Limit is an allowance of the account.
type Limit struct {
	Name      string
	Used, Max int64
}

// FleetConnection is one connection of any workspace. It is for operators alone.
func (h *Handlers) FleetConnection(ctx context.Context, id uuid.UUID) (ConnectionPage, error) {
	conn, err := h.anyConnection(ctx, id)
	if err != nil {
		return ConnectionPage{}, err
	}
	s, err := storedSettings(conn)
	if err != nil {
		return ConnectionPage{}, err
	}
	page := ConnectionPage{ConnectionView: h.view(conn), Scopes: h.scopes(conn), Probed: conn.CapabilitiesAt, LimitsAt: conn.LimitsAt,
		OwnApp: conn.AppClientID, Settings: fieldsOf(conn.CRM, s)}
	if conn.CapabilitiesAt != nil {
		found := decodeCapabilities(conn)
		page.Advice = found.Advice
		for _, o := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
			m := found.Of(o)
			page.Markers = append(page.Markers, Marker{Object: string(o), Tier: string(m.Tier), Words: tierWords(m.Tier), Field: m.Field})
		}
	}
	for _, l := range decodeList[connectors.Limit](conn.Limits) {
		page.Limits = append(page.Limits, Limit{Name: l.Name, Used: l.Used, Max: l.Max})
	}
	one := []ConnectionView{page.ConnectionView}
	err = h.countOpen(ctx, one)
	page.ConnectionView = one[0]
	return page, err
}

func (h *Handlers) anyConnection(ctx context.Context, id uuid.UUID) (store.Connection, error) {
	conn, err := h.store.ConnectionByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return conn, fail(api.CodeConnectionNotFound, "There is no connection with this id.", nil)
	}
	return conn, err
}

// scopes are those that are asked for, then others that were given.
func (h *Handlers) scopes(conn store.Connection) []Scope {
	var required, optional []string
	if s, ok := h.connectors[connectors.CRM(conn.CRM)].(connectors.Scoped); ok {
		required, optional = s.Scopes()
	}
	var out []Scope
	for _, name := range slices.Concat(required, optional) {
		out = append(out, Scope{Name: name, Granted: slices.Contains(conn.Scopes, name), Required: slices.Contains(required, name), WasWanted: true})
	}
	for _, name := range conn.Scopes {
		if !slices.ContainsFunc(out, func(s Scope) bool { return s.Name == name }) {
			out = append(out, Scope{Name: name, Granted: true})
		}
	}
	return out
}

func tierWords(t connectors.Tier) string {
	switch t {
	case connectors.TierEnforced:
		return "The CRM itself refuses a second copy."
	case connectors.TierRead:
		return "Before anything is sent again, a read of the CRM shows whether it is there."
	case connectors.TierSearch:
		return "Only a search finds it, which lags behind: after a lost answer the service waits longer."
	}
	return "Nothing finds it: after a lost answer a person decides."
}

// FindConnection is the id of a workspace's connection to a CRM.
func (h *Handlers) FindConnection(ctx context.Context, workspaceID uuid.UUID, crm string) (uuid.UUID, error) {
	conn, err := h.store.Connection(ctx, workspaceID, crm)
	if errors.Is(err, store.ErrNotFound) {
		return uuid.Nil, notConnected(crm)
	}
	return conn.ID, err
}
