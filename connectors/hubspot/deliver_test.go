package hubspot

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/sim"
	"crm-connectors/sim/simhubspot"
)

func TestAListGivesItsContactToWhatDependsOnIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sim.SetBehaviour(simhubspot.Behaviour{SearchLag: time.Hour})
	results := b.Deliver(t.Context(), b.account, []connectors.Write{
		contactWrite(connectors.Contact{Email: email, FirstName: "Ada"}),
		contactWrite(connectors.Contact{Email: "ADA@example.com", LastName: "Lovelace"}),
		contactWrite(connectors.Contact{Email: email}),
		taskWrite(func(w *connectors.Write) { w.Email = "Ada@Example.com" }),
		rollupWrite(func(w *connectors.Write) { w.Email = email }),
	})
	for i, want := range []connectors.Outcome{connectors.Created, connectors.Updated, connectors.Updated, connectors.Created, connectors.Created} {
		wantOK(t, results[i], want)
	}
	id := results[0].Ref.ID
	b.wantLog("create contacts "+id, "create tasks "+results[3].Ref.ID, "create notes "+results[4].Ref.ID)
	for _, e := range b.sim.Core().Log.Entries(1) {
		if !slices.Equal(e.To, []string{"contacts/" + id}) {
			t.Errorf("%s: associations: got %v, want the contact", e.Object, e.To)
		}
	}
	b.wantCalls("POST /crm/v3/objects/contacts/search", 1)
	b.wantCalls("GET /crm/v3/objects/contacts/{id}", 0)
}

func TestATaskWaitsForAContactThatMayStillCome(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/contacts$", Kind: sim.FaultCutAfter})
	results := b.Deliver(t.Context(), b.account, []connectors.Write{
		contactWrite(connectors.Contact{Email: email}),
		taskWrite(func(w *connectors.Write) { w.Email = email }),
		taskWrite(),
	})
	wantError(t, results[0].Err, connectors.ClassInDoubt, "crm_answer_lost")
	wantError(t, results[1].Err, connectors.ClassRetry, "contact_pending")
	wantOK(t, results[2], connectors.Created)
}

func TestATaskDoesNotWaitForAContactThatWasRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	results := b.Deliver(t.Context(), b.account, []connectors.Write{
		contactWrite(connectors.Contact{Email: "ada@@example"}),
		taskWrite(func(w *connectors.Write) { w.Email = "ada@@example" }),
	})
	wantError(t, results[0].Err, connectors.ClassRejected, "contact_email_invalid")
	wantOK(t, results[1], connectors.Created)
}

func TestAfterAnAnswerForTheWholeConnectionNothingElseIsSent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		set   func(*bench)
		class connectors.Class
		code  string
		wait  time.Duration
	}{
		{"token expired", func(b *bench) { b.sim.ExpireAccessTokens() }, connectors.ClassNeedsAuth, "access_token_expired", 0},
		{"scope missing", func(b *bench) { b.connect("oauth", "crm.objects.deals.read") }, connectors.ClassNeedsReconnect, "scopes_missing", 0},
		{"limit used up", func(b *bench) {
			b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 429, Body: `{"policyName":"TEN_SECONDLY_ROLLING"}`})
		}, connectors.ClassRetry, "crm_rate_limited", 10 * time.Second},
		{"migration", func(b *bench) {
			b.fault(sim.Fault{Path: "/search$", Kind: sim.FaultStatus, Status: 477, Headers: map[string]string{"Retry-After": "3"}})
		}, connectors.ClassRetry, "crm_migrating", 3 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			tc.set(b)
			results := b.Deliver(t.Context(), b.account, []connectors.Write{contactWrite(connectors.Contact{Email: email}), taskWrite(), rollupWrite()})
			for i, r := range results {
				if e := wantError(t, r.Err, tc.class, tc.code); e.RetryAfter != tc.wait {
					t.Errorf("%d: wait: got %s, want %s", i, e.RetryAfter, tc.wait)
				}
			}
			if results[1].Err == results[0].Err || len(results[2].Calls) != 0 {
				t.Errorf("the unsent: got %+v", results[2])
			}
			if n := b.sim.Core().Calls.API(); n != 1 {
				t.Errorf("calls: got %d, want 1", n)
			}
			b.wantLog()
		})
	}
}

func TestAMissingScopeIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.connect("oauth")
	e := wantError(t, b.deliver(contactWrite(connectors.Contact{Email: email})).Err, connectors.ClassNeedsReconnect, "scopes_missing")
	for _, text := range []string{e.Cause, e.Action} {
		if !strings.Contains(text, "crm.objects.contacts.read") {
			t.Errorf("got %q, want the scope in it", text)
		}
	}
}

func TestALockedOrFailedWriteDoesNotStopTheRest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/tasks$", Kind: sim.FaultStatus, Status: 423})
	b.fault(sim.Fault{Path: "/notes$", Kind: sim.FaultStatusAfter, Status: 500})
	results := b.Deliver(t.Context(), b.account, []connectors.Write{taskWrite(), rollupWrite()})
	if e := wantError(t, results[0].Err, connectors.ClassRetry, "record_locked"); e.RetryAfter != 2*time.Second {
		t.Errorf("wait: got %s, want 2s", e.RetryAfter)
	}
	wantError(t, results[1].Err, connectors.ClassInDoubt, "crm_unavailable")
}

func TestNothingIsCreatedAfterTheTimeToSend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := taskWrite()
	w.SendBy = time.Now().Add(-time.Second)
	wantError(t, b.deliver(w).Err, connectors.ClassRetry, "send_deadline_passed")
	b.wantLog()
}

func TestAContextThatEndedLeavesEverythingUnsent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range b.Deliver(ctx, b.account, []connectors.Write{contactWrite(connectors.Contact{Email: email}), taskWrite()}) {
		wantError(t, r.Err, connectors.ClassRetry, "crm_unreachable")
	}
	b.wantLog()
}

func TestAContextThatEndsDuringACreateLeavesItInDoubt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.fault(sim.Fault{Path: "/tasks$", Kind: sim.FaultHangAfter})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	results := b.Deliver(ctx, b.account, []connectors.Write{taskWrite(), rollupWrite()})
	wantError(t, results[0].Err, connectors.ClassInDoubt, "crm_answer_lost")
	wantError(t, results[1].Err, connectors.ClassRetry, "crm_unreachable")
	if got := b.log(); len(got) != 1 {
		t.Errorf("objects: got %v, want one", got)
	}
}

func TestConcurrentListsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	done := make(chan []connectors.Result)
	for i := range 8 {
		who := string(rune('a'+i)) + "@example.com"
		go func() {
			done <- b.Deliver(context.Background(), b.account, []connectors.Write{
				contactWrite(connectors.Contact{Email: who}), taskWrite(func(w *connectors.Write) { w.Email, w.Task.OwnerEmail = who, "rep@example.com" })})
		}()
	}
	for range 8 {
		for _, r := range <-done {
			wantOK(t, r, connectors.Created)
		}
	}
	b.wantCalls("GET /crm/v3/owners", 1)
}
