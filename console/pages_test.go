package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"crm-connectors/store"

	"github.com/chromedp/chromedp"
)

// busy fills the desk: two connections, one of which is in error, and an hour of writes of every fate.
func (d *desk) busy(v *visitor) (hub, org store.Connection) {
	d.t.Helper()
	v.connect(hubSpot)
	v.connect(salesForce)
	hub, org = d.connection(hubSpot), d.connection(salesForce)
	v.post(pathOf(org)+"/test", nil).shows(http.StatusOK)
	if _, err := d.pool.Exec(d.t.Context(), `insert into crm_write_log (id, sync_id, workspace_id, crm, connection_id, crm_account_id, object_type, object_id, action, source_event_id,
			idempotency_key, payload_json, payload_hash, status, settled_at, created_at, error_code, error_class, error_cause, error_action, blocked_from)
		select gen_random_uuid(), gen_random_uuid(), c.workspace_id, c.crm, c.id, c.account_id, 'task', 'o' || n, 'create', 'e' || n, 'k' || n, '{}', '', f.status,
			case when f.status in ('succeeded', 'failed', 'needs_review') then now() - n * interval '4 seconds' end, now() - n * interval '4 seconds', f.code, f.class, f.cause, f.action,
			case when f.status = 'blocked' then 'queued' end
		from crm_connections c, generate_series(1, 900) n
		cross join lateral (select case when n % 60 = 1 then 'failed' when n % 90 = 2 then 'needs_review' when n % 40 = 3 then 'blocked' when n % 300 = 4 then 'in_doubt' when n < 30 then 'queued'
			else 'succeeded' end as status) s
		join (values ('failed', 'task_invalid', 'rejected', 'Salesforce refuses a value of the task', 'Correct the value in the connection''s settings, then press Retry.'),
			('needs_review', 'fate_unknown', 'in_doubt', 'What became of it is not known', 'Look for the record in the CRM, then resolve the write.'),
			('blocked', 'grant_revoked', 'needs_reconnect', 'The app was uninstalled or its access was revoked', 'Reconnect HubSpot.'),
			('in_doubt', 'crm_timeout', 'in_doubt', 'The answer was lost', 'Nothing to do: the service looks for the record before it tries again.'),
			('queued', '', '', '', ''), ('succeeded', '', '', '', '')) f (status, code, class, cause, action) on f.status = s.status
		where n % 7 <> 0 and c.crm = case when f.status in ('queued', 'in_doubt', 'failed', 'needs_review') then 'salesforce' else 'hubspot' end`); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.store.FailConnection(d.t.Context(), hub.ID, hub.TokenGeneration,
		store.Trouble{Code: "grant_revoked", Cause: "The app was uninstalled or its access was revoked", Action: "Reconnect HubSpot."}); err != nil {
		d.t.Fatal(err)
	}
	if err := d.store.SaveLimits(d.t.Context(), org.ID, org.AccountID, []byte(`[{"name":"daily","used":12600,"max":15000},{"name":"app_daily","used":4100,"max":15000}]`)); err != nil {
		d.t.Fatal(err)
	}
	return hub, org
}

func TestEveryPageIsForEverybodyOnEveryScreen(t *testing.T) {
	t.Parallel()
	d := open(t)
	b := d.browser(screens()[0])
	v := d.visitor()
	v.post("/console/sign-in", url.Values{"credential": {operatorKey}, "next": {"/console/connect"}}) // past the overview, which keeps the minutes that are over
	hub, org := d.busy(v)
	for i, s := range screens() {
		b.look(s)
		if i == 0 {
			b.open("/console/sign-in", 0)
			b.signIn(operatorKey)
		}
		for _, p := range []struct {
			path, picture string
			status        int
		}{
			{path: "/console", picture: "overview"}, {path: "/console/connections", picture: "connections"},
			{path: "/console/connections?q=nobody"}, {path: pathOf(hub), picture: "connection"}, {path: pathOf(org)},
			{path: "/console/errors", picture: "errors"}, {path: pathOf(hub) + "/disconnect"}, {path: "/console/connect"}, {path: "/console/nowhere", status: http.StatusNotFound},
			{path: "/console/connected?crm=hubspot&workspace=" + d.workspace.String() + "&error_code=oauth_access_denied"},
		} {
			b.open(p.path, p.status)
			t.Logf("%s: %s: %.0f bytes, first contentful paint after %.0f ms", s, p.path, b.weight(), b.firstPaint())
			if p.picture != "" && (s == screens()[2] || p.picture == "overview" && s == screens()[1]) {
				b.picture(p.picture + map[bool]string{true: "-phone-dark"}[s.dark])
			}
		}
	}
}

// firstPaint is when the page that is shown was first seen, in milliseconds from the beginning of the navigation.
func (b *tab) firstPaint() float64 {
	b.t.Helper()
	return evaluate[float64](b, `new Promise(done => {
		const seen = () => (performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime
		const ask = n => seen() || n > 100 ? done(seen() || -1) : setTimeout(ask, 20, n + 1)
		ask(0)
	})`)
}

