//go:build !production

package main

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"crm-connectors/sim"
)

// report is the end of a demo. What arrived is counted from the simulated CRMs' own operation log.
type report struct {
	Outcomes   int            `json:"outcomes"`
	Refused    int            `json:"refused"` // not accepted, with a reason
	Writes     int            `json:"writes"`
	Succeeded  int            `json:"succeeded"`
	Failed     int            `json:"failed"`
	Other      int            `json:"other"` // not settled, or waiting for a person
	Duplicates int            `json:"duplicates"`
	Lost       int            `json:"lost"`
	Overwrites int            `json:"overwrites"` // updates that blanked something, or put a placeholder or another address over it
	CRMCalls   map[string]int `json:"crm_calls"`

	sent   []*sentOutcome
	writes []demoWrite
	counts map[string]tally

	overwrites []string
}

// thing is an object that should be in a CRM once for each time it was sent: its kind, and what it can be recognised by in the
// CRM's own record.
type thing struct{ kind, mark string }

// tally compares what should be in one CRM with what its operation log says was created there.
type tally struct {
	want, got, failed   map[thing]int
	duplicates, missing []thing
}

func newReport(l *local, sent []*sentOutcome, writes []demoWrite) report {
	r := report{Outcomes: len(sent), Writes: len(writes), CRMCalls: map[string]int{"hubspot": l.hubspot.Core().Calls.API(), "salesforce": l.salesforce.Core().Calls.API()},
		sent: sent, writes: writes, counts: map[string]tally{}}
	for _, o := range sent {
		if o.refusal != "" {
			r.Refused++
		}
	}
	for _, w := range writes {
		switch w.Status {
		case "succeeded":
			r.Succeeded++
		case "failed":
			r.Failed++
		default:
			r.Other++
		}
	}
	for _, crm := range demoCRMs() {
		t := count(wanted(sent), created(l.log.Entries(0), crm), failedThings(sent, writes, crm))
		r.counts[crm] = t
		r.Duplicates += len(t.duplicates)
		r.Lost += len(t.missing)
	}
	r.overwrites = sim.Overwrites(l.log.Entries(0))
	r.Overwrites = len(r.overwrites)
	return r
}

// wanted is what the accepted lines ask for, each object once however often it was sent.
func wanted(sent []*sentOutcome) map[thing]int {
	want := map[thing]int{}
	seen := map[string]bool{}
	for _, o := range sent {
		if o.refusal != "" {
			continue
		}
		for _, th := range thingsOf(o.outcome) {
			id := o.outcome.SourceEventID + "\x00" + th.id
			switch {
			case th.kind == "contact":
				if !strings.EqualFold(th.mark, knownPerson) {
					want[th.thing] = 1
				}
			case !seen[th.kind+id]:
				seen[th.kind+id] = true
				want[th.thing]++
			}
		}
	}
	return want
}

type identified struct {
	thing
	id string // as the write log names the object
}

func thingsOf(o demoOutcome) []identified {
	var out []identified
	if o.Contact != nil {
		email := strings.ToLower(strings.TrimSpace(o.Contact.Email))
		out = append(out, identified{thing{"contact", email}, email})
	}
	if o.Task != nil {
		out = append(out, identified{thing{"task", mark(o.Task.Subject)}, o.Task.ID})
	}
	if o.Rollup != nil {
		out = append(out, identified{thing{"rollup", mark(o.Rollup.Summary)}, o.Rollup.ID})
	}
	return out
}

// created is what a CRM's operation log says was made in it.
func created(entries []sim.Entry, crm string) map[thing]int {
	got := map[thing]int{}
	for _, e := range entries {
		if e.CRM != crm || e.Op != sim.OpCreate {
			continue
		}
		switch e.Object {
		case "contacts":
			got[thing{"contact", strings.ToLower(e.Fields["email"])}]++
		case "Lead", "Contact":
			got[thing{"contact", strings.ToLower(e.Fields["Email"])}]++
		case "tasks":
			got[thing{"task", mark(e.Fields["hs_task_subject"])}]++
		case "notes":
			got[thing{"rollup", mark(plain(e.Fields["hs_note_body"]))}]++
		case "Task":
			if e.Fields["Subject"] == "Weekly deal summary" {
				got[thing{"rollup", mark(e.Fields["Description"])}]++
			} else {
				got[thing{"task", mark(e.Fields["Subject"])}]++
			}
		}
	}
	return got
}

