package salesforce

import (
	"context"
	"slices"
	"time"

	"crm-connectors/connectors"
)

// FindAll asks for the people, and for the texts and markers among which the tasks must be, in composite calls of five queries for many values
// each. What Salesforce refuses of that, and what has more records than are looked through, is looked for as Find does.
func (c *Connector) FindAll(ctx context.Context, account connectors.Account, writes []connectors.Write) []connectors.Sighting {
	out := make([]connectors.Sighting, len(writes))
	s, refusal := c.open(account)
	if refusal != nil {
		for at := range out {
			out[at].Err = refusal
		}
		return out
	}
	l := &list{session: s}
	items := make([]*item, len(writes))
	var people, tasks []*item
	for at, w := range writes {
		switch items[at] = l.newItem(at, w); {
		case !canFind(w):
			items[at] = nil
		case isActivity(w):
			tasks = append(tasks, items[at])
		default:
			people = append(people, items[at])
		}
	}
	l.findPeople(ctx, people)
	l.findTasks(ctx, tasks)
	for at, it := range items {
		if it == nil {
			out[at].Err = connectors.ErrCannotFind
			continue
		}
		out[at].Finding, out[at].Err = l.foundOf(ctx, it)
		out[at].Calls = slices.Concat(it.calls, it.own.Calls())
	}
	return out
}

// foundOf is what the look for an item came to.
func (l *list) foundOf(ctx context.Context, it *item) (connectors.Finding, error) {
	switch {
	case it.done:
		return connectors.Finding{}, it.result.Err
	case l.stop != nil: // not all was asked
		return connectors.Finding{}, l.stop
	case it.alone:
		return it.st.find(ctx)
	case isActivity(it.st.write):
		return it.st.foundTask(ctx, oldestFirst(it.found.own))
	}
	return it.st.foundPerson(it.found, it.found.own, it.st.changes(it.want)), nil
}

// findPeople asks who has the addresses, and for the leads that the writes have made.
func (l *list) findPeople(ctx context.Context, people []*item) {
	for _, it := range people {
		it.alone = it.email() == "" || units(it.email()) > maxEmail
		it.want = it.st.fieldsOf(*it.st.write.Contact)
	}
	l.lookUp(ctx, people, nil)
	emails := needs{}
	for _, it := range people {
		if it.open() && !it.st.keyed() && it.st.write.Marker != "" {
			emails.add(it.email(), it)
		}
	}
	l.askAll(ctx, texts(emails, "Email", func(r record) string { return r.Email }, query{object: typeLead, where: youngest(people)}))
}

// findTasks asks what the tasks can hang on, then for the texts of what hangs there and for the markers, and then for what those that are found may
// lack.
func (l *list) findTasks(ctx context.Context, tasks []*item) {
	if len(tasks) == 0 {
		return
	}
	l.askAll(ctx, l.near(tasks)...)
	whos, whats, subjects, markers := needs{}, needs{}, needs{}, needs{}
	for _, it := range tasks {
		if !it.open() {
			continue
		}
		for _, id := range it.who {
			whos.add(id, it)
		}
		for _, id := range it.what {
			whats.add(id, it)
		}
		subjects.add(it.st.subject(), it)
		if it.st.keyed() {
			markers.add(it.st.write.Marker, it)
		}
	}
	young := youngest(tasks)
	l.askAll(ctx,
		texts(whos, "WhoId", func(r record) string { return r.WhoID }, query{object: typeTask, where: young}),
		texts(whats, "WhatId", func(r record) string { return r.WhatID }, query{object: typeTask, where: young}),
		texts(subjects, "Subject", func(r record) string { return r.Subject },
			query{object: typeTask, where: append(slices.Clone(young), isNull("WhoId"), isNull("WhatId"))}),
		l.ownBy(typeTask, markers))
	emails := needs{}
	for _, it := range tasks {
		if it.open() && len(it.found.own) > 0 && it.unknownPerson() && units(it.email()) <= maxEmail {
			emails.add(it.email(), it)
		}
	}
	l.askAll(ctx, l.leadsBy(emails, fields{}), l.contactsBy(emails, fields{}))
}

// near asks who has the addresses of tasks, and what their leads became: see step.near.
func (l *list) near(tasks []*item) []lookup {
	emails, ids := needs{}, needs{}
	for _, it := range tasks {
		if units(it.email()) <= maxEmail {
			emails.add(it.email(), it)
		}
		switch known := knownPerson(it.st.write.ContactRef); known.Type {
		case typeLead:
			ids.add(known.ID, it)
		case typeContact:
			it.who = appendNew(it.who, known.ID)
		}
		it.what = appendNew(it.what, it.st.deal())
	}
	lead := query{object: typeLead, all: true, fields: []string{"Id", "Email", "ConvertedContactId", "ConvertedOpportunityId"}}
	out := []lookup{emails.lookup("Email", lead), emails.lookup("Email", query{object: typeContact, all: true, fields: []string{"Id", "Email"}}), ids.lookup("Id", lead)}
	for i, of := range []needs{emails, emails, ids} {
		out[i].key = func(r record) string { return r.Email }
		if i == 2 {
			out[i].key = func(r record) string { return r.ID }
		}
		out[i].take = func(value string, records []record) {
			for _, it := range of[value] {
				for _, r := range records {
					it.who = appendNew(it.who, r.ID, r.ConvertedContactID)
					it.what = appendNew(it.what, r.ConvertedOpportunityID)
				}
			}
		}
	}
	return out
}

// texts asks for the descriptions among which the items' markers must be.
func texts(values needs, field string, key func(record) string, q query) lookup {
	q.fields, q.all, q.small = append(markedFields(q.object), descriptionField), true, true
	if !slices.Contains(q.fields, field) {
		q.fields = append(q.fields, field)
	}
	k := values.lookup(field, q)
	k.key = key
	k.take = func(value string, records []record) {
		for _, it := range values[value] {
			it.found.own = oldestFirst(append(it.found.own, it.st.bearing(slices.DeleteFunc(slices.Clone(records), it.st.tooOld))...))
		}
	}
	return k
}

// youngest are the records that are not older than all of the items.
func youngest(items []*item) []condition {
	var first time.Time
	for _, it := range items {
		at := it.st.write.NotBefore
		if at.IsZero() {
			return nil
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if first.IsZero() {
		return nil
	}
	return []condition{since("CreatedDate", first)}
}

// tooOld tells whether a record was there before the write could have made it: see step.young.
func (st *step) tooOld(r record) bool {
	at := time.Time(r.CreatedDate)
	return !at.IsZero() && at.Before(st.write.NotBefore.Truncate(time.Second))
}
