package hubspot

import (
	"context"
	"net/http"
	"strconv"

	"crm-connectors/connectors"
)

// MaxBatch is how many inputs HubSpot's batch endpoints take: https://developers.hubspot.com/docs/api/crm/contacts.
func (c *Connector) MaxBatch() int { return maxInputs }

// item is what one input of a batch call stands for: a task, a rollup, or a contact with all that the list has to say of it.
type item struct {
	at     []int // places in the list, in order
	write  connectors.Write
	person person            // contact
	ref    connectors.Ref    // contact: who it is, once that is known
	body   map[string]string // properties to send
	links  []link            // task, rollup
	notes  []connectors.Note
	calls  []connectors.CallRecord
	land   bool // a change may still land
	done   bool
	result connectors.Result
}

func (it *item) settle(ref connectors.Ref, outcome connectors.Outcome, failed *connectors.Error) {
	if failed != nil {
		e := *failed
		failed, ref, outcome = &e, connectors.Ref{}, ""
	}
	it.result, it.done = connectors.Result{Ref: ref, Outcome: outcome, Err: failed}, true
}

// carryAll carries a list of two or more: contacts first, and what depends on them after. Wherever there are several of a kind they go in one
// call, and what HubSpot refuses of that goes again by itself, where a refusal is understood best and mended. A refused input was not
// executed.
func (l *list) carryAll(ctx context.Context, writes []connectors.Write) []connectors.Result {
	results := make([]connectors.Result, len(writes))
	contacts, rest := l.people(writes)
	if len(contacts) > 1 {
		l.lookUp(ctx, contacts)
		l.updateAll(ctx, contacts)
		l.createAll(ctx, contacts)
	}
	for _, it := range contacts {
		l.finish(ctx, it, results)
	}
	for _, a := range activities() {
		var items []*item
		for _, it := range rest {
			if it.write.Object == a.object {
				items = append(items, it)
			}
		}
		if len(items) > 1 {
			l.createActivities(ctx, a, items)
		}
		for _, it := range items {
			l.finish(ctx, it, results)
		}
	}
	for _, it := range rest { // of no kind that is known
		if _, ok := activityOf(it.write.Object); !ok {
			l.finish(ctx, it, results)
		}
	}
	return results
}

// finish gives an item its result, by a call of its own if it has none yet.
func (l *list) finish(ctx context.Context, it *item, results []connectors.Result) {
	if it.done {
		l.remember(it.write, it.result)
	} else {
		it.result = l.carry(ctx, it.write)
	}
	r := it.result
	r.Notes, r.Calls, r.MayLand = append(it.notes, r.Notes...), append(it.calls, r.Calls...), r.MayLand || it.land
	if len(r.Limits) == 0 {
		r.Limits = l.limits
	}
	for n, at := range it.at {
		results[at] = r
		if n > 0 && r.Err == nil { // what came later changed what came first
			results[at].Outcome = connectors.Updated
		}
	}
}

// remember keeps what became of a contact for what depends on it.
func (l *list) remember(w connectors.Write, r connectors.Result) {
	if r.Err != nil && endsList(r.Err) {
		l.stop = r.Err
	}
	if w.Object == connectors.ObjectContact && w.Contact != nil {
		l.contacts[normalEmail(w.Contact.Email)] = r
	}
}

// shared makes one call for several items. Each of them has it on its record.
func (l *list) shared(ctx context.Context, items []*item, at place, effect connectors.Effect, body, answer any) (connectors.Reply, *connectors.Error) {
	sendBy := items[0].write.SendBy
	for _, it := range items {
		if it.write.SendBy.Before(sendBy) {
			sendBy = it.write.SendBy
		}
	}
	trace := connectors.NewTrace(l.doer, sendBy)
	told := newGauge(trace)
	s := &session{Connector: l.Connector, account: l.account, doer: told}
	reply, failed := s.call(ctx, http.MethodPost, at, effect, body, answer)
	if seen := told.Limits(); len(seen) > 0 {
		l.limits = seen
	}
	for _, it := range items {
		it.calls, it.land = append(it.calls, trace.Calls()...), it.land || trace.MayLand()
	}
	if failed != nil && endsList(failed) {
		l.stop = failed
	}
	return reply, failed
}

// input is one input of a batch create or update. With a trace id of its own each, one that is refused does not take the others with it.
type input struct {
	ID           string            `json:"id,omitempty"`
	Properties   map[string]string `json:"properties"`
	Associations []association     `json:"associations,omitempty"`
	TraceID      string            `json:"objectWriteTraceId"`
}

// post sends items in one batch call. Where HubSpot refuses the call as a whole, each half goes by itself, so that one bad item costs a few
// calls and none of its neighbours; a single item that is refused is left to be sent alone. known tells which item a result without
// a trace id belongs to, if it can be told.
func (l *list) post(ctx context.Context, items []*item, at place, effect connectors.Effect, each func(*item) input, known func(*item, record) bool,
	won func(*item, record),
) {
	if len(items) == 0 || l.stop != nil {
		return
	}
	inputs := traced(items, each)
	var answer writtenBatch
	reply, failed := l.shared(ctx, items, at, effect, map[string]any{"inputs": inputs}, &answer)
	switch {
	case failed != nil && failed.Class == connectors.ClassRejected && len(items) > 1:
		half := len(items) / 2
		l.post(ctx, items[:half], at, effect, each, known, won)
		l.post(ctx, items[half:], at, effect, each, known, won)
		return
	case failed != nil && failed.Class == connectors.ClassRejected:
		return
	case failed != nil:
		for _, it := range items {
			it.settle(connectors.Ref{}, "", failed)
		}
		return
	}
	refused := map[int]bool{}
	for _, e := range answer.Errors {
		for _, id := range openEnvelope(e).named("objectWriteTraceId") {
			if n, err := strconv.Atoi(id); err == nil && n >= 0 && n < len(items) {
				refused[n] = true
			}
		}
	}
	for _, rec := range answer.records() {
		if n := whose(items, rec, known); n >= 0 && rec.ID != "" {
			won(items[n], rec)
		}
	}
	unsure := classify(connectors.Reply{Status: reply.Status, Header: reply.Header}, effect, l.now())
	for n, it := range items {
		if !it.done && !refused[n] { // neither among the results nor among the errors
			it.settle(connectors.Ref{}, "", unsure)
		}
	}
}

// traced are the inputs for items, each with its place as its trace id.
func traced(items []*item, each func(*item) input) []input {
	inputs := make([]input, len(items))
	for n, it := range items {
		inputs[n] = each(it)
		inputs[n].TraceID = strconv.Itoa(n)
	}
	return inputs
}

// whose is the place of the item that a result is for: by its trace id, which HubSpot's schema has and its documentation's examples leave
// out, else by what known makes of it; -1 if nobody's.
func whose(items []*item, rec record, known func(*item, record) bool) int {
	if n, err := strconv.Atoi(string(rec.TraceID)); err == nil && n >= 0 && n < len(items) {
		return n
	}
	for n, it := range items {
		if !it.done && known(it, rec) {
			return n
		}
	}
	return -1
}
