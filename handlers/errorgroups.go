package handlers

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

const groupsMost = 300 // of error groups, and of connections with an error of their own

// Mend is the one act that takes an error out of the world, where there is one.
type Mend string

// The mends, the most urgent first.
const (
	MendReconnect Mend = "reconnect" // the connection: somebody consents again
	MendLook      Mend = "look"      // at the writes, which a person settles one by one
	MendRetry     Mend = "retry"     // the failed writes, once their cause is mended
	MendTest      Mend = "test"      // the connection: the CRM is asked whether the trouble has passed
	MendNothing   Mend = ""          // it passes by itself
)

// ErrorGroup is what has the same error at the same connection: its writes, the connection itself, or both.
type ErrorGroup struct {
	Connection     ConnectionView
	Code           string
	Cause, Action  string // of one of them
	Itself         bool   // the connection has the error
	Writes         Waits
	Newest, Oldest time.Time // when they came to stand like this; of a connection alone: when it was last checked
	Mend           Mend

	class string
}

// Errors is what an operator sees of what goes wrong, the most urgent first.
type Errors struct {
	At     time.Time
	Groups []ErrorGroup
	More   bool // there are further groups
}

// errorsKept keeps the last look, as overview does.
type errorsKept struct {
	mu   sync.Mutex
	last Errors
}

// Errors looks at all workspaces. It is for operators alone.
func (h *Handlers) Errors(ctx context.Context) (Errors, error) {
	h.errors.mu.Lock()
	defer h.errors.mu.Unlock()
	now := h.cfg.Now()
	if age := now.Sub(h.errors.last.At); age >= 0 && age < overviewKept {
		return h.errors.last, nil
	}
	writes, err := h.store.TroubledWrites(ctx, groupsMost+1)
	if err != nil {
		return Errors{}, err
	}
	out := Errors{At: now, More: len(writes) > groupsMost}
	var ids []uuid.UUID
	for _, w := range writes {
		ids = append(ids, w.ConnectionID)
	}
	conns, err := h.store.ConnectionsInTrouble(ctx, ids, groupsMost)
	if err != nil {
		return Errors{}, err
	}
	out.Groups = h.groupErrors(writes[:min(len(writes), groupsMost)], conns)
	itself := 0
	for _, g := range out.Groups {
		if g.Itself {
			itself++
		}
	}
	out.More = out.More || itself >= groupsMost
	h.errors.last = out
	return out, nil
}

// groupErrors puts together what has the same code at the same connection.
func (h *Handlers) groupErrors(writes []store.Troubled, conns []store.Connection) []ErrorGroup {
	type key struct {
		connection uuid.UUID
		code       string
	}
	groups := map[key]*ErrorGroup{}
	views := map[uuid.UUID]ConnectionView{}
	for _, c := range conns {
		v := h.view(c)
		views[c.ID] = v
		if v.Trouble == nil || c.Status == store.ConnectionDisconnected {
			continue
		}
		g := &ErrorGroup{Connection: v, Code: v.Trouble.Code, Cause: v.Trouble.Cause, Action: v.Trouble.Action, Itself: true}
		if c.LastCheckedAt != nil {
			g.Newest, g.Oldest = *c.LastCheckedAt, *c.LastCheckedAt
		}
		groups[key{c.ID, g.Code}] = g
	}
	for _, w := range writes {
		v, known := views[w.ConnectionID]
		if !known {
			continue // erased since the writes were counted
		}
		g := groups[key{w.ConnectionID, w.Code}]
		if g == nil {
			g = &ErrorGroup{Connection: v, Code: w.Code, Cause: w.Cause, Action: w.Action, class: w.Class}
			groups[key{w.ConnectionID, w.Code}] = g
		}
		g.add(w)
	}
	var out []ErrorGroup
	for _, g := range groups {
		g.Mend = g.mend()
		out = append(out, *g)
	}
	urgency := []Mend{MendReconnect, MendLook, MendRetry, MendTest, MendNothing}
	slices.SortFunc(out, func(a, b ErrorGroup) int {
		return cmp.Or(slices.Index(urgency, a.Mend)-slices.Index(urgency, b.Mend), cmp.Compare(b.Writes.sum(), a.Writes.sum()), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Connection.ID.String(), b.Connection.ID.String()))
	})
	return out
}

// add counts w, whose time is better known than that of the connection.
func (g *ErrorGroup) add(w store.Troubled) {
	n := Count{N: w.Count, More: w.More}
	first := !g.Writes.Any()
	switch w.Status {
	case store.Failed:
		g.Writes.Failed = n
	case store.NeedsReview:
		g.Writes.Review = n
	case store.Blocked:
		g.Writes.Blocked = n
	case store.InDoubt, store.Reconciling:
		g.Writes.InDoubt = g.Writes.InDoubt.and(n)
	case store.Queued:
		g.Writes.Queued = n
	}
	if first || w.Newest.After(g.Newest) {
		g.Newest = w.Newest
	}
	if first || w.Oldest.Before(g.Oldest) {
		g.Oldest = w.Oldest
	}
}

// mend is the first that has to be done: nothing is retried on a connection that is not written to.
func (g *ErrorGroup) mend() Mend {
	since := g.Connection.ConnectedAt != nil && g.Connection.ConnectedAt.After(g.Newest) // somebody has reconnected
	switch status := g.Connection.Status; {
	case status == store.ConnectionPendingClaim:
		return MendNothing
	case status != store.ConnectionConnected, g.class == string(connectors.ClassNeedsReconnect) && !since:
		return MendReconnect
	case g.Writes.Review.N > 0, g.Writes.Failed.N > 0 && !retryHelps(g.Code):
		return MendLook
	case g.Writes.Failed.N > 0:
		return MendRetry
	case g.Itself && g.Connection.PausedUntil == nil:
		return MendTest
	}
	return MendNothing
}

// retryHelps says whether a write that failed like this could be written later as it is.
func retryHelps(code string) bool {
	return !slices.Contains([]string{"contact_erased", "account_changed", "payload_unreadable", store.DependencyFailed}, code)
}

func (w Waits) sum() (n int) {
	for _, part := range w.List() {
		n += part.Count.N
	}
	return n
}
