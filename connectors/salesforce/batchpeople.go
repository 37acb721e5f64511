package salesforce

import (
	"context"
	"maps"
	"strings"

	"crm-connectors/connectors"
)

// sort makes items of a list: people, several writes of one address being one item of which the later ones say what counts, tasks and rollups,
// and what is neither. What an earlier attempt has found, and an address that is none, goes by itself, with all that concerns it.
func (l *list) sort(writes []connectors.Write) (people, activities, rest []*item) {
	byEmail := map[string]*item{}
	lonely := map[string]bool{}
	for _, w := range writes {
		if w.Contact != nil && w.Found.ID != "" {
			lonely[emailKey(w.Contact.Email)] = true
		}
	}
	for at, w := range writes {
		it := l.newItem(at, w)
		switch {
		case isActivity(w):
			it.alone = w.Found.ID != ""
			activities = append(activities, it)
		case w.Object == connectors.ObjectContact && w.Contact != nil:
			email := emailKey(w.Contact.Email)
			it.alone = email == "" || units(email) > maxEmail || lonely[email]
			if first := byEmail[email]; first != nil && !it.alone {
				first.at, first.each = append(first.at, at), append(first.each, w)
				first.st.write.Contact = merged(*first.st.write.Contact, *w.Contact)
				continue
			}
			byEmail[email] = it
			people = append(people, it)
		default:
			it.alone = true
			rest = append(rest, it)
		}
	}
	for _, it := range people {
		if it.open() {
			it.want = it.st.fieldsOf(*it.st.write.Contact)
		}
	}
	return people, activities, rest
}

// merged is a contact after a second write of it.
func merged(first, second connectors.Contact) *connectors.Contact {
	for _, f := range []struct {
		to   *string
		from string
	}{{&first.FirstName, second.FirstName}, {&first.LastName, second.LastName}, {&first.Company, second.Company},
		{&first.Phone, second.Phone}, {&first.JobTitle, second.JobTitle}} {
		setDefault(&f.from, *f.to)
		*f.to = f.from
	}
	return &first
}

// known is who the person was a short while ago; zero: they have to be looked up.
func (it *item) known() connectors.Ref {
	if !it.st.write.ContactKnown {
		return connectors.Ref{}
	}
	return knownPerson(it.st.write.ContactRef)
}

func (it *item) email() string {
	if it.st.write.Contact != nil {
		return emailKey(it.st.write.Contact.Email)
	}
	return emailKey(it.st.write.Email)
}

func (l *list) settlePerson(it *item, p person, outcome connectors.Outcome, err *connectors.Error) {
	p.written, p.unsettled = err == nil, err != nil && err.Class != connectors.ClassRejected
	l.people[it.email()] = p
	l.settled(it, p.ref, outcome, err)
}

// updatePeople writes to the leads and contacts that exist. Two addresses of one record cannot be written in one call: the second goes by itself.
func (l *list) updatePeople(ctx context.Context, people []*item) {
	taken := map[string]bool{}
	byObject := map[string][]*item{}
	for _, it := range people {
		if !it.open() || it.person.ref.ID == "" {
			continue
		}
		it.missing = it.missing.on(it.person.ref.Type)
		switch {
		case it.missing == (fields{}):
			l.settlePerson(it, it.person, connectors.Unchanged, nil)
		case taken[it.person.ref.ID]:
			it.alone = true
		default:
			taken[it.person.ref.ID] = true
			record, err := asFields(it.missing)
			if err != nil {
				it.alone = true
				continue
			}
			record["Id"] = it.person.ref.ID
			it.record = record
			byObject[it.person.ref.Type] = append(byObject[it.person.ref.Type], it)
		}
	}
	won := func(it *item, _ string, _ bool) { l.settlePerson(it, it.person, connectors.Updated, nil) }
	l.saveAll(ctx, byObject[typeLead], updating(typeLead, noAssignment), won)
	l.saveAll(ctx, byObject[typeContact], updating(typeContact), won)
	l.noteUnsettled(people)
}

// createLeads makes those whom Salesforce does not have.
func (l *list) createLeads(ctx context.Context, people []*item) {
	byKey := map[bool][]*item{}
	for _, it := range people {
		if !it.open() || it.person.ref.ID != "" || l.stop != nil {
			continue
		}
		if off := l.creationOff(); off != nil {
			l.settlePerson(it, person{}, "", off)
			continue
		}
		body, err := it.st.leadBody(ctx, emailAsGiven(it), it.want)
		if err != nil {
			l.settlePerson(it, person{}, "", err)
			continue
		}
		keyed := it.st.keyed()
		it.record = it.st.keyedRecord(markedLead(body, reference(it.st.write.Marker), keyed), keyed)
		byKey[keyed] = append(byKey[keyed], it)
	}
	for keyed, items := range byKey {
		l.saveAll(ctx, items, creating(typeLead, keyed, noAssignment), func(it *item, id string, created bool) {
			l.settlePerson(it, person{ref: connectors.Ref{Type: typeLead, ID: id}, holds: it.want}, outcomeOf(created), nil)
		})
	}
	l.noteUnsettled(people)
}

// noteUnsettled lets what depends on a person whose call failed wait for them.
func (l *list) noteUnsettled(people []*item) {
	for _, it := range people {
		if it.done && it.result.Err != nil {
			l.people[it.email()] = person{unsettled: it.result.Err.Class != connectors.ClassRejected}
		}
	}
}

func emailAsGiven(it *item) string { return strings.TrimSpace(it.each[0].Contact.Email) }

func outcomeOf(created bool) connectors.Outcome {
	if created {
		return connectors.Created
	}
	return connectors.Updated
}

// keyedRecord is a record of a collection, with the marker in its field where it goes in under it.
func (st *step) keyedRecord(body map[string]any, keyed bool) map[string]any {
	if !keyed {
		st.noteKeyless()
		return maps.Clone(body)
	}
	out := without(body, markerField)
	out[markerField] = st.write.Marker
	return out
}
