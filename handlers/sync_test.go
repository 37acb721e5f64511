package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/sim"
	"crm-connectors/store"

	"github.com/google/uuid"
)

// objectsOf are the CRMs' own names for what an outcome makes.
func objectsOf(crm string) map[api.ObjectType]string {
	if crm == hubSpot {
		return map[api.ObjectType]string{"contact": "contacts", "task": "tasks", "rollup": "notes"}
	}
	return map[api.ObjectType]string{"contact": "Lead", "task": "Task", "rollup": "Task"}
}

func TestAnOutcomeIsInTheLogInSourceOrderBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t, stopped)
			d.connect(crm)
			a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+crm, d.whole("e-1")), http.StatusAccepted)
			if a.Status != api.SyncStatusQueued || a.SyncId != a.JobId || a.SyncId != store.SyncID(d.workspace, "e-1") || len(a.Writes) != 3 {
				t.Fatalf("answered %+v", a)
			}
			for i, want := range []struct{ object, id, action string }{
				{"contact", "e-1@example.com", "upsert"}, {"task", "task-e-1", "create"}, {"rollup", "rollup-e-1", "create"}} {
				w := a.Writes[i]
				key := store.IdempotencyKey(d.workspace.String(), crm, want.object, want.id, want.action, "e-1")
				if string(w.ObjectType) != want.object || w.ObjectId != want.id || string(w.Action) != want.action || w.IdempotencyKey != key ||
					w.Status != api.WriteStatusQueued || w.Attempt != 0 || w.SyncId != a.SyncId || string(w.Crm) != crm || w.NextAttemptAt == nil {
					t.Errorf("write %d: %+v", i, w)
				}
				if got := d.count(`select count(*) from crm_write_log where id = $1`, w.Id); got != 1 {
					t.Errorf("write %d is not in the log", i)
				}
			}
			if n := len(d.oplog.Entries(0)); n != 0 {
				t.Errorf("%d operations in the CRM before the delivery runs", n)
			}
			d.start() // the wake-up was part of the same transaction
			w := d.until(a.Writes[2].Id, api.WriteStatusSucceeded)
			if w.PayloadHash == "" || len(w.Payload) == 0 {
				t.Errorf("detail %+v", w)
			}
		})
	}
}

func TestAnOutcomeGoesToEveryConnectedCRM(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(salesForce)
	d.connect(hubSpot)
	writes := d.succeeded("/sync", d.whole("e-1"))
	if len(writes) != 6 {
		t.Fatalf("%d writes, want 6", len(writes))
	}
	for i, w := range writes {
		crm := crms()[i/3]
		if string(w.Crm) != crm || *w.CrmObjectType != objectsOf(crm)[w.ObjectType] || *w.Outcome != api.WriteOutcomeCreated {
			t.Errorf("write %d: %s %s became %s", i, w.Crm, w.ObjectType, *w.CrmObjectType)
		}
		found := false
		for _, e := range d.oplog.Entries(0) {
			found = found || e.CRM == crm && e.Op == sim.OpCreate && e.ID == *w.CrmObjectId && e.Object == *w.CrmObjectType
		}
		if !found {
			t.Errorf("write %d: the CRM knows of no %s %s", i, *w.CrmObjectType, *w.CrmObjectId)
		}
	}
	s := decode[api.SyncAccepted](d.call(http.MethodGet, "/sync/"+writes[0].SyncId.String(), nil), http.StatusOK)
	if s.Status != api.SyncStatusSettled || s.SyncId != writes[0].SyncId || len(s.Writes) != 6 {
		t.Errorf("GET says %s with %d writes", s.Status, len(s.Writes))
	}
}

func TestARepeatedOutcomeGivesTheSameWritesAndMakesNothingMore(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.connect(crm)
			first := d.succeeded("/sync/"+crm, d.whole("e-1"))
			operations := len(d.oplog.Entries(0))
			replies := make(chan reply)
			for i := range 8 {
				path := []string{"/sync/" + crm, "/sync"}[i%2]
				go func() { replies <- d.call(http.MethodPost, path, d.whole("e-1"), "Prefer", "wait=10") }()
			}
			for range 8 {
				again := decode[api.SyncResult](<-replies, http.StatusOK)
				for i, w := range again.Writes {
					if w.Id != first[i].Id || w.CrmObjectId == nil || *w.CrmObjectId != *first[i].CrmObjectId || w.Attempt != first[i].Attempt {
						t.Errorf("repeat: write %d is %s", i, show(w))
					}
				}
			}
			if got := len(d.oplog.Entries(0)); got != operations {
				t.Errorf("%d operations more in the CRM", got-operations)
			}
			if n := d.count(`select count(*) from crm_write_log`); n != 3 {
				t.Errorf("%d rows in the log, want 3", n)
			}
		})
	}
}

func TestAnEventWithOtherContentIsRefusedWithBothHashes(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/hubspot", d.whole("e-1")), http.StatusAccepted)
	changed := d.whole("e-1")
	changed["rollup"].(fields)["summary"] = "Something else was agreed."
	e := d.call(http.MethodPost, "/sync/hubspot", changed).refused(http.StatusConflict, api.CodeIdempotencyConflict)
	stored, sent := e.Details["stored_payload_hash"], e.Details["sent_payload_hash"]
	if e.Details["idempotency_key"] != a.Writes[2].IdempotencyKey || stored != d.write(a.Writes[2].Id).PayloadHash || sent == stored || len(sent.(string)) != 64 {
		t.Errorf("details %v", e.Details)
	}
	if strings.Contains(e.Message, "Something else") {
		t.Errorf("message %q repeats what was posted", e.Message)
	}
	// A conflict of one object keeps the whole outcome out, new objects too.
	more := d.outcome("e-2", contact("x@example.com"))
	decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/hubspot", more), http.StatusAccepted)
	more = d.outcome("e-2", contact("x@example.com"), task("t"))
	more["contact"].(fields)["phone"] = "555"
	d.call(http.MethodPost, "/sync/hubspot", more).refused(http.StatusConflict, api.CodeIdempotencyConflict)
	if n := d.count(`select count(*) from crm_write_log`); n != 4 {
		t.Errorf("%d rows in the log, want 4", n)
	}
}

