package handlers_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/connectors"
	"crm-connectors/sim"
)

// blind is a CRM in which no write can be looked for.
type blind struct{ connectors.Connector }

func (blind) Find(context.Context, connectors.Account, connectors.Write) (connectors.Finding, error) {
	return connectors.Finding{}, connectors.ErrCannotFind
}

func TestATaskThatMayHaveArrivedIsLeftToAPersonAndNotRepeated(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(o *options) { o.wrap = func(c connectors.Connector) connectors.Connector { return blind{c} } })
			d.connect(crm)
			d.fault(crm, sim.Fault{Method: http.MethodPost, Path: `/(tasks|Task)$`, Kind: sim.FaultCutAfter})
			writes := d.settled("/sync/"+crm, d.outcome("e-1", contact("ada@example.com"), task("t-1"))).Writes
			if writes[0].Status != api.WriteStatusSucceeded || writes[1].Status != api.WriteStatusNeedsReview {
				t.Fatalf("contact %s; task %s", show(writes[0]), show(writes[1]))
			}
			w := d.write(writes[1].Id)
			if w.Error == nil || w.Error.Class != "in_doubt" || !strings.Contains(w.Error.Action, "Look for this task") || len(w.Attempts) != 2 ||
				w.Attempts[0].Kind != api.AttemptKindSend || w.Attempts[0].Outcome != "in_doubt" || w.Attempts[1].Kind != api.AttemptKindFind {
				t.Errorf("error %+v, attempts %+v", w.Error, w.Attempts)
			}
			e := d.call(http.MethodPost, "/writes/"+w.Id.String()+"/retry", nil).refused(http.StatusConflict, api.CodeWriteNotRetriable)
			if e.Details["status"] != "needs_review" || !strings.Contains(e.Message, "may have reached the CRM") {
				t.Errorf("retry says %+v", e)
			}
			d.exec(`update crm_write_log set status = 'in_doubt', next_attempt_at = now() + interval '1 hour' where id = $1`, w.Id)
			e = d.call(http.MethodPost, "/writes/"+w.Id.String()+"/retry", nil).refused(http.StatusConflict, api.CodeWriteNotRetriable)
			if e.Details["status"] != "in_doubt" || !strings.Contains(e.Message, "may have reached the CRM") {
				t.Errorf("retry in doubt says %+v", e)
			}
			decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+crm, d.outcome("e-1", contact("ada@example.com"), task("t-1"))), http.StatusAccepted)
			if n := d.made(sim.OpCreate, objectsOf(crm)["task"]); n != 1 {
				t.Errorf("%d tasks in the CRM, want exactly 1", n)
			}
		})
	}
}

func TestAContactThatMayHaveArrivedIsFound(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.connect(crm)
			d.fault(crm, sim.Fault{Method: http.MethodPost, Path: `/(contacts|Lead)$`, Kind: sim.FaultCutAfter})
			writes := d.succeeded("/sync/"+crm, d.whole("e-1"))
			if *writes[0].Outcome != api.WriteOutcomeFound {
				t.Errorf("the contact was %s", *writes[0].Outcome)
			}
			if n := d.made(sim.OpCreate, objectsOf(crm)["contact"]); n != 1 {
				t.Errorf("%d contacts in the CRM, want 1", n)
			}
		})
	}
}

func TestATokenThatIsRefusedHalfwayIsRenewedOnce(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			before := d.connect(crm)
			d.fault(crm, sim.Fault{Method: http.MethodPost, Path: `/(tasks|Task)$`, Kind: sim.FaultStatus, Status: 401, Body: refusedToken(crm)})
			writes := d.succeeded("/sync/"+crm, d.whole("e-1"))
			d.noteTokens(crm)
			if after := d.connection(crm); after.TokenGeneration != before.TokenGeneration+1 || after.Status != "connected" {
				t.Errorf("generation %d, then %d; want one refresh", before.TokenGeneration, after.TokenGeneration)
			}
			if w := d.write(writes[1].Id); len(w.Attempts) != 1 {
				t.Errorf("%d attempts, want one with the refresh inside", len(w.Attempts))
			}
			objects := map[string]int{objectsOf(crm)["contact"]: 1, objectsOf(crm)["task"]: 1}
			if crm == salesForce {
				objects["Task"] = 2 // the rollup is one too
			}
			for object, want := range objects {
				if n := d.made(sim.OpCreate, object); n != want {
					t.Errorf("%d %s in the CRM, want %d", n, object, want)
				}
			}
		})
	}
}

func refusedToken(crm string) string {
	if crm == hubSpot {
		return `{"status":"error","category":"INVALID_AUTHENTICATION","message":"Authentication credentials not found"}`
	}
	return `[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`
}

func TestARevokedGrantPutsTheConnectionInErrorUntilItIsReconnected(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			d.connect(crm)
			d.hub.RevokeGrants()
			d.org.RevokeGrants()
			a := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+crm, d.whole("e-1"), "Prefer", "wait=0"), http.StatusAccepted)
			for _, w := range a.Writes {
				if w := d.until(w.Id, api.WriteStatusBlocked); w.Error == nil || w.Error.Class != "needs_reconnect" || w.Error.Cause == "" || w.Error.Action == "" {
					t.Errorf("the %s: %+v", w.ObjectType, w.Error)
				}
			}
			c := d.listed(crm)
			if c.Status != api.ConnectionStatusError || c.LastError == nil || c.LastError.Code == "" || c.LastError.Cause == "" ||
				!strings.Contains(strings.ToLower(c.LastError.Action), "reconnect") {
				t.Errorf("listed as %s, %+v", c.Status, c.LastError)
			}
			later := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/"+crm, d.whole("e-2"), "Prefer", "wait=1"), http.StatusAccepted)
			for _, w := range later.Writes {
				if w.Status != api.WriteStatusBlocked {
					t.Errorf("what came later is %s", show(w))
				}
			}
			e := d.call(http.MethodPost, "/writes/"+a.Writes[0].Id.String()+"/retry", nil).refused(http.StatusConflict, api.CodeWriteNotRetriable)
			if e.Details["connection_status"] != "error" || !strings.Contains(e.Message, "Reconnect") {
				t.Errorf("retry says %+v", e)
			}
			if n := len(d.oplog.Entries(0)); n != 0 {
				t.Errorf("%d operations in the CRM", n)
			}
			d.connect(crm)
			for _, w := range append(a.Writes, later.Writes...) {
				d.until(w.Id, api.WriteStatusSucceeded)
			}
			if c := d.listed(crm); c.Status != api.ConnectionStatusConnected || c.LastError != nil {
				t.Errorf("after the reconnect: %s, %+v", c.Status, c.LastError)
			}
			if n := d.made(sim.OpCreate, objectsOf(crm)["contact"]); n != 2 {
				t.Errorf("%d contacts, want 2", n)
			}
		})
	}
}
