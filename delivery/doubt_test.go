package delivery

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"
)

func TestEveryAttemptCarriesTheSameMarker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	var looked []string
	b.crm.find = func(w connectors.Write) (connectors.Finding, error) {
		looked = append(looked, w.Marker)
		return connectors.Finding{Tier: connectors.TierEnforced}, nil
	}
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	b.until(w.ID, store.Succeeded)
	sent := b.crm.sends()
	if len(sent) != 2 || len(looked) != 1 || w.Marker == "" || sent[0].Marker != w.Marker || sent[1].Marker != w.Marker || looked[0] != w.Marker {
		t.Errorf("sent with markers %v and looked for %v, want %q each time", sent, looked, w.Marker)
	}
}

func TestADoubtfulTaskThatIsFoundHasSucceededWithItsRecord(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	b.crm.find = func(connectors.Write) (connectors.Finding, error) {
		return connectors.Finding{Ref: connectors.Ref{Type: "tasks", ID: "77"}, Complete: true, Tier: connectors.TierRead,
			Calls: []connectors.CallRecord{{Method: "GET", Route: "/tasks", Status: 200}}}, nil
	}
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	got := b.until(w.ID, store.Succeeded)
	attempts, err := b.store.Attempts(t.Context(), w.ID)
	if err != nil || got.CRMObjectID != "77" || len(b.crm.sends()) != 1 {
		t.Errorf("record %q after %d sends, %v; want 77 after one", got.CRMObjectID, len(b.crm.sends()), err)
	}
	if last := attempts[len(attempts)-1]; last.Kind != "find" || !strings.Contains(string(last.Calls), "/tasks") {
		t.Errorf("the look is recorded as %s %s, want its calls", last.Kind, last.Calls)
	}
}

func TestARecordThatLacksItsLinksIsCompletedAndNotMadeAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	found := connectors.Ref{Type: "tasks", ID: "77"}
	b.crm.find = func(connectors.Write) (connectors.Finding, error) {
		return connectors.Finding{Ref: found, Tier: connectors.TierRead}, nil
	}
	b.start(b.engine)
	b.until(b.append("ada", "task")[0].ID, store.Succeeded)
	if sent := b.crm.sends(); len(sent) != 2 || sent[1].Found != found {
		t.Errorf("sent %+v, want the second with the record that was found", sent)
	}
}

func TestARecordThatIsThereTwiceIsKeptOnceAndAPersonIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	b.crm.find = func(connectors.Write) (connectors.Finding, error) {
		return connectors.Finding{Ref: connectors.Ref{Type: "tasks", ID: "1"}, Copies: []connectors.Ref{{Type: "tasks", ID: "2"}}, Complete: true}, nil
	}
	b.start(b.engine)
	got := b.until(b.append("ada", "task")[0].ID, store.Succeeded)
	if got.Alarm != "duplicate_detected" || got.CRMObjectID != "1" || !strings.Contains(string(got.Notes), "2 should be deleted") {
		t.Errorf("alarm %q, record %s, notes %s; want the oldest kept and the other named", got.Alarm, got.CRMObjectID, got.Notes)
	}
}

func TestAPersonsWordThatItIsAbsentSendsTheWriteAgainUnlessTheServiceFindsIt(t *testing.T) {
	t.Parallel()
	for name, finding := range map[string]connectors.Finding{"absent": {Tier: connectors.TierRead}, "there": {Ref: connectors.Ref{Type: "tasks", ID: "77"}, Complete: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.crm.answer(once(refuse(connectors.ClassInDoubt)))
			b.start(b.engine)
			w := b.append("ada", "task")[0]
			b.until(w.ID, store.NeedsReview) // nothing could be found so far
			b.crm.mu.Lock()
			b.crm.find = func(connectors.Write) (connectors.Finding, error) { return finding, nil }
			b.crm.mu.Unlock()
			if _, err := b.store.Resolve(t.Context(), b.workspace, w.ID, store.Resolution{How: store.ResolveRetry, Actor: "ops"}, b.engine.Wake); err != nil {
				t.Fatal(err)
			}
			b.until(w.ID, store.Succeeded)
			if got, want := len(b.crm.sends()), map[string]int{"absent": 2, "there": 1}[name]; got != want {
				t.Errorf("sent %d times, want %d", got, want)
			}
		})
	}
}

