package delivery

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
)

func TestAnOutcomeIsCarriedContactFirstAndItsTaskKnowsTheContact(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(b.engine)
	writes := b.append("ada", "contact", "task", "rollup")
	contact := b.until(writes[0].ID, store.Succeeded)
	b.until(writes[1].ID, store.Succeeded)
	b.until(writes[2].ID, store.Succeeded)
	sent := b.crm.sends()
	if len(sent) != 3 || sent[0].Object != connectors.ObjectContact {
		t.Fatalf("sent %d writes, first %s; want 3, the contact first", len(sent), sent[0].Object)
	}
	for _, w := range sent[1:] {
		if w.ContactRef.ID != contact.CRMObjectID || w.Email != "ada@example.com" {
			t.Errorf("%s was sent with contact %+v and email %q, want %s", w.Object, w.ContactRef, w.Email, contact.CRMObjectID)
		}
		if w.SendBy.IsZero() {
			t.Errorf("%s was sent without a limit on the time to send", w.Object)
		}
	}
	attempts, err := b.store.Attempts(t.Context(), writes[0].ID)
	if err != nil || len(attempts) != 1 || attempts[0].Outcome != "succeeded" || attempts[0].Kind != "send" {
		t.Errorf("attempts %+v, %v; want one that succeeded", attempts, err)
	}
}

func TestATaskWhoseContactIsRefusedFailsWithItAndFollowsItsRetry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(refusing(connectors.ClassRejected))
	b.start(b.engine)
	writes := b.append("ada", "contact", "task")
	contact := b.until(writes[0].ID, store.Failed)
	task := b.until(writes[1].ID, store.Failed)
	if contact.ErrorCode != "code_rejected" || task.ErrorCode != store.DependencyFailed || task.ErrorAction == "" {
		t.Errorf("contact failed with %q, task with %q (%q)", contact.ErrorCode, task.ErrorCode, task.ErrorAction)
	}
	b.crm.answer(accepted)
	if _, err := b.store.Retry(t.Context(), uuid.Nil, contact.ID, "operator", b.engine.Wake); err != nil {
		t.Fatal(err)
	}
	b.until(writes[0].ID, store.Succeeded)
	b.until(writes[1].ID, store.Succeeded)
}

func TestATaskThatMayHaveBeenWrittenIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	got := b.until(w.ID, store.NeedsReview)
	if got.ErrorAction == "" || got.ErrorCode != "code_in_doubt" {
		t.Errorf("error %q %q; want the doubt's code and what to do", got.ErrorCode, got.ErrorAction)
	}
	b.runDue()
	time.Sleep(100 * time.Millisecond)
	if n := len(b.crm.sends()); n != 1 {
		t.Errorf("the task was sent %d times, want once", n)
	}
}

func TestADoubtfulContactThatIsFoundHasSucceeded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	b.crm.find = func(connectors.Write) (connectors.Finding, error) {
		return connectors.Finding{Ref: connectors.Ref{Type: "contacts", ID: "501"}, Complete: true, Tier: connectors.TierEnforced}, nil
	}
	b.start(b.engine)
	w := b.append("ada", "contact")[0]
	got := b.until(w.ID, store.Succeeded)
	if got.CRMObjectID != "501" || got.Outcome != "found" || got.ErrorCode != "" || len(b.crm.sends()) != 1 {
		t.Errorf("got %+v after %d sends; want 501 found after one", got, len(b.crm.sends()))
	}
}

func TestADoubtfulContactThatTheCRMWouldRefuseTwiceIsSentAgainAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(once(refuse(connectors.ClassInDoubt)))
	b.crm.find = func(connectors.Write) (connectors.Finding, error) {
		return connectors.Finding{Tier: connectors.TierEnforced}, nil
	}
	b.start(b.engine)
	w := b.append("ada", "contact")[0]
	b.until(w.ID, store.Succeeded)
	if n := len(b.crm.sends()); n != 2 {
		t.Errorf("sent %d times, want twice", n)
	}
}

func TestANegativeAnswerCountsOnlyTwiceAndAfterTheLastMomentOfALateCommit(t *testing.T) {
	t.Parallel()
	const late = 400 * time.Millisecond
	b := setup(t, func(c *Config) { c.LateCommit = late })
	var firstSend atomic.Int64
	b.crm.answer(func(a connectors.Account, w connectors.Write) connectors.Result {
		if firstSend.CompareAndSwap(0, time.Now().UnixNano()) {
			return refuse(connectors.ClassInDoubt)
		}
		if waited := time.Since(time.Unix(0, firstSend.Load())); waited < late {
			t.Errorf("sent again after %s, want at least %s", waited, late)
		}
		return accepted(a, w)
	})
	b.crm.find = func(connectors.Write) (connectors.Finding, error) { return connectors.Finding{}, nil }
	b.start(b.engine)
	w := b.append("ada", "contact")[0]
	b.eventually(func() (bool, string) {
		b.runDue() // the job engine looks at its schedule every few seconds only
		time.Sleep(20 * time.Millisecond)
		got := b.write(w.ID)
		return got.Status == store.Succeeded, "write is " + got.Status
	})
	b.crm.mu.Lock()
	defer b.crm.mu.Unlock()
	if b.crm.finds < emptyReadsNeeded {
		t.Errorf("the CRM was asked %d times before the write was repeated, want at least %d", b.crm.finds, emptyReadsNeeded)
	}
}

