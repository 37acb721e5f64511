package handlers_test

import (
	"net/http"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/sim"

	"github.com/google/uuid"
)

// doubtful is a desk whose service cannot see a task that it wrote, and the task's write.
func doubtful(t *testing.T, crm string, kind sim.FaultKind) (*desk, string) {
	t.Helper()
	d := open(t, func(o *options) { o.wrap = func(c connectors.Connector) connectors.Connector { return blind{c} } })
	d.connect(crm)
	d.fault(crm, sim.Fault{Method: http.MethodPost, Path: `/(tasks|Task)$`, Kind: kind, Status: http.StatusServiceUnavailable})
	writes := d.settled("/sync/"+crm, d.outcome("e-1", contact("ada@example.com"), task("t-1"))).Writes
	if writes[1].Status != api.WriteStatusNeedsReview {
		t.Fatalf("the task's write is %s, want needs_review", writes[1].Status)
	}
	return d, writes[1].Id.String()
}

func TestARecordThatAPersonFoundCountsOnceTheServiceHasReadIt(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d, id := doubtful(t, crm, sim.FaultCutAfter)
			var record string
			for _, e := range d.core(crm).Log.Entries(0) {
				if e.Op == sim.OpCreate && e.Object == objectsOf(crm)["task"] {
					record = e.ID
				}
			}
			decode[api.Write](d.call(http.MethodPost, "/writes/"+id+"/resolve", fields{"how": "found", "crm_object_id": record}), http.StatusOK)
			w := d.until(uuid.MustParse(id), api.WriteStatusSucceeded)
			if w.CrmObjectId == nil || *w.CrmObjectId != record || d.made(sim.OpCreate, objectsOf(crm)["task"]) != 1 {
				t.Errorf("write %+v, want it succeeded with %s and no second task", w, record)
			}
		})
	}
}

func TestAnIdThatTheCRMDoesNotHaveIsNotBelieved(t *testing.T) {
	t.Parallel()
	for crm, none := range map[string]string{hubSpot: "999999", salesForce: "00Tak00000NoSuchAAA"} {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d, id := doubtful(t, crm, sim.FaultCutAfter)
			decode[api.Write](d.call(http.MethodPost, "/writes/"+id+"/resolve", fields{"how": "found", "crm_object_id": none}), http.StatusOK)
			if w := d.until(uuid.MustParse(id), api.WriteStatusFailed); w.Error == nil || w.Error.Action == "" {
				t.Errorf("write %+v, want a failure that says what to do", w)
			}
		})
	}
}

func TestAWriteThatAPersonDidNotFindIsWrittenAfterOneMoreLook(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d, id := doubtful(t, crm, sim.FaultStatus)
			decode[api.Write](d.call(http.MethodPost, "/writes/"+id+"/resolve", fields{"how": "retry"}), http.StatusOK)
			d.until(uuid.MustParse(id), api.WriteStatusSucceeded)
			if n := d.made(sim.OpCreate, objectsOf(crm)["task"]); n != 1 {
				t.Errorf("%d tasks, want 1", n)
			}
		})
	}
}

func TestACancelledWriteStaysCancelledAndSaysWhoDidIt(t *testing.T) {
	t.Parallel()
	d, id := doubtful(t, hubSpot, sim.FaultStatus)
	w := decode[api.Write](d.call(http.MethodPost, "/writes/"+id+"/resolve", fields{"how": "cancel"}), http.StatusOK)
	if w.Status != api.WriteStatusCancelled {
		t.Errorf("the write is %s", w.Status)
	}
	e := d.call(http.MethodPost, "/writes/"+id+"/resolve", fields{"how": "retry"}).refused(http.StatusConflict, api.CodeWriteNotResolvable)
	if e.Details["status"] != "cancelled" {
		t.Errorf("a second word is refused with %+v", e)
	}
	if n := d.count(`select count(*) from crm_audit where subject = $1 and actor = 'test' and action = 'write.resolve'`, id); n != 1 {
		t.Errorf("%d acts are recorded, want 1", n)
	}
}

func TestAWordThatMakesNoSenseIsRefusedWithTheFieldNamed(t *testing.T) {
	t.Parallel()
	d, id := doubtful(t, hubSpot, sim.FaultStatus)
	for _, body := range []fields{{"how": "guess"}, {"how": "found"}, {"how": "retry", "crm_object_id": "1"}, {"how": "found", "crm_object_id": "../1"}, {}} {
		d.call(http.MethodPost, "/writes/"+id+"/resolve", body).refused(http.StatusBadRequest, api.CodeValidationFailed)
	}
	d.call(http.MethodPost, "/writes/"+uuid.NewString()+"/resolve", fields{"how": "retry"}).refused(http.StatusNotFound, api.CodeWriteNotFound)
}
