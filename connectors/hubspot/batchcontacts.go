package hubspot

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"crm-connectors/connectors"
)

// people sorts a list: the contacts, several writes of one email being one item of which the later ones say what counts, and the rest. What
// batches have no way for goes by itself.
func (l *list) people(writes []connectors.Write) (contacts, rest []*item) {
	byEmail := map[string]*item{}
	for n, w := range writes {
		if w.Object != connectors.ObjectContact || w.Contact == nil {
			rest = append(rest, &item{at: []int{n}, write: w})
			continue
		}
		email := normalEmail(w.Contact.Email)
		if it := byEmail[email]; it != nil && email != "" {
			it.at = append(it.at, n)
			it.write.Contact = merged(*it.write.Contact, *w.Contact)
			continue
		}
		it := &item{at: []int{n}, write: w}
		byEmail[email] = it
		contacts = append(contacts, it)
	}
	s := &session{Connector: l.Connector, account: l.account}
	for _, it := range contacts {
		it.person = s.personOf(*it.write.Contact)
		if it.write.ContactKnown {
			it.ref = it.write.ContactRef
		}
	}
	return contacts, rest
}

// merged is a contact after a second write of it.
func merged(first, second connectors.Contact) *connectors.Contact {
	for _, f := range []struct {
		to   *string
		from string
	}{{&first.FirstName, second.FirstName}, {&first.LastName, second.LastName}, {&first.Company, second.Company},
		{&first.Phone, second.Phone}, {&first.JobTitle, second.JobTitle}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	return &first
}

// batchable tells whether a contact may go in a batch: the settings' other policies and what an earlier attempt has found have ways of their
// own.
func (l *list) batchable(it *item) bool {
	return !it.done && it.person.email != "" && it.write.Found.ID == "" && l.account.Settings.Contacts == connectors.ContactsUpsert
}

// lookUp finds out who the addresses belong to that are not known, past the search index and its narrow limit, a hundred a call.
func (l *list) lookUp(ctx context.Context, contacts []*item) {
	unknown := slices.DeleteFunc(slices.Clone(contacts), func(it *item) bool { return !l.batchable(it) || it.ref.ID != "" })
	for chunk := range slices.Chunk(unknown, maxInputs) {
		if l.stop != nil {
			return
		}
		inputs := make([]target, len(chunk))
		for n, it := range chunk {
			inputs[n] = target{ID: it.person.email}
		}
		var answer batch
		reply, failed := l.shared(ctx, chunk, l.paths.batch(contactsType, "read"), connectors.Read,
			map[string]any{"idProperty": "email", "properties": contactProperties(), "propertiesWithHistory": []string{}, "inputs": inputs}, &answer)
		if reply.Status == http.StatusNotFound { // none of them exists
			failed = nil
		}
		for _, it := range chunk {
			switch i := bestMatch(answer.Results, it.person.email); {
			case failed != nil && failed.Class == connectors.ClassRejected: // one address spoils the call: each is searched for by itself
			case failed != nil:
				it.settle(connectors.Ref{}, "", failed)
			case i >= 0:
				it.ref = contactRef(answer.Results[i].ID)
			default:
				it.ref = absent
			}
		}
	}
}

// absent marks a contact that HubSpot does not have.
var absent = connectors.Ref{Type: contactsType, ID: "-"}

// updateAll writes to the contacts that exist. Two addresses of one contact cannot be written in one call: the second goes by itself.
func (l *list) updateAll(ctx context.Context, contacts []*item) {
	taken := map[string]bool{}
	var items []*item
	for _, it := range contacts {
		switch {
		case !l.batchable(it) || it.ref.ID == "" || it.ref == absent || taken[it.ref.ID]:
		case len(it.person.change) == 0:
			it.settle(it.ref, connectors.Unchanged, nil)
		default:
			taken[it.ref.ID], it.body = true, it.person.change
			items = append(items, it)
		}
	}
	if len(items) < 2 {
		return
	}
	for chunk := range slices.Chunk(items, maxInputs) {
		l.post(ctx, chunk, l.paths.batch(contactsType, "update"), connectors.Idempotent,
			func(it *item) input { return input{ID: it.ref.ID, Properties: it.body} },
			func(it *item, rec record) bool { return string(rec.ID) == it.ref.ID },
			func(it *item, rec record) { it.settle(contactRef(rec.ID), connectors.Updated, nil) })
	}
}

// createAll creates the contacts that HubSpot does not have.
func (l *list) createAll(ctx context.Context, contacts []*item) {
	s := &session{Connector: l.Connector, account: l.account}
	var items []*item
	for _, it := range contacts {
		if !l.batchable(it) || it.ref != absent {
			continue
		}
		it.body = s.defaults(connectors.ObjectContact)
		maps.Copy(it.body, it.person.set)
		it.body["email"] = it.person.email
		items = append(items, it)
	}
	if len(items) < 2 {
		return
	}
	for chunk := range slices.Chunk(items, maxInputs) {
		l.post(ctx, chunk, l.paths.batch(contactsType, "create"), connectors.Once,
			func(it *item) input { return input{Properties: it.body} },
			func(it *item, rec record) bool {
				return normalEmail(string(rec.Properties["email"])) == it.person.email
			},
			func(it *item, rec record) { it.settle(contactRef(rec.ID), connectors.Created, nil) })
	}
}