func TestAContactUpdateThatMayStillLandHoldsTheNewerOne(t *testing.T) {
	t.Parallel()
	const late = 500 * time.Millisecond
	b := setup(t, func(c *Config) { c.LateCommit = late })
	lost := accepted(connectors.Account{}, connectors.Write{ID: "12345678"})
	lost.MayLand = true
	b.crm.answer(once(lost))
	b.start(b.engine)
	first := b.append("ada", "contact")[0]
	done := *b.until(first.ID, store.Succeeded).SettledAt
	second := b.upsert("later", connectors.Contact{Phone: "1"})
	b.eventually(func() (bool, string) {
		b.runDue() // the job engine looks at its schedule every few seconds only
		time.Sleep(20 * time.Millisecond)
		w := b.write(second.ID)
		return w.Status == store.Succeeded, "the newer update is " + w.Status
	})
	if waited := b.write(second.ID).SettledAt.Sub(done); waited < late {
		t.Errorf("the newer update followed after %s, want at least %s", waited, late)
	}
}

func TestTheDrainOfADeadProcessIsTakenOverWithinALease(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) {
		c.Lease = store.Lease{Hold: 2 * time.Second, Send: time.Second}
		c.SweepEvery = 50 * time.Millisecond
	})
	w := b.append("ada", "task")[0]
	// The process took the job and died.
	b.exec(`update ` + store.JobSchema + `.river_job set state = 'running', attempt = 1, attempted_at = now(), attempted_by = '{dead}' where kind = 'crm.drain'`)
	began := time.Now()
	b.start(b.engine)
	b.until(w.ID, store.Succeeded)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("taken over after %s, want about a lease", took)
	}
}

func TestAnAccountIsProbedBeforeItsFirstWriteAndNotAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	marks := connectors.Capabilities{Markers: map[connectors.Object]connectors.Marking{connectors.ObjectTask: {Tier: connectors.TierEnforced, Field: "mark"}}}
	b.crm.probe = func() (connectors.Capabilities, error) { return marks, nil }
	var seen []string
	b.crm.answer(func(a connectors.Account, w connectors.Write) connectors.Result {
		seen = append(seen, a.Capabilities.Of(w.Object).Field)
		return accepted(a, w)
	})
	b.start(b.engine)
	for _, event := range []string{"one", "two"} {
		b.until(b.append(event, "task")[0].ID, store.Succeeded)
	}
	if b.crm.probes != 1 || !slices.Equal(seen, []string{"mark", "mark"}) {
		t.Errorf("probed %d times, sent with fields %v; want once, and both marked", b.crm.probes, seen)
	}
}

func TestAProbeThatFailsStopsNoWrite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.probe = func() (connectors.Capabilities, error) { return connectors.Capabilities{}, errors.New("cut") }
	b.start(b.engine)
	b.until(b.append("ada", "task")[0].ID, store.Succeeded)
	if b.connection().CapabilitiesAt != nil {
		t.Error("the account counts as probed")
	}
}

func TestAWaitOfASecondIsKeptToTheSecond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	busy := refuse(connectors.ClassRetry)
	busy.Err.Pause, busy.Err.RetryAfter = true, time.Second
	b.crm.answer(once(busy))
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	began := time.Now()
	b.until(w.ID, store.Succeeded)
	if took := time.Since(began); took < time.Second || took > 4*time.Second { // the job engine alone would take up to six
		t.Errorf("sent again after %s, want about a second", took)
	}
}

func TestAnOldUpdateThatIsTriedAgainDoesNotPutOldValuesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassRejected)))
	b.start(b.engine)
	old := b.upsert("old", connectors.Contact{Phone: "1", JobTitle: "Engineer"})
	b.until(old.ID, store.Failed)
	b.crm.answer(accepted)
	b.until(b.upsert("new", connectors.Contact{Phone: "2"}).ID, store.Succeeded)
	if _, err := b.store.Retry(t.Context(), b.workspace, old.ID, "operator", b.engine.Wake); err != nil {
		t.Fatal(err)
	}
	b.until(old.ID, store.Succeeded)
	sent := b.crm.sends()
	if last := sent[len(sent)-1].Contact; last.Phone != "" || last.JobTitle != "Engineer" || last.Email != "ada@example.com" {
		t.Errorf("sent %+v, want what the newer update does not say", last)
	}
}
