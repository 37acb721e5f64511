package salesforce

import (
	"context"

	"crm-connectors/connectors"
)

// createTasks makes tasks and rollups with their markers and links. One that an earlier attempt made is taken as it is.
func (l *list) createTasks(ctx context.Context, activities []*item) {
	byKey := map[bool][]*item{}
	for _, it := range activities {
		if !it.open() || l.stop != nil {
			continue
		}
		if len(it.found.own) > 0 {
			ref, outcome, err := it.st.adopt(ctx, it.found.own)
			l.settled(it, ref, outcome, err)
			continue
		}
		if l.draft(ctx, it); it.open() {
			keyed := it.st.keyed()
			it.record = it.st.keyedRecord(it.record, keyed)
			byKey[keyed] = append(byKey[keyed], it)
		}
	}
	for keyed, items := range byKey {
		l.saveAll(ctx, items, creating(typeTask, keyed), func(it *item, id string, created bool) {
			it.settle(connectors.Ref{Type: typeTask, ID: id}, outcomeOf(created), nil)
		})
	}
}

// draft makes the record of an item. Most of what it needs has been looked up for all of them.
func (l *list) draft(ctx context.Context, it *item) {
	body, err := it.st.activityBody(ctx)
	var d draft
	if err == nil {
		d, err = it.st.link(ctx, body)
	}
	if err != nil {
		l.settled(it, connectors.Ref{}, "", err)
		return
	}
	record, encoding := completed(d.defaults, d.body)
	if encoding != nil {
		it.alone = true
		return
	}
	it.record = record
}
