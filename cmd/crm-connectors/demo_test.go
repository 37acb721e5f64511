//go:build !production

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"crm-connectors/sim"

	"github.com/google/uuid"
)

func TestTheDemoCarriesEveryOutcomeOnceThroughRepeatsLimitsAndDeadTokens(t *testing.T) {
	t.Parallel()
	var out, progress bytes.Buffer
	code := run(t.Context(), env{args: []string{"demo", "--json"}, getenv: onTestDatabase(t), stdout: &out, stderr: &progress})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var r report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		t.Fatalf("the last line is no JSON: %v\n%s\n%s", err, out.String(), progress.String())
	}
	if code != exitOK || r.Outcomes != 24 || r.Refused != 2 || r.Duplicates != 0 || r.Lost != 0 || r.Overwrites != 0 || r.Other != 0 || r.Failed != 2 || r.Succeeded != r.Writes-2 {
		t.Errorf("exit code %d, report %+v", code, r)
	}
	if r.CRMCalls["hubspot"] == 0 || r.CRMCalls["salesforce"] == 0 {
		t.Errorf("calls %v, want some in both CRMs", r.CRMCalls)
	}
	for _, want := range []string{"validation_failed", "raw_content_refused", "contact_email_invalid", "What the CRMs now hold"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}

func TestTheDemoRefusesAFileItCannotRead(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{"empty": "\n\n", "no JSON": "{\"source_event_id\": ", "wrong type": `{"task": 5}`} {
		if _, err := readOutcomes([]byte(raw), uuid.New()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The count is what the demo's promise rests on, so it is judged against a CRM that misbehaves.
func TestTheCountSeesWhatIsMissingAndWhatIsThereTwice(t *testing.T) {
	t.Parallel()
	sent, err := readOutcomes([]byte(`{"source_event_id":"1","contact":{"email":"Ada@example.com"},"task":{"id":"a","subject":"Call Ada"},"rollup":{"id":"r","summary":"All <well> & good"}}
{"source_event_id":"1","contact":{"email":"ada@example.com"},"task":{"id":"a","subject":"Call Ada"}}
{"source_event_id":"2","task":{"id":"b","subject":"Call Ada"}}`), uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	entry := func(object string, fields map[string]string) sim.Entry {
		return sim.Entry{CRM: "hubspot", Op: sim.OpCreate, Object: object, Fields: fields}
	}
	contact := entry("contacts", map[string]string{"email": "ada@example.com"})
	task := entry("tasks", map[string]string{"hs_task_subject": "Call Ada"})
	note := entry("notes", map[string]string{"hs_note_body": "<p>All &lt;well&gt; &amp; good</p>"})
	for _, tc := range []struct {
		name                string
		log                 []sim.Entry
		failed              map[thing]int
		duplicates, missing int
	}{
		{"all there", []sim.Entry{contact, task, task, note}, nil, 0, 0},
		{"a task three times", []sim.Entry{contact, task, task, task, note}, nil, 1, 0},
		{"a task lost", []sim.Entry{contact, task, note}, nil, 0, 1},
		{"a task failed for a reason", []sim.Entry{contact, task, note}, map[thing]int{{"task", "callada"}: 1}, 0, 0},
		{"the contact twice", []sim.Entry{contact, contact, task, task, note}, nil, 1, 0},
		{"a rollup nobody sent", []sim.Entry{contact, task, task, note, entry("notes", map[string]string{"hs_note_body": "?x"})}, nil, 1, 0},
		{"one lost and one doubled do not cancel out", []sim.Entry{contact, contact, task, task}, nil, 1, 1},
		{"nothing arrived", nil, nil, 0, 4},
	} {
		got := count(wanted(sent), created(tc.log, "hubspot"), tc.failed)
		if len(got.duplicates) != tc.duplicates || len(got.missing) != tc.missing {
			t.Errorf("%s: %d duplicates, %d missing; want %d, %d", tc.name, len(got.duplicates), len(got.missing), tc.duplicates, tc.missing)
		}
	}
}
