package salesforce

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"crm-connectors/connectors"
)

const cacheMost = 10_000 // entries; a few hundred bytes each

// cache remembers short answers of Salesforce for cacheFor. Callers that miss together share one fetch.
// Errors are not remembered.
type cache[V any] struct {
	now    func() time.Time
	flight singleflight.Group
	mu     sync.Mutex
	kept   map[string]cached[V]
}

type cached[V any] struct {
	value   V
	expires time.Time
}

func newCache[V any](now func() time.Time) *cache[V] {
	return &cache[V]{now: now, kept: map[string]cached[V]{}}
}

func (c *cache[V]) get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.kept[key]
	return e.value, ok && c.now().Before(e.expires)
}

func (c *cache[V]) has(key string) bool {
	_, ok := c.get(key)
	return ok
}

func (c *cache[V]) put(key string, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= cacheMost {
		clear(c.kept) // rare, and refilled by use
	}
	c.kept[key] = cached[V]{value: value, expires: c.now().Add(cacheFor)}
}

func (c *cache[V]) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.kept, key)
}

// orFetch gives the value of key, by fetch if need be. The fetch outlives the caller's context, because
// others may be waiting for it; the shared client bounds it.
func (c *cache[V]) orFetch(ctx context.Context, key string, fetch func(context.Context) (V, *connectors.Error)) (V, *connectors.Error) {
	var none V
	if v, ok := c.get(key); ok {
		return v, nil
	}
	done := c.flight.DoChan(key, func() (any, error) {
		if v, ok := c.get(key); ok { // since it was missed, another flight has landed
			return v, nil
		}
		v, err := fetch(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		c.put(key, v)
		return v, nil
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return none, connectors.AsError(r.Err)
		}
		return r.Val.(V), nil
	case <-ctx.Done():
		return none, lost(connectors.Read, &connectors.TransportError{Sent: true, Err: ctx.Err()})
	}
}
