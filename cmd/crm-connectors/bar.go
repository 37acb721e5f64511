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

// bar shows a person at a terminal how far a file is. Where standard error is none, such as in a script, it shows nothing.
type bar struct {
	w           io.Writer // nil: nobody looks
	total, came int64     // bytes; total 0: not known
	done        int       // outcomes
}

func newBar(w io.Writer, total int64) *bar {
	if file, ok := w.(*os.File); !ok || !isatty.IsTerminal(file.Fd()) {
		w = nil
	}
	return &bar{w: w, total: total}
}

func (b *bar) read(bytes int) { b.came += int64(bytes) }

func (b *bar) taken(outcomes int) {
	b.done += outcomes
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
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K%s%d outcomes%s", full, b.done, note)
}

func (b *bar) end() {
	if b.w != nil && b.done > 0 {
		_, _ = fmt.Fprintln(b.w)
	}
}
