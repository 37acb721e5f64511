package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// account is a CRM account behind a real client: its answers are what the test says.
type account struct {
	t      *testing.T
	client *connectors.Client
	url    string

	mu     sync.Mutex
	status int // 0: it takes the request and never answers
	asked  int
}

const accountTimeout = 300 * time.Millisecond

func newAccount(t *testing.T, status int) *account {
	t.Helper()
	a := &account{t: t, client: connectors.NewClient(nil, time.Now), status: status}
	a.client.Limit(accountTimeout)
	over := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked++
		status := a.status
		a.mu.Unlock()
		if status == 0 {
			<-over
			return
		}
		w.WriteHeader(status)
	}))
	a.url = srv.URL
	t.Cleanup(func() { close(over); srv.Close() })
	return a
}

func (a *account) answers(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status = status
}

func (a *account) calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// reach makes one call for a write. What was not sent is no fault of the write's.
func (a *account) reach(ctx context.Context, w connectors.Write) *connectors.Error {
	reply, err := a.client.Do(ctx, connectors.Call{Method: http.MethodPost, URL: a.url + "/" + w.ID, Effect: connectors.Once, Account: "account-1"})
	if refusal, ok := connectors.HeldBack(err); ok {
		return refusal
	}
	if err != nil || reply.Status >= 500 {
		return &connectors.Error{Class: connectors.ClassRetry, Code: "lost", Cause: "The answer was lost.", Action: "Nothing to do.", Status: reply.Status}
	}
	return nil
}

// pauses counts how often a connection was let rest.
type pauses struct {
	unwatched
	n *atomic.Int64
}

func (p pauses) Paused(string, string) { p.n.Add(1) }

func silentBench(t *testing.T, status int) (*bench, *account) {
	t.Helper()
	return silentBenchOf(t, status, &atomic.Int64{})
}

func silentBenchOf(t *testing.T, status int, rests *atomic.Int64) (*bench, *account) {
	t.Helper()
	b := setup(t, func(c *Config) { c.CallTimeout, c.Observer = time.Hour, pauses{n: rests} }) // a rest lasts until the test ends it
	a := newAccount(t, status)
	b.crm.reach, b.crm.batch = a.reach, 100
	return b, a
}

// untilRest waits until the connection rests and its drain has said how many calls were silent.
func (b *bench) untilRest(silent int) store.Connection {
	b.t.Helper()
	b.eventually(func() (bool, string) {
		c := b.connection()
		return c.PausedUntil != nil && c.SilentCalls == silent, fmt.Sprintf("the connection rests until %v after %d silent calls, want %d", c.PausedUntil, c.SilentCalls, silent)
	})
	return b.connection()
}

func TestAnAccountThatHangsIsCalledOnceAndThenRests(t *testing.T) {
	t.Parallel()
	var rests atomic.Int64
	b, a := silentBenchOf(t, 0, &rests)
	var writes []store.Write
	for i := range 5 {
		writes = append(writes, b.append(fmt.Sprint("w", i), "task")...)
	}
	b.start(b.engine)
	if c := b.untilRest(SilentCalls); a.calls() != 1 || c.LastErrorCode != "crm_silent" {
		t.Errorf("called %d times, error %q; want one call, and a rest that says why", a.calls(), c.LastErrorCode)
	}
	if rests.Load() != 1 {
		t.Errorf("its rest was noted %d times", rests.Load())
	}
	queued := 0
	for _, w := range writes {
		if got := b.write(w.ID); got.Status == store.Queued && got.Failures == 0 {
			queued++
		}
	}
	if queued != len(writes)-1 {
		t.Errorf("%d of %d rows wait unharmed, want all but the one that was sent", queued, len(writes))
	}
}

func TestOneRowGoesFirstWhenARestIsOverAndTheNextRestIsLonger(t *testing.T) {
	t.Parallel()
	b, a := silentBench(t, 0)
	b.start(b.engine)
	b.append("first", "task")
	first := time.Until(*b.untilRest(SilentCalls).PausedUntil)
	for i := range 5 {
		b.append(fmt.Sprint("w", i), "task")
	}
	sent := len(b.crm.sends())
	b.runDue()
	second := time.Until(*b.untilRest(SilentCalls + 1).PausedUntil)
	if went := len(b.crm.sends()) - sent; went != 1 || a.calls() != 2 {
		t.Errorf("%d rows went and %d calls were made when the rest was over, want one and a second", went, a.calls())
	}
	if second < first*6/5 { // twice as long, with a quarter of jitter each
		t.Errorf("the second rest is %s after one of %s, want it longer", second, first)
	}
	a.answers(http.StatusOK)
	b.runDue()
	b.eventually(func() (bool, string) {
		var left int
		err := b.pool.QueryRow(t.Context(), `select count(*) from crm_write_log where status <> 'succeeded'`).Scan(&left)
		return err == nil && left <= 1, fmt.Sprint(left, " rows are not written") // one may be in doubt about its first try
	})
	b.eventually(func() (bool, string) {
		c := b.connection()
		return c.SilentCalls == 0 && c.LastError == nil, fmt.Sprintf("the connection still shows %d silent calls and %q", c.SilentCalls, c.LastErrorCode)
	})
}

