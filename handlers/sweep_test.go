package handlers_test

import (
	"net/http"
	"testing"

	"crm-connectors/api"
)

func TestASweepThatIsAskedForWakesWhatWasForgotten(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	decode[api.SyncResult](d.call(http.MethodPost, "/sync", d.outcome("e1", contact("ada@example.com"))), http.StatusAccepted)
	d.exec(`delete from river.river_job`)
	d.exec(`update crm_write_log set next_attempt_at = now() - interval '1 hour'`)
	if s := decode[api.Swept](d.call(http.MethodPost, "/sync/sweep", nil), http.StatusOK); s.Status != api.SweptStatusSwept {
		t.Errorf("answered %+v", s)
	}
	if n := d.count(`select count(*) from river.river_job where kind = 'crm.drain'`); n != 1 {
		t.Errorf("%d drains are to come, want 1", n)
	}
}
