package handlers_test

import (
	"fmt"
	"net/http"
	"testing"

	"crm-connectors/api"

	"github.com/google/uuid"
)

func TestThreat21_OutcomesOfOneWorkspaceAreCountedOneByOneAndInBatches(t *testing.T) {
	t.Parallel()
	d := open(t, stopped, func(o *options) { o.rates = api.Rates{Workspace: 30} })
	d.connect(hubSpot)
	let := 0
	for n := range 8 {
		r := d.call(http.MethodPost, "/sync", d.outcome(fmt.Sprint(n), contact("ada@example.com")))
		if r.status == http.StatusAccepted {
			let++
			continue
		}
		if e := r.refused(http.StatusTooManyRequests, api.CodeRateLimited); r.header.Get("Retry-After") == "" || e.Details["of"] != "workspace" {
			t.Errorf("refused with %+v, Retry-After %q", e, r.header.Get("Retry-After"))
		}
	}
	if let == 0 || let > 6 {
		t.Errorf("%d outcomes of 8 were taken, want those of a fifth of a minute", let)
	}
	other := fields{"workspace_id": uuid.New(), "source_event_id": "x"}
	batch := decode[api.BatchResult](d.call(http.MethodPost, "/sync/hubspot/batch", fields{"outcomes": []fields{
		d.outcome("b", contact("ada@example.com")), {"workspace_id": other["workspace_id"], "source_event_id": "x", "contact": contact("ada@example.com")["contact"]}}}), http.StatusOK)
	if e := batch.Results[0].Error; e == nil || e.Code != api.CodeRateLimited {
		t.Errorf("the outcome of the workspace that is over its rate: %+v", e)
	}
	if e := batch.Results[1].Error; e == nil || e.Code != api.CodeCrmNotConnected {
		t.Errorf("the outcome of another: %+v, want it judged by itself", e)
	}
}