func TestWhoHasNoMouseComesToTheContentFirst(t *testing.T) {
	t.Parallel()
	d := open(t, overTLS) // a browser takes this machine's own address for as safe
	b := d.browser(screens()[0])
	b.signIn(operatorKey)
	b.do(chromedp.KeyEvent("\t"))
	if text := evaluate[string](b, `document.activeElement.textContent + getComputedStyle(document.activeElement).outlineStyle`); text != "Skip to contentsolid" {
		t.Errorf("the first stop is %q", text)
	}
	b.do(chromedp.KeyEvent("\r"))
	if id := evaluate[string](b, `document.activeElement.id`); id != "main" {
		t.Errorf("skipping leads to %q", id)
	}
}

func TestAnOperatorDoesEverythingInABrowser(t *testing.T) {
	t.Parallel()
	d := open(t)
	b := d.browser(screens()[1])
	for _, s := range []screen{screens()[1], screens()[2]} {
		b.look(s)
		b.expect(http.StatusUnauthorized)
		b.do(chromedp.Navigate(d.url+"/console/connections"), chromedp.WaitVisible(chromedp.CSS("#credential")), chromedp.SendKeys(chromedp.CSS("#credential"), "wrong\r"))
		b.reads("neither a service key")
		b.judge()
		b.expect(0)
		b.do(chromedp.SendKeys(chromedp.CSS("#credential"), operatorKey+"\r"))
		b.reads("Connect a CRM")

		b.expect(http.StatusBadRequest)
		b.do(chromedp.Navigate(d.url+"/console/connect"), chromedp.SendKeys(chromedp.CSS("#workspace_id"), "acme"))
		b.press("main .primary")
		b.reads("is not the id of a workspace")
		b.judge()
		b.expect(0)
		b.do(chromedp.SetValue(chromedp.CSS("#workspace_id"), d.workspace.String()))
		b.press("main .primary")
		b.reads("It ends in this browser alone.")
		b.judge()
		b.press("main .primary")
		b.reads("The CRM is connected.")

		b.press(`form[action$="/test"] button`)
		b.reads("The CRM account was asked and can be used.")
		b.press(`form[action$="/provision"] button`)
		b.reads("is made, as far as the grant allows.")

		b.expect(http.StatusUnprocessableEntity)
		b.do(chromedp.SetValue(chromedp.CSS("#n0"), "nonsense"), chromedp.SetValue(chromedp.CSS("#v0"), "x"))
		b.press(".settings .primary")
		b.reads("The CRM would refuse these settings")
		b.judge()
		b.expect(0)
		b.do(chromedp.SetValue(chromedp.CSS("#n0"), "jobtitle"), chromedp.SetValue(chromedp.CSS("#contacts"), "create_only"))
		b.press(".settings .primary")
		b.reads("The settings are saved.")
		if kept := string(d.connection(hubSpot).Settings); !strings.Contains(kept, "create_only") || !strings.Contains(kept, "jobtitle") {
			t.Errorf("saved: %s", kept)
		}

		b.press("a.danger")
		b.reads("Disconnect HubSpot?")
		b.judge()
		b.press("button.danger")
		b.reads("The CRM is disconnected")
		b.judge()
		b.press(`form[action$="/reconnect"] button`)
		b.reads("Sign in at HubSpot")
		b.press("main .primary")
		b.reads("The CRM is connected.")
		b.do(chromedp.Navigate(d.url + "/console/connections"))
		b.do(chromedp.SetValue(chromedp.CSS("#health"), "writing"))
		b.press(".filter button")
		b.reads("Those that fit")
		b.press("header button")
		b.reads("Service key or access token")
	}
}

// expect is an HTTP status that the pages from now on may have; 0: none but success.
func (b *tab) expect(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = status
}

func TestWhatMovesFollowsWhileItIsSeenAndStopsWhenItIsNot(t *testing.T) {
	t.Parallel()
	d := open(t)
	b := d.browser(screens()[2])
	v := d.operator()
	v.connect(hubSpot)
	b.signIn(operatorKey)
	b.reads("Every connected CRM is being written.")
	loaded := evaluate[float64](b, `performance.timeOrigin`)
	c := d.connection(hubSpot)
	if _, err := d.store.FailConnection(t.Context(), c.ID, c.TokenGeneration, store.Trouble{Code: "grant_revoked", Cause: "Uninstalled.", Action: "Reconnect HubSpot."}); err != nil {
		t.Fatal(err)
	}
	b.reads("1 of 1 connections are in error")
	if evaluate[float64](b, `performance.timeOrigin`) != loaded {
		t.Error("the page was loaded again")
	}
	b.judge()
	hide := func(hidden bool) {
		evaluate[bool](b, fmt.Sprintf(`Object.defineProperty(document, 'hidden', {get: () => %v, configurable: true}), document.dispatchEvent(new Event('visibilitychange'))`, hidden))
	}
	hide(true)
	time.Sleep(time.Second) // what was under way
	before := b.asks()
	time.Sleep(7 * time.Second)
	if n := b.asks() - before; n != 0 {
		t.Errorf("a page that nobody sees asked %d times", n)
	}
	hide(false)
	d.eventually("the page asks again", func() bool { return b.asks() > before })

	d.rekey("second", otherKey)
	b.expect(http.StatusUnauthorized)
	b.reads("You are signed out")
	before = b.asks()
	time.Sleep(7 * time.Second)
	if n := b.asks() - before; n != 0 {
		t.Errorf("a page whose session is over asked %d times", n)
	}
}

func (b *tab) asks() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.asked)
}
