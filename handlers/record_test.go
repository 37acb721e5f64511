package handlers_test

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// clock is the real time, moved.
type clock struct {
	mu sync.Mutex
	by time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.by)
}

// later moves it to that long after the real time.
func (c *clock) later(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = by
}

// record collects text from several goroutines.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write is io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

var _ io.Writer = (*record)(nil)
