package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"crm-connectors/api"
	"crm-connectors/sim"
)

// inDoubt has a contact's and a task's writes be in doubt as after a worker's death, with the delivery at rest, and gives the task's id.
func inDoubt(t *testing.T) (d *desk, conn, write string, outcome fields) {
	t.Helper()
	d = open(t, stopped)
	c := d.connect(hubSpot)
	outcome = d.outcome("e-1", contact("ada@example.com"), task("t-1"))
	decode[api.SyncAccepted](d.call(http.MethodPost, "/sync/hubspot", outcome), http.StatusAccepted)
	d.exec(`update crm_write_log set status = 'sending', attempt = 1, lease_until = now()`)
	d.exec(`update crm_write_log set status = 'in_doubt', lease_until = null, error_class = 'in_doubt', error_code = 'worker_lost', error_cause = 'c', error_action = 'a',
		reconcile_at = now() + interval '1 hour', next_attempt_at = now() + interval '1 hour'`)
	return d, c.ID.String(), d.texts(`select id::text from crm_write_log where object_type = 'task'`)[0], outcome
}

func TestThreat28_NoRouteAndNoActionOfTheConsoleHasSentAgainWhatIsInDoubt(t *testing.T) {
	t.Parallel()
	d, conn, write, outcome := inDoubt(t)
	spec, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	bodies := []any{nil, fields{}, fields{"how": "retry"}, fields{"how": "found", "crm_object_id": "1"}, outcome, fields{"workspace_id": d.workspace}}
	tried := 0
	for path, item := range spec.Paths.Map() {
		if path == "/disconnect-crm" {
			continue // ends the connection: last of all
		}
		for method := range item.Operations() {
			if method == http.MethodGet || method == http.MethodDelete {
				continue
			}
			id := write
			if strings.HasPrefix(path, "/connections/") {
				id = conn
			}
			at := strings.NewReplacer("{id}", id, "{crm}", hubSpot, "{target}", hubSpot).Replace(path)
			for _, body := range bodies {
				answer := d.call(method, at+"?workspace_id="+d.workspace.String(), body)
				if tried++; id == write && strings.HasPrefix(path, "/writes/{id}/") && answer.status != http.StatusConflict && answer.status != http.StatusBadRequest {
					t.Errorf("%s %s with %v is answered %d", method, path, body, answer.status)
				}
			}
		}
	}
	id := d.connection(hubSpot).ID
	if err := d.handlers.TestConnection(t.Context(), id); err != nil {
		t.Error(err)
	}
	if err := d.handlers.ProvisionFleetConnection(t.Context(), id); err != nil {
		t.Error(err)
	}
	if states := d.texts(`select distinct status || attempt from crm_write_log`); !slices.Equal(states, []string{"in_doubt1"}) || tried < 6*len(bodies) {
		t.Errorf("after %d calls the writes are %q, want them in doubt as they were", tried, states)
	}
	d.disconnect(hubSpot)
	d.connect(hubSpot) // to the same account
	if n := d.count(`select count(*) from crm_write_log where status not in ('in_doubt', 'blocked')`); n != 0 || d.made(sim.OpCreate, "tasks") != 0 {
		t.Errorf("%d writes are no longer in doubt after a disconnection and a new connection, and %d tasks were made", n, d.made(sim.OpCreate, "tasks"))
	}
}
