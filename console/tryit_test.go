package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// planned is the form with which a plan is sent.
func (p page) planned() url.Values {
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(p.body, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// outcomeForm is the form as a browser sends it, with changes: names and values.
func (d *desk) outcomeForm(changes ...string) url.Values {
	form := url.Values{"workspace_id": {d.workspace.String()}, "crm": {""}, "source_event_id": {"try-1"}, "contact.email": {"Ada@example.com"}, "contact.first_name": {"Ada"},
		"task.id": {"t1"}, "task.subject": {"Send the revised offer"}, "task.due_at": {"2026-12-01T09:30"}, "task.priority": {"high"}, "task.body": {"First line\r\nSecond line"}}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

func TestAnOutcomeIsComposedPlannedAndSentAndSendingItTwiceWritesItOnce(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.start()
	v := d.operator()
	v.connect(hubSpot)
	v.get(pathOf(d.connection(hubSpot))).shows(http.StatusOK, "/console/try?workspace_id="+d.workspace.String()+"&crm=hubspot")
	v.get("/console/try?workspace_id="+d.workspace.String()+"&crm=hubspot").shows(http.StatusOK, `value="`+d.workspace.String()+`"`, `value="hubspot" selected`, `value="try-`)
	plan := v.post("/console/try/plan", d.outcomeForm()).shows(http.StatusOK, "The plan", "HubSpot: contact", "ada@example.com", "POST</strong> /crm/v3/objects/contacts",
		"HubSpot: task", "POST</strong> /crm/v3/objects/tasks", "Send the revised offer", "2026-12-01T09:30:00", "Idempotency key").showsNot("was handed in before")
	if n := len(d.oplog.Entries(0)); n != 0 {
		t.Fatalf("a plan has made %d operations in the CRM", n)
	}
	form := plan.planned()
	sent := v.post("/console/try/send", form).shows(http.StatusOK, "The outcome is handed in.", "HubSpot contact", "HubSpot task")
	for _, key := range regexp.MustCompile(`[0-9a-f]{64}`).FindAllString(plan.body, -1) {
		sent.shows(http.StatusOK, key)
	}
	at := strings.Split(sent.at, "?")[0]
	d.eventually("both are written", func() bool { return strings.Contains(v.get(at+"/live").body, "Settled") })
	v.get(at).shows(http.StatusOK, "Succeeded", "contacts", "tasks")
	write := regexp.MustCompile(`href="(/console/writes/[^"]+)"`).FindStringSubmatch(sent.body)
	v.get(write[1]).shows(http.StatusOK, "ada@example.com", "Succeeded")
	made := len(d.oplog.Entries(0))

	v.post("/console/try/plan", form).shows(http.StatusOK, "was handed in before", at)
	v.post("/console/try/send", form).shows(http.StatusOK, "nothing was added, and nothing is written twice", "Succeeded")
	if n := len(d.oplog.Entries(0)); n != made || made == 0 {
		t.Errorf("sent twice it made %d operations, want %d", n, made)
	}
	if got := d.acts("outcome.send"); len(got) != 2 || got[0] != "default" {
		t.Errorf("recorded: %v", got)
	}
	v.post("/console/try/send", d.outcomeForm("contact.first_name", "Augusta")).shows(http.StatusConflict, "idempotency_conflict", `id="wrong-source_event_id"`, `value="Augusta"`)
}

func TestWhatIsWrongWithAnOutcomeStandsAtItsFieldAndTheFormKeepsItsValues(t *testing.T) {
	t.Parallel()
	d := open(t)
	v := d.operator()
	v.post("/console/try/plan", d.outcomeForm("source_event_id", "try-2")).shows(http.StatusConflict, "crm_not_connected", `id="wrong-workspace_id"`, "Connect the CRM, then send again.", `value="try-2"`)
	v.connect(hubSpot)
	for name, tc := range map[string]struct {
		form   url.Values
		status int
		shows  []string
	}{
		"a workspace":        {d.outcomeForm("workspace_id", "acme"), http.StatusBadRequest, []string{`id="wrong-workspace_id"`, `value="acme"`}},
		"a contact's email":  {d.outcomeForm("contact.email", "ada"), http.StatusBadRequest, []string{`id="wrong-contact-email"`, `value="ada"`, "Send the revised offer"}},
		"half a contact":     {d.outcomeForm("contact.email", ""), http.StatusBadRequest, []string{`id="wrong-contact-email"`, "is required"}},
		"a task's time":      {d.outcomeForm("task.due_at", "tomorrow"), http.StatusBadRequest, []string{`id="wrong-task-due_at"`}},
		"a priority":         {d.outcomeForm("task.priority", "urgent"), http.StatusBadRequest, []string{`id="wrong-task-priority"`}},
		"half a rollup":      {d.outcomeForm("rollup.summary", "All is well."), http.StatusBadRequest, []string{`id="wrong-rollup-id"`, "All is well.</textarea>"}},
		"a CRM":              {d.outcomeForm("crm", "pipedrive"), http.StatusBadRequest, []string{`id="wrong-crm"`}},
		"nothing in it":      {url.Values{"workspace_id": {d.workspace.String()}, "source_event_id": {"e"}}, http.StatusBadRequest, []string{"validation_failed"}},
		"raw email":          {d.outcomeForm("task.body", "From: a@example.com\nTo: b@example.com\nSubject: x\nDate: today\n"), http.StatusUnprocessableEntity, []string{`id="wrong-task-body"`, "raw_content_refused"}},
		"another CRM's turn": {d.outcomeForm("crm", salesForce), http.StatusConflict, []string{"crm_not_connected", `value="salesforce" selected`}},
	} {
		for _, act := range []string{"plan", "send"} {
			p := v.post("/console/try/"+act, tc.form)
			if p.status != tc.status {
				t.Errorf("%s: %s answers %d, want %d", name, act, p.status, tc.status)
				continue
			}
			p.shows(tc.status, tc.shows...)
		}
	}
	v.get("/console/try/sent/"+d.workspace.String()).shows(http.StatusNotFound, "sync_not_found")
	if n := d.rows(); n != 0 {
		t.Errorf("%d rows in the log, want none", n)
	}
}

// rows is how many writes the log has.
func (d *desk) rows() (n int) {
	d.t.Helper()
	if err := d.pool.QueryRow(d.t.Context(), `select count(*) from crm_write_log`).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestAnOutcomeIsComposedInABrowserOnEveryScreen(t *testing.T) {
	t.Parallel()
	d := open(t)
	b := d.browser(screens()[0])
	d.operator().connect(salesForce)
	b.signIn(operatorKey)
	for _, s := range screens() {
		b.look(s)
		b.open("/console/try?crm=salesforce&workspace_id="+d.workspace.String(), 0)
		t.Logf("%s: /console/try: %.0f bytes, first contentful paint after %.0f ms", s, b.weight(), b.firstPaint())
		b.expect(http.StatusBadRequest)
		b.do(chromedp.SetValue(chromedp.CSS("#contact-email"), "ada"), chromedp.SetValue(chromedp.CSS("#contact-last_name"), "Byron"))
		b.press("main .primary")
		b.reads("must be an email address")
		b.judge()
		b.expect(0)
		b.do(chromedp.SetValue(chromedp.CSS("#contact-email"), "ada@example.com"), chromedp.SetValue(chromedp.CSS("#task-id"), "task-7"),
			chromedp.SetValue(chromedp.CSS("#task-subject"), "Send the revised offer"), chromedp.SetValue(chromedp.CSS("#task-due_at"), "2026-12-01T09:30"))
		b.press("main .primary")
		b.reads("Nothing has been sent yet.")
		b.judge()
		if s == screens()[2] {
			b.picture("try")
		}
		b.press(`form[action$="/send"] button`)
		b.reads("The outcome is handed in.")
		b.judge()
	}
	if n := d.rows(); n != 2*len(screens()) {
		t.Errorf("%d writes, want a contact and a task of each screen", n)
	}
}
