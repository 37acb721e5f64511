package handlers_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"crm-connectors/api"
	"crm-connectors/sim"
)

// everything is all that the service knows of writes and links, row by row, but for what a clock put there.
func (d *desk) everything() []string {
	d.t.Helper()
	return append(d.texts(`select (to_jsonb(w) - 'updated_at')::text from crm_write_log w order by id`),
		d.texts(`select (to_jsonb(l) - 'updated_at')::text from crm_object_links l order by 1`)...)
}

func TestThreat20_AWebhookThatIsDeliveredAgainWithinItsWindowChangesNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := d.connect(hubSpot).AccountID
	outcome := d.outcome("e1", contact("ada@example.com"), task("t1"))
	const copies = 8
	answers := make([]api.SyncResult, copies)
	var all sync.WaitGroup
	for i := range copies {
		all.Go(func() {
			answers[i] = decode[api.SyncResult](d.call(http.MethodPost, "/sync/hubspot", outcome, "Prefer", "wait=30"), http.StatusOK)
		})
	}
	all.Wait()
	for _, a := range answers {
		if a.JobId == nil || *a.JobId != *answers[0].JobId {
			t.Errorf("one delivery and its copy are the jobs %v and %v", answers[0].JobId, a.JobId)
		}
	}
	if n := d.made(sim.OpCreate, "contacts") + d.made(sim.OpCreate, "tasks"); n != 2 || d.count(`select count(*) from crm_write_log`) != 2 {
		t.Errorf("%d records of %d copies of one outcome, want 2", n, copies)
	}
	merged := `{"eventId":1,"portalId":` + account + `,"occurredAt":1790000000000,"subscriptionType":"contact.merge","primaryObjectId":` +
		d.texts(`select crm_object_id from crm_object_links`)[0] + `,"mergedObjectIds":[777],"newObjectId":999}`
	d.hubspotSays(merged)
	first := d.everything()
	d.hubspotSays(merged)
	if again := d.everything(); !slices.Equal(first, again) || d.count(`select count(*) from crm_object_links where crm_object_id = '999'`) != 1 {
		t.Errorf("an event that came twice changed\n%q to\n%q", first, again)
	}
}

func TestThreat26_ACallThatWasRecordedAndIsSentAgainGivesTheFirstResultAndWritesNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.connect(hubSpot)
	outcome := d.whole("e1")
	d.succeeded("/sync/hubspot", outcome)
	before, made := d.everything(), len(d.oplog.Entries(0))
	first := d.call(http.MethodPost, "/sync/hubspot", outcome, "Prefer", "wait=30")
	again := d.call(http.MethodPost, "/sync/hubspot", outcome, "Prefer", "wait=30", "Idempotency-Key", "another")
	if string(first.body) != string(again.body) || first.status != http.StatusOK {
		t.Errorf("answered %d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	write := d.texts(`select id::text from crm_write_log limit 1`)[0]
	for range 2 {
		d.call(http.MethodPost, "/writes/"+write+"/retry", nil).refused(http.StatusConflict, api.CodeWriteNotRetriable)
		d.call(http.MethodPost, "/writes/"+write+"/resolve", fields{"how": "retry"}).refused(http.StatusConflict, api.CodeWriteNotResolvable)
	}
	if after := d.everything(); !slices.Equal(before, after) || len(d.oplog.Entries(0)) != made {
		t.Error("a call that was sent again has written")
	}
}

func TestThreat28_AnOperatorCannotHaveSentAgainWhatMayHaveBeenWritten(t *testing.T) {
	t.Parallel()
	d, id := doubtful(t, hubSpot, sim.FaultCutAfter)
	d.call(http.MethodPost, "/writes/"+id+"/retry", nil).refused(http.StatusConflict, api.CodeWriteNotRetriable)
	d.exec(`update crm_connections set paused_until = now() + interval '1 hour'`)
	d.exec(`update crm_write_log set status = 'in_doubt', settled_at = null where id = $1`, id)
	before := d.everything()
	for _, act := range []struct {
		path string
		body any
		code api.ErrorCode
	}{{"retry", nil, api.CodeWriteNotRetriable}, {"resolve", fields{"how": "retry"}, api.CodeWriteNotResolvable},
		{"resolve", fields{"how": "found", "crm_object_id": "1"}, api.CodeWriteNotResolvable}} {
		d.call(http.MethodPost, "/writes/"+id+"/"+act.path, act.body).refused(http.StatusConflict, act.code)
	}
	if after := d.everything(); !slices.Equal(before, after) || d.made(sim.OpCreate, "tasks") != 1 {
		t.Error("a write in doubt was changed or sent again")
	}
	decode[api.Write](d.call(http.MethodPost, "/writes/"+id+"/resolve", fields{"how": "cancel"}), http.StatusOK)
	if got := d.acts("write.resolve"); len(got) != 1 || got[0] == "" {
		t.Errorf("recorded: %q", got)
	}
}
