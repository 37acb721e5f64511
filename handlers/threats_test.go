package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"crm-connectors/api"

	"github.com/google/uuid"
)

// refusedFlow wants the answer of a flow that ends here.
func refusedFlow(t *testing.T, r reply) { t.Helper(); r.t = t; invalidState(t, r) }

// asked wants the page, and nothing else.
func asked(t *testing.T, r reply) reply {
	t.Helper()
	if r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || r.form("allow").Get("ticket") == "" {
		t.Fatalf("answered %d %s: %s; want the page", r.status, r.header.Get("Content-Type"), r.body)
	}
	return r
}

// connectAttack is one way to have a flow end where it should not. It begins with nobody connected, and after it nobody is, and no
// CRM's token endpoint was called.
type connectAttack struct {
	name string
	play func(t *testing.T, d *desk, mallory, victim *person)
}

// fixations make a victim finish what an attacker began: row 1 of the threats.
func fixations() []connectAttack {
	return []connectAttack{
		{"a link of the attacker's, finished in a browser without a cookie", func(t *testing.T, d *desk, m, v *person) {
			refusedFlow(t, v.open(d.atCRM(m.begin(hubSpot, d.url), "allow").String()))
		}},
		{"the same at the other CRM", func(t *testing.T, d *desk, m, v *person) {
			refusedFlow(t, v.open(d.atCRM(m.begin(salesForce, d.url), "allow").String()))
		}},
		{"a link of the attacker's, finished in a browser with a flow of its own", func(t *testing.T, d *desk, m, v *person) {
			v.begin(hubSpot, d.url)
			refusedFlow(t, v.open(d.atCRM(m.begin(hubSpot, d.url), "allow").String()))
		}},
		{"a cookie that is cut short", func(t *testing.T, d *desk, m, v *person) {
			back := d.atCRM(m.begin(hubSpot, d.url), "allow").String()
			refusedFlow(t, d.look(back, m.cookie[:len(m.cookie)-1]))
		}},
		{"a cookie under the name that only TLS has", func(t *testing.T, d *desk, m, v *person) {
			back := d.atCRM(m.begin(hubSpot, d.url), "allow").String()
			refusedFlow(t, d.look(back, "__Host-"+m.cookie))
		}},
		{"an empty cookie", func(t *testing.T, d *desk, m, v *person) {
			refusedFlow(t, d.look(d.atCRM(m.begin(hubSpot, d.url), "allow").String(), "crm_oauth="))
		}},
		{"a link begun without a browser: the victim is asked and says nothing", func(t *testing.T, d *desk, m, v *person) {
			page := asked(t, v.open(d.atCRM(m.begin(hubSpot, ""), "allow").String()))
			for _, said := range []string{m.email, m.workspace.String(), "HubSpot", "app.example.com"} {
				if !strings.Contains(string(page.body), said) {
					t.Errorf("the page does not name %s: %s", said, page.body)
				}
			}
		}},
		{"a link begun from the app's origin: the victim says no", func(t *testing.T, d *desk, m, v *person) {
			to := d.answer(asked(t, v.open(d.atCRM(m.begin(salesForce, appBase), "allow").String())), "deny").backAtApp()
			if to.Query().Get("error_code") != string(api.CodeOAuthAccessDenied) || to.Query().Has("salesforce_success") {
				t.Errorf("ended at %s", to)
			}
		}},
		{"the answer comes too late", func(t *testing.T, d *desk, m, v *person) {
			page := asked(t, v.open(d.atCRM(m.begin(hubSpot, appBase), "allow").String()))
			d.exec(`update oauth_states set expires_at = now()`)
			refusedFlow(t, d.answer(page, "allow"))
		}},
		{"an origin that only looks like the service's", func(t *testing.T, d *desk, m, v *person) {
			for _, origin := range []string{d.url + ".evil.example", "null", strings.Replace(d.url, "http", "https", 1), d.url + "/"} {
				asked(t, v.open(d.atCRM(m.begin(hubSpot, origin), "allow").String()))
			}
		}},
	}
}

