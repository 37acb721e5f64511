package console_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"
)

func TestErrorsStandByCodeAndConnectionEachWithTheOneButtonThatMendsIt(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.get("/console/errors").shows(http.StatusOK, "No connection is in trouble")
	v.connect(hubSpot)
	v.connect(salesForce)
	hub, org := d.connection(hubSpot), d.connection(salesForce)
	d.sync("ada@example.com", "grace@example.com", "mary@example.com")
	for crm, set := range map[string]string{
		hubSpot: `status = 'failed', settled_at = now(), error_class = 'rejected', error_code = 'property_missing', error_cause = 'The portal has no such property', error_action = 'Restore the property'`,
		salesForce: `status = 'needs_review', settled_at = now(), error_class = 'in_doubt', error_code = 'worker_lost_repeatedly', error_cause = 'Several processes ended',
			error_action = 'Look for the record'`,
	} {
		if _, err := d.pool.Exec(t.Context(), `update crm_write_log set `+set+` where crm = $1 and object_id <> 'mary@example.com'`, crm); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.store.NoteTrouble(t.Context(), org.ID, store.Trouble{Code: "crm_silent", Cause: "The CRM account has left calls without an answer", Action: "Nothing to do"}, 0); err != nil {
		t.Fatal(err)
	}
	d.later(5 * time.Second)
	p := v.get("/console/errors").shows(http.StatusOK, "3 errors",
		"The portal has no such property.", "property_missing", "Restore the property.", "2 failed", `href="/console/writes/retry?code=property_missing&connection=`+hub.ID.String(),
		"Several processes ended.", "Look for the record.", "2 for review", `href="/console/writes?code=worker_lost_repeatedly&connection=`+org.ID.String()+`&status=needs_review"`,
		"The CRM account has left calls without an answer.", `action="`+pathOf(org)+`/test"`)
	for code, shows := range map[string][]string{"worker_lost_repeatedly": {"ada@example.com", "grace@example.com", "Needs review"}, "property_missing": {"property_missing", "HubSpot"}} {
		link := regexp.MustCompile(`href="(/console/writes[^"]*code=` + code + `[^"]*)"`).FindStringSubmatch(p.body)
		v.get(html.UnescapeString(link[1])).shows(http.StatusOK, shows...).showsNot("mary@example.com")
	}
	if looks, retries := strings.Index(p.body, "worker_lost_repeatedly"), strings.Index(p.body, "property_missing"); looks > retries {
		t.Error("what a person has to settle does not stand first")
	}
	v.post(pathOf(org)+"/test", nil).shows(http.StatusOK, "The CRM account was asked and can be used.")
	if _, err := d.store.FailConnection(t.Context(), hub.ID, d.connection(hubSpot).TokenGeneration,
		store.Trouble{Code: "grant_revoked", Cause: "The app was uninstalled", Action: "Reconnect HubSpot"}); err != nil {
		t.Fatal(err)
	}
	d.later(10 * time.Second)
	v.get("/console/errors/live").shows(http.StatusOK, "In error", "The app was uninstalled.", "1 blocked", `action="`+pathOf(hub)+`/reconnect"`).
		showsNot("crm_silent", "/console/writes/retry")
	v.goOn(v.post(pathOf(hub)+"/reconnect", nil)).shows(http.StatusOK, "The CRM is connected.")
	d.later(15 * time.Second)
	v.get("/console/errors").shows(http.StatusOK, "/console/writes/retry").showsNot("grant_revoked")
}
