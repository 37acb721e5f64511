package handlers

import (
	"context"
	"sync"
	"time"

	"crm-connectors/store"
)

const (
	overviewKept  = 2 * time.Second // any number of open consoles cost one look of each process in this time
	chartMinutes  = 60
	minuteSettled = 2 * time.Minute // a minute that is over for longer does not change: its transactions have ended
	nearlyUsed    = 0.7             // of a day's calls: then an account is shown
	allowancesMax = 10
)

// Overview is all that an operator sees at a glance.
type Overview struct {
	At         time.Time
	Healths    []Health
	Waiting    []Reason
	Minutes    []Minute  // the last hour, oldest first; the last is under way
	Oldest     time.Time // when the oldest write that waits was accepted; zero: none waits
	OldestMore bool      // there may be an older one: more wait than were looked at
	InDoubt    Count
	Review     Count
	Allowances []Allowance
}

// Health is how many connections are how, by CRM.
type Health struct {
	Name  string // writing, paused, trouble, error, pending_claim, disconnected
	ByCRM map[string]int
	Total int
}

// Count is a number that may be the least of what there is.
type Count struct {
	N    int
	More bool
}

// Reason is why writes of a status are not written.
type Reason struct {
	Status, Code, Cause, Action string
	Count                       Count
	Oldest                      time.Time
}

// Minute is what was settled in one.
type Minute struct {
	At                      time.Time
	Written, Failed, Review int
}

// Allowance is a CRM account that rests, or has used most of its calls of today.
type Allowance struct {
	Connection ConnectionView
	Used, Max  int64 // 0, 0: the CRM has not said
}

// overview keeps the last look, and the minutes that are over.
type overview struct {
	mu      sync.Mutex
	last    Overview
	minutes map[time.Time]Minute
}

// Overview looks at all workspaces. It is for operators alone.
func (h *Handlers) Overview(ctx context.Context) (Overview, error) {
	h.overview.mu.Lock()
	defer h.overview.mu.Unlock()
	now := h.cfg.Now()
	if age := now.Sub(h.overview.last.At); age >= 0 && age < overviewKept {
		return h.overview.last, nil
	}
	out := Overview{At: now}
	healths, err := h.store.Healths(ctx)
	if err != nil {
		return out, err
	}
	out.Healths = byHealth(healths)
	waiting, err := h.store.WaitingWrites(ctx)
	if err != nil {
		return out, err
	}
	out.take(waiting)
	if out.Minutes, err = h.lastHour(ctx, now); err != nil {
		return out, err
	}
	low, err := h.store.Allowances(ctx, nearlyUsed, allowancesMax)
	if err != nil {
		return out, err
	}
	for _, a := range low {
		out.Allowances = append(out.Allowances, Allowance{Connection: h.view(a.Connection), Used: a.Used, Max: a.Max})
	}
	h.overview.last = out
	return out, nil
}

// byHealth has every health, worst first, also those that no connection is in.
func byHealth(counts []store.HealthCount) []Health {
	var out []Health
	for _, name := range []string{store.ConnectionError, store.HealthTrouble, store.HealthPaused, store.HealthWriting, store.ConnectionPendingClaim, store.ConnectionDisconnected} {
		health := Health{Name: name, ByCRM: map[string]int{}}
		for _, c := range counts {
			if c.Health == name {
				health.ByCRM[c.CRM] += c.Count
				health.Total += c.Count
			}
		}
		out = append(out, health)
	}
	return out
}

func (o *Overview) take(waiting []store.Waiting) {
	for _, w := range waiting {
		n := Count{N: w.Count, More: w.More}
		o.Waiting = append(o.Waiting, Reason{Status: w.Status, Code: w.Code, Cause: w.Cause, Action: w.Action, Count: n, Oldest: w.Oldest})
		switch w.Status {
		case store.NeedsReview:
			o.Review = o.Review.and(n)
		case store.InDoubt, store.Reconciling:
			o.InDoubt = o.InDoubt.and(n)
		}
		if w.Status == store.Failed || w.Status == store.NeedsReview {
			continue
		}
		if o.Oldest.IsZero() || w.Oldest.Before(o.Oldest) {
			o.Oldest = w.Oldest
		}
		o.OldestMore = o.OldestMore || w.More
	}
}

func (c Count) and(d Count) Count { return Count{N: c.N + d.N, More: c.More || d.More} }

// lastHour asks for the minutes that may still change, and for those that were never asked for.
func (h *Handlers) lastHour(ctx context.Context, now time.Time) ([]Minute, error) {
	current := now.UTC().Truncate(time.Minute)
	first := current.Add(-(chartMinutes - 1) * time.Minute)
	since := first
	for !since.After(current) {
		if _, known := h.overview.minutes[since]; !known || now.Sub(since) < time.Minute+minuteSettled {
			break
		}
		since = since.Add(time.Minute)
	}
	counts, err := h.store.SettledByMinute(ctx, since)
	if err != nil {
		return nil, err
	}
	fresh := map[time.Time]Minute{}
	for _, c := range counts {
		m := fresh[c.Minute.UTC()]
		switch c.Status {
		case store.Succeeded:
			m.Written = c.Count
		case store.Failed:
			m.Failed = c.Count
		case store.NeedsReview:
			m.Review = c.Count
		}
		fresh[c.Minute.UTC()] = m
	}
	all := map[time.Time]Minute{}
	var out []Minute
	for at := first; !at.After(current); at = at.Add(time.Minute) {
		m := h.overview.minutes[at]
		if !at.Before(since) {
			m = fresh[at]
		}
		m.At = at
		all[at] = m
		out = append(out, m)
	}
	h.overview.minutes = all
	return out, nil
}
