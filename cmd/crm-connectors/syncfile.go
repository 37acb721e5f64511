package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"crm-connectors/api"
)

const (
	syncMost    = 1000    // outcomes of a batch that the API takes
	longestLine = 1 << 20 // bytes
	batchMost   = 5 << 20 // bytes of lines: a body is at most 32 MiB, and JSON may write a character as six
	syncTries   = 8       // of one batch
)

func syncCommand() command {
	c := command{name: "sync", group: groupOperate, summary: "Hand in a file of outcomes, one JSON object a line", usage: `Usage: crm-connectors sync --file FILE --crm hubspot|salesforce [--batch N] [--dry-run] [--json]

Hands the outcomes of a file, or of standard input with --file -, to the running service at CRM_CONNECTORS_URL, with the service key in
CRM_CONNECTORS_KEY or in the file CRM_CONNECTORS_KEY_FILE. Each line is an outcome as POST /sync takes it. They go in batches; one that is
cut, or that the service asks to wait for, is sent again, which does no harm: an outcome that is there already is answered with its writes.
What is refused is listed by line, and the others go on. Exit code 1: something was refused.

Example
  crm-connectors sync --file outcomes.ndjson --crm hubspot`}
	c.run = func(ctx context.Context, e env) error { return runSync(ctx, c, e) }
	return c
}

// syncReport is what became of a file.
type syncReport struct {
	Lines    int           `json:"lines"`
	Accepted int           `json:"accepted"` // or planned, with --dry-run
	Refused  []refusedLine `json:"refused"`
}

// refusedLine is a line of which nothing is in the log.
type refusedLine struct {
	Line    int    `json:"line"` // from 1
	Code    string `json:"code"`
	Message string `json:"message"` // names the field and the mend
}

// handing is a file on its way.
type handing struct {
	remote *remote
	path   string
	query  url.Values
	size   int
	bar    *bar
	report syncReport
	lines  []int // of what waits to be sent
	batch  []json.RawMessage
	bytes  int // of it
	pause  func(ctx context.Context, d time.Duration) error
}

func runSync(ctx context.Context, c command, e env) error {
	fs := newFlags(c)
	file := fs.String("file", "", "the `file`, or - for standard input; required")
	crm := fs.String("crm", "", "the `CRM`, hubspot or salesforce; required")
	size := fs.Int("batch", 500, "outcomes a request, at most 1000")
	dryRun := fs.Bool("dry-run", false, "plan only: nothing is written")
	asJSON := fs.Bool("json", false, "print the report as JSON")
	if err := parseFlags(fs, c, e); err != nil {
		return err
	}
	switch {
	case *file == "":
		return &usageError{"sync: --file is missing\nRun '" + program + " help sync' for more."}
	case *crm != "hubspot" && *crm != "salesforce":
		return &usageError{"sync: --crm must be hubspot or salesforce"}
	case *size < 1 || *size > syncMost:
		return &usageError{"sync: --batch must be between 1 and 1000"}
	}
	r, err := openRemote(e)
	if err != nil {
		return err
	}
	from, total := io.Reader(os.Stdin), int64(0)
	if *file != "-" {
		opened, err := os.Open(*file)
		if err != nil {
			return &callError{code: codeNotSetUp, text: "the file cannot be read", action: "Name a file of outcomes, one JSON object a line.", err: err}
		}
		defer func() { _ = opened.Close() }()
		if info, err := opened.Stat(); err == nil {
			total = info.Size()
		}
		from = opened
	}
	h := &handing{remote: r, path: "/sync/" + *crm + "/batch", query: url.Values{}, size: *size, bar: newBar(e.stderr, total, "outcomes"), report: syncReport{Refused: []refusedLine{}}, pause: pauseFor}
	if *dryRun {
		h.query.Set("dry_run", "true")
	}
	err = h.all(ctx, from)
	h.bar.end()
	broken := err
	if *asJSON {
		err = json.NewEncoder(e.stdout).Encode(h.report)
	} else {
		err = writeSyncReport(e.stdout, h.report, *dryRun)
	}
	if broken != nil { // what was refused until then is told all the same
		return fmt.Errorf("after %d lines, of which %d were taken: %w", h.report.Lines, h.report.Accepted, broken)
	}
	if n := len(h.report.Refused); err == nil && n > 0 {
		return &callError{code: codeFailed, text: fmt.Sprintf("%d of %d lines were refused", n, h.report.Lines), action: "Mend those lines and hand the file in again: what was taken is not taken twice."}
	}
	return err
}

