package hubspot

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestATaskIsWrittenWithAllItHas(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *Config) { c.Version = version })
			contact := b.sim.SeedContact(map[string]string{"email": email})
			r := b.deliver(taskWrite(func(w *connectors.Write) {
				w.ContactRef, w.DealID = connectors.Ref{Type: contactsType, ID: contact}, "9001"
				w.Task.Body, w.Task.Priority, w.Task.OwnerEmail = "Price <b>\nand terms", "high", "Rep@example.com"
			}))
			wantOK(t, r, connectors.Created)
			if r.Ref.Type != tasksType || len(r.Notes) != 0 {
				t.Errorf("result: got %+v", r)
			}
			e := b.sim.Core().Log.Entries(0)[0]
			for name, want := range map[string]string{
				"hs_task_subject": "Send proposal", "hs_task_body": "Price &lt;b&gt;<br>and terms", "hs_task_status": "NOT_STARTED",
				"hs_task_priority": "HIGH", "hs_task_type": "TODO", "hubspot_owner_id": "41629779",
			} {
				if e.Fields[name] != want {
					t.Errorf("%s: got %q, want %q", name, e.Fields[name], want)
				}
			}
			if at, err := time.Parse(time.RFC3339, e.Fields["hs_timestamp"]); err != nil || at.Format(time.RFC3339) != "2026-11-25T14:00:00Z" {
				t.Errorf("hs_timestamp: got %q", e.Fields["hs_timestamp"])
			}
			if slices.Sort(e.To); !slices.Equal(e.To, []string{"contacts/" + contact, "deals/9001"}) {
				t.Errorf("associations: got %v", e.To)
			}
			for call := range b.sim.Core().Calls.Snapshot() {
				if version != V3 && (strings.Contains(call, "/v3/") || strings.Contains(call, "/v4/")) {
					t.Errorf("%s was called; want dated paths alone", call)
				}
			}
		})
	}
}

func TestARollupIsANoteAtTheEndOfItsWeek(t *testing.T) {
	t.Parallel()
	at := newClock()
	for week, want := range map[string]string{"2026-11-02": "2026-11-08T23:59:59.000Z", "2026-11-23": "2026-11-23T12:00:00.000Z"} {
		t.Run(week, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *Config) { c.Now = at.now })
			var sent []byte
			b.http = doer(func(call connectors.Call) { sent = call.Body }, b.http)
			r := b.deliver(rollupWrite(func(w *connectors.Write) { w.DealID, w.Rollup.WeekStart = "9002", week }))
			wantOK(t, r, connectors.Created)
			if !strings.Contains(string(sent), `"hs_timestamp":"`+want+`"`) {
				t.Errorf("body: got %s, want hs_timestamp %s", sent, want)
			}
			e := b.sim.Core().Log.Entries(0)[0]
			if e.Object != notesType || e.Fields["hs_note_body"] != "<p>Agreed on scope.</p><p>Next: price &amp; terms.</p>" || !slices.Equal(e.To, []string{"deals/9002"}) {
				t.Errorf("note: got %+v", e)
			}
		})
	}
}

func TestATextOfAnyLengthIsTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	wantOK(t, b.deliver(rollupWrite(func(w *connectors.Write) { w.Rollup.Summary = strings.Repeat("😀 & <more>\n\n", 20_000) })), connectors.Created)
	wantOK(t, b.deliver(taskWrite(func(w *connectors.Write) { w.Task.Body = strings.Repeat("😀 & <more>\n", 20_000) })), connectors.Created)
}

func TestATaskWithAnEmailAloneFindsItsContact(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
	contact := b.deliver(contactWrite(connectors.Contact{Email: email})).Ref.ID
	for _, tc := range []struct {
		email string
		want  []string
	}{{"ADA@example.com", []string{"contacts/" + contact}}, {"nobody@example.com", nil}} {
		r := b.deliver(taskWrite(func(w *connectors.Write) { w.Email = tc.email }))
		wantOK(t, r, connectors.Created)
		all := b.sim.Core().Log.Entries(0)
		if got := all[len(all)-1].To; !slices.Equal(got, tc.want) {
			t.Errorf("%s: associations: got %v, want %v", tc.email, got, tc.want)
		}
	}
}

