package hubspot

import (
	"context"
	"slices"

	"crm-connectors/connectors"
)

// createActivities creates tasks or notes with their markers and associations. One that an earlier attempt made is completed by itself.
func (l *list) createActivities(ctx context.Context, a activity, all []*item) {
	var items []*item
	for _, it := range all {
		if l.stop != nil || it.write.Found.ID != "" || it.write.Task == nil && it.write.Rollup == nil {
			continue
		}
		if l.prepare(ctx, a, it); !it.done {
			items = append(items, it)
		}
	}
	if len(items) < 2 {
		return
	}
	for chunk := range slices.Chunk(items, maxInputs) {
		l.post(ctx, chunk, l.paths.batch(a.typ, "create"), connectors.Once,
			func(it *item) input { return l.activityInput(ctx, a, it) },
			func(it *item, rec record) bool { return it.write.Marker != "" && a.bears(rec, it.write.Marker) },
			func(it *item, rec record) {
				it.settle(connectors.Ref{Type: a.typ, ID: string(rec.ID)}, connectors.Created, nil)
			})
	}
}

// prepare makes the properties of an item and finds its links, most of which are known.
func (l *list) prepare(ctx context.Context, a activity, it *item) {
	w, failed := l.withContact(it.write)
	if failed != nil {
		it.settle(connectors.Ref{}, "", failed)
		return
	}
	it.write = w
	trace := connectors.NewTrace(l.doer, w.SendBy)
	s := &session{Connector: l.Connector, account: l.account, doer: trace}
	properties, links, failed := s.draft(ctx, w)
	it.notes, it.calls = s.notes, trace.Calls()
	if failed != nil {
		if endsList(failed) {
			l.stop = failed
		}
		it.settle(connectors.Ref{}, "", failed)
		return
	}
	s.mark(a, w.Marker, properties)
	it.body = properties
	it.links, _ = aim(a.object, l.account.Settings.RollupTarget, links)
}

func (l *list) activityInput(ctx context.Context, a activity, it *item) input {
	trace := connectors.NewTrace(l.doer, it.write.SendBy)
	s := &session{Connector: l.Connector, account: l.account, doer: trace}
	in := input{Properties: it.body}
	for _, k := range it.links {
		in.Associations = append(in.Associations, association{To: target{ID: k.id}, Types: []associationType{s.associationType(ctx, a.typ, k.typ)}})
	}
	it.calls = append(it.calls, trace.Calls()...)
	for _, n := range s.notes {
		if !slices.Contains(it.notes, n) {
			it.notes = append(it.notes, n)
		}
	}
	return in
}