func TestThreat24_AConnectorThatPanicsLeavesTheRowInDoubtAndTheProcessAlive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crm.answer(func(connectors.Account, connectors.Write) connectors.Result { panic("out of cheese") })
	b.start(b.engine)
	bad := b.append("bad", "task")[0]
	b.until(bad.ID, store.NeedsReview)
	b.crm.answer(accepted)
	b.until(b.append("good", "task")[0].ID, store.Succeeded)
}

func TestARowOfADeadWorkerIsLookedForAndNotSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.append("ada", "task")[0]
	epoch, err := b.store.BeginDrain(t.Context(), b.conn.ID)
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := b.store.Claim(t.Context(), b.conn.ID, epoch.DrainEpoch, 1, store.Lease{Hold: time.Millisecond, Send: time.Millisecond})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %d, %v", len(claimed), err)
	}
	time.Sleep(5 * time.Millisecond) // the worker is dead: its lease runs out
	b.start(b.engine)
	if err := b.engine.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until(w.ID, store.NeedsReview)
	if n := len(b.crm.sends()); n != 0 {
		t.Errorf("the row was sent %d times after its worker died", n)
	}
}

func TestNoWakeUpIsLostAmongManyProducersAndReplicas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	second := b.newEngine()
	b.start(b.engine)
	b.start(second)
	const producers, each = 8, 25
	var wg sync.WaitGroup
	ids := make(chan uuid.UUID, producers*each)
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				ids <- b.append(fmt.Sprintf("e%d-%d", p, i), "task")[0].ID
			}
		})
	}
	wg.Wait()
	close(ids)
	for id := range ids {
		b.until(id, store.Succeeded)
	}
	seen := map[string]int{}
	for _, w := range b.crm.sends() {
		if seen[w.ID]++; seen[w.ID] > 1 {
			t.Errorf("write %s was sent %d times", w.ID, seen[w.ID])
		}
	}
}

func TestStopFinishesTheCallInFlightAndLeavesTheRestToOthers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begun := make(chan struct{}, 10)
	b.crm.answer(func(a connectors.Account, w connectors.Write) connectors.Result {
		begun <- struct{}{}
		time.Sleep(200 * time.Millisecond)
		return accepted(a, w)
	})
	first, second := b.append("one", "task")[0], b.append("two", "task")[0]
	if err := b.engine.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := b.engine.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.write(first.ID).Status; got != store.Succeeded {
		t.Errorf("the write in flight is %s, want succeeded", got)
	}
	if got := b.write(second.ID).Status; got != store.Queued {
		t.Errorf("the write that waited is %s, want queued", got)
	}
	b.crm.answer(accepted)
	b.start(b.newEngine())
	b.until(second.ID, store.Succeeded)
}

func TestACRMThatSaysWaitPausesItsWholeConnectionAndTheRowIsNotAtFault(t *testing.T) {
	t.Parallel()
	b := setup(t)
	busy := refuse(connectors.ClassRetry)
	busy.Err.Pause, busy.Err.RetryAfter = true, time.Hour
	b.crm.answer(once(busy))
	b.start(b.engine)
	w := b.append("ada", "task")[0]
	b.eventually(func() (bool, string) { return b.connection().PausedUntil != nil, "the connection is not paused" })
	b.eventually(func() (bool, string) { return b.write(w.ID).Status == store.Queued, "the row is not queued" })
	other := b.append("bob", "task")[0]
	time.Sleep(200 * time.Millisecond)
	if got := b.write(other.ID); got.Status != store.Queued || got.Attempt != 0 {
		t.Errorf("another row is %s after %d attempts during the pause, want queued after none", got.Status, got.Attempt)
	}
	if got := b.write(w.ID); got.Failures != 0 {
		t.Errorf("the wait counted as %d failures", got.Failures)
	}
	if c := b.connection(); c.LastError == nil || c.LastErrorCode != "code_retry" {
		t.Errorf("the connection says %q while it pauses, want the CRM's cause", c.LastErrorCode)
	}
	b.crm.answer(accepted)
	b.runDue()
	b.until(w.ID, store.Succeeded)
	b.until(other.ID, store.Succeeded)
	b.eventually(func() (bool, string) {
		return b.connection().LastError == nil, "the connection still shows what has passed"
	})
}
