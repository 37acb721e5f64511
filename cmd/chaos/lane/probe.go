package lane

import (
	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/wire"
)

// The wires between the service and the world.
const (
	HubSpot    = "hubspot"
	Salesforce = "salesforce"
	Postgres   = "postgres"
)

// Event is something that is about to pass between the service and the world.
type Event struct {
	Wire string
	Conn int64
	Dir  cut.Direction
	wire.Step
}

// Probe sees every event of a lane before it passes and says what becomes of it. It is called by several connections at once.
type Probe func(Event) cut.Verdict

// watcher names what passes on one connection and asks the lane's probe.
type watcher struct {
	lane  *Lane
	wire  string
	conn  int64
	namer wire.Namer
}

// Chunk is cut.Watcher's.
func (w *watcher) Chunk(c cut.Chunk) cut.Verdict {
	var s wire.Step
	if c.Dir == cut.Up {
		s = w.namer.Request(c.Data)
	} else {
		s = w.namer.Answer(c.Data)
	}
	probe := w.lane.probe.Load()
	if probe == nil {
		return cut.Pass(c)
	}
	return (*probe)(Event{Wire: w.wire, Conn: w.conn, Dir: c.Dir, Step: s})
}

// Closed is cut.Watcher's.
func (w *watcher) Closed() {}

// Pass lets an event go on.
func Pass(e Event) cut.Verdict { return cut.Verdict{Bytes: len(e.Text)} }

// SetProbe makes p judge what passes from now on; nil lets all pass.
func (l *Lane) SetProbe(p Probe) {
	if p == nil {
		l.probe.Store(nil)
		return
	}
	l.probe.Store(&p)
}

func (l *Lane) openProxy(name, target string) (*cut.Proxy, error) {
	return cut.New(target, func(conn int64) cut.Watcher {
		w := &watcher{lane: l, wire: name, conn: conn, namer: &wire.HTTP{}}
		if name == Postgres {
			w.namer = &wire.Postgres{}
		}
		return w
	})
}
