package handlers_test

import (
	"net/http"
	"testing"

	"crm-connectors/api"

	"github.com/google/uuid"
)

func TestWhileTheDatabaseIsAwayCallersAreToldToComeAgain(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	outcome := d.whole(uuid.NewString())
	d.exec(`update pg_database set datallowconn = false where datname = current_database()`)
	_, _ = d.pool.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()`) // ends itself too
	for range 3 {                                                                                                                // a connection that was lost, and new ones that are refused
		for path, body := range map[string]any{"/sync": outcome, "/hubspot-oauth-start": map[string]any{"workspace_id": d.workspace}} {
			resp := d.call(http.MethodPost, path, body)
			if got := decode[api.ErrorEnvelope](resp, http.StatusServiceUnavailable); got.Code != api.CodeDatabaseUnavailable || resp.header.Get("Retry-After") == "" {
				t.Errorf("%s: %s, Retry-After %q; want database_unavailable and when to come again", path, got.Code, resp.header.Get("Retry-After"))
			}
		}
	}
}
