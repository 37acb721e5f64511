package salesforce

import (
	"maps"
	"slices"
)

// needs collects the values that items are to be looked up by.
type needs map[string][]*item

func (n needs) add(value string, it *item) {
	if value != "" {
		n[value] = append(n[value], it)
	}
}

func (n needs) lookup(field string, q query) lookup {
	return lookup{query: q, field: field, values: slices.Sorted(maps.Keys(n)), items: n}
}

// lookups are what the items need to know. Those of the marker look into the bin too.
func (l *list) lookups(people, activities []*item) []lookup {
	emails, owners, leads, tasks := needs{}, needs{}, needs{}, needs{}
	var want fields
	for _, it := range people {
		if it.open() && it.known().ID == "" {
			emails.add(it.email(), it)
			want = want.over(it.st.changes(it.want))
			if it.st.keyed() {
				leads.add(it.st.write.Marker, it)
			}
		}
	}
	for _, it := range activities {
		if !it.open() {
			continue
		}
		if w := it.st.write; it.st.keyed() {
			tasks.add(w.Marker, it)
		}
		if it.unknownPerson() && len(emails[it.email()]) == 0 && units(it.email()) <= maxEmail {
			emails.add(it.email(), it)
		}
		if t := it.st.write.Task; t != nil && !l.c.owners.has(l.ownerKey(t.OwnerEmail)) {
			owners.add(emailKey(t.OwnerEmail), it)
		}
	}
	return []lookup{l.leadsBy(emails, want), l.contactsBy(emails, want), l.ownersBy(owners), l.ownBy(typeLead, leads), l.ownBy(typeTask, tasks)}
}

// unknownPerson tells whether the address decides whom a task hangs on.
func (it *item) unknownPerson() bool {
	ref := knownPerson(it.st.write.ContactRef)
	return ref.ID == "" || ref.Type == typeLead && it.st.write.DealID != ""
}

func (l *list) leadsBy(emails needs, want fields) lookup {
	k := emails.lookup("Email", query{object: typeLead, order: "IsConverted ASC, LastModifiedDate DESC",
		fields: append([]string{"Id", "Email", "IsConverted", "ConvertedContactId", "ConvertedOpportunityId"}, want.names(typeLead)...)})
	k.key = func(r record) string { return r.Email }
	k.take = func(email string, records []record) {
		for _, it := range emails[email] {
			it.found.addLeads(records)
		}
	}
	return k
}

func (l *list) contactsBy(emails needs, want fields) lookup {
	k := emails.lookup("Email", query{object: typeContact, order: "LastModifiedDate DESC", fields: append([]string{"Id", "Email"}, want.names(typeContact)...)})
	k.key = func(r record) string { return r.Email }
	k.take = func(email string, records []record) {
		for _, it := range emails[email] {
			if it.found.contacts = records; isActivity(it.st.write) && it.open() {
				l.people[email] = it.st.met(it.found)
			}
		}
	}
	return k
}

func (l *list) ownersBy(owners needs) lookup {
	k := owners.lookup("Email", query{object: "User", fields: []string{"Id", "Email"}, where: []condition{isTrue("IsActive")}, order: "Id ASC"})
	k.key, k.optional = func(r record) string { return r.Email }, true
	k.take = func(email string, records []record) {
		id := ""
		if len(records) > 0 {
			id = records[0].ID
		}
		l.c.owners.put(l.ownerKey(email), id)
	}
	return k
}

// ownBy looks for what earlier attempts have made.
func (l *list) ownBy(object string, markers needs) lookup {
	k := markers.lookup(markerField, query{object: object, fields: append(markedFields(object), markerField), all: true})
	k.key, k.marker = func(r record) string { return r.Marker }, true
	k.take = func(marker string, records []record) {
		for _, it := range markers[marker] {
			it.found.own = oldestFirst(append(it.found.own, records...))
		}
	}
	return k
}

// identify decides who a person is, once the addresses were looked up.
func (l *list) identify(it *item) {
	if ref := it.known(); ref.ID != "" {
		it.person, it.missing = person{ref: ref, holds: it.want}, it.st.changes(it.want)
		if ref.Type == typeContact {
			it.person.contact = ref.ID
		}
		return
	}
	it.person, it.missing = it.st.choose(it.found, it.want)
}

func (f *found) addLeads(records []record) {
	for _, r := range records {
		switch {
		case !r.IsConverted:
			f.leads = append(f.leads, r)
		case r.ConvertedContactID != "":
			f.converted = append(f.converted, r)
		}
	}
}

func (s *session) ownerKey(email string) string { return s.org() + "|" + emailKey(email) }
