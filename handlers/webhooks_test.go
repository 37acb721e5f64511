package handlers_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/api"
	"crm-connectors/sim/simhubspot"
)

// hubspotSays delivers events as HubSpot does.
func (d *desk) hubspotSays(events ...string) api.HubspotEventsTaken {
	d.t.Helper()
	body, at := "["+strings.Join(events, ",")+"]", fmt.Sprint(time.Now().UnixMilli())
	mac := hmac.New(sha256.New, []byte(simhubspot.DefaultClientSecret))
	_, _ = fmt.Fprint(mac, "POST", d.url, "/functions/v1/hubspot-webhooks", body, at)
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"/hubspot-webhooks", strings.NewReader(body)) // as a gateway passes it on
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-HubSpot-Request-Timestamp", at)
	req.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return decode[api.HubspotEventsTaken](d.do(req), http.StatusOK)
}

func TestWhatHubSpotSaysOfContactsKeepsTheirLinksFresh(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := d.connect(hubSpot).AccountID
	record := map[string]string{}
	for _, name := range []string{"ada", "grace", "mary"} {
		decode[api.SyncResult](d.call(http.MethodPost, "/sync/hubspot", d.outcome(name, contact(name+"@example.com"), task(name)), "Prefer", "wait=30"), http.StatusOK)
		var id string
		if err := d.pool.QueryRow(t.Context(), `select crm_object_id from crm_object_links where email = $1`, name+"@example.com").Scan(&id); err != nil {
			t.Fatal(err)
		}
		record[name] = id
	}
	event := func(kind, portal, rest string) string {
		return `{"eventId":1,"portalId":` + portal + `,"occurredAt":1790000000000,"subscriptionType":"` + kind + `",` + rest + `}`
	}
	deleted := event("contact.deletion", account, `"objectId":`+record["ada"])
	erased := event("contact.privacyDeletion", account, `"objectId":`+record["mary"])
	merged := event("contact.merge", account, `"primaryObjectId":`+record["grace"]+`,"mergedObjectIds":[777],"newObjectId":999`)
	for _, e := range []string{event("contact.deletion", "1", `"objectId":`+record["ada"]), event("contact.creation", account, `"objectId":1`), `{"of":"another kind"}`} {
		d.hubspotSays(e) // another portal's, and kinds that mean nothing
	}
	if n := d.count(`select count(*) from crm_object_links`); n != 3 {
		t.Errorf("%d links, want all 3", n)
	}
	for range 2 { // a delivery may come twice
		got := d.hubspotSays(deleted, merged, event("contact.deletion", account, `"objectId":`+record["mary"]), erased, `{"subscriptionType":"x"}`)
		if got.Taken != 4 || got.Ignored != 1 {
			t.Errorf("took %+v, want 4 and 1 ignored", got)
		}
	}
	if n := d.count(`select count(*) from crm_object_links where email = 'grace@example.com' and crm_object_id = '999' and fields_json = '{}'`); n != 1 || d.count(`select count(*) from crm_object_links`) != 1 {
		t.Error("the merged contact is not followed, or a deleted one is still linked")
	}
	if d.holds("mary@example.com") != 0 {
		t.Error("the erased contact is still named")
	}
	if d.count(`select count(*) from crm_write_log where object_id = 'ada@example.com' and content_erased_at is null`) != 1 {
		t.Error("a contact that was only deleted is erased")
	}
}