// all reads the file to its end. A line that is no JSON object is refused here: in a batch it would refuse its neighbours.
func (h *handing) all(ctx context.Context, from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 64<<10), longestLine)
	for lines.Scan() {
		h.report.Lines++
		h.bar.read(len(lines.Bytes()) + 1)
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if line[0] != '{' || !json.Valid(line) {
			h.refuse(h.report.Lines, string(api.CodeInvalidJSON), "The line is no JSON object.")
			continue
		}
		if len(h.batch) == h.size || h.bytes+len(line) > batchMost {
			if err := h.send(ctx); err != nil {
				return err
			}
		}
		h.lines, h.batch, h.bytes = append(h.lines, h.report.Lines), append(h.batch, json.RawMessage(bytes.Clone(line))), h.bytes+len(line)
	}
	if err := lines.Err(); err != nil {
		return &callError{code: codeFailed, text: fmt.Sprintf("line %d cannot be read", h.report.Lines+1), action: "A line is at most 1 MiB of UTF-8.", err: err}
	}
	return h.send(ctx)
}

func (h *handing) refuse(line int, code, message string) {
	h.report.Refused = append(h.report.Refused, refusedLine{line, code, message})
}

// send hands in what waits, as often as it takes: a batch whose answer was lost is the same batch the second time.
func (h *handing) send(ctx context.Context) error {
	if len(h.batch) == 0 {
		return nil
	}
	var answer api.BatchResult
	for try := 1; ; try++ {
		raw, err := h.remote.call(ctx, http.MethodPost, h.path, h.query, map[string]any{"outcomes": h.batch})
		if err == nil {
			if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Results) != len(h.batch) {
				return unreadable(err)
			}
			break
		}
		wait, again := againAfter(err, try)
		if !again {
			return err
		}
		h.bar.waits(wait)
		if err := h.pause(ctx, wait); err != nil {
			return err
		}
	}
	for n, result := range answer.Results {
		if result.Error != nil {
			h.refuse(h.lines[n], string(result.Error.Code), result.Error.Message)
			continue
		}
		h.report.Accepted++
	}
	h.bar.taken(len(h.batch))
	h.lines, h.batch, h.bytes = h.lines[:0], h.batch[:0], 0
	return nil
}

func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// againAfter says whether a batch is worth another try, and after how long: where the answer was lost, or the service asks for patience.
func againAfter(err error, try int) (time.Duration, bool) {
	var refused *remoteError
	var called *callError
	passing := errors.As(err, &refused) && (refused.Status == http.StatusTooManyRequests || refused.Status >= http.StatusInternalServerError) ||
		errors.As(err, &called) && (called.code == codeUnreachable || called.code == codeCut)
	if !passing || try == syncTries {
		return 0, false
	}
	wait := min(time.Second<<(try-1), 30*time.Second)
	if refused != nil && refused.RetryAfter > 0 {
		wait = refused.RetryAfter
	}
	return wait, true
}

func writeSyncReport(w io.Writer, r syncReport, dryRun bool) error {
	word := "accepted"
	if dryRun {
		word = "planned"
	}
	if _, err := fmt.Fprintf(w, "%d lines: %d %s, %d refused\n", r.Lines, r.Accepted, word, len(r.Refused)); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	slices.SortFunc(r.Refused, func(a, b refusedLine) int { return a.Line - b.Line })
	for _, one := range r.Refused {
		_, _ = fmt.Fprintf(table, "line %d\t%s\t%s\n", one.Line, printable(one.Code), printable(one.Message))
	}
	return table.Flush()
}
