//go:build !production

package main

import (
	"fmt"
	"io"
	"time"
)

// progress tells a person what is going on, one line a step with the seconds since the start.
type progress struct {
	w     io.Writer
	start time.Time
}

func newProgress(w io.Writer) *progress { return &progress{w: w, start: time.Now()} }

func (p *progress) step(text string) {
	_, _ = fmt.Fprintf(p.w, "%6.1fs  %s …\n", time.Since(p.start).Seconds(), text)
}

func (p *progress) done(text string) {
	_, _ = fmt.Fprintf(p.w, "%6.1fs  %s\n", time.Since(p.start).Seconds(), text)
}
