package connectors

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crmWindow answers as a CRM with a sliding window does, and takes a while for it.
type crmWindow struct {
	mu        sync.Mutex
	most      int
	span      time.Duration
	silent    bool // its answers say nothing of the limit
	daily     int
	at        []time.Time
	throttled int
}

func (c *crmWindow) Do(context.Context, Call) (Reply, error) {
	time.Sleep(20 * time.Millisecond) // on its way there, and back
	defer time.Sleep(20 * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for len(c.at) > 0 && now.Sub(c.at[0]) >= c.span {
		c.at = c.at[1:]
	}
	h := http.Header{}
	status := http.StatusOK
	if len(c.at) >= c.most {
		c.throttled++
		status = http.StatusTooManyRequests
	} else {
		c.at = append(c.at, now)
	}
	if !c.silent {
		h.Set("Max", strconv.Itoa(c.most))
		h.Set("Left", strconv.Itoa(c.most-len(c.at)))
	}
	if c.daily > 0 {
		h.Set("Daily", strconv.Itoa(c.daily))
	}
	return Reply{Status: status, Header: h}, nil
}

func budgetOver(crm *crmWindow, published int) *Budget {
	return NewBudget(crm, BudgetRules{
		Windows:  map[string]Window{"burst": {Max: published, Span: crm.span}},
		WindowOf: func(Call) string { return "burst" },
		Told: func(r Reply) (t Told) {
			if n, err := strconv.Atoi(r.Header.Get("Max")); err == nil {
				t.Window = Window{Max: n, Span: crm.span}
				t.Left, _ = strconv.Atoi(r.Header.Get("Left"))
			}
			used, _ := strconv.Atoi(r.Header.Get("Daily"))
			t.Daily = Daily{Used: int64(used), Max: 100}
			return t
		},
		DailyShare: 0.8,
		OverShare: func(Daily) *Error {
			return &Error{Class: ClassRetry, Code: "share", Pause: true, RetryAfter: time.Minute}
		},
	}, time.Now)
}

func TestAnAccountIsNeverThrottledAndItsLimitIsUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := &crmWindow{most: 110, span: 10 * time.Second}
		b := budgetOver(crm, 110)
		began := time.Now()
		for range 400 {
			if _, err := b.Do(t.Context(), Call{Account: "a"}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); crm.throttled != 0 || took > 50*time.Second || took < 30*time.Second {
			t.Errorf("%d throttled in %s; want none, and about 40 s", crm.throttled, took)
		}
	})
}

func TestSeveralThatShareAnAccountHeedWhatTheAnswersSayIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := &crmWindow{most: 110, span: 10 * time.Second}
		var all sync.WaitGroup
		began := time.Now()
		for range 3 {
			b := budgetOver(crm, 110) // a process of its own: it knows of the others by the answers alone
			all.Go(func() {
				for range 150 {
					if _, err := b.Do(t.Context(), Call{Account: "a"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if took := time.Since(began); crm.throttled != 0 || took > 80*time.Second {
			t.Errorf("%d throttled in %s; want none", crm.throttled, took)
		}
	})
}

func TestALimitThatNoAnswerTellsOfIsKeptAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := &crmWindow{most: 5, span: time.Second, silent: true}
		b := budgetOver(crm, 5)
		var all sync.WaitGroup
		began := time.Now()
		for range 40 {
			all.Go(func() { _, _ = b.Do(t.Context(), Call{Account: "a"}) })
		}
		all.Wait()
		if took := time.Since(began); crm.throttled != 0 || took > 12*time.Second {
			t.Errorf("%d throttled in %s; want none in about 10 s", crm.throttled, took)
		}
	})
}

func TestAnAccountWithMoreThanIsPublishedIsNotSlowedDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := &crmWindow{most: 1000, span: 10 * time.Second}
		b := budgetOver(crm, 110)
		began := time.Now()
		for range 200 {
			_, _ = b.Do(t.Context(), Call{Account: "a"})
		}
		if took := time.Since(began); took > 8100*time.Millisecond {
			t.Errorf("200 calls took %s, want the time of the calls alone", took)
		}
	})
}

func TestACallThatWouldComeTooLateIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := &crmWindow{most: 4, span: 10 * time.Second}
		b := budgetOver(crm, 4)
		for range 3 {
			_, _ = b.Do(t.Context(), Call{Account: "a"})
		}
		_, err := b.Do(t.Context(), Call{Account: "a", SendBy: time.Now().Add(time.Second)})
		var lost *TransportError
		if !errors.As(err, &lost) || lost.Sent || !errors.Is(err, ErrSendDeadline) {
			t.Errorf("got %v, want a call that was not sent", err)
		}
		if wait := b.Room("a", "burst", 1); wait < 9*time.Second || wait > 10*time.Second {
			t.Errorf("room in %s, want in about 10 s", wait)
		}
		if wait := b.Room("another", "burst", 3); wait != 0 {
			t.Errorf("another account waits %s", wait)
		}
	})
}

func TestTheShareOfTheDayIsLeftToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		crm := &crmWindow{most: 100, span: time.Second, daily: 79}
		b := budgetOver(crm, 100)
		do := func() (*Error, bool) {
			_, err := b.Do(t.Context(), Call{Account: "a"})
			return HeldBack(err)
		}
		if e, held := do(); held {
			t.Fatalf("held back below the share: %v", e)
		}
		crm.daily = 80
		_, _ = do() // it learns
		sent := len(crm.at)
		if e, held := do(); !held || e.Code != "share" || len(crm.at) != sent {
			t.Errorf("held back: %v %v; want it not sent", held, e)
		}
		crm.daily = 10
		time.Sleep(time.Minute)
		if _, held := do(); held {
			t.Error("nobody looked whether the share is free again")
		}
		if _, held := do(); held {
			t.Error("held back though the share is free again")
		}
	})
}
