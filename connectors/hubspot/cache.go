package hubspot

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"crm-connectors/connectors"
)

// cacheSweep is the size from which an insertion also drops what has expired.
const cacheSweep = 4096

// cache remembers answers for a while and asks once where many ask at the same time. Losing it
// costs a few calls and nothing else.
type cache[K comparable, V any] struct {
	ttl     time.Duration
	now     func() time.Time
	flights singleflight.Group
	mu      sync.Mutex
	entries map[K]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

func newCache[K comparable, V any](ttl time.Duration, now func() time.Time) *cache[K, V] {
	return &cache[K, V]{ttl: ttl, now: now, entries: map[K]entry[V]{}}
}

// get gives what is known of key, or loads it. The load outlives the caller that began it, for
// others may wait for it too; it ends by the Doer's own limit. A failed load is not remembered.
func (c *cache[K, V]) get(ctx context.Context, key K, load func(context.Context) (V, *connectors.Error)) (V, *connectors.Error) {
	if v, ok := c.peek(key); ok {
		return v, nil
	}
	flight := c.flights.DoChan(fmt.Sprintf("%#v", key), func() (any, error) {
		if v, ok := c.peek(key); ok {
			return v, nil
		}
		v, failed := load(context.WithoutCancel(ctx))
		if failed != nil {
			return v, failed
		}
		c.put(key, v, c.ttl)
		return v, nil
	})
	var zero V
	select {
	case done := <-flight:
		if done.Err != nil {
			return zero, connectors.AsError(done.Err)
		}
		return done.Val.(V), nil
	case <-ctx.Done():
		return zero, unanswered(&connectors.TransportError{Err: ctx.Err()}, connectors.Read)
	}
}

func (c *cache[K, V]) peek(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e.value, ok && c.now().Before(e.until)
}

// put remembers v for ttl.
func (c *cache[K, V]) put(key K, v V, ttl time.Duration) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= cacheSweep {
		for k, e := range c.entries {
			if !now.Before(e.until) {
				delete(c.entries, k)
			}
		}
	}
	c.entries[key] = entry[V]{value: v, until: now.Add(ttl)}
}

func (c *cache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}
