package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
)

// write is the newest write in a status.
func (d *desk) write(status string) (w store.Write) {
	d.t.Helper()
	d.eventually("a write is "+status, func() bool {
		found, err := d.store.Search(d.t.Context(), store.Search{WorkspaceID: d.workspace, Status: status, Limit: 1})
		if err == nil && len(found) == 1 {
			w = found[0]
		}
		return w.ID != uuid.Nil
	})
	return w
}

func writePath(w store.Write) string { return "/console/writes/" + w.ID.String() }

// settled hands in an outcome of a contact and gives its write as a drain left it that came to this.
func (d *desk) settled(email, status, code string) store.Write {
	d.t.Helper()
	d.sync(email)
	c := d.connection(hubSpot)
	drain, err := d.store.BeginDrain(d.t.Context(), c.ID)
	if err != nil {
		d.t.Fatal(err)
	}
	rows, err := d.store.Claim(d.t.Context(), c.ID, drain.DrainEpoch, 10, store.Lease{Hold: time.Minute, Send: time.Minute})
	if err != nil || len(rows) == 0 {
		d.t.Fatalf("%d rows, %v", len(rows), err)
	}
	now := time.Now()
	for _, r := range rows {
		s := store.Settlement{ID: r.ID, Attempt: r.Attempt, Status: status, Kind: "send", StartedAt: now, EndedAt: now, Result: status, HTTPStatus: 400, RequestID: "corr-1",
			ErrorCode: code, ErrorClass: "rejected", ErrorCause: "The portal has no such property", ErrorAction: "Restore the property, then press Retry",
			Calls: []byte(`[{"method":"POST","route":"/crm/v3/objects/contacts","status":400,"ms":31,"sent":"{\"properties\":{\"regoin\":\"EMEA\"}}","answered":"{\"message\":\"Property regoin does not exist\"}"}]`)}
		if status == store.NeedsReview {
			s.HTTPStatus, s.RequestID, s.ErrorCause, s.ErrorAction = 0, "", "What became of it is not known", "Look for the record in the CRM, then say here what you found"
			s.Calls = []byte(`[{"method":"POST","route":"/crm/v3/objects/contacts","ms":30000}]`)
		}
		if _, err := d.store.Settle(d.t.Context(), []store.Settlement{s}); err != nil {
			d.t.Fatal(err)
		}
	}
	w, err := d.store.Write(d.t.Context(), d.workspace, rows[len(rows)-1].ID)
	if err != nil {
		d.t.Fatal(err)
	}
	return w
}

func TestAWriteIsFoundByAddressAndShowsItsWholeLife(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.get("/console/writes").shows(http.StatusOK, "Nothing failed, and nothing waits for a person.")
	v.connect(hubSpot)
	d.start()
	d.sync("ada@example.com")
	w := d.write(store.Succeeded)
	for _, q := range []string{"ada@example.com", "ADA@example.com", w.ID.String(), w.IdempotencyKey, "thread-1", w.CRMObjectID, w.SyncID.String()} {
		v.get("/console/writes?q="+url.QueryEscape(q)).shows(http.StatusOK, writePath(w), "ada@example.com")
	}
	v.get("/console/writes?q=nobody@example.com").shows(http.StatusOK, "No write fits.")
	v.get("/console/writes?workspace="+d.workspace.String()+"&status=succeeded&crm=hubspot").shows(http.StatusOK, writePath(w))
	v.get("/console/writes?workspace="+d.workspace.String()+"&crm=salesforce").shows(http.StatusOK, "No write fits.")
	p := v.get(writePath(w)).shows(http.StatusOK, "Taken in", "Sent", "Succeeded", "POST /crm/", "Settled", `"email": "ada@example.com"`, w.IdempotencyKey, w.CRMObjectID,
		`href="`+d.hubURL+`/contacts/`+d.connection(hubSpot).AccountID+`/record/0-1/`+w.CRMObjectID)
	p.showsNot("Settle it by your word", ">Retry<")
	v.get(writePath(w)+"/live").shows(http.StatusOK, "Its life").showsNot("<html")
}

func TestASearchThatCannotBeMadeSaysWhichFieldAndWhy(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.get("/console/writes?workspace=acme").shows(http.StatusBadRequest, "The workspace is named by its id")
	v.get("/console/writes?status=succeeded").shows(http.StatusBadRequest, "Name a workspace, or what you look for")
	v.get("/console/writes?after=x").shows(http.StatusBadRequest, "not a place in this list")
	v.get("/console/writes/"+uuid.NewString()).shows(http.StatusNotFound, "There is no write with this id")
	v.get("/console/writes/nonsense").shows(http.StatusNotFound, "There is no write with this id")
}

