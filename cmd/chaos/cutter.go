package main

import (
	"maps"
	"slices"
	"sync"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"

	"github.com/google/uuid"
)

// exchange is the n-th request of one name that an outcome makes, with its answer.
type exchange struct {
	wire  string
	label string
	nth   int
}

// cell is one outcome's watch: what it asks, and where it is to be cut.
type cell struct {
	seen  map[string]int
	sizes map[exchange]*[2]int // of request and answer
	order []exchange

	cut   bool // false: record alone
	at    exchange
	dir   cut.Direction
	byte  int // so many pass
	harm  cut.Harm
	fired bool
}

// cutter tells the requests of many outcomes apart that share a service, by the token of their connection, and cuts each
// where its cell says.
type cutter struct {
	mu       sync.Mutex
	learning uuid.UUID            // the workspace that is being connected: a token that nobody has is its
	owner    map[string]uuid.UUID // of a token
	cells    map[uuid.UUID]*cell
	under    map[onWire]inFlight
}

type onWire struct {
	wire string
	conn int64
}

type inFlight struct {
	cell *cell
	ex   exchange
}

func newCutter() *cutter {
	return &cutter{owner: map[string]uuid.UUID{}, cells: map[uuid.UUID]*cell{}, under: map[onWire]inFlight{}}
}

// learn says whose the next unknown token is.
func (c *cutter) learn(workspace uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learning = workspace
}

// knows says whether a token of the workspace is known.
func (c *cutter) knows(workspace uuid.UUID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(slices.Collect(maps.Values(c.owner)), workspace)
}

// watch follows what a workspace asks from now on; nil ends it.
func (c *cutter) watch(workspace uuid.UUID, w *cell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w == nil {
		delete(c.cells, workspace)
		return
	}
	w.seen, w.sizes = map[string]int{}, map[exchange]*[2]int{}
	c.cells[workspace] = w
}

// judge is a lane.Probe.
func (c *cutter) judge(e lane.Event) cut.Verdict {
	if e.Wire == lane.Postgres {
		return lane.Pass(e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := onWire{e.Wire, e.Conn}
	if e.Dir == cut.Up && e.Begins {
		c.under[at] = c.begin(e)
	}
	f := c.under[at]
	if f.cell == nil {
		return lane.Pass(e)
	}
	f.cell.sizes[f.ex][e.Dir] = e.Offset + len(e.Text)
	w := f.cell
	if !w.cut || w.fired || w.at != f.ex || w.dir != e.Dir || w.byte > e.Offset+len(e.Text) {
		return lane.Pass(e)
	}
	w.fired = true
	return cut.Verdict{Bytes: w.byte - e.Offset, Harm: w.harm}
}

func (c *cutter) begin(e lane.Event) inFlight {
	workspace, ok := c.owner[e.Secret]
	if !ok && e.Secret != "" && c.learning != uuid.Nil {
		workspace = c.learning
		c.owner[e.Secret] = workspace
	}
	w := c.cells[workspace]
	if w == nil || e.Secret == "" {
		return inFlight{}
	}
	w.seen[e.Wire+e.Label]++
	ex := exchange{wire: e.Wire, label: e.Label, nth: w.seen[e.Wire+e.Label]}
	w.sizes[ex] = &[2]int{}
	w.order = append(w.order, ex)
	return inFlight{cell: w, ex: ex}
}

// struck says whether the cell was cut.
func (c *cutter) struck(w *cell) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.fired
}
