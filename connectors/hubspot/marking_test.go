package hubspot

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

const (
	marker = "aaaabbbbccccddddeeeeffff22"
	other  = "gggghhhhiiiijjjjkkkkllll33"
)

// enforce lets the portal have the marker's property, and the account know of it.
func (b *bench) enforce() {
	b.t.Helper()
	caps, err := b.Provision(b.t.Context(), b.account)
	if err != nil {
		b.t.Fatal(err)
	}
	b.account.Capabilities = caps
	for _, a := range activities() {
		if m := caps.Of(a.object); m.Tier != connectors.TierEnforced || m.Field != markerProperty {
			b.t.Fatalf("%s: got %+v after provisioning, want enforced", a.object, m)
		}
	}
}

// marked are a task and a rollup with a marker.
func marked(set ...func(*connectors.Write)) []connectors.Write {
	set = append(set, func(w *connectors.Write) { w.Marker = marker })
	return []connectors.Write{taskWrite(set...), rollupWrite(set...)}
}

func TestAMarkerStandsInTheTextAndInItsProperty(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body, task, note string
		field                  bool
	}{
		{"text alone", "Price & terms", "Price &amp; terms<p>Ref: " + marker + "</p>", "<p>Agreed on scope.</p><p>Next: price &amp; terms.</p><p>Ref: " + marker + "</p>", false},
		{"with property", "Price", "Price<p>Ref: " + marker + "</p>", "<p>Agreed on scope.</p><p>Next: price &amp; terms.</p><p>Ref: " + marker + "</p>", true},
		{"no body", "", "<p>Ref: " + marker + "</p>", "<p>Agreed on scope.</p><p>Next: price &amp; terms.</p><p>Ref: " + marker + "</p>", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if tc.field {
				b.enforce()
			}
			for _, w := range marked() {
				if w.Task != nil {
					w.Task.Body = tc.body
				}
				wantOK(t, b.deliver(w), connectors.Created)
			}
			task, note := b.sim.Objects(tasksType)[0].Properties, b.sim.Objects(notesType)[0].Properties
			if task["hs_task_body"] != tc.task || note["hs_note_body"] != tc.note {
				t.Errorf("texts: got %q and %q, want %q and %q", task["hs_task_body"], note["hs_note_body"], tc.task, tc.note)
			}
			if want := map[bool]string{true: marker}[tc.field]; task[markerProperty] != want || note[markerProperty] != want {
				t.Errorf("property: got %q and %q, want %q", task[markerProperty], note[markerProperty], want)
			}
		})
	}
}

func TestAMarkerIsNeverCutOff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, w := range marked() {
		if w.Task != nil {
			w.Task.Body = strings.Repeat("😀 & <more>\n", 20_000)
		} else {
			w.Rollup.Summary = strings.Repeat("😀 & <more>\n\n", 20_000)
		}
		wantOK(t, b.deliver(w), connectors.Created)
	}
	for _, text := range []string{b.sim.Objects(tasksType)[0].Properties["hs_task_body"], b.sim.Objects(notesType)[0].Properties["hs_note_body"]} {
		if !strings.HasSuffix(text, "<p>Ref: "+marker+"</p>") || !strings.Contains(text, truncatedMark) || units(text) > maxRichText {
			t.Errorf("got %d characters that end in %q, want the marker after a text that was cut", units(text), text[len(text)-60:])
		}
	}
}

func TestAMarkerIsAWordOfItsOwn(t *testing.T) {
	t.Parallel()
	a, _ := activityOf(connectors.ObjectTask)
	for in, want := range map[string]bool{
		"<p>Ref: " + marker + "</p>": true, marker: true, "Ref:&nbsp;" + marker + ".": true, "x" + marker + " " + marker: true,
		"": false, "x" + marker: false, marker + "x": false, marker + "2": false, strings.ToUpper(marker): false, marker[:25]: false,
	} {
		if got := a.bears(record{Properties: map[string]text{"hs_task_body": text(in)}}, marker); got != want {
			t.Errorf("%q: got %t, want %t", in, got, want)
		}
	}
}

func TestAMarkerThatIsTakenIsKnownByItsAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   bool
	}{
		{"code with its property", 400, `{"category":"VALIDATION_ERROR","errors":[{"code":"CONFLICTING_UNIQUE_VALUE","context":{"propertyName":["outcome_marker"]}}]}`, true},
		{"code without a property", 400, `{"category":"VALIDATION_ERROR","errors":[{"code":"CONFLICTING_UNIQUE_VALUE"}]}`, true},
		{"older shape", 400, `{"message":"Property values were not valid: [{\"message\":\"77 already has that value.\",\"error\":\"CONFLICTING_UNIQUE_VALUE\",\"name\":\"outcome_marker\"}]"}`, true},
		{"conflict", 409, `{"category":"CONFLICT","message":"outcome_marker already has that value. Existing ID: 77"}`, true},
		{"conflict without words", 409, `{"category":"CONFLICT"}`, true},
		{"another property", 400, `{"errors":[{"code":"CONFLICTING_UNIQUE_VALUE","context":{"propertyName":["serial"]}}]}`, false},
		{"another code", 400, `{"errors":[{"code":"INVALID_OPTION","context":{"propertyName":["outcome_marker"]}}]}`, false},
		{"a failure", 500, `{"message":"already has that value"}`, false},
	} {
		if got := markerTaken(connectors.Reply{Status: tc.status, Body: []byte(tc.body)}); got != tc.want {
			t.Errorf("%s: got %t, want %t", tc.name, got, tc.want)
		}
	}
}