func TestATaskWhoseContactCannotBeLookedUpWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Method: "GET", Path: "/contacts/", Kind: sim.FaultStatus, Status: 503, Times: -1})
	for _, w := range []connectors.Write{taskWrite(), rollupWrite()} {
		w.Email = email
		wantError(t, b.deliver(w).Err, connectors.ClassRetry, "crm_unavailable")
	}
	b.wantLog()
}

func TestAnUnknownOwnerIsNoted(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*bench){
		"not in the portal": func(*bench) {},
		"scope missing":     func(b *bench) { b.connect(DefaultScopes()...) },
		"forbidden": func(b *bench) {
			b.fault(sim.Fault{Path: "/owners", Kind: sim.FaultStatus, Status: 403, Body: `{"category":"FORBIDDEN"}`})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			set(b)
			r := b.deliver(taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = "gone@example.com" }))
			wantOK(t, r, connectors.Created)
			if noteCodes(r) != "owner_not_found" {
				t.Errorf("notes: got %+v", r.Notes)
			}
		})
	}
}

func TestAnOwnerThatCannotBeReadNowIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/owners", Kind: sim.FaultStatus, Status: 500, Times: -1})
	r := b.deliver(taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = "rep@example.com" }))
	wantError(t, r.Err, connectors.ClassRetry, "crm_unavailable")
	b.wantLog()
}

func TestAnOwnerIsAskedForOnceInAWhile(t *testing.T) {
	t.Parallel()
	at := newClock()
	b := newBench(t, func(c *Config) { c.Now = at.now })
	for range 3 {
		wantOK(t, b.deliver(taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = "rep@example.com" })), connectors.Created)
	}
	b.wantCalls("GET /crm/v3/owners", 1)
	at.advance(ownerTTL)
	wantOK(t, b.deliver(taskWrite(func(w *connectors.Write) { w.Task.OwnerEmail = "rep@example.com" })), connectors.Created)
	b.wantCalls("GET /crm/v3/owners", 2)
}

func TestAStaleDealDoesNotKeepATaskOut(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 400} {
		b := newBench(t)
		b.sim.SetBehaviour(simhubspot.Behaviour{MissingTargetStatus: status})
		contact := b.sim.SeedContact(map[string]string{"email": email})
		b.sim.Archive(dealsType, "9001")
		for _, w := range []connectors.Write{taskWrite(), rollupWrite()} {
			w.ContactRef, w.DealID = connectors.Ref{ID: contact}, "9001"
			r := b.deliver(w)
			wantOK(t, r, connectors.Created)
			if noteCodes(r) != "association_dropped" {
				t.Errorf("%d: notes: got %+v", status, r.Notes)
			}
		}
		for _, e := range b.sim.Core().Log.Entries(0) {
			if !slices.Equal(e.To, []string{"contacts/" + contact}) {
				t.Errorf("%d: associations: got %v, want the contact alone", status, e.To)
			}
		}
		if n := len(b.log()); n != 2 {
			t.Errorf("%d: objects: got %d, want 2", status, n)
		}
	}
}

func TestAStaleContactIsReplacedByItsEmailOrDropped(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := b.sim.SeedContact(map[string]string{"email": email})
	for _, tc := range []struct{ email, notes, to string }{
		{email, "", "contacts/" + now}, {"", "association_dropped", ""}, {"nobody@example.com", "association_dropped", ""},
	} {
		r := b.deliver(taskWrite(func(w *connectors.Write) { w.ContactRef, w.Email = connectors.Ref{ID: "99999"}, tc.email }))
		wantOK(t, r, connectors.Created)
		all := b.sim.Core().Log.Entries(0)
		if got := strings.Join(all[len(all)-1].To, " "); got != tc.to || noteCodes(r) != tc.notes {
			t.Errorf("%q: got to %q with notes %q, want %q and %q", tc.email, got, noteCodes(r), tc.to, tc.notes)
		}
	}
}

func TestARefusalThatIsNotAboutALinkStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Method: "POST", Path: "/tasks$", Kind: sim.FaultStatus, Status: 400, Body: `{"category":"VALIDATION_ERROR","message":"no"}`})
	wantError(t, b.deliver(taskWrite(func(w *connectors.Write) { w.DealID = "9001" })).Err, connectors.ClassRejected, "validation_failed")
	wantError(t, b.deliver(taskWrite(func(w *connectors.Write) { w.DealID, w.Task.Priority = "9001", "urgent" })).Err, connectors.ClassRejected, "property_option_missing")
	b.wantCalls("GET /crm/v3/objects/deals/{id}", 1)
	b.wantLog()
}

