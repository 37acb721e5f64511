//go:build !production

package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"crm-connectors/sim"

	"github.com/google/uuid"
)

//go:embed outcomes.ndjson
var builtInOutcomes []byte

const (
	knownPerson = "grace@example.com" // is in both CRMs before the demo begins
	demoWait    = 2 * time.Minute
)

func demoCommand() command {
	c := command{name: "demo", group: groupTry, summary: "Carry a set of outcomes into both CRMs and count what arrived", usage: `Usage: crm-connectors demo [flags]

Starts everything on this machine as dev does, connects a workspace to both CRMs through the real OAuth redirects, sends
outcomes while the CRMs misbehave (a rate limit, expired tokens, repeats), waits until all are settled, and compares what the CRMs
recorded with what was sent. It exits with 1 if anything is missing or was written twice.

Examples
  crm-connectors demo
  crm-connectors demo --outcomes mine.ndjson --json`}
	c.run = func(ctx context.Context, e env) error {
		fs := newFlags(c)
		file := fs.String("outcomes", "", "NDJSON `FILE` with one outcome a line; workspace_id may be left out")
		asJSON := fs.Bool("json", false, "end with one line of JSON")
		if err := parseFlags(fs, c, e); err != nil {
			return err
		}
		raw := builtInOutcomes
		if *file != "" {
			var err error
			if raw, err = os.ReadFile(*file); err != nil {
				return fmt.Errorf("read outcomes: %w", err)
			}
		}
		return runDemo(ctx, e, raw, *asJSON)
	}
	return c
}

// sentOutcome is one line of the file and what the service said to it.
type sentOutcome struct {
	line    int
	body    map[string]any
	outcome demoOutcome
	status  int
	syncID  string
	refusal string
}

// demoOutcome is what the count needs of an outcome.
type demoOutcome struct {
	SourceEventID string `json:"source_event_id"`
	Contact       *struct {
		Email string `json:"email"`
	} `json:"contact"`
	Task *struct {
		ID      string `json:"id"`
		Subject string `json:"subject"`
	} `json:"task"`
	Rollup *struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"rollup"`
}

func readOutcomes(raw []byte, workspace uuid.UUID) ([]*sentOutcome, error) {
	var out []*sentOutcome
	line := 0
	for text := range bytes.Lines(raw) {
		line++
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		s := &sentOutcome{line: line}
		if err := errors.Join(json.Unmarshal(text, &s.body), json.Unmarshal(text, &s.outcome)); err != nil {
			return nil, fmt.Errorf("outcomes, line %d: %w", line, err)
		}
		s.body["workspace_id"] = workspace // the demo's is the only one that is connected
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, errors.New("there are no outcomes in the file")
	}
	return out, nil
}

func runDemo(ctx context.Context, e env, raw []byte, asJSON bool) (err error) {
	p := newProgress(e.stderr)
	logFile, err := os.CreateTemp("", "crm-connectors-demo-*.log")
	if err != nil {
		return fmt.Errorf("service log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	l, err := startLocal(ctx, e, localOptions{logTo: io.Writer(logFile), logFormat: "json", progress: p.step})
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := l.close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
	}()
	outcomes, err := readOutcomes(raw, l.workspace)
	if err != nil {
		return err
	}
	if err := seedDeals(ctx, l); err != nil {
		return err
	}
	seedPeople(l)
	c := newClient(l.serviceURL, l.key)
	for _, crm := range demoCRMs() {
		p.step("connecting " + crm + " through its consent page")
		if err := c.connect(ctx, crm, l.workspace); err != nil {
			return err
		}
	}
	p.step(fmt.Sprintf("sending %d outcomes", len(outcomes)))
	if err := send(ctx, c, l, outcomes); err != nil {
		return err
	}
	writes, err := settle(ctx, c, outcomes, p)
	if err != nil {
		return err
	}
	r := newReport(l, outcomes, writes)
	r.print(e.stdout, l, filepath.Clean(logFile.Name()))
	if asJSON {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(e.stdout, string(line))
	}
	if !r.kept() {
		return fmt.Errorf("%d written twice, %d missing, %d written over what was the customer's", r.Duplicates, r.Lost, r.Overwrites)
	}
	_ = os.Remove(logFile.Name())
	return nil
}

func demoCRMs() []string { return []string{"hubspot", "salesforce"} }

// linkedThreads are the threads that belong to a deal, by the deal's CRM: Conduit links a thread to one deal.
func linkedThreads() map[string]string {
	return map[string]string{"hubspot": "thread-renewal", "salesforce": "thread-expansion"}
}

// seedDeals links a thread to a deal of each CRM, as Conduit's own tables do.
func seedDeals(ctx context.Context, l *local) error {
	for crm, deal := range map[string]string{"hubspot": "9001", "salesforce": l.salesforce.OpportunityIDs()[0]} {
		if _, err := l.service.pool.Exec(ctx, `
			with d as (insert into deals (workspace_id, crm, crm_deal_id, title) values ($1, $2, $3, 'Linked') returning id)
			insert into thread_links (workspace_id, thread_id, deal_id) select $1, $4, id from d`, l.workspace, crm, deal, linkedThreads()[crm]); err != nil {
			return fmt.Errorf("link a thread to a deal: %w", err)
		}
	}
	return nil
}

// seedPeople puts a person into both CRMs, as somebody who was there before the service came.
func seedPeople(l *local) {
	l.hubspot.SeedContact(map[string]string{"email": knownPerson, "firstname": "Grace", "lastname": "Hopper", "phone": "+15555550199"})
	l.salesforce.Seed("Lead", map[string]any{"Email": knownPerson, "FirstName": "Grace", "LastName": "Hopper", "Company": "Compilers", "Phone": "+15555550199"})
}

// send hands the outcomes in one by one, and lets the CRMs misbehave on the way.
func send(ctx context.Context, c *client, l *local, outcomes []*sentOutcome) error {
	for i, o := range outcomes {
		switch i {
		case len(outcomes) / 5:
			if err := rateLimits(l); err != nil {
				return err
			}
		case len(outcomes) / 2:
			l.hubspot.ExpireAccessTokens()
			l.salesforce.ExpireAccessTokens()
		}
		var answer struct {
			SyncID  string `json:"sync_id"`
			Code    string `json:"code"`
			Message string `json:"message"`
		}
		status, err := c.call(ctx, "POST", "/sync", o.body, &answer)
		if err != nil {
			return fmt.Errorf("send line %d: %w", o.line, err)
		}
		if o.status, o.syncID = status, answer.SyncID; status >= 300 {
			o.refusal = answer.Code + ": " + answer.Message
		}
	}
	return nil
}

func rateLimits(l *local) error {
	return errors.Join(
		l.hubspot.Core().Faults.Add(sim.Fault{Method: "POST", Path: "/objects/tasks$", Kind: sim.FaultStatus, Status: 429,
			Body: `{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","policyName":"SECONDLY"}`}),
		l.salesforce.Core().Faults.Add(sim.Fault{Method: "POST", Path: "/sobjects/Task$", Kind: sim.FaultStatus, Status: 429,
			Headers: map[string]string{"Retry-After": "1"}, Body: `[{"message":"Too many requests","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`}))
}

