package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/sim"

	"github.com/google/uuid"
)

// invalidData is how each CRM refuses the values of a record.
func invalidData(crm string) sim.Fault {
	f := sim.Fault{Method: http.MethodPost, Path: `/(contacts|Lead)$`, Kind: sim.FaultStatus, Status: 400,
		Body: `{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid","correlationId":"c-1"}`}
	if crm == salesForce {
		f.Body = `[{"errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","message":"A phone number is needed","fields":["Phone"]}]`
	}
	return f
}

func (d *desk) list(query url.Values) api.WriteList {
	d.t.Helper()
	query.Set("workspace_id", d.workspace.String())
	return decode[api.WriteList](d.call(http.MethodGet, "/writes?"+query.Encode(), nil), http.StatusOK)
}

func TestWritesAreFoundByEveryFilterAndAllPagesHoldThemAll(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	d.connect(salesForce)
	for i := range 3 {
		o := d.whole(fmt.Sprintf("e-%d", i))
		o["thread_id"] = fmt.Sprintf("thread-%d", i)
		d.succeeded("/sync", o)
	}
	d.fault(hubSpot, invalidData(hubSpot))
	failed := d.settled("/sync/hubspot", d.whole("e-bad")).Writes
	all := d.list(url.Values{"limit": {"200"}})
	if len(all.Writes) != 21 || all.Next != nil {
		t.Fatalf("%d writes, next %v; want 21 and no more", len(all.Writes), all.Next)
	}
	one := all.Writes[7]
	for name, c := range map[string]struct {
		query url.Values
		keep  func(api.Write) bool
	}{
		"crm":           {url.Values{"crm": {salesForce}}, func(w api.Write) bool { return w.Crm == salesForce }},
		"failed":        {url.Values{"status": {"failed"}}, func(w api.Write) bool { return w.Status == "failed" }},
		"object":        {url.Values{"object_type": {"task"}}, func(w api.Write) bool { return w.ObjectType == "task" }},
		"thread":        {url.Values{"thread_id": {"thread-1"}}, func(w api.Write) bool { return strings.HasSuffix(w.ObjectId, "e-1") || w.ObjectId == "e-1@example.com" }},
		"error":         {url.Values{"error_code": {failed[0].Error.Code}}, func(w api.Write) bool { return w.Id == failed[0].Id }},
		"sync":          {url.Values{"sync_id": {one.SyncId.String()}}, func(w api.Write) bool { return w.SyncId == one.SyncId }},
		"CRM object":    {url.Values{"crm_object_id": {*one.CrmObjectId}}, func(w api.Write) bool { return w.CrmObjectId != nil && *w.CrmObjectId == *one.CrmObjectId }},
		"key":           {url.Values{"idempotency_key": {one.IdempotencyKey}}, func(w api.Write) bool { return w.IdempotencyKey == one.IdempotencyKey }},
		"two at once":   {url.Values{"crm": {hubSpot}, "object_type": {"contact"}}, func(w api.Write) bool { return w.Crm == hubSpot && w.ObjectType == "contact" }},
		"nothing found": {url.Values{"thread_id": {"thread-9"}}, func(api.Write) bool { return false }},
	} {
		var want []api.Write
		for _, w := range all.Writes {
			if c.keep(w) {
				want = append(want, w)
			}
		}
		got := d.list(c.query)
		if len(got.Writes) != len(want) || got.Writes == nil || (len(want) == 0) != (name == "nothing found") {
			t.Errorf("%s: %d writes, want %d", name, len(got.Writes), len(want))
			continue
		}
		for i := range want {
			if got.Writes[i].Id != want[i].Id {
				t.Errorf("%s: write %d is %s, want %s", name, i, got.Writes[i].Id, want[i].Id)
			}
		}
	}
	for _, limit := range []string{"1", "5", "7", "20"} {
		var ids []uuid.UUID
		query := url.Values{"limit": {limit}}
		for pages := 0; pages < 30; pages++ {
			page := d.list(query)
			for _, w := range page.Writes {
				ids = append(ids, w.Id)
			}
			if page.Next == nil {
				break
			}
			query.Set("after", *page.Next)
		}
		for i, w := range all.Writes {
			if len(ids) != len(all.Writes) || ids[i] != w.Id {
				t.Errorf("pages of %s hold %d writes; want the same %d in the same order", limit, len(ids), len(all.Writes))
				break
			}
		}
	}
	other := decode[api.WriteList](d.call(http.MethodGet, "/writes?workspace_id="+uuid.NewString(), nil), http.StatusOK)
	if len(other.Writes) != 0 {
		t.Errorf("another workspace sees %d writes", len(other.Writes))
	}
}

func TestACursorThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	for _, after := range []string{"x", "!!!", "MA", "LTU", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw", "MSBvciAxPTE", "MQ=="} {
		e := d.call(http.MethodGet, "/writes?workspace_id="+d.workspace.String()+"&after="+url.QueryEscape(after), nil).refused(http.StatusBadRequest, api.CodeValidationFailed)
		if e.Details["field"] != "after" {
			t.Errorf("%s: details %v", after, e.Details)
		}
	}
}

func TestAWriteThatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.call(http.MethodGet, "/writes/"+uuid.NewString(), nil).refused(http.StatusNotFound, api.CodeWriteNotFound)
	d.call(http.MethodPost, "/writes/"+uuid.NewString()+"/retry", nil).refused(http.StatusNotFound, api.CodeWriteNotFound)
	d.call(http.MethodGet, "/writes/x", nil).refused(http.StatusBadRequest, api.CodeValidationFailed)
}

func TestAFailedWriteGoesOnAfterTheCauseIsMended(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.connect(crm)
			d.fault(crm, invalidData(crm))
			writes := d.settled("/sync/"+crm, d.whole("e-1")).Writes
			for i, want := range []string{"", "contact_failed", "contact_failed"} {
				w := writes[i]
				if w.Status != api.WriteStatusFailed || w.Error == nil || w.Error.Cause == "" || w.Error.Action == "" || w.Error.Class != "rejected" || (want != "" && w.Error.Code != want) {
					t.Errorf("the %s: %s", w.ObjectType, show(w))
				}
			}
			if n := len(d.oplog.Entries(0)); n != 0 {
				t.Errorf("%d operations in the CRM", n)
			}
			again := decode[api.Write](d.call(http.MethodPost, "/writes/"+writes[0].Id.String()+"/retry", nil), http.StatusOK)
			if again.Id != writes[0].Id || again.Status != api.WriteStatusQueued || again.Error != nil || again.SettledAt != nil || again.NextAttemptAt == nil {
				t.Errorf("retry answered %+v", again)
			}
			first := d.until(writes[0].Id, api.WriteStatusSucceeded)
			for _, w := range writes[1:] {
				d.until(w.Id, api.WriteStatusSucceeded) // they follow by themselves
			}
			if len(first.Attempts) != 2 || first.Attempt != 2 || first.Attempts[0].Outcome != "rejected" || first.Attempts[1].Outcome != "succeeded" {
				t.Fatalf("attempts %+v", first.Attempts)
			}
			a := first.Attempts[0]
			if a.Kind != api.AttemptKindSend || a.HttpStatus == nil || *a.HttpStatus != 400 || a.ErrorCode == nil || a.Cause == nil || len(a.Calls) == 0 || a.EndedAt == nil || a.EndedAt.Before(a.StartedAt) {
				t.Errorf("first attempt %+v", a)
			}
			if last := a.Calls[len(a.Calls)-1]; last.Method != http.MethodPost || last.Status != 400 || last.Route == "" {
				t.Errorf("last call of the first attempt %+v", last)
			}
			if payload := string(first.Payload); !strings.Contains(payload, `"e-1@example.com"`) || len(first.PayloadHash) != 64 {
				t.Errorf("payload %s, hash %s", payload, first.PayloadHash)
			}
			e := d.call(http.MethodPost, "/writes/"+writes[0].Id.String()+"/retry", nil).refused(http.StatusConflict, api.CodeWriteNotRetriable)
			if e.Details["status"] != "succeeded" || !strings.Contains(e.Message, "succeeded already") {
				t.Errorf("retry of a succeeded write says %+v", e)
			}
			if n := d.made(sim.OpCreate, objectsOf(crm)["contact"]); n != 1 {
				t.Errorf("%d contacts, want 1", n)
			}
		})
	}
}

func TestAWriteThatWaitsIsPulledForward(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	d.fault(hubSpot, sim.Fault{Method: http.MethodPost, Path: `/contacts$`, Kind: sim.FaultStatus, Status: 423, Headers: map[string]string{"Retry-After": "3600"},
		Body: `{"status":"error","message":"locked","category":"LOCKED"}`})
	a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/hubspot", d.outcome("e-1", contact("ada@example.com"))), http.StatusAccepted)
	id := a.Writes[0].Id
	d.eventually("the first attempt has failed", func() bool { w := d.write(id); return w.Attempt == 1 && w.Status == api.WriteStatusQueued })
	w := d.write(id)
	if w.Error == nil || w.Error.Class != "retry" || w.NextAttemptAt == nil || time.Until(*w.NextAttemptAt) < 30*time.Minute {
		t.Errorf("waiting: %+v, next attempt %v; want the hour that the CRM asked for", w.Error, w.NextAttemptAt)
	}
	decode[api.Write](d.call(http.MethodPost, "/writes/"+id.String()+"/retry", nil), http.StatusOK)
	d.until(id, api.WriteStatusSucceeded)
}
