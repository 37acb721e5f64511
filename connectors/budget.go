package connectors

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Budget is a Doer that sends no call which the CRM would only answer with "too many": it counts each account's calls against the limits that the
// CRM publishes, corrects the count by what each answer says is left, for others may use the account too, and holds a call back for
// the moment that it lacks. Calls without an Account pass as they are.
//
// A token bucket (golang.org/x/time/rate) would not do: the limits are sliding windows, which a bucket keeps only by giving up its burst or half
// of its rate.
type Budget struct {
	next  Doer
	rules BudgetRules
	now   func() time.Time

	mu       sync.Mutex
	accounts map[string]*allowance
}

// BudgetRules are what one CRM counts, and how it says what is left.
type BudgetRules struct {
	Windows    map[string]Window    // by name, as published
	WindowOf   func(Call) string    // the window that a call counts against; "": none
	Told       func(Reply) Told     // what an answer says
	DailyShare float64              // of the account's daily calls, by whomever they are used, after which this service sends none; 0: no matter
	OverShare  func(d Daily) *Error // how a call is refused then; its RetryAfter is when one is let through to look again
}

// Window is so many calls in a span that slides.
type Window struct {
	Max  int
	Span time.Duration
}

// Told is what an answer says of the account's allowance. A zero Window says nothing of it.
type Told struct {
	Window Window
	Left   int
	Daily  Daily
}

// Daily is an allowance of a day. Max 0: nothing is known.
type Daily struct{ Used, Max int64 }

// Pacer is a Connector that knows how much an account may be asked now.
type Pacer interface {
	// Room says how long to wait until so many calls of the account can go out one after the other; 0: they can now.
	Room(account Account, calls int) time.Duration
}

// NewBudget makes a Budget over next.
func NewBudget(next Doer, rules BudgetRules, now func() time.Time) *Budget {
	return &Budget{next: next, rules: rules, now: now, accounts: map[string]*allowance{}}
}

// manyAccounts is the size from which accounts that rest are forgotten.
const manyAccounts = 4096

// allowance is what is known of one account.
type allowance struct {
	windows map[string]*window
	daily   Daily
	dailyAt time.Time
	used    time.Time // last
}

func (b *Budget) account(id string) *allowance {
	a := b.accounts[id]
	now := b.now()
	if a == nil {
		if len(b.accounts) >= manyAccounts {
			for other, o := range b.accounts {
				if now.Sub(o.used) > time.Hour {
					delete(b.accounts, other)
				}
			}
		}
		a = &allowance{windows: map[string]*window{}}
		for name, w := range b.rules.Windows {
			a.windows[name] = &window{Window: w, left: w.Max}
		}
		b.accounts[id] = a
	}
	a.used = now
	return a
}

// Room is how long to wait until so many calls of the account can go out, against window; 0: now.
func (b *Budget) Room(account, window string, calls int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.account(account).windows[window]
	if w == nil {
		return 0
	}
	return w.wait(b.now(), calls)
}

// Do sends the call as soon as there is room for it. Where that would be after its SendBy, or the day's share is used up, nothing is sent and the
// error says so.
func (b *Budget) Do(ctx context.Context, call Call) (Reply, error) {
	if call.Account == "" {
		return b.next.Do(ctx, call)
	}
	c, err := b.take(ctx, call)
	if err != nil {
		return Reply{}, &TransportError{Err: err}
	}
	reply, err := b.next.Do(ctx, call)
	b.learn(call, c, reply)
	return reply, err
}

// take waits for room and takes it.
func (b *Budget) take(ctx context.Context, call Call) (*taken, error) {
	for {
		b.mu.Lock()
		now, a := b.now(), b.account(call.Account)
		if e := b.overShare(a, now); e != nil {
			b.mu.Unlock()
			return nil, e
		}
		w := a.windows[b.rules.WindowOf(call)]
		if w == nil {
			b.mu.Unlock()
			return nil, nil
		}
		wait := w.wait(now, 1)
		if wait == 0 {
			c := w.take(now)
			b.mu.Unlock()
			return c, nil
		}
		b.mu.Unlock()
		if !call.SendBy.IsZero() && now.Add(wait).After(call.SendBy) {
			return nil, ErrSendDeadline
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *Budget) overShare(a *allowance, now time.Time) *Error {
	if b.rules.DailyShare <= 0 || a.daily.Max <= 0 || float64(a.daily.Used) < b.rules.DailyShare*float64(a.daily.Max) {
		return nil
	}
	e := b.rules.OverShare(a.daily)
	if now.Sub(a.dailyAt) >= e.RetryAfter {
		a.dailyAt = now // one goes and looks
		return nil
	}
	return e
}

// learn corrects the count by an answer.
func (b *Budget) learn(call Call, c *taken, reply Reply) {
	told := b.rules.Told(reply)
	b.mu.Lock()
	defer b.mu.Unlock()
	now, a := b.now(), b.account(call.Account)
	if told.Daily.Max > 0 {
		a.daily, a.dailyAt = told.Daily, now
	}
	if w := a.windows[b.rules.WindowOf(call)]; w != nil && c != nil {
		w.answered(now, c, told)
	}
}

// window counts one account's calls against one limit.
type window struct {
	Window
	left  int // when the CRM last said, or all of it; counted calls that fell out of the window since are added
	calls []*taken
}

// taken is one call: it counts in the CRM's window from a moment that nobody here knows, but at the latest from its answer.
type taken struct {
	until   time.Time
	counted bool // the CRM's last word includes it
	waits   bool // for its answer
}

// spare is kept back: the CRM's count and ours are never quite of one moment.
func (w *window) spare() int { return max(1, w.Max/20) }

// room is how many calls can go now.
func (w *window) room(now time.Time) int {
	keep := w.calls[:0]
	for _, c := range w.calls {
		switch {
		case c.waits || now.Before(c.until):
			keep = append(keep, c)
		case c.counted:
			w.left = min(w.Max, w.left+1)
		}
	}
	clear(w.calls[len(keep):])
	w.calls = keep
	room := w.left - w.spare()
	for _, c := range w.calls {
		if !c.counted {
			room--
		}
	}
	return room
}

// wait is how long until n calls can go; at most the span, for what others used is forgotten by then.
func (w *window) wait(now time.Time, n int) time.Duration {
	lack := min(n, w.Max-w.spare()) - w.room(now)
	if lack <= 0 {
		return 0
	}
	if len(w.calls) == 0 { // others use it: nobody says when they began
		w.left = min(w.Max, w.left+w.spare())
		return w.Span / 10
	}
	at := w.calls[min(lack, len(w.calls))-1].until
	return max(time.Millisecond, at.Sub(now)+time.Millisecond)
}

func (w *window) take(now time.Time) *taken {
	c := &taken{until: now.Add(w.Span), waits: true}
	w.calls = append(w.calls, c)
	return c
}

func (w *window) answered(now time.Time, c *taken, told Told) {
	c.waits, c.until = false, now.Add(w.Span)
	if told.Window.Max <= 0 {
		return
	}
	w.Window, w.left = told.Window, told.Left
	for _, o := range w.calls {
		o.counted = o.counted || !o.waits
	}
}

// HeldBack is the Error of a call that a Budget did not send, if that is what err is.
func HeldBack(err error) (*Error, bool) {
	var lost *TransportError
	var e *Error
	if errors.As(err, &lost) && errors.As(lost.Err, &e) {
		return e, true
	}
	return nil, false
}
