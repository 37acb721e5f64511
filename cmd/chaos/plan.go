package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"crm-connectors/cmd/chaos/cut"
	"crm-connectors/cmd/chaos/lane"
)

// Sizes of a random schedule.
const (
	minFaults, maxFaults = 2, 5
	maxOrders            = 4
	lastCall             = 14 // faults strike by the n-th call to a CRM, n up to this,
	lastMoment           = 1500 * time.Millisecond
)

// plan is what a seed comes to. It is all that the seed decides: processes keep their own time.
type plan struct {
	seed     int64
	tier     tier
	replicas int
	orders   []kind
	together bool // the orders share a workspace a CRM
	faults   []fault
	person   bool // somebody sees to what the service leaves to people
	strict   bool // the faults leave no reason to hand anything to a person
	bound    time.Duration
}

// fault is one thing that goes wrong, and when. do may take its time; deed judges what is about to pass and must not, and
// gives what is to be done afterwards.
type fault struct {
	kind  string
	at    moment
	times int // so often; 0 is once
	do    func(ctx context.Context, t *trial, r *rand.Rand) error
	deed  func(t *trial, e lane.Event, r *rand.Rand) (cut.Verdict, func(context.Context) error)
	whole bool // needs an outcome that has everything, as the first
	spoil bool // a copy that the CRM makes by itself: the service must tell it

	// unseen is what may take a write away from the service before it has looked for it, or a copy past its look. Of a copy that the CRM made the
	// comparison of the next day would tell then, which a plan within the bounds does not wait for: it has one of the two.
	unseen bool

	late  bool // the CRM executes a request after a while,
	skips bool // which is over when this has let a day pass: a plan has one of the two
}

// moment is when a fault strikes: before the first outcome is sent, at the n-th call, or by the clock.
type moment struct {
	first bool
	nth   int            // 0: by the clock
	on    *regexp.Regexp // counts calls of these names alone; nil: all calls to a CRM
	wire  string         // empty: the CRMs
	down  bool           // counts answers
	own   bool           // counts requests about the trial's own records alone
	after time.Duration  // from the first outcome
}

func (m moment) String() string {
	switch {
	case m.first:
		return "first"
	case m.nth > 0 && m.on != nil:
		return fmt.Sprintf("call %d of some", m.nth)
	case m.nth > 0:
		return fmt.Sprintf("call %d", m.nth)
	}
	return m.after.Round(time.Millisecond).String()
}

// counts says whether an event is one of those that the moment counts.
func (m moment) counts(e lane.Event) bool {
	if !e.Begins || m.down != (e.Dir == cut.Down) {
		return false
	}
	if m.wire == "" && e.Wire == lane.Postgres || m.wire != "" && m.wire != e.Wire {
		return false
	}
	return m.on == nil || m.on.MatchString(e.Label)
}

func newPlan(seed int64, list []kind, beyond bool) plan {
	r := rand.New(rand.NewPCG(uint64(seed), 1)) // it must repeat
	p := plan{seed: seed, tier: tierOf(seed), replicas: []int{1, 1, 2, 2, 2, 3}[r.IntN(6)], together: r.IntN(3) == 0, person: !beyond && r.IntN(2) == 0}
	list = p.tier.fit(list)
	if len(list) == 0 {
		return p
	}
	for range 1 + r.IntN(maxOrders) {
		p.orders = append(p.orders, list[r.IntN(len(list))])
	}
	menu := faultMenu(beyond, p.tier)
	for range minFaults + r.IntN(maxFaults-minFaults+1) {
		f := menu[r.IntN(len(menu))](r)
		for slices.ContainsFunc(p.faults, f.excludes) {
			f = menu[r.IntN(len(menu))](r)
		}
		if f.at == (moment{}) {
			f.at = moment{nth: 1 + r.IntN(lastCall), after: time.Duration(r.Int64N(int64(lastMoment)))}
			if f.do != nil && r.IntN(2) == 0 {
				f.at.nth = 0
			}
		}
		if f.times > 1 { // whoever is to be hit again and again must be known
			p.replicas = 1
		}
		p.faults = append(p.faults, f)
	}
	if list := situations(p.tier); !beyond && r.IntN(situationEvery) == 0 {
		p.add(list[r.IntN(len(list))](r), r)
	}
	return p
}

// add puts a situation into the plan, unless what is there excludes it.
func (p *plan) add(together []fault, r *rand.Rand) {
	for _, f := range together {
		if slices.ContainsFunc(p.faults, f.excludes) {
			return
		}
	}
	for _, f := range together {
		if p.faults = append(p.faults, f); f.times > 1 {
			p.replicas = 1
		}
		if f.whole && p.tier != tierSearch {
			p.orders = append([]kind{wholes()[r.IntN(2)]}, p.orders...)
		}
	}
}

// wholes are the kinds of outcome that have everything, one a CRM.
func wholes() []kind {
	return slices.DeleteFunc(kinds(), func(k kind) bool { return len(k.parts) < 3 })
}

// excludes says that a plan has one of the two alone.
func (f fault) excludes(o fault) bool {
	return f.spoil && o.unseen || f.unseen && o.spoil || f.late && o.skips || f.skips && o.late
}

// tierOf spreads the seeds over the tiers.
func tierOf(seed int64) tier {
	all := tiers()
	return all[((seed%int64(len(all)))+int64(len(all)))%int64(len(all))]
}

func (p plan) String() string {
	var names []string
	for _, f := range p.faults {
		names = append(names, f.kind+" at "+f.at.String())
	}
	var orders []string
	for _, k := range p.orders {
		orders = append(orders, k.name)
	}
	return fmt.Sprintf("seed %d: %s, %d replicas, %s; %s", p.seed, p.tier, p.replicas, strings.Join(orders, " + "), strings.Join(names, ", "))
}
