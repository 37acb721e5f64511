package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	slowClients  = 1000
	bodySenders  = 4
	dripEvery    = time.Second
	healthyAsks  = 1500
	oversizedMiB = 2 // the limit is 1
)

// slowClientsBeside compares what a healthy caller waits for alone and beside a thousand connections that never finish their headers or
// bodies, and beside bodies that are too large, and gives the highest resident memory meanwhile.
func slowClientsBeside(ctx context.Context, w *world) ([]figure, error) {
	db, drop, err := w.database(ctx)
	if err != nil {
		return nil, err
	}
	defer drop()
	s, err := w.start(ctx, db, crmURLs{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.stop() }()
	alone, err := s.healthy(ctx, w.scaled(healthyAsks))
	if err != nil {
		return nil, err
	}
	attack, end := context.WithCancel(ctx)
	var attackers sync.WaitGroup
	var taken atomic.Bool
	for i := range slowClients {
		attackers.Go(func() { s.drip(attack, i) })
	}
	for range bodySenders {
		attackers.Go(func() { s.oversize(attack, &taken) })
	}
	time.Sleep(2 * dripEvery) // until all are there
	beside, err := s.healthy(ctx, w.scaled(healthyAsks))
	end()
	attackers.Wait()
	if err != nil {
		return nil, fmt.Errorf("beside slow clients: %w", err)
	}
	if taken.Load() {
		return nil, errors.New("a body that is too large was taken")
	}
	_, peak, err := memoryOf(s.pid())
	if err != nil {
		return nil, err
	}
	p99, before := quantile(beside, 0.99), quantile(alone, 0.99)
	ratio := before / p99
	return []figure{{Name: "slow_clients_ms_p99", Value: p99, Unit: "ms", Baseline: &before, Ratio: &ratio}, {Name: "slow_clients_rss_mib", Value: peak, Unit: "MiB"}}, nil
}

// healthy asks n times, each on its own in a steady pace, and gives what each answer took, in milliseconds.
func (s *service) healthy(ctx context.Context, n int) ([]float64, error) {
	var took []float64
	for range n {
		began := time.Now()
		if err := s.call(ctx, http.MethodGet, "/functions/v1/connections?workspace_id="+uuid.NewString(), nil, nil); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began).Seconds()*1000)
		time.Sleep(4 * time.Millisecond)
	}
	return took, nil
}

// drip holds a connection from one of many addresses open with a byte now and then: every other one in its headers, the rest in a body. When
// the service has enough of it, it comes again.
func (s *service) drip(ctx context.Context, i int) {
	head := "POST /functions/v1/sync HTTP/1.1\r\nHost: slow\r\napikey: " + serviceKey + "\r\nContent-Type: application/json\r\n"
	if i%2 == 0 {
		head += "Content-Length: 100000\r\n\r\n{"
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%200))}, Timeout: 5 * time.Second}
	for ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, "tcp", hostOf(s.url))
		if err == nil {
			_, err = io.WriteString(conn, head)
			for err == nil && ctx.Err() == nil {
				pause(ctx, dripEvery/2+rand.N(dripEvery))
				_, err = io.WriteString(conn, "x")
			}
			_ = conn.Close()
		}
		pause(ctx, rand.N(dripEvery))
	}
}

// oversize sends bodies without a length that are larger than the service takes, and tells if one was taken all the same.
func (s *service) oversize(ctx context.Context, taken *atomic.Bool) {
	body := strings.Repeat(" ", oversizedMiB<<20)
	for ctx.Err() == nil {
		if s.send(ctx, http.MethodPost, "/functions/v1/sync", struct{ io.Reader }{strings.NewReader(body)}, nil) == nil {
			taken.Store(true)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