func TestAnAccountThatFailsRestsAfterSeveralCallsInARow(t *testing.T) {
	t.Parallel()
	b, a := silentBench(t, http.StatusBadGateway)
	for i := range 10 {
		b.append(fmt.Sprint("w", i), "task")
	}
	b.start(b.engine)
	if b.untilRest(SilentCalls); a.calls() != SilentCalls {
		t.Errorf("called %d times, want a rest after %d", a.calls(), SilentCalls)
	}
}

func TestFailuresThatAnAnswerInterruptsBringNoRest(t *testing.T) {
	t.Parallel()
	b, a := silentBench(t, http.StatusBadGateway)
	b.start(b.engine)
	for i := range 2 * SilentCalls {
		a.answers([]int{http.StatusBadGateway, http.StatusOK}[i%2])
		w := b.append(fmt.Sprint("w", i), "task")[0]
		b.eventually(func() (bool, string) {
			return b.write(w.ID).Attempt > 0 && b.write(w.ID).Status != store.Sending, "not tried"
		})
	}
	if c := b.connection(); c.PausedUntil != nil {
		t.Errorf("the connection rests until %s although its account answers", c.PausedUntil)
	}
}

func TestACRMThatHangsTakesNoWorkersOfAnother(t *testing.T) {
	t.Parallel()
	free := make(chan struct{})
	other := &script{crm: connectors.Salesforce, deliver: accepted, find: func(connectors.Write) (connectors.Finding, error) {
		return connectors.Finding{}, errors.New("nothing is in doubt")
	}}
	b := setup(t, func(c *Config) { c.Workers, c.Connectors = 1, append(slices.Clone(c.Connectors), other) })
	b.crm.answer(func(a connectors.Account, w connectors.Write) connectors.Result { <-free; return accepted(a, w) })
	b.start(b.engine)
	t.Cleanup(func() { close(free) })
	b.append("stuck", "task")
	b.eventually(func() (bool, string) { return len(b.crm.sends()) == 1, "nothing hangs" })
	b.workspace = uuid.New()
	if _, err := b.store.Connect(t.Context(), store.NewGrant{WorkspaceID: b.workspace, CRM: "salesforce", AccountID: "org", AccessToken: "a",
		RefreshToken: "r", ExpiresAt: time.Now().Add(time.Hour)}, b.engine.Wake); err != nil {
		t.Fatal(err)
	}
	b.until(b.append("served", "task")[0].ID, store.Succeeded)
}

func TestAConnectionThatRestsIsNotCalledWhoeverWakesIt(t *testing.T) {
	t.Parallel()
	b, a := silentBench(t, 0)
	b.start(b.engine)
	b.append("first", "task")
	b.untilRest(SilentCalls)
	for i := range 5 {
		w := b.append(fmt.Sprint("w", i), "task")[0]
		if err := pgx.BeginFunc(t.Context(), b.pool, func(tx pgx.Tx) error { return b.engine.Wake(t.Context(), tx, b.conn.ID) }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if got := b.write(w.ID); got.Status != store.Queued || got.Attempt != 0 {
			t.Errorf("a write that came in the rest is %s after %d attempts, want it queued and untried", got.Status, got.Attempt)
		}
	}
	if a.calls() != 1 {
		t.Errorf("called %d times, want no call in the rest", a.calls())
	}
}

func TestARestDoublesUpToItsLimitAndIsNeverTheSame(t *testing.T) {
	t.Parallel()
	const call = time.Minute
	e := &Engine{cfg: Config{CallTimeout: call}}
	want := call / 2
	for silent := SilentCalls; silent < SilentCalls+20; silent++ {
		seen := map[time.Duration]bool{}
		for range 20 {
			rest := e.restAfter(silent)
			if seen[rest] = true; rest < want*3/4 || rest > want*5/4 {
				t.Errorf("after %d silent calls it rests for %s, want a quarter about %s", silent, rest, want)
			}
		}
		if len(seen) < 2 {
			t.Errorf("after %d silent calls every rest is the same", silent)
		}
		want = min(2*want, restMost*call)
	}
}