func TestAFailedWriteIsRetriedAndTheRecordSaysByWhom(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	w := d.settled("ada@example.com", store.Failed, "property_missing")
	v.get("/console/writes").shows(http.StatusOK, "The portal has no such property", "property_missing", writePath(w))
	v.get(writePath(w)).shows(http.StatusOK, "Restore the property, then press Retry", "corr-1", "POST /crm/v3/objects/contacts", "31 ms", `{"properties":{"regoin":"EMEA"}}`, "Property regoin does not exist")
	v.post(writePath(w)+"/retry", nil).shows(http.StatusOK, "The write is due again.", "Queued", "write.retry", "default")
	v.post(writePath(w)+"/cancel", nil).shows(http.StatusBadRequest, "the box that says so was not ticked")
	v.post(writePath(w)+"/cancel", url.Values{"sure": {"yes"}}).shows(http.StatusOK, "The write is cancelled.", "Cancelled")
	v.post(writePath(w)+"/retry", nil).shows(http.StatusConflict, "write_not_retriable")
}

func TestAPersonsWordOnADoubtIsTakenDownAndVerified(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	w := d.settled("ada@example.com", store.NeedsReview, "fate_unknown")
	v.get(writePath(w)).shows(http.StatusOK, "Look in the CRM first", "It is there", "I looked in the CRM, and it is not there")
	v.post(writePath(w)+"/found", url.Values{"record": {""}}).shows(http.StatusBadRequest, "crm_object_id is missing")
	v.post(writePath(w)+"/absent", nil).shows(http.StatusBadRequest, "was not ticked")
	v.post(writePath(w)+"/absent", url.Values{"sure": {"yes"}}).shows(http.StatusOK, "looks for the record once more", "In doubt", "write.resolve")
	again := d.settled("eve@example.com", store.NeedsReview, "fate_unknown")
	v.post(writePath(again)+"/found", url.Values{"record": {"501"}}).shows(http.StatusOK, "The service reads the record", "Queued")
}

func TestAllThatFailedForOneReasonIsRetriedAfterALookAtWhatItWouldBe(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	for n := range 3 {
		d.settled(fmt.Sprintf("a%d@example.com", n), store.Failed, "property_missing")
	}
	other := d.settled("b@example.com", store.Failed, "contact_invalid")
	doubt := d.settled("c@example.com", store.NeedsReview, "property_missing")
	preview := v.get("/console/writes/retry?code=property_missing&connection="+d.connection(hubSpot).ID.String()).shows(http.StatusOK, "What would be retried", "Retry 3", "property_missing")
	form := url.Values{"code": {"property_missing"}, "connection": {d.connection(hubSpot).ID.String()}, "total": {"3"}, "taken": {"0"}, "until": {time.Now().Add(time.Second).Format(time.RFC3339Nano)}}
	if !strings.Contains(preview.body, `name="until"`) {
		t.Error("the form does not say until when")
	}
	v.post("/console/writes/retry", form).shows(http.StatusOK, "3 writes are due again", "Nothing is failed so.")
	for id, want := range map[uuid.UUID]string{other.ID: store.Failed, doubt.ID: store.NeedsReview} {
		if w, err := d.store.Write(t.Context(), d.workspace, id); err != nil || w.Status != want {
			t.Errorf("%s is %s, want it %s: %v", id, w.Status, want, err)
		}
	}
	if got := d.acts("writes.retry"); len(got) != 1 || got[0] != "default" {
		t.Errorf("recorded: %v", got)
	}
	v.get("/console/writes/retry?code=contact_failed").shows(http.StatusBadRequest, "retry the contacts")
	v.get("/console/writes/retry?workspace=x").shows(http.StatusBadRequest, "named by its id")
	c := d.connection(hubSpot)
	if _, err := d.store.FailConnection(context.WithoutCancel(t.Context()), c.ID, c.TokenGeneration, store.Trouble{Code: "grant_revoked", Cause: "Uninstalled.", Action: "Reconnect HubSpot."}); err != nil {
		t.Fatal(err)
	}
	v.get("/console/writes/retry").shows(http.StatusOK, "not retried: reconnect it first").showsNot(">Retry 1<")
}

