package handlers_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/sim"

	"github.com/google/uuid"
)

func batch(d *desk, path string, status int, outcomes []any, headers ...string) []api.BatchItem {
	d.t.Helper()
	r := decode[api.BatchResult](d.call(http.MethodPost, path, fields{"outcomes": outcomes}, headers...), status)
	if len(r.Results) != len(outcomes) {
		d.t.Fatalf("%d results for %d outcomes", len(r.Results), len(outcomes))
	}
	for i, item := range r.Results {
		if item.Index != i {
			d.t.Fatalf("result %d has index %d", i, item.Index)
		}
	}
	return r.Results
}

func TestEachOutcomeOfABigBatchHasItsOwnResultInItsPlace(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	before := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/hubspot", d.whole("e-before")), http.StatusAccepted)
	outcomes := make([]any, 1000)
	for i := range outcomes {
		outcomes[i] = d.outcome(fmt.Sprintf("e-%d", i), contact(fmt.Sprintf("p%d@example.com", i)), task(fmt.Sprintf("t-%d", i)))
	}
	refused := map[int]api.ErrorCode{}
	spoil := func(i int, code api.ErrorCode, outcome any) { outcomes[i], refused[i] = outcome, code }
	spoil(0, api.CodeValidationFailed, fields{})
	spoil(3, api.CodeValidationFailed, d.outcome("e-3", contact("no address")))
	raw := d.outcome("e-7", task("t-7"))
	raw["task"].(fields)["body"] = "From: ada@example.com\nTo: b@example.com\nSubject: hush-hush"
	spoil(7, api.CodeRawContentRefused, raw)
	changed := d.whole("e-before")
	changed["task"].(fields)["subject"] = "Changed"
	spoil(500, api.CodeIdempotencyConflict, changed)
	stranger := d.outcome("e-501", contact("x@example.com"))
	stranger["workspace_id"] = uuid.New()
	spoil(501, api.CodeCrmNotConnected, stranger)
	other := d.outcome("e-10", contact("p10@example.com"), task("t-10"))
	other["task"].(fields)["subject"] = "Other than in its own batch"
	spoil(998, api.CodeIdempotencyConflict, other)
	outcomes[800], outcomes[999] = d.whole("e-before"), outcomes[10] // repeats, of what was stored and within the batch

	items := batch(d, "/sync/hubspot/batch", http.StatusAccepted, outcomes)
	for i, item := range items {
		if code, bad := refused[i]; bad {
			if item.Status != api.BatchItemStatusRefused || item.Error == nil || item.Error.Code != code || item.Error.Message == "" || len(item.Writes) != 0 {
				t.Errorf("result %d: %s %+v, want refused with %s", i, item.Status, item.Error, code)
			}
			continue
		}
		if item.Status != api.BatchItemStatusAccepted || item.Error != nil || item.SyncId == nil || len(item.Writes) < 2 {
			t.Fatalf("result %d: %+v", i, item)
		}
		if i != 800 && i != 999 && item.Writes[0].ObjectId != fmt.Sprintf("p%d@example.com", i) {
			t.Errorf("result %d is about %s", i, item.Writes[0].ObjectId)
		}
	}
	if items[800].Writes[0].Id != before.Writes[0].Id || items[999].Writes[1].Id != items[10].Writes[1].Id || *items[999].SyncId != *items[10].SyncId {
		t.Error("repeats made writes of their own")
	}
	if d7 := items[7].Error.Details; d7["field"] != "task.body" || strings.Contains(d.seen.text(), "hush-hush") {
		t.Errorf("details of the raw text: %v", d7)
	}
	want := 3 + 2*(1000-len(refused)-2) // what was before; two repeats
	if got := d.count(`select count(*) from crm_write_log`); got != want {
		t.Errorf("%d rows in the log, want %d", got, want)
	}
	order := d.count(`select count(*) from (select seq, lag(seq) over (order by split_part(source_event_id, '-', 2)::int, object_type) as before
		from crm_write_log where source_event_id <> 'e-before') o where seq < before`)
	if order != 0 {
		t.Errorf("%d rows are not in source order", order)
	}
	again := batch(d, "/sync/hubspot/batch", http.StatusAccepted, outcomes)
	if d.count(`select count(*) from crm_write_log`) != want || again[42].Writes[0].Id != items[42].Writes[0].Id {
		t.Error("the batch sent again made more writes")
	}
}