func TestAnOutcomeWithoutAConnectionIsRefused(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	none := d.call(http.MethodPost, "/sync", d.whole("e-1")).refused(http.StatusConflict, api.CodeCrmNotConnected)
	if !strings.Contains(none.Message, "no CRM") {
		t.Errorf("message %q", none.Message)
	}
	d.connect(hubSpot)
	other := d.call(http.MethodPost, "/sync/salesforce", d.whole("e-1")).refused(http.StatusConflict, api.CodeCrmNotConnected)
	if other.Details["crm"] != salesForce {
		t.Errorf("details %v", other.Details)
	}
	if n := d.count(`select count(*) from crm_write_log`); n != 0 {
		t.Errorf("%d rows in the log, want none", n)
	}
}

func TestOnePersonIsOneContactHoweverTheAddressIsCapitalised(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.connect(crm)
			var ids []string
			for i, email := range []string{"Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"} {
				w := d.succeeded("/sync/"+crm, d.outcome("e-"+string(rune('a'+i)), contact(email)))[0]
				ids = append(ids, *w.CrmObjectId)
				if w.ObjectId != "ada@example.com" {
					t.Errorf("%s is logged as %s", email, w.ObjectId)
				}
			}
			if n := d.made(sim.OpCreate, objectsOf(crm)["contact"]); n != 1 || ids[0] != ids[1] || ids[1] != ids[2] {
				t.Errorf("%d contacts made, ids %v", n, ids)
			}
			// The same event in another spelling is the same write.
			d.succeeded("/sync/"+crm, d.outcome("e-a", contact("aDa@example.com")))
			d.call(http.MethodPost, "/sync/"+crm, d.outcome("e-s", contact(" ada@example.com "))).refused(http.StatusBadRequest, api.CodeValidationFailed)
		})
	}
}

func TestWaitingEndsWithTheWaitWhereNothingSettles(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	began := time.Now()
	a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/hubspot", d.whole("e-1"), "Prefer", "respond-async, wait=1"), http.StatusAccepted)
	if took := time.Since(began); took < 900*time.Millisecond || took > 10*time.Second || a.Status != api.SyncStatusQueued {
		t.Errorf("%s after %s", a.Status, took)
	}
	s := decode[api.SyncAccepted](d.call(http.MethodGet, "/sync/"+a.SyncId.String(), nil), http.StatusOK)
	if s.Status != api.SyncStatusQueued || len(s.Writes) != 3 {
		t.Errorf("GET says %+v", s)
	}
	began = time.Now()
	for _, prefer := range []string{"wait=0", "wait=soon", "return=minimal", "wait"} {
		decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/hubspot", d.whole("e-1"), "Prefer", prefer), http.StatusAccepted)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("other preferences waited %s", took)
	}
	d.call(http.MethodGet, "/sync/"+uuid.NewString(), nil).refused(http.StatusNotFound, api.CodeSyncNotFound)
}

func TestADatabaseWebhookIsCarriedLikeAnOutcome(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	hook := fields{"type": "INSERT", "table": "outcomes", "schema": "public", "old_record": nil,
		"record": fields{"id": 7, "outcome": d.whole("e-1")}}
	wrapped := d.succeeded("/sync", hook)
	bare := d.succeeded("/sync/hubspot", d.whole("e-1"))
	if len(wrapped) != 3 || wrapped[0].Id != bare[0].Id {
		t.Errorf("the webhook made %d writes, first %s; want those of the outcome itself", len(wrapped), wrapped[0].Id)
	}
	hook["type"], hook["old_record"], hook["record"] = "DELETE", hook["record"], nil
	r := decode[api.SyncResult](d.call(http.MethodPost, "/sync", hook), http.StatusOK)
	if r.Status != api.SyncStatusIgnored {
		t.Errorf("a deletion answered %+v", r)
	}
	if n := d.made(sim.OpCreate, "tasks"); n != 1 {
		t.Errorf("%d tasks, want 1", n)
	}
}

func TestAThreadThatIsLinkedToADealTiesTheTaskToIt(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	deal := uuid.New()
	d.exec(`insert into deals (id, workspace_id, crm, crm_deal_id) values ($1, $2, 'hubspot', '9001')`, deal, d.workspace)
	d.exec(`insert into thread_links (workspace_id, thread_id, deal_id) values ($1, 'thread-1', $2)`, d.workspace, deal)
	o := d.outcome("e-1", contact("ada@example.com"), task("t-1"), fields{"thread_id": "thread-1"})
	dry := decode[api.SyncResult](d.call(http.MethodPost, "/sync?dry_run=true", o), http.StatusOK)
	if plan := dry.Plans[1]; !strings.Contains(string(plan.Calls[0].Body), `"9001"`) {
		t.Errorf("the plan does not name the deal: %s", plan.Calls[0].Body)
	}
	d.succeeded("/sync", o)
	for _, e := range d.oplog.Entries(0) {
		if e.Object == "tasks" && e.Op == sim.OpCreate && !strings.Contains(strings.Join(e.To, " "), "deals/9001") {
			t.Errorf("the task is tied to %v", e.To)
		}
	}
}
