package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"crm-connectors/store"
)

// tellAll is the form that has an address told of everything.
func tellAll(address string) url.Values {
	return url.Values{"address": {address}, "events": {store.EventWriteFailed, store.EventWriteNeedsReview, store.EventConnectionError, store.EventConnectionRecovered}, "description": {"On-call"}}
}

// endpoint adds one and gives the beginning of its paths.
func (v *visitor) endpoint(address string) string {
	v.d.t.Helper()
	page := v.post("/console/notifications", tellAll(address)).shows(http.StatusOK, "which is not shown again", "whsec_", address, "On-call", "every workspace")
	m := regexp.MustCompile(`/console/notifications/endpoints/[0-9a-f-]+`).FindAllString(page.body, -1)
	if len(m) == 0 {
		v.d.t.Fatal("the page has no endpoint")
	}
	return m[len(m)-1]
}

func TestAnOperatorSaysWhoIsToldAndSeesWhatBecameOfTheMessages(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.get("/console/notifications").shows(http.StatusOK, "Nobody is told of anything yet", "No message was sent").showsNot("whsec_")
	at := v.endpoint("https://hooks.example.com/crm")
	v.get("/console/notifications").shows(http.StatusOK, "https://hooks.example.com/crm", "Enabled").showsNot("whsec_")
	v.post("/console/notifications", tellAll("https://10.0.0.1/")).shows(http.StatusBadRequest, "name of the public internet", `value="https://10.0.0.1/"`)
	v.post("/console/notifications", url.Values{"address": {"https://hooks.example.com"}}).shows(http.StatusBadRequest, "choose at least one")
	v.post("/console/notifications", url.Values{"address": {"https://hooks.example.com"}, "events": {"x"}}).shows(http.StatusBadRequest, "no such event")
	sent := v.post(at+"/test", nil).shows(http.StatusOK, "about to be sent", "endpoint.test", "Waiting", "None yet")
	message, _, _ := strings.Cut(strings.TrimPrefix(sent.at, d.url), "?")
	id := strings.TrimPrefix(message, "/console/notifications/")
	if _, err := d.pool.Exec(t.Context(), `update crm_notifications set status = 'failed', ended_at = now(), attempt = 1, failures = 10,
		attempts_json = '[{"started_at":"2026-11-23T09:30:00Z","ended_at":"2026-11-23T09:30:01Z","http_status":500,"error":"it answered 500","answer":"<b>no</b>"}]' where id = $1`, id); err != nil {
		t.Fatal(err)
	}
	v.get("/console/notifications?status=failed").shows(http.StatusOK, message, "It answered 500", "Failed")
	v.get("/console/notifications?status=delivered").shows(http.StatusOK, "No message fits")
	v.get(message).shows(http.StatusOK, "It answered 500", `<b>no</b>`, `"type": "endpoint.test"`)
	v.post(message+"/resend", nil).shows(http.StatusOK, "is sent again", "Waiting")
	v.post(at+"/disable", nil).shows(http.StatusOK, "nothing is kept for it", "Disabled")
	v.post(at+"/enable", nil).shows(http.StatusOK, "told again")
	v.post(at+"/secret", nil).shows(http.StatusOK, "whsec_")
	v.post(at+"/delete", nil).shows(http.StatusBadRequest, "not ticked")
	v.post(at+"/delete", url.Values{"sure": {"yes"}}).shows(http.StatusOK, "the log of its messages is gone", "Nobody is told")
	v.get(message).shows(http.StatusNotFound, "no such message")
	v.post(at+"/test", nil).shows(http.StatusNotFound, "no such endpoint")
	v.get("/console/notifications?endpoint=x").shows(http.StatusBadRequest, "named by its id")
}

func TestAnOperatorDoesEverythingWithNotificationsOnEveryScreen(t *testing.T) {
	t.Parallel()
	d := open(t)
	b := d.browser(screens()[0])
	v := d.operator()
	b.signIn(operatorKey)
	for _, s := range screens() {
		b.look(s)
		at := v.endpoint("https://hooks.example.com/crm")
		b.open("/console/notifications", 0)
		b.press(`form[action="` + at + `/test"] button`)
		b.reads("about to be sent")
		b.judge()
		b.press(`form[action$="/resend"] button`)
		b.reads("is sent again")
		b.open("/console/notifications", 0)
		if s == screens()[2] {
			b.picture("notifications")
		}
		b.press(`form[action="` + at + `/disable"] button`)
		b.reads("nothing is kept for it")
		b.judge()
		b.press(`form[action="` + at + `/enable"] button`)
		b.reads("told again")
		b.press(`form[action="` + at + `/secret"] button`)
		b.reads("which is not shown again")
		b.judge()
		b.press(`form[action="` + at + `/delete"] input`)
		b.press(`form[action="` + at + `/delete"] button`)
		b.reads("the log of its messages is gone")
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#address"), "https://hooks.example.com/typed\r"))
	b.reads("which is not shown again")
}