// settle waits until everything that was accepted is settled and gives all writes.
func settle(ctx context.Context, c *client, outcomes []*sentOutcome, p *progress) ([]demoWrite, error) {
	deadline := time.Now().Add(demoWait)
	told := time.Now()
	for {
		writes, open, err := readWrites(ctx, c, outcomes)
		if err != nil {
			return nil, err
		}
		if open == 0 || time.Now().After(deadline) {
			return writes, nil
		}
		if time.Since(told) > 2*time.Second {
			p.step(fmt.Sprintf("%d of %d writes are settled", len(writes)-open, len(writes)))
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// demoWrite is what the demo reads of a write.
type demoWrite struct {
	ID         string `json:"id"`
	CRM        string `json:"crm"`
	ObjectType string `json:"object_type"`
	ObjectID   string `json:"object_id"`
	Status     string `json:"status"`
	Outcome    string `json:"outcome"`
	Notes      []struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"notes"`
	Error *struct {
		Code   string `json:"code"`
		Cause  string `json:"cause"`
		Action string `json:"action"`
	} `json:"error"`
}

func readWrites(ctx context.Context, c *client, outcomes []*sentOutcome) (writes []demoWrite, open int, err error) {
	seen := map[string]bool{}
	for _, o := range outcomes {
		if o.syncID == "" || seen[o.syncID] {
			continue
		}
		seen[o.syncID] = true
		var answer struct {
			Writes []demoWrite `json:"writes"`
		}
		if status, err := c.call(ctx, "GET", "/sync/"+o.syncID, nil, &answer); err != nil || status != 200 {
			return nil, 0, fmt.Errorf("read sync %s: status %d: %w", o.syncID, status, err)
		}
		for _, w := range answer.Writes {
			switch w.Status {
			case "succeeded", "failed", "needs_review", "cancelled":
			default:
				open++
			}
			writes = append(writes, w)
		}
	}
	return writes, open, nil
}
