// Package cut is a TCP proxy that counts what passes and does harm at any byte.
//
//	client ──► Proxy ──► server
//	             │ each read is shown to the connection's Watcher before a byte of it goes on
//	             └ Verdict: pass so many bytes ─► Do (kill a process, say) ─► nothing, FIN, RST or a black hole
//
// The two directions of a connection are shown one after the other, never at the same time, so a Watcher needs no
// lock of its own. The proxy knows nothing of what it carries; package wire does.
package cut

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Direction is the way that bytes go.
type Direction int

// The directions.
const (
	Up   Direction = iota // from the client, which is the process under test, to the server
	Down                  // back
)

func (d Direction) String() string {
	if d == Up {
		return "up"
	}
	return "down"
}

// Harm is how a connection ends.
type Harm int

// The harms. A black hole keeps both ends open, passes nothing more and ends when the client gives up.
const (
	None Harm = iota
	FIN
	RST
	Hole
)

func (h Harm) String() string { return [...]string{"none", "fin", "rst", "hole"}[h] }

// Chunk is what one read brought.
type Chunk struct {
	Dir    Direction
	Offset int64  // of its first byte in this direction of the connection
	Data   []byte // valid during the call alone
}

// Verdict says what becomes of a chunk. The zero value drops it and goes on; see Pass.
type Verdict struct {
	Bytes int    // how many of its bytes go on
	Do    func() // then this is called, if it is not nil, while the rest waits
	Harm  Harm   // then this happens; after None the rest of the chunk goes on too
}

// Pass lets the whole chunk go on.
func Pass(c Chunk) Verdict { return Verdict{Bytes: len(c.Data)} }

// Watcher judges one connection. Its methods are not called at the same time.
type Watcher interface {
	Chunk(Chunk) Verdict
	Closed()
}

// Count is what passed on one connection, in bytes and reads.
type Count struct {
	Conn             int64
	Up, Down         int64
	UpReads, DnReads int64
	Open             bool
}

// Proxy listens on a free port of the loopback. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	watch    func(conn int64) Watcher
	refusing atomic.Bool

	mu     sync.Mutex
	conns  map[int64]*pair
	counts []Count
	closed bool
	wg     sync.WaitGroup
}

const dialWithin = 2 * time.Second

// New starts a proxy to target, host:port. watch makes the Watcher of each connection; nil, or a nil Watcher, lets all pass.
// The caller calls Close.
func New(target string, watch func(conn int64) Watcher) (*Proxy, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy to %s: %w", target, err)
	}
	p := &Proxy{listener: l, target: target, watch: watch, conns: map[int64]*pair{}}
	p.wg.Add(1)
	go p.accept()
	return p, nil
}

// Addr is where clients connect to, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Refuse makes the proxy reset new connections, as a host that is down does; false ends that.
func (p *Proxy) Refuse(on bool) { p.refusing.Store(on) }

// Counts are those of all connections since the start, in the order in which they were opened.
func (p *Proxy) Counts() []Count {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Count(nil), p.counts...)
}

// ResetAll ends all connections at once with an RST on both sides.
func (p *Proxy) ResetAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.reset()
	}
}

// Close ends the proxy and all its connections and waits for them.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, c := range p.conns {
		c.reset()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.wg.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close proxy to %s: %w", p.target, err)
	}
	return nil
}

func (p *Proxy) accept() {
	defer p.wg.Done()
	for id := int64(1); ; id++ {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		client := c.(*net.TCPConn)
		if p.refusing.Load() {
			abort(client)
			continue
		}
		p.wg.Add(1)
		go p.carry(id, client)
	}
}

// carry connects to the server and pumps until both directions are over.
func (p *Proxy) carry(id int64, client *net.TCPConn) {
	defer p.wg.Done()
	d := net.Dialer{Timeout: dialWithin}
	s, err := d.DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		abort(client)
		return
	}
	c := &pair{proxy: p, id: id, client: client, server: s.(*net.TCPConn)}
	if p.watch != nil {
		c.watcher = p.watch(id)
	}
	if !p.enter(c) {
		c.reset()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { c.pump(Up, c.client, c.server) })
	both.Go(func() { c.pump(Down, c.server, c.client) })
	both.Wait()
	_ = c.client.Close()
	_ = c.server.Close()
	p.leave(c)
	if c.watcher != nil {
		c.watcher.Closed()
	}
}

func (p *Proxy) enter(c *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.conns[c.id] = c
	c.place = len(p.counts)
	p.counts = append(p.counts, Count{Conn: c.id, Open: true})
	return true
}

func (p *Proxy) leave(c *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c.id)
	p.counts[c.place].Open = false
}

func (p *Proxy) count(c *pair, d Direction, n int) (offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := &p.counts[c.place]
	if d == Up {
		offset, k.Up, k.UpReads = k.Up, k.Up+int64(n), k.UpReads+1
	} else {
		offset, k.Down, k.DnReads = k.Down, k.Down+int64(n), k.DnReads+1
	}
	return offset
}