func TestABatchCanBeWaitedFor(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.connect(crm)
			var outcomes []any
			for i := range 12 {
				outcomes = append(outcomes, d.whole(fmt.Sprintf("e%d", i)))
			}
			outcomes = append(outcomes, fields{"workspace_id": "x"})
			items := batch(d, "/sync/"+crm+"/batch", http.StatusOK, outcomes, "Prefer", "wait=60")
			for i, item := range items[:12] {
				for _, w := range item.Writes {
					if w.Status != api.WriteStatusSucceeded || w.CrmObjectId == nil {
						t.Errorf("result %d: %s", i, show(w))
					}
				}
			}
			if items[12].Status != api.BatchItemStatusRefused {
				t.Errorf("last result %+v", items[12])
			}
			if contacts := d.made(sim.OpCreate, objectsOf(crm)["contact"]); contacts != 12 {
				t.Errorf("%d contacts, want 12", contacts)
			}
		})
	}
}

func TestABatchOfRefusalsIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	items := batch(d, "/sync/hubspot/batch", http.StatusOK, []any{d.whole("e-1"), fields{}}, "Prefer", "wait=30")
	if items[0].Error.Code != api.CodeCrmNotConnected || items[1].Error.Code != api.CodeValidationFailed {
		t.Errorf("results %+v %+v", items[0].Error, items[1].Error)
	}
	d.call(http.MethodPost, "/sync/hubspot/batch", fields{"outcomes": []any{}}).refused(http.StatusBadRequest, api.CodeValidationFailed)
	d.call(http.MethodPost, "/sync/hubspot/batch", fields{"outcomes": slices.Repeat([]any{fields{}}, 1001)}).refused(http.StatusBadRequest, api.CodeValidationFailed)
}

func TestSomeOutcomesOfABatchMayBePlannedOnly(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	dry := d.whole("e-2")
	dry["dry_run"] = true
	stranger := d.whole("e-3")
	stranger["workspace_id"], stranger["dry_run"] = uuid.New(), true
	items := batch(d, "/sync/hubspot/batch", http.StatusOK, []any{d.whole("e-1"), dry, stranger}, "Prefer", "wait=30")
	if items[0].Status != api.BatchItemStatusAccepted || items[0].Writes[2].Status != api.WriteStatusSucceeded {
		t.Errorf("the real one: %+v", items[0])
	}
	if p := items[1].Plans; items[1].Status != api.BatchItemStatusDryRun || len(p) != 3 || p[1].Calls[0].Path != "/crm/v3/objects/tasks" || len(items[1].Writes) != 0 {
		t.Errorf("the planned one: %+v", items[1])
	}
	if items[2].Status != api.BatchItemStatusRefused || items[2].Error.Code != api.CodeCrmNotConnected {
		t.Errorf("the planned one of a stranger: %+v", items[2])
	}
	rows, operations := d.count(`select count(*) from crm_write_log`), len(d.oplog.Entries(0))
	for i, item := range batch(d, "/sync/hubspot/batch?dry_run=true", http.StatusOK, []any{d.whole("e-4"), d.whole("e-5")}) {
		if item.Status != api.BatchItemStatusDryRun || len(item.Plans) != 3 || item.SyncId == nil {
			t.Errorf("result %d: %+v", i, item)
		}
	}
	if rows != 3 || d.count(`select count(*) from crm_write_log`) != rows || len(d.oplog.Entries(0)) != operations {
		t.Error("what was planned only has left something behind")
	}
}
