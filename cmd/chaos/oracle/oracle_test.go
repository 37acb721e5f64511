package oracle

import (
	"os"
	"path/filepath"
	"testing"

	"crm-connectors/sim"
)

func made(object, id, text string, to ...string) sim.Entry {
	return sim.Entry{Op: sim.OpCreate, Object: object, ID: id, Fields: map[string]string{"a": text}, To: to}
}

func TestTheCRMIsBelievedAndTheRowIsNot(t *testing.T) {
	t.Parallel()
	person := Want{Object: "contact", Types: []string{"contacts"}, Tag: "p@example.com"}
	task := Want{Object: "task", Types: []string{"tasks"}, Tag: "tag-1", Contact: &person}
	changed := Want{Object: "contact", Types: []string{"Lead"}, Tag: "q@example.com", Known: "00Q1", Changes: "555"}
	who := made("contacts", "7", "p@example.com")
	newer := changed
	newer.Last = "55"
	off := task
	off.Called = true
	set := func(phone string) sim.Entry {
		return sim.Entry{Op: sim.OpUpdate, ID: "00Q1", Fields: map[string]string{"Phone": phone}}
	}
	good := Row{Object: "task", Status: "succeeded", ID: "9"}
	for name, tc := range map[string]struct {
		want    Want
		row     Row
		entries []sim.Entry
		fate    Fate
		alarmed bool
	}{
		"once and linked":              {task, good, []sim.Entry{who, made("tasks", "9", "x tag-1", "contacts/7")}, Delivered, false},
		"linked afterwards":            {task, good, []sim.Entry{who, made("tasks", "9", "tag-1"), {Op: sim.OpAssociate, ID: "9", To: []string{"contacts/7"}}}, Delivered, false},
		"twice":                        {task, good, []sim.Entry{who, made("tasks", "9", "tag-1", "contacts/7"), made("tasks", "10", "tag-1")}, Duplicate, false},
		"twice, and the service knows": {task, Row{Object: "task", Status: "succeeded", ID: "9", Alarm: "x"}, []sim.Entry{made("tasks", "9", "tag-1"), made("tasks", "10", "tag-1")}, Duplicate, true},
		"twice, though it failed":      {task, Row{Object: "task", Status: "failed", Cause: "c"}, []sim.Entry{made("tasks", "9", "tag-1"), made("tasks", "10", "tag-1")}, Duplicate, false},
		"never":                        {task, good, []sim.Entry{who}, Lost, false},
		"another of the same kind":     {task, good, []sim.Entry{who, made("tasks", "9", "tag-2", "contacts/7")}, Lost, false},
		"the wrong id":                 {task, Row{Object: "task", Status: "succeeded", ID: "8"}, []sim.Entry{who, made("tasks", "9", "tag-1", "contacts/7")}, Lost, false},
		"not linked":                   {task, good, []sim.Entry{who, made("tasks", "9", "tag-1", "contacts/77")}, Lost, false},
		"no row":                       {task, Row{}, nil, Lost, false},
		"flagged with a cause":         {task, Row{Object: "task", Status: "needs_review", Cause: "c"}, nil, Flagged, false},
		"flagged without":              {task, Row{Object: "task", Status: "failed"}, nil, Lost, false},
		"blocked, and the cause shows": {task, Row{Object: "task", Status: "blocked", Connection: "error", ConnectionCause: "c"}, nil, Flagged, false},
		"still waiting":                {task, Row{Object: "task", Status: "in_doubt"}, nil, Stuck, false},
		"waiting for a flagged person": {task, Row{Object: "task", Status: "queued", Code: "waits_for_contact", Cause: "c"}, nil, Flagged, false},
		"changed":                      {changed, Row{Object: "contact", Status: "succeeded", ID: "00Q1"}, []sim.Entry{{Op: sim.OpUpdate, ID: "00Q1", Fields: map[string]string{"Phone": "555"}}}, Delivered, false},
		"changed last":                 {newer, Row{Object: "contact", Status: "succeeded", ID: "00Q1"}, []sim.Entry{set("554"), set("555")}, Delivered, false},
		"changed back by an older one": {newer, Row{Object: "contact", Status: "succeeded", ID: "00Q1"}, []sim.Entry{set("555"), set("554")}, Lost, false},
		"called off":                   {off, Row{Object: "task", Status: "cancelled"}, nil, Flagged, false},
		"called off by nobody":         {task, Row{Object: "task", Status: "cancelled"}, nil, Lost, false},
		"called off and made twice":    {off, Row{Object: "task", Status: "cancelled"}, []sim.Entry{made("tasks", "9", "tag-1"), made("tasks", "10", "tag-1")}, Duplicate, false},
		"not changed":                  {changed, Row{Object: "contact", Status: "succeeded", ID: "00Q1"}, nil, Lost, false},
		"made beside the known one":    {changed, Row{Object: "contact", Status: "succeeded", ID: "00Q1"}, []sim.Entry{made("Lead", "00Q2", "q@example.com")}, Duplicate, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Judge(tc.want, []Row{tc.row}, tc.entries)
			if got.Fate != tc.fate || got.Alarmed != tc.alarmed || (got.Why == "") != (tc.fate == Delivered) {
				t.Errorf("got %+v, want %s", got, tc.fate)
			}
		})
	}
}

func TestALogIsReadWhileItGrows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ops")
	l := NewLog(path)
	if n, err := l.Len(); n != 0 || err != nil {
		t.Fatalf("before the file is there: %d, %v", n, err)
	}
	write := func(text string) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("{\"id\":\"1\"}\n{\"id\":")
	if n, err := l.Len(); n != 1 || err != nil {
		t.Fatalf("with half a line: %d, %v; want 1", n, err)
	}
	write("\"2\"}\n")
	if got, err := l.Entries(1); err != nil || len(got) != 1 || got[0].ID != "2" {
		t.Errorf("got %+v, %v", got, err)
	}
}