func TestWhatFailedForWhateverReasonEverywhereIsNotRetriedByOneWord(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.connect(hubSpot)
	failed := d.settled("ada@example.com", store.Failed, "property_missing")
	v.get("/console/writes/retry").shows(http.StatusOK, "Choose an account here", "/console/writes/retry?connection="+d.connection(hubSpot).ID.String(), "only these").showsNot(`class="primary"`)
	v.post("/console/writes/retry", nil).shows(http.StatusBadRequest, "Name a workspace, a connection or an error code")
	if w, err := d.store.Write(t.Context(), d.workspace, failed.ID); err != nil || w.Status != store.Failed {
		t.Errorf("it is %s, %v", w.Status, err)
	}
}

func TestARetryThatTakesLongerThanARequestShowsHowFarItIsAndGoesOn(t *testing.T) {
	t.Parallel()
	d := open(t, func(d *desk) { d.slice = time.Nanosecond })
	v := d.operator()
	v.connect(hubSpot)
	for n := range 3 {
		d.settled(fmt.Sprintf("a%d@example.com", n), store.Failed, "property_missing")
	}
	form := url.Values{"code": {"property_missing"}, "total": {"6"}, "taken": {"3"}, "until": {time.Now().Add(time.Second).Format(time.RFC3339Nano)}}
	page := v.post("/console/writes/retry", form).shows(http.StatusOK, "Under way", "6 of 6", `<progress max="6" value="6">`, "data-continue", "Go on").showsNot("are due again")
	for _, field := range []string{`name="taken" value="6"`, `name="total" value="6"`, `name="code" value="property_missing"`, `name="until"`} {
		if !strings.Contains(page.body, field) {
			t.Errorf("the form that goes on does not have %s", field)
		}
	}
	form.Set("taken", "6")
	v.post("/console/writes/retry", form).shows(http.StatusOK, "6 writes are due again").showsNot("Under way")
}

func TestTheWritesArePagesForEverybodyOnEveryScreen(t *testing.T) {
	t.Parallel()
	d := open(t)
	b := d.browser(screens()[0])
	v := d.operator()
	v.connect(hubSpot)
	failed := d.settled("ada@example.com", store.Failed, "property_missing")
	doubt := d.settled("eve@example.com", store.NeedsReview, "fate_unknown")
	b.signIn(operatorKey)
	for _, s := range screens() {
		b.look(s)
		for path, picture := range map[string]string{"/console/writes": "writes", writePath(failed): "write", writePath(doubt): "review", "/console/writes/retry?code=property_missing": "retry", "/console/writes?q=nobody": ""} {
			b.open(path, 0)
			t.Logf("%s: %s: %.0f bytes, first contentful paint after %.0f ms", s, path, b.weight(), b.firstPaint())
			if picture != "" && s == screens()[2] {
				b.picture(picture)
			}
		}
	}
}

func TestAnOperatorDoesEverythingWithWritesInABrowser(t *testing.T) {
	t.Parallel()
	d := open(t)
	b := d.browser(screens()[1])
	v := d.operator()
	v.connect(hubSpot)
	b.signIn(operatorKey)
	for i, s := range []screen{screens()[1], screens()[2]} {
		b.look(s)
		one := d.settled(fmt.Sprintf("one%d@example.com", i), store.Failed, "property_missing")
		d.settled(fmt.Sprintf("two%d@example.com", i), store.Failed, "property_missing")
		doubt := d.settled(fmt.Sprintf("doubt%d@example.com", i), store.NeedsReview, "fate_unknown")
		b.do(chromedp.Navigate(d.url+"/console/writes"), chromedp.WaitVisible(chromedp.CSS("#q")), chromedp.SendKeys(chromedp.CSS("#q"), one.ID.String()+"\r"))
		b.reads("Those that fit")
		b.press(`a[href="` + writePath(one) + `"]`)
		b.reads("Restore the property")
		b.press(`form[action$="/retry"] button`)
		b.reads("The write is due again.")
		b.press(`form[action$="/cancel"] input`)
		b.press(`form[action$="/cancel"] button`)
		b.reads("The write is cancelled.")
		b.judge()

		b.do(chromedp.Navigate(d.url + writePath(doubt)))
		b.do(chromedp.SendKeys(chromedp.CSS("#record"), "501"))
		b.press(`form[action$="/found"] button`)
		b.reads("The service reads the record")
		b.judge()

		b.do(chromedp.Navigate(d.url + "/console/writes?code=property_missing"))
		b.press(`a[href^="/console/writes/retry"]`)
		b.reads("What would be retried")
		b.press(`form .primary`)
		b.reads("due again, and what failed only because of them")
		b.judge()
	}
}
