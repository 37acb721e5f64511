package api

import (
	"net"
	"net/netip"
	"sync"
)

// LimitConnections gives a listener that holds at most so many connections at once, and of one address at most perAddress; 0: any number.
// One too many is closed at once, unread: whoever is there already goes on. Behind a gateway all connections are the gateway's, so that
// perAddress has to be 0 there.
func LimitConnections(l net.Listener, most, perAddress int) net.Listener {
	if most <= 0 && perAddress <= 0 {
		return l
	}
	return &limitedListener{Listener: l, most: most, perAddress: perAddress, open: map[string]int{}}
}

type limitedListener struct {
	net.Listener
	most, perAddress int

	mu   sync.Mutex
	all  int
	open map[string]int // by address
}

// Accept is net.Listener.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(conn)
		if l.take(from) {
			return &countedConn{Conn: conn, release: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // nothing of it is kept here
		}
		_ = conn.Close()
	}
}

func (l *limitedListener) take(from string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 && l.all >= l.most || l.perAddress > 0 && l.open[from] >= l.perAddress {
		return false
	}
	l.all++
	l.open[from]++
	return true
}

func (l *limitedListener) give(from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

func addressOf(conn net.Conn) string {
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return network(at.Addr())
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	release func()
}

// Close is net.Conn.
func (c *countedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