func TestACreateWhoseMarkerIsTakenBecomesTheRecordThatHasIt(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict} {
		b := newBench(t)
		b.sim.SetBehaviour(simhubspot.Behaviour{TakenValueStatus: status})
		b.enforce()
		contact := b.sim.SeedContact(map[string]string{"email": email})
		for _, w := range marked() {
			first := b.deliver(w)
			wantOK(t, first, connectors.Created)
			again := b.deliver(w)
			wantOK(t, again, connectors.Unchanged)
			w.ContactRef, w.DealID = connectors.Ref{Type: contactsType, ID: contact}, "9001"
			tied := b.deliver(w)
			wantOK(t, tied, connectors.Updated)
			if again.Ref != first.Ref || tied.Ref != first.Ref {
				t.Errorf("%d: got %v and %v, want %v", status, again.Ref, tied.Ref, first.Ref)
			}
			all := b.sim.Objects(first.Ref.Type)
			if len(all) != 1 || len(all[0].Associations) != 2 {
				t.Errorf("%d: got %+v, want one record that is tied to contact and deal", status, all)
			}
		}
	}
}

func TestATakenMarkerOfADeletedRecordIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{ArchivedKeepValues: true})
	b.enforce()
	for _, w := range marked() {
		first := b.deliver(w)
		b.sim.Archive(first.Ref.Type, first.Ref.ID)
		r := b.deliver(w)
		wantOK(t, r, connectors.Unchanged)
		if r.Ref != first.Ref || noteCodes(r) != "record_deleted" {
			t.Errorf("got %v with notes %q, want %v and that it was deleted", r.Ref, noteCodes(r), first.Ref)
		}
	}
}

func TestATakenMarkerThatHubSpotShowsNowhereIsTriedLater(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		class connectors.Class
		code  string
	}{
		`{"category":"CONFLICT","message":"77 already has that value. Existing ID: 77"}`: {connectors.ClassRetry, "record_moving"},
		`{"category":"CONFLICT","message":"something else"}`:                             {connectors.ClassRejected, "crm_conflict"},
	} {
		b := newBench(t)
		b.enforce()
		b.fault(sim.Fault{Method: "POST", Path: "objects/tasks$", Kind: sim.FaultStatus, Status: 409, Body: body})
		wantError(t, b.deliver(marked()[0]).Err, want.class, want.code)
		b.wantLog()
	}
}

func TestAPropertyThatThePortalHasDroppedIsDoneWithout(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.enforce()
	for _, w := range marked() {
		a, _ := activityOf(w.Object)
		b.sim.DropProperty(a.typ, markerProperty)
		r := b.deliver(w)
		wantOK(t, r, connectors.Created)
		if noteCodes(r) != "marker_property_missing" {
			t.Errorf("notes: got %+v", r.Notes)
		}
		f, err := b.Find(t.Context(), b.account, w)
		if err != nil || f.Ref != r.Ref || f.Tier == connectors.TierEnforced {
			t.Errorf("found %+v, %v; want %v by its text", f, err, r.Ref)
		}
	}
}

