package salesforce

import (
	"context"
	"slices"

	"crm-connectors/connectors"
)

// manyMatches is how many records of one address are considered where all of them may matter.
const manyMatches = 100

// findTask asks for the marker's field and, in the same call, for the texts: a record from before the org had the field is in no other place.
func (st *step) findTask(ctx context.Context) (connectors.Finding, error) {
	who, what, err := st.near(ctx)
	if err != nil {
		return connectors.Finding{}, err
	}
	qs := st.texts(who, what)
	if st.keyed() {
		qs = append(qs, st.ownByField())
	}
	all, complete, err := st.everyPage(ctx, qs)
	switch {
	case err != nil:
		return connectors.Finding{}, err
	case !complete && len(all) == 0:
		return connectors.Finding{}, connectors.ErrCannotFind
	}
	return st.foundTask(ctx, all)
}

// foundTask is what it means that all of these records, the one to keep first, are the write's.
func (st *step) foundTask(ctx context.Context, all []record) (connectors.Finding, error) {
	if len(all) == 0 {
		return connectors.Finding{Tier: st.worth()}, nil
	}
	first := all[0]
	f := connectors.Finding{Ref: connectors.Ref{Type: typeTask, ID: first.ID}, Tier: st.worth(), Complete: true}
	f.Copies = copies(all, f.Ref)
	if first.IsDeleted {
		return f, nil
	}
	lacks, err := st.lacking(ctx, first)
	if err != nil {
		return connectors.Finding{}, err
	}
	f.Complete = lacks.body == taskBody{}
	return f, nil
}

// near are the records that a task of the write can hang on: the person as it was known, all who have the address, and what a lead became; the
// deal, and what came of the lead's conversion.
func (st *step) near(ctx context.Context) (who, what []string, err *connectors.Error) {
	known := knownPerson(st.write.ContactRef)
	var leads, contacts []condition
	if email := emailKey(st.write.Email); email != "" && units(email) <= maxEmail {
		leads, contacts = []condition{equals("Email", email)}, []condition{equals("Email", email)}
	}
	switch known.Type {
	case typeLead:
		leads = append(leads, equals("Id", known.ID))
	case typeContact:
		who = append(who, known.ID)
	}
	var qs []query
	if len(leads) > 0 {
		qs = append(qs, query{object: typeLead, where: []condition{anyOf(leads...)}, limit: manyMatches, all: true,
			fields: []string{"Id", "ConvertedContactId", "ConvertedOpportunityId"}})
	}
	if len(contacts) > 0 {
		qs = append(qs, query{object: typeContact, where: contacts, limit: manyMatches, all: true, fields: []string{"Id"}})
	}
	if deal := st.deal(); deal != "" {
		what = append(what, deal)
	}
	if len(qs) == 0 {
		return who, what, nil
	}
	pages, err := st.queries(ctx, qs...)
	for _, r := range slices.Concat(pages...) {
		who = appendNew(who, r.ID, r.ConvertedContactID)
		what = appendNew(what, r.ConvertedOpportunityID)
	}
	return who, what, err
}

func appendNew(list []string, ids ...string) []string {
	for _, id := range ids {
		if id != "" && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// texts are the queries for the descriptions among which the write's must be: of what hangs on the person or the deal, and of what hangs on
// nothing, as when they were gone.
func (st *step) texts(who, what []string) []query {
	q := func(where ...condition) query {
		return query{object: typeTask, fields: append(markedFields(typeTask), "Description"), where: append(st.young(), where...), all: true, small: true}
	}
	out := []query{q(isNull("WhoId"), isNull("WhatId"), equals("Subject", st.subject()))}
	if len(who) > 0 {
		out = append(out, q(oneOf("WhoId", who)))
	}
	if len(what) > 0 {
		out = append(out, q(oneOf("WhatId", what)))
	}
	return out
}

func (st *step) subject() string {
	if st.write.Task == nil {
		return rollupSubject
	}
	subject, _ := limit(oneLine(st.write.Task.Subject), maxSubject)
	return subject
}

// young are the records that are not older than the write.
func (st *step) young() []condition {
	if st.write.NotBefore.IsZero() {
		return nil
	}
	return []condition{since("CreatedDate", st.write.NotBefore)}
}

// everyPage runs the queries and gives the records that carry the write's marker, the one to keep first; false: there are more than are
// looked through.
func (st *step) everyPage(ctx context.Context, qs []query) (own []record, complete bool, err *connectors.Error) {
	pages, failures, err := st.eachQuery(ctx, qs...)
	if err != nil {
		return nil, false, err
	}
	complete = true
	for i, q := range qs {
		byField := !q.small
		if _, gone := refused(failures[i], "INVALID_FIELD"); gone && byField {
			st.loseKey()
			continue
		}
		if failures[i] != nil {
			return nil, false, failures[i]
		}
		records, whole, err := st.rest(ctx, pages[i], q.small)
		if err != nil {
			return nil, false, err
		}
		complete = complete && whole
		if byField {
			own = append(own, records...)
		} else {
			own = append(own, st.bearing(records)...)
		}
	}
	return oldestFirst(own), complete, nil
}

// bearing are the records that carry the write's marker.
func (st *step) bearing(all []record) []record {
	return slices.DeleteFunc(all, func(r record) bool { return !r.bears(st.write.Marker) })
}

func isAmong(all []record, id string) bool {
	return slices.ContainsFunc(all, func(r record) bool { return r.ID == id })
}
