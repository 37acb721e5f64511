package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

const barWidth = 32

// bar shows a person at a terminal how far it is. Where standard error is none, such as in a script, it shows nothing.
type bar struct {
	w           io.Writer // nil: nobody looks
	total, came int64     // of what is gone through; total 0: not known
	done        int       // of what is counted
	unit        string    // its name, in the plural
}

func newBar(w io.Writer, total int64, unit string) *bar {
	if file, ok := w.(*os.File); !ok || !isatty.IsTerminal(file.Fd()) {
		w = nil
	}
	return &bar{w: w, total: total, unit: unit}
}

func (b *bar) read(n int) { b.came += int64(n) }

func (b *bar) taken(n int) {
	b.done += n
	b.draw("")
}

func (b *bar) waits(wait time.Duration) {
	b.draw(fmt.Sprintf("  waits %s", wait.Round(time.Second)))
}

func (b *bar) draw(note string) {
	if b.w == nil {
		return
	}
	full := ""
	if b.total > 0 {
		part := int(min(b.came, b.total) * barWidth / b.total)
		full = "[" + strings.Repeat("#", part) + strings.Repeat(".", barWidth-part) + "] "
	}
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K%s%d %s%s", full, b.done, b.unit, note)
}

func (b *bar) end() {
	if b.w != nil && b.done > 0 {
		_, _ = fmt.Fprintln(b.w)
	}
}