func TestAStaleDealThatCannotBeCheckedIsTriedLater(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		class  connectors.Class
		code   string
	}{{503, connectors.ClassRetry, "crm_unavailable"}, {401, connectors.ClassNeedsAuth, "access_token_refused"}, {403, connectors.ClassRejected, "record_not_found"}} {
		b := newBench(t)
		b.fault(sim.Fault{Method: "GET", Path: "/deals/", Kind: sim.FaultStatus, Status: tc.status, Body: `{"category":"` + map[int]string{403: "FORBIDDEN"}[tc.status] + `"}`, Times: -1})
		wantError(t, b.deliver(taskWrite(func(w *connectors.Write) { w.DealID = "12345" })).Err, tc.class, tc.code)
		b.wantLog()
	}
}

func TestATaskThatMayHaveArrivedIsInDoubtAndWrittenOnce(t *testing.T) {
	t.Parallel()
	for _, f := range []sim.Fault{
		{Kind: sim.FaultCutAfter}, {Kind: sim.FaultTruncate}, {Kind: sim.FaultStatusAfter, Status: 502, Body: "<html>"},
		{Kind: sim.FaultStatusAfter, Status: 201, Body: `{}`}, {Kind: sim.FaultStatusAfter, Status: 307},
	} {
		for path, w := range map[string]connectors.Write{"/tasks$": taskWrite(), "/notes$": rollupWrite()} {
			b := newBench(t)
			f.Method, f.Path = "POST", path
			b.fault(f)
			r := b.deliver(w)
			if r.Err == nil || r.Err.Class != connectors.ClassInDoubt {
				t.Errorf("%s %s: got %+v, want it in doubt", f.Kind, path, r)
			}
			if got := b.log(); len(got) != 1 {
				t.Errorf("%s %s: objects: got %v, want exactly one", f.Kind, path, got)
			}
		}
	}
}

func TestWhatHubSpotRequiresIsCheckedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	wantError(t, b.deliver(taskWrite(func(w *connectors.Write) { w.Task.DueAt = time.Time{} })).Err, connectors.ClassRejected, "task_due_missing")
	wantError(t, b.deliver(rollupWrite(func(w *connectors.Write) { w.Rollup.WeekStart = "week 45" })).Err, connectors.ClassRejected, "rollup_week_invalid")
	wantError(t, b.deliver(connectors.Write{Object: connectors.ObjectTask}).Err, connectors.ClassRejected, "write_malformed")
	if n := b.sim.Core().Calls.API(); n != 0 {
		t.Errorf("calls: got %d, want none", n)
	}
}

func TestWhatHubSpotRefusesInAnActivityIsNamed(t *testing.T) {
	t.Parallel()
	const at = "2026-11-25T14:00:00.000Z"
	for _, tc := range []struct {
		name       string
		properties map[string]string
		code, says string
	}{
		{"no time", map[string]string{"hs_note_body": "x"}, "required_property_missing", "hs_timestamp"},
		{"one character too many", map[string]string{"hs_timestamp": at, "hs_note_body": strings.Repeat("é", 65_537)}, "text_too_long", "hs_note_body"},
		{"no date", map[string]string{"hs_timestamp": "tomorrow"}, "property_value_invalid", "hs_timestamp"},
		{"a user's id for an owner's", map[string]string{"hs_timestamp": at, "hubspot_owner_id": "9586504"}, "property_option_missing", "hubspot_owner_id"},
	} {
		b := newBench(t)
		a, _ := activityOf(connectors.ObjectRollup)
		s := &session{Connector: b.Connector, account: b.account, doer: b.http}
		_, _, failed := s.createActivity(t.Context(), a, connectors.Write{}, tc.properties, nil)
		if e := wantError(t, failed, connectors.ClassRejected, tc.code); !strings.Contains(e.Cause, tc.says) {
			t.Errorf("%s: cause: got %q, want %s in it", tc.name, e.Cause, tc.says)
		}
		b.wantLog()
	}
}