// failedThings are what the service itself says could not be written, so that its absence is no loss.
func failedThings(sent []*sentOutcome, writes []demoWrite, crm string) map[thing]int {
	marks := map[string]thing{}
	for _, o := range sent {
		for _, th := range thingsOf(o.outcome) {
			marks[th.kind+"\x00"+th.id] = th.thing
		}
	}
	failed := map[thing]int{}
	for _, w := range writes {
		if w.CRM == crm && w.Status == "failed" {
			failed[marks[w.ObjectType+"\x00"+w.ObjectID]]++
		}
	}
	return failed
}

func count(want, got, failed map[thing]int) tally {
	t := tally{want: want, got: got, failed: failed}
	for th, n := range want {
		for range n - got[th] - failed[th] {
			t.missing = append(t.missing, th)
		}
	}
	for th, n := range got {
		for range n - want[th] {
			t.duplicates = append(t.duplicates, th)
		}
	}
	return t
}

var (
	tags    = regexp.MustCompile(`<[^>]*>`)
	markers = regexp.MustCompile(`\s*Ref: [a-z2-7]{26}\s*$`) // the service's own line below a text
)

func plain(s string) string { return html.UnescapeString(tags.ReplaceAllString(s, " ")) }

// mark is what a text is recognised by, whatever a CRM's markup made of its spaces and signs.
func mark(s string) string {
	m := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, markers.ReplaceAllString(s, ""))
	if r := []rune(m); len(r) > 120 {
		m = string(r[:120])
	}
	return m
}

func (r report) print(w io.Writer, l *local, logFile string) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	say("\nWhat was sent")
	say("  %d outcomes; %d refused at the door:", r.Outcomes, r.Refused)
	for _, o := range r.sent {
		if o.refusal != "" {
			say("    line %d (%s): %s", o.line, o.outcome.SourceEventID, o.refusal)
		}
	}
	say("\nWhat the CRMs now hold (their own operation log)")
	for _, crm := range demoCRMs() {
		t := r.counts[crm]
		say("  %-11s %s", crm, describeCounts(t.got))
		say("  %-11s %d API calls for %d outcomes", "", r.CRMCalls[crm], r.Outcomes-r.Refused)
	}
	say("\nWhat the write log says")
	say("  %d writes: %d succeeded, %d failed, %d other", r.Writes, r.Succeeded, r.Failed, r.Other)
	for _, wr := range r.writes {
		if wr.Error != nil && wr.Status != "succeeded" {
			say("    %s %s %s %s: %s\n      %s\n      next: %s", wr.CRM, wr.ObjectType, wr.ObjectID, wr.Status, wr.Error.Code, wr.Error.Cause, wr.Error.Action)
		}
		for _, n := range wr.Notes {
			say("    %s %s %s: %s", wr.CRM, wr.ObjectType, wr.ObjectID, n.Message)
		}
	}
	say("\n  duplicates %d, lost %d, overwrites %d", r.Duplicates, r.Lost, r.Overwrites)
	for _, crm := range demoCRMs() {
		for _, th := range r.counts[crm].duplicates {
			say("    written twice in %s: %s %s", crm, th.kind, th.mark)
		}
		for _, th := range r.counts[crm].missing {
			say("    missing in %s: %s %s", crm, th.kind, th.mark)
		}
	}
	for _, what := range r.overwrites {
		say("    %s", what)
	}
	if !r.kept() {
		say("  the service's log: %s", logFile)
	}
}

// kept says that the promise was kept.
func (r report) kept() bool { return r.Duplicates+r.Lost+r.Overwrites == 0 }

func describeCounts(got map[thing]int) string {
	sums := map[string]int{}
	for th, n := range got {
		sums[th.kind] += n
	}
	var parts []string
	for kind, n := range sums {
		parts = append(parts, fmt.Sprintf("%d %s(s)", n, kind))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ") + " created"
}
