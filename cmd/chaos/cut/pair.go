package cut

import (
	"net"
	"sync"
	"sync/atomic"
)

// pair is one client's connection and ours to the server on its behalf.
type pair struct {
	proxy          *Proxy
	id             int64
	place          int // in the proxy's counts
	client, server *net.TCPConn
	watcher        Watcher

	judging sync.Mutex  // one direction at a time
	hole    atomic.Bool // nothing goes on any more
}

// pump carries one direction until it ends or harm is done.
func (c *pair) pump(d Direction, from, to *net.TCPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !c.pass(d, buf[:n], to) {
			return
		}
		if err != nil {
			c.ended(d, to)
			return
		}
	}
}

// ended hands the end of one direction on. In a black hole only the client's end counts, and ends all.
func (c *pair) ended(d Direction, to *net.TCPConn) {
	switch {
	case !c.hole.Load():
		_ = to.CloseWrite() // the other side may be gone already
	case d == Up:
		c.reset()
	}
}

// pass judges one chunk and carries out the verdict. False ends the pump.
func (c *pair) pass(d Direction, data []byte, to *net.TCPConn) bool {
	c.judging.Lock()
	defer c.judging.Unlock()
	offset := c.proxy.count(c, d, len(data))
	if c.hole.Load() {
		return true
	}
	v := Verdict{Bytes: len(data)}
	if c.watcher != nil {
		v = c.watcher.Chunk(Chunk{Dir: d, Offset: offset, Data: data})
	}
	n := min(max(v.Bytes, 0), len(data))
	if n > 0 {
		if _, err := to.Write(data[:n]); err != nil {
			return false
		}
	}
	if v.Do != nil {
		v.Do()
	}
	switch v.Harm {
	case FIN:
		c.finish()
		return false
	case RST:
		c.reset()
		return false
	case Hole:
		c.hole.Store(true)
		return true
	}
	if v.Do != nil && n < len(data) { // a chunk that was held back goes on, unless its connection is gone by now
		if _, err := to.Write(data[n:]); err != nil {
			return false
		}
	}
	return true
}

// finish ends both sides in order: what was passed arrives, then the end does. Reading ends too, so that both pumps do.
func (c *pair) finish() {
	for _, conn := range []*net.TCPConn{c.client, c.server} {
		_ = conn.CloseWrite()
		_ = conn.CloseRead()
	}
}

func (c *pair) reset() {
	abort(c.client)
	abort(c.server)
}

// abort sends an RST instead of a FIN.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