// forgeries feed a victim's browser what is the attacker's: row 2.
func forgeries() []connectAttack {
	return []connectAttack{
		{"the victim's link, consented to by the attacker in a browser of his own", func(t *testing.T, d *desk, m, v *person) {
			refusedFlow(t, m.open(d.atCRM(v.begin(hubSpot, d.url), "allow").String()))
		}},
		{"the same with a cookie of the attacker's own flow", func(t *testing.T, d *desk, m, v *person) {
			m.begin(hubSpot, d.url)
			refusedFlow(t, m.open(d.atCRM(v.begin(hubSpot, d.url), "allow").String()))
		}},
		{"the attacker's code with a state that is made up", func(t *testing.T, d *desk, m, v *person) {
			v.begin(hubSpot, d.url)
			back := d.atCRM(m.begin(hubSpot, d.url), "allow")
			refusedFlow(t, v.open(withQuery(back, "state", strings.Repeat("A", 43))))
		}},
		{"the attacker's page, answered by a form in the victim's browser", func(t *testing.T, d *desk, m, v *person) {
			page := asked(t, m.open(d.atCRM(m.begin(hubSpot, appBase), "allow").String()))
			refusedFlow(t, d.post(page.form("allow"), ""))
		}},
		{"the same while the victim connects too", func(t *testing.T, d *desk, m, v *person) {
			page := asked(t, m.open(d.atCRM(m.begin(hubSpot, appBase), "allow").String()))
			v.begin(hubSpot, d.url)
			refusedFlow(t, d.post(page.form("allow"), v.cookie))
		}},
		{"a ticket that is made up", func(t *testing.T, d *desk, m, v *person) {
			v.begin(hubSpot, d.url)
			refusedFlow(t, d.post(url.Values{"crm": {hubSpot}, "ticket": {strings.Repeat("A", 43)}, "decision": {"allow"}}, v.cookie))
		}},
		{"a form that says both", func(t *testing.T, d *desk, m, v *person) {
			page := asked(t, v.open(d.atCRM(v.begin(hubSpot, appBase), "allow").String()))
			form := page.form("allow")
			form.Add("decision", "deny")
			cookie, _, _ := strings.Cut(page.header.Get("Set-Cookie"), ";")
			if r := d.post(form, cookie); r.status != http.StatusBadRequest {
				t.Errorf("answered %d", r.status)
			}
		}},
		{"a link to the answer", func(t *testing.T, d *desk, m, v *person) {
			page := asked(t, v.open(d.atCRM(v.begin(hubSpot, appBase), "allow").String()))
			cookie, _, _ := strings.Cut(page.header.Get("Set-Cookie"), ";")
			if r := d.look(d.url+"/functions/v1/oauth-confirm?"+page.form("allow").Encode(), cookie); r.status != http.StatusMethodNotAllowed {
				t.Errorf("answered %d", r.status)
			}
		}},
	}
}

func withQuery(u *url.URL, name, value string) string {
	q, changed := u.Query(), *u
	q.Set(name, value)
	changed.RawQuery = q.Encode()
	return changed.String()
}

// replays use a state that is not good, or not any more: row 3.
func replays() []connectAttack {
	state := func(change func(string) string) func(*testing.T, *desk, *person, *person) {
		return func(t *testing.T, d *desk, _, v *person) {
			back := d.atCRM(v.begin(hubSpot, d.url), "allow")
			refusedFlow(t, v.open(withQuery(back, "state", change(back.Query().Get("state")))))
		}
	}
	return []connectAttack{
		{"another case", state(strings.ToUpper)},
		{"cut short", state(func(s string) string { return s[:42] })},
		{"longer", state(func(s string) string { return s + "A" })},
		{"padded", state(func(s string) string { return s + "=" })},
		{"a space before", state(func(s string) string { return " " + s })},
		{"a wildcard", state(func(string) string { return "%" })},
		{"SQL", state(func(s string) string { return s + "' or '1'='1" })},
		{"very long", state(func(s string) string { return strings.Repeat(s, 200) })},
		{"stale", func(t *testing.T, d *desk, _, v *person) {
			back := d.atCRM(v.begin(hubSpot, d.url), "allow").String()
			d.exec(`update oauth_states set expires_at = now()`)
			refusedFlow(t, v.open(back))
		}},
		{"spent by a refusal of the CRM", func(t *testing.T, d *desk, _, v *person) {
			back := d.atCRM(v.begin(hubSpot, d.url), "allow")
			v.open(withQuery(back, "error", "access_denied")).backAtApp()
			refusedFlow(t, v.open(back.String()))
		}},
		{"spent by the page", func(t *testing.T, d *desk, _, v *person) {
			back := d.atCRM(v.begin(hubSpot, appBase), "allow").String()
			asked(t, v.open(back))
			refusedFlow(t, v.open(back))
		}},
		{"a page that was answered no", func(t *testing.T, d *desk, _, v *person) {
			page := asked(t, v.open(d.atCRM(v.begin(hubSpot, appBase), "allow").String()))
			d.answer(page, "deny").backAtApp()
			refusedFlow(t, d.answer(page, "allow"))
		}},
		{"the state of a callback as the ticket of a page", func(t *testing.T, d *desk, _, v *person) {
			back := d.atCRM(v.begin(hubSpot, d.url), "allow")
			refusedFlow(t, d.post(url.Values{"crm": {hubSpot}, "ticket": {back.Query().Get("state")}, "decision": {"allow"}}, v.cookie))
		}},
		{"the ticket of a page as the state of a callback", func(t *testing.T, d *desk, _, v *person) {
			back := d.atCRM(v.begin(hubSpot, appBase), "allow")
			page := asked(t, v.open(back.String()))
			cookie, _, _ := strings.Cut(page.header.Get("Set-Cookie"), ";")
			refusedFlow(t, d.look(withQuery(back, "state", page.form("").Get("ticket")), cookie))
		}},
		{"a hundred callbacks at once, none answered", func(t *testing.T, d *desk, _, v *person) {
			back := d.atCRM(v.begin(hubSpot, appBase), "allow").String()
			if pages := together(100, func() int { return v.open(back).status })[http.StatusOK]; pages != 1 {
				t.Errorf("%d pages were shown, want 1", pages)
			}
		}},
	}
}

