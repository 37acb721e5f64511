package salesforce

import (
	"context"
	"time"

	"crm-connectors/connectors"
)

// maxCollection is how many records sObject Collections take in one call: REST API Developer Guide.
const maxCollection = 200

// MaxBatch is how many records one call of Salesforce's takes.
func (c *Connector) MaxBatch() int { return maxCollection }

// list is one Deliver under way.
type list struct {
	*session
	stop   *connectors.Error  // set once the connection can do no more
	limits []connectors.Limit // as last stated in a call for several
	unsure map[string]bool    // by address: people of whom something may still have to be written, or may still land
}

// item is what one record of a call for several stands for: a task, a rollup, or a person with all that the list has to say of them.
type item struct {
	at    []int              // places in the list, in order
	each  []connectors.Write // as they came
	st    *step              // of all of them as one write
	own   *connectors.Trace  // of the calls for this item alone
	calls []connectors.CallRecord
	land  bool // a change may still land
	alone bool // there is no way for it among others
	done  bool

	result connectors.Result
	record map[string]any // to send

	found found // by address and marker

	who, what []string // what a task that is looked for can hang on

	want    fields // person
	person  person
	missing fields
}

func (l *list) newItem(at int, w connectors.Write) *item {
	own := connectors.NewTrace(l.c.cfg.HTTP, w.SendBy)
	return &item{at: []int{at}, each: []connectors.Write{w}, own: own, st: &step{session: l.session, doer: newGauge(own), write: w}}
}

func (it *item) settle(ref connectors.Ref, outcome connectors.Outcome, err *connectors.Error) {
	if err != nil {
		err, ref, outcome = notTried(err), connectors.Ref{}, ""
	}
	it.result, it.done = connectors.Result{Ref: ref, Outcome: outcome, Err: err}, true
}

// settled settles an item by what came of calls of its own.
func (l *list) settled(it *item, ref connectors.Ref, outcome connectors.Outcome, err *connectors.Error) {
	if stop := forAll(err); stop != nil {
		l.stop = stop
	}
	it.settle(ref, outcome, err)
}

// open tells whether the item still has to be carried among others.
func (it *item) open() bool { return !it.done && !it.alone }

// carryAll carries a list of two or more: people first, and what depends on them after. Wherever there are several of a kind they go in one
// call; what Salesforce refuses of that, and what can be mended, goes again by itself. What is refused was not executed.
func (l *list) carryAll(ctx context.Context, writes []connectors.Write) []connectors.Result {
	results := make([]connectors.Result, len(writes))
	people, activities, rest := l.sort(writes)
	if inTime(ctx, writes, l.c.cfg.Now()) {
		several(people)
		several(activities)
	} else { // each says so for itself
		setAlone(people)
		setAlone(activities)
	}
	l.lookUp(ctx, people, activities)
	l.updatePeople(ctx, people)
	l.createLeads(ctx, people)
	for _, it := range people {
		l.finish(ctx, it, results)
	}
	l.createTasks(ctx, activities)
	for _, it := range append(activities, rest...) {
		l.finish(ctx, it, results)
	}
	return results
}

// inTime tells whether there is still time to send.
func inTime(ctx context.Context, writes []connectors.Write, now time.Time) bool {
	for _, w := range writes {
		if !w.SendBy.IsZero() && !now.Before(w.SendBy) {
			return false
		}
	}
	return ctx.Err() == nil
}

// several leaves what has no company of its own kind to itself: one outcome takes the single calls.
func several(items []*item) {
	count := map[connectors.Object]int{}
	most := 0
	for _, it := range items {
		if it.open() {
			count[it.st.write.Object]++
			most = max(most, count[it.st.write.Object])
		}
	}
	if most < 2 {
		setAlone(items)
	}
}

func setAlone(items []*item) {
	for _, it := range items {
		it.alone = true
	}
}

// carry carries one write by itself.
func (l *list) carry(ctx context.Context, w connectors.Write) connectors.Result {
	if l.stop != nil {
		return connectors.Result{Err: notTried(l.stop)}
	}
	trace := connectors.NewOwnTrace(l.c.cfg.HTTP, w.SendBy)
	told := newGauge(trace)
	r := l.deliver(ctx, told, w)
	r.Calls, r.MayLand, r.Limits = trace.Calls(), trace.MayLand(), told.Limits()
	l.stop = forAll(r.Err)
	return r
}

// carryInTurn is carry for a write of a person only once all that came before it in the list is sure: a lost one would land after it.
func (l *list) carryInTurn(ctx context.Context, w connectors.Write) connectors.Result {
	if w.Object != connectors.ObjectContact || w.Contact == nil {
		return l.carry(ctx, w)
	}
	email := emailKey(w.Contact.Email)
	if l.unsure[email] && l.stop == nil {
		return connectors.Result{Err: waitsForOlder()}
	}
	r := l.carry(ctx, w)
	l.unsure[email] = r.MayLand || r.Err != nil && r.Err.Class != connectors.ClassRejected
	return r
}

func waitsForOlder() *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: "waits_for_older",
		Cause: "An older change of the same person is not sure to have been written yet.", Action: doNothing}
}

// finish gives the writes of an item their results. Those that have none yet are carried one by one.
func (l *list) finish(ctx context.Context, it *item, results []connectors.Result) {
	calls, land := append(it.own.Calls(), it.calls...), it.land || it.own.MayLand()
	for n, at := range it.at {
		r := it.result
		r.Notes = it.st.notes
		if !it.done {
			r = l.carryInTurn(ctx, it.each[n])
		} else if n > 0 && r.Outcome == connectors.Created { // what came later changed what came first
			r.Outcome = connectors.Updated
		}
		r.Calls, r.MayLand = append(calls[:len(calls):len(calls)], r.Calls...), r.MayLand || land
		if len(r.Limits) == 0 {
			r.Limits = l.limits
		}
		results[at] = r
	}
}

// shared makes calls for several items. Each of them has them on its record.
func (l *list) shared(items []*item, call func(*step) *connectors.Error) *connectors.Error {
	var sendBy time.Time
	for _, it := range items {
		if by := it.st.write.SendBy; sendBy.IsZero() || !by.IsZero() && by.Before(sendBy) {
			sendBy = by
		}
	}
	trace := connectors.NewTrace(l.c.cfg.HTTP, sendBy)
	told := newGauge(trace)
	err := call(&step{session: l.session, doer: told})
	if seen := told.Limits(); len(seen) > 0 {
		l.limits = seen
	}
	for _, it := range items {
		it.calls, it.land = append(it.calls, trace.Calls()...), it.land || trace.MayLand()
	}
	if stop := forAll(err); stop != nil {
		l.stop = stop
	}
	return err
}
