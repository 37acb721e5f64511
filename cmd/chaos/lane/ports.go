package lane

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports that services get lie below those that systems give to whoever connects (32768 and above on Linux), so that none is taken while
// a killed service is away from it.
const (
	firstPort = 12000
	portCount = 20000
)

// Ports gives addresses out, each once in a long while. Safe for concurrent use.
type Ports struct {
	mu   sync.Mutex
	next int
}

// NewPorts begins anywhere, so that two harnesses seldom meet.
func NewPorts() *Ports { return &Ports{next: rand.IntN(portCount)} } // nobody is to be surprised

// Next is an address of this machine at which nobody listens.
func (p *Ports) Next(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range portCount {
		p.next = (p.next + 1) % portCount
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+p.next))
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		return addr, l.Close()
	}
	return "", errors.New("every port is taken")
}
