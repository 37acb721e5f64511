package handlers_test

import (
	"net/http"
	"testing"

	"crm-connectors/api"
)

func TestWhatFailedForOneReasonIsCountedAndRetriedOverTheAPI(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	c := d.connect(hubSpot)
	var ids []string
	for _, event := range []string{"a", "b", "c"} {
		taken := decode[api.SyncAccepted](d.call(http.MethodPost, "/sync", d.outcome(event, contact(event+"@example.com"))), http.StatusAccepted)
		ids = append(ids, taken.Writes[0].Id.String())
	}
	d.exec(`update crm_write_log set status = 'failed', settled_at = now(), error_code = case source_event_id when 'c' then 'contact_invalid' else 'property_missing' end`)
	retry := func(body fields) api.RetriedWrites {
		return decode[api.RetriedWrites](d.call(http.MethodPost, "/writes/retry", body), http.StatusOK)
	}
	said := retry(fields{"error_code": "property_missing", "dry_run": true})
	if said.Retried != 0 || said.Done || said.Left != 2 || len(said.Connections) != 1 || said.Connections[0].ConnectionId != c.ID || !said.Connections[0].Connected || said.Until.IsZero() {
		t.Errorf("a dry run says %+v", said)
	}
	done := retry(fields{"error_code": "property_missing", "connection_id": c.ID, "workspace_id": d.workspace, "until": said.Until})
	if done.Retried != 2 || !done.Done || done.Left != 0 || len(done.Connections) != 0 || !done.Until.Equal(said.Until) {
		t.Errorf("it says %+v", done)
	}
	if again := retry(fields{"error_code": "property_missing", "until": said.Until}); again.Retried != 0 || !again.Done {
		t.Errorf("again it says %+v", again)
	}
	for i, want := range []string{"queued", "queued", "failed"} {
		if w := decode[api.WriteDetail](d.call(http.MethodGet, "/writes/"+ids[i], nil), http.StatusOK); string(w.Status) != want {
			t.Errorf("write %d is %s, want %s", i, w.Status, want)
		}
	}
	if got := d.acts("writes.retry"); len(got) != 1 || got[0] != "test" {
		t.Errorf("recorded: %v", got)
	}
	for why, body := range map[string]fields{"is required where neither workspace_id nor connection_id is given": {}, "follows the contact": {"error_code": "contact_failed"}, "is not a known field": {"reason": "x"}} {
		if e := d.call(http.MethodPost, "/writes/retry", body).refused(http.StatusBadRequest, api.CodeValidationFailed); e.Details["reason"] != why {
			t.Errorf("%v: %v", body, e.Details)
		}
	}
}