// mixUps take what is one CRM's to the other: row 4.
func mixUps() []connectAttack {
	swap := map[string]string{hubSpot: salesForce, salesForce: hubSpot}
	var all []connectAttack
	for from, to := range swap {
		all = append(all, connectAttack{"the callback of " + from + " at " + to, func(t *testing.T, d *desk, _, v *person) {
			refusedFlow(t, v.open(strings.Replace(d.atCRM(v.begin(from, d.url), "allow").String(), from, to, 1)))
		}}, connectAttack{"the code of " + from + " with a state of " + to, func(t *testing.T, d *desk, _, v *person) {
			code := d.atCRM(v.begin(from, d.url), "allow").Query().Get("code")
			state := d.atCRM(v.begin(to, d.url), "allow").Query().Get("state")
			refusedFlow(t, v.open(d.url+"/functions/v1/"+from+"-oauth-callback?"+url.Values{"code": {code}, "state": {state}}.Encode()))
		}}, connectAttack{"the page of " + from + " answered for " + to, func(t *testing.T, d *desk, _, v *person) {
			page := asked(t, v.open(d.atCRM(v.begin(from, appBase), "allow").String()))
			form := page.form("allow")
			form.Set("crm", to)
			cookie, _, _ := strings.Cut(page.header.Get("Set-Cookie"), ";")
			refusedFlow(t, d.post(form, cookie))
		}})
	}
	return all
}

func playAll(t *testing.T, attacks []connectAttack) {
	t.Helper()
	d := open(t, stopped)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			a.play(t, d, d.person("mallory@evil.example"), d.person("vera@example.com"))
			if n := d.oauthCalls(hubSpot, "/token") + d.oauthCalls(salesForce, "/token"); n != 0 {
				t.Fatalf("%d calls went to a token endpoint", n)
			}
			if n := d.count(`select count(*) from crm_connections`); n != 0 {
				t.Fatalf("%d workspaces are connected", n)
			}
		})
	}
}

func TestThreat01_WhatAnAttackerBeganNobodyElseFinishesUnasked(t *testing.T) {
	t.Parallel()
	playAll(t, fixations())
}

func TestThreat02_ABrowserThatIsFedTheAttackersCodeConnectsNothing(t *testing.T) {
	t.Parallel()
	playAll(t, forgeries())
}

func TestThreat03_AStateThatIsNotGoodReachesNoTokenEndpoint(t *testing.T) {
	t.Parallel()
	playAll(t, replays())
}

func TestThreat04_WhatIsOneCRMsIsRefusedAtTheOther(t *testing.T) {
	t.Parallel()
	playAll(t, mixUps())
}

// together calls f n times at once and counts what it gave.
func together(n int, f func() int) map[int]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for range n {
		wg.Go(func() {
			v := f()
			mu.Lock()
			defer mu.Unlock()
			got[v]++
		})
	}
	wg.Wait()
	return got
}

func TestThreat03_OfAHundredCallbacksAndOfAHundredAnswersOneIsExchanged(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	v := d.person("vera@example.com", d.workspace)
	back := d.atCRM(v.begin(hubSpot, d.url), "allow").String()
	if got := together(100, func() int { return v.open(back).status }); got[http.StatusFound] != 1 || got[http.StatusBadRequest] != 99 || d.oauthCalls(hubSpot, "/token") != 1 {
		t.Errorf("callbacks: %v, %d exchanges", got, d.oauthCalls(hubSpot, "/token"))
	}
	page := asked(t, v.open(d.atCRM(v.begin(salesForce, appBase), "allow").String()))
	if got := together(100, func() int { return d.answer(page, "allow").status }); got[http.StatusSeeOther] != 1 || got[http.StatusBadRequest] != 99 || d.oauthCalls(salesForce, "/token") != 1 {
		t.Errorf("answers: %v, %d exchanges", got, d.oauthCalls(salesForce, "/token"))
	}
}

