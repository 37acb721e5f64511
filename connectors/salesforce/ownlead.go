package salesforce

import (
	"context"
	"slices"

	"crm-connectors/connectors"
)

// withOwn runs queries and, for a contact that carries a marker, looks in the same call for the lead that an earlier attempt made.
func (st *step) withOwn(ctx context.Context, qs ...query) (pages [][]record, own []record, err *connectors.Error) {
	if st.write.Object != connectors.ObjectContact || !st.keyed() {
		pages, err = st.queries(ctx, qs...)
		return pages, nil, err
	}
	answers, failures, err := st.eachQuery(ctx, append(qs, st.ownByField())...)
	if err != nil {
		return nil, nil, err
	}
	for i := range qs {
		if failures[i] != nil {
			return nil, nil, failures[i]
		}
		pages = append(pages, answers[i].records)
	}
	failed := failures[len(qs)]
	if _, gone := refused(failed, "INVALID_FIELD"); gone {
		st.loseKey()
		failed = nil
	}
	return pages, oldestFirst(answers[len(qs)].records), failed
}

// isOwn tells whether an earlier attempt made the lead.
func (f found) isOwn(lead record) bool {
	return slices.ContainsFunc(f.own, func(r record) bool { return r.ID == lead.ID })
}

// ownLead is the person of a lead that an earlier attempt made, as it is now: people may have changed, converted or deleted it.
func (st *step) ownLead(lead record, want fields) person {
	if lead.IsDeleted {
		st.noteDeleted()
	}
	if lead.IsConverted && lead.ConvertedContactID != "" {
		return person{ref: contactRef(lead.ConvertedContactID), contact: lead.ConvertedContactID, opportunity: lead.ConvertedOpportunityID, holds: want}
	}
	return person{ref: connectors.Ref{Type: typeLead, ID: lead.ID}, holds: want}
}

// makeLead creates a lead. Where its description is closed to the connected user it goes without the marker, for people come before finding.
func (st *step) makeLead(ctx context.Context, body map[string]any) (made, *connectors.Error) {
	ref := reference(st.write.Marker)
	lead := func(keyed bool) map[string]any { return markedLead(body, ref, keyed) }
	m, err := st.make(ctx, typeLead, lead, noAssignment)
	if item, closed := refused(err, "INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"); closed && ref != "" && slices.Contains(item.about(""), descriptionField) {
		ref = ""
		return st.make(ctx, typeLead, lead, noAssignment)
	}
	return m, err
}

// markedLead is body with ref in its description, unless the marker has its field.
func markedLead(body map[string]any, ref string, keyed bool) map[string]any {
	if keyed || ref == "" {
		return body
	}
	out := without(body, descriptionField)
	text, _ := limit(textOf(body, descriptionField), maxDescription-len(between+ref))
	out[descriptionField] = below(text, ref)
	return out
}

// completePerson brings the record that an earlier attempt made, or that somebody named, to what the write says.
func (st *step) completePerson(ctx context.Context, want fields) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	ref, change := knownPerson(st.write.Found), st.changes(want)
	if ref.ID == "" {
		return connectors.Ref{}, "", recordDeleted()
	}
	q := query{object: ref.Type, where: []condition{equals("Id", ref.ID)}, limit: 1, fields: append([]string{"Id"}, change.names(ref.Type)...)}
	if ref.Type == typeLead {
		q.fields = append(q.fields, "IsConverted", "ConvertedContactId", "ConvertedOpportunityId")
	}
	records, err := st.query(ctx, q)
	if err == nil && len(records) == 0 {
		err = recordDeleted()
	}
	key := emailKey(st.write.Contact.Email)
	if err != nil {
		st.people[key] = person{unsettled: err.Class != connectors.ClassRejected}
		return connectors.Ref{}, "", err
	}
	r := records[0]
	p, outcome := person{ref: ref, holds: want, written: true}, connectors.Unchanged
	switch {
	case r.IsConverted && r.ConvertedContactID != "":
		p.ref, p.contact, p.opportunity = contactRef(r.ConvertedContactID), r.ConvertedContactID, r.ConvertedOpportunityID
	case !r.IsConverted:
		outcome, err = st.fill(ctx, ref, change.missing(r.fields))
	}
	if ref.Type == typeContact {
		p.contact = ref.ID
	}
	st.people[key] = p
	return p.ref, outcome, err
}