func TestAProbeNamesTheTierOfEachObject(t *testing.T) {
	t.Parallel()
	property := func(unique bool, typ string) simhubspot.Property {
		return simhubspot.Property{Name: markerProperty, Label: "Marker", GroupName: "task", Type: typ, FieldType: "text", HasUniqueValue: unique}
	}
	for _, tc := range []struct {
		name string
		set  func(*bench)
		want connectors.Marking
		says string // in the advice on tasks
	}{
		{"unique", func(b *bench) { b.seedProperty(tasksType, property(true, "string")) }, connectors.Marking{Tier: connectors.TierEnforced, Field: markerProperty}, ""},
		{"not unique", func(b *bench) { b.seedProperty(tasksType, property(false, "string")) }, connectors.Marking{Tier: connectors.TierRead, Field: markerProperty}, "does not require unique values"},
		{"a number", func(b *bench) { b.seedProperty(tasksType, property(true, "number")) }, connectors.Marking{Tier: connectors.TierRead}, "is not a text"},
		{"calculated", func(b *bench) {
			p := property(true, "string")
			p.Calculated = true
			b.seedProperty(tasksType, p)
		}, connectors.Marking{Tier: connectors.TierRead}, "is not a text"},
		{"absent", func(*bench) {}, connectors.Marking{Tier: connectors.TierRead}, "let the service set up the account, or an administrator can add"},
		{"forbidden", func(b *bench) {
			b.fault(sim.Fault{Path: "/properties/tasks/", Kind: sim.FaultStatus, Status: 403, Body: `{"category":"FORBIDDEN"}`})
		}, connectors.Marking{Tier: connectors.TierRead}, "look at the properties of tasks"},
		{"scope missing", func(b *bench) {
			b.fault(sim.Fault{Path: "/properties/tasks/", Kind: sim.FaultStatus, Status: 403, Body: `{"category":"MISSING_SCOPES"}`})
		}, connectors.Marking{Tier: connectors.TierRead}, "look at the properties of tasks"},
		{"no such endpoint", func(b *bench) {
			b.fault(sim.Fault{Path: "/properties/tasks/", Kind: sim.FaultStatus, Status: 400, Body: `{"category":"VALIDATION_ERROR"}`})
		}, connectors.Marking{Tier: connectors.TierRead}, "look at the properties of tasks"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tc.set(b)
			caps, err := b.Probe(t.Context(), b.account)
			if err != nil {
				t.Fatal(err)
			}
			if got := caps.Of(connectors.ObjectTask); got != tc.want {
				t.Errorf("task: got %+v, want %+v", got, tc.want)
			}
			if caps.Of(connectors.ObjectContact) != (connectors.Marking{Tier: connectors.TierEnforced}) || caps.Of(connectors.ObjectRollup).Tier != connectors.TierRead {
				t.Errorf("markers: got %+v", caps.Markers)
			}
			if n := map[bool]int{true: 1, false: 2}[tc.says == ""]; len(caps.Advice) != n || !strings.Contains(caps.Advice[0], tc.says) {
				t.Errorf("advice: got %q, want %d and %q in the first", caps.Advice, n, tc.says)
			}
			if n := b.sim.Core().Calls.API(); n > 3 {
				t.Errorf("calls: got %d, want one for tasks, one for notes and one for the time zone", n)
			}
			b.wantLog()
		})
	}
}

func (b *bench) seedProperty(typ string, p simhubspot.Property) {
	b.t.Helper()
	if _, err := b.sim.Seed(simhubspot.SeedData{Properties: []simhubspot.CustomProperty{{ObjectType: typ, Property: p}}}); err != nil {
		b.t.Fatal(err)
	}
}

func TestAProbeThatIsNotAnsweredSaysSo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/properties/", Kind: sim.FaultStatus, Status: 503, Times: -1})
	for _, ask := range []func() error{
		func() error { _, err := b.Probe(t.Context(), b.account); return err },
		func() error { _, err := b.Provision(t.Context(), b.account); return err },
	} {
		wantError(t, ask(), connectors.ClassRetry, "crm_unavailable")
	}
	b.sim.Core().Faults.Clear()
	b.sim.ExpireAccessTokens()
	_, err := b.Probe(t.Context(), b.account)
	wantError(t, err, connectors.ClassNeedsAuth, "access_token_expired")
}

func TestProvisioningMakesThePropertyOnce(t *testing.T) {
	t.Parallel()
	for _, version := range []string{V3, V2603, V2609} {
		b := newBench(t, func(c *Config) { c.Version = version })
		b.enforce()
		b.enforce()
		made := 0
		for call, n := range b.sim.Core().Calls.Snapshot() {
			if strings.HasPrefix(call, "POST ") && strings.Contains(call, "/properties/") {
				made += n
			}
		}
		if made != 2 || len(b.account.Capabilities.Advice) != 0 {
			t.Errorf("%s: %d creates and advice %q, want one for each type and none", version, made, b.account.Capabilities.Advice)
		}
	}
}

func TestProvisioningTakesAPropertyThatIsThereMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Method: "POST", Path: "/properties/", Kind: sim.FaultStatusAfter, Status: 409, Times: 2, Body: `{"category":"CONFLICT"}`})
	b.enforce()
}

func TestProvisioningThatIsRefusedTellsWhatAnAdministratorMustDo(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*bench){
		"refused":       func(b *bench) { b.sim.SetBehaviour(simhubspot.Behaviour{RefuseActivityProperties: true}) },
		"scope missing": func(b *bench) { b.connect(DefaultScopes()...) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			set(b)
			caps, err := b.Provision(t.Context(), b.account)
			if err != nil {
				t.Fatal(err)
			}
			if len(caps.Advice) != 2 || !strings.Contains(caps.Advice[0], "HubSpot does not let the service add") || !strings.Contains(caps.Advice[0], markerProperty) {
				t.Errorf("advice: got %q", caps.Advice)
			}
			if got := caps.Of(connectors.ObjectTask); got != (connectors.Marking{Tier: connectors.TierRead}) {
				t.Errorf("task: got %+v", got)
			}
		})
	}
}

func TestAPropertyThatIsYoungerThanAWriteProvesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.enforce()
	for before, want := range map[time.Time]connectors.Tier{
		{}: connectors.TierEnforced, time.Now().Add(-time.Hour): connectors.TierRead, time.Now().Add(time.Hour): connectors.TierEnforced,
	} {
		w := marked()[0]
		w.NotBefore, w.DealID = before, "9001"
		if f, err := b.Find(t.Context(), b.account, w); err != nil || f.Ref.ID != "" || f.Tier != want {
			t.Errorf("%s: got %+v, %v; want nothing, tier %s", before, f, err, want)
		}
	}
}