func TestAPersonOfTheServicesOwnOriginIsNotAsked(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	v := d.person("vera@example.com", d.workspace)
	first, second := v.begin(hubSpot, d.url), v.begin(salesForce, d.url) // side by side: neither ends the other
	for crm, link := range map[string]string{hubSpot: first, salesForce: second} {
		if to := v.open(d.atCRM(link, "allow").String()).backAtApp(); to.Query().Get(crm+"_success") != "1" {
			t.Errorf("ended at %s", to)
		}
	}
}

func TestThePageOfAFlowCannotBeFramedAndSaysWhoBegan(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	v := d.person(`"<script>alert(1)</script>"@example.com`)
	page := asked(t, v.open(d.atCRM(v.begin(hubSpot, appBase), "allow").String()))
	policy := page.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self' " + appBase} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %s", policy, want)
		}
	}
	cookie := page.header.Get("Set-Cookie")
	if page.header.Get("X-Frame-Options") != "DENY" || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("headers %v", page.header)
	}
	if strings.Contains(string(page.body), "<script") || !strings.Contains(string(page.body), "&lt;script&gt;") {
		t.Errorf("who began is not escaped: %s", page.body)
	}
}

func TestThreat08_AnotherAccountIsConnectedOnlyWhenAPersonSaysSo(t *testing.T) {
	t.Parallel()
	for _, crm := range crms() {
		t.Run(crm, func(t *testing.T) {
			t.Parallel()
			d := open(t, stopped)
			first := d.connect(crm)
			d.call(http.MethodPost, "/sync/"+crm, d.outcome("e-1", contact("ada@example.com")))
			d.exec(`update crm_connections set account_id = 'former', account_name = 'Former Ltd'`)
			d.exec(`update crm_write_log set crm_account_id = 'former'`)
			v := d.person("vera@example.com", d.workspace)
			again := func() reply {
				page := asked(t, v.open(d.atCRM(v.begin(crm, d.url), "allow").String()))
				if !strings.Contains(string(page.body), "Former Ltd (former)") || !strings.Contains(string(page.body), first.AccountID) {
					t.Errorf("the page does not name both accounts: %s", page.body)
				}
				return page
			}
			kept := func(what, account, status string) {
				if c := d.connection(crm); c.AccountID != account {
					t.Errorf("%s: connected to %s, want %s", what, c.AccountID, account)
				}
				if n := d.count(`select count(*) from crm_write_log where status = $1 and crm_account_id = 'former'`, status); n != 1 {
					t.Errorf("%s: no write of the former account is %s", what, status)
				}
			}
			again()
			kept("asked", "former", "queued")
			d.answer(again(), "deny").backAtApp()
			kept("said no", "former", "queued")
			page := again()
			d.exec(`update crm_connections set account_id = 'third'`)
			asked(t, d.answer(page, "allow")) // what was agreed to is not what would happen
			d.exec(`update crm_connections set account_id = 'former'`)
			if to := d.answer(again(), "allow").backAtApp(); to.Query().Get(crm+"_success") != "1" {
				t.Errorf("ended at %s", to)
			}
			kept("said yes", first.AccountID, "needs_review")
			d.noteTokens(crm)
		})
	}
}

func TestThreat08_AnInstallOfAnotherAccountIsClaimedOnlyWhenThatIsSaid(t *testing.T) {
	t.Parallel()
	d := open(t, stopped)
	d.connect(hubSpot)
	d.exec(`update crm_connections set account_id = 'former'`)
	link := decode[api.OAuthStart](d.call(http.MethodPost, "/hubspot-oauth-start", map[string]any{"workspace_id": nil}), http.StatusOK).Url
	id := d.visit(d.atCRM(link, "allow").String()).backAtApp().Query().Get("install_id")
	user := uuid.NewString()
	d.exec(`insert into workspace_members (workspace_id, user_id) values ($1, $2)`, d.workspace, user)
	claim := map[string]any{"install_id": id, "workspace_id": d.workspace, "user_id": user}
	for _, other := range []string{"", "4242001", "wrong"} {
		claim["replace_account"] = other
		if e := d.call(http.MethodPost, "/claim-install", claim).refused(http.StatusBadRequest, api.CodeOAuthAccountMismatch); e.Details["account_id"] != "former" {
			t.Errorf("details %v", e.Details)
		}
	}
	claim["replace_account"] = "former"
	decode[api.Claimed](d.call(http.MethodPost, "/claim-install", claim), http.StatusOK)
	if c := d.connection(hubSpot); c.AccountID != "4242001" {
		t.Errorf("connected to %s", c.AccountID)
	}
}
