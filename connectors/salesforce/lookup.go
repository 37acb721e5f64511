package salesforce

import (
	"context"

	"crm-connectors/connectors"
)

// person is who an email address turned out to be.
type person struct {
	ref         connectors.Ref // the live lead, else the contact; zero: nobody
	contact     string         // a contact, also where ref is a lead
	opportunity string         // what the contact's lead was converted to
	written     bool           // by this list
	holds       fields         // what the record holds once it is written, as far as was asked
	unsettled   bool           // the write of this person, earlier in the list, did not go through
}

// found is what the two queries gave, newest first.
type found struct {
	leads     []record // live
	converted []record // with a contact
	contacts  []record
	own       []record // leads that an earlier attempt of this write made, under whatever address they have now; the first is kept
}

func (f found) person() person {
	var p person
	switch {
	case len(f.contacts) > 0:
		p.contact = f.contacts[0].ID
	case len(f.converted) > 0:
		p.contact = f.converted[0].ConvertedContactID
	}
	if len(f.leads) > 0 {
		p.ref = connectors.Ref{Type: typeLead, ID: f.leads[0].ID}
		return p
	}
	if p.contact == "" {
		return p
	}
	p.ref = connectors.Ref{Type: typeContact, ID: p.contact}
	for _, lead := range f.converted {
		if lead.ConvertedContactID == p.contact {
			p.opportunity = lead.ConvertedOpportunityID
			break
		}
	}
	return p
}

// several says that the address alone does not decide.
func (f found) several() bool {
	return len(f.leads) > 1 || len(f.leads) == 0 && len(f.contacts) > 1
}

const perLookup = 5 // more than one is an ambiguity already

// lookup asks for leads and contacts of an address in one call. want names the fields to bring along:
// only those that are to be written, so that a field hidden from the user harms nobody else.
func (st *step) lookup(ctx context.Context, email string, want fields) (found, *connectors.Error) {
	if email == "" || units(email) > maxEmail {
		return found{}, nil // no address of that length can be stored
	}
	leads := query{object: typeLead, where: []condition{equals("Email", email)},
		fields: append([]string{"Id", "IsConverted", "ConvertedContactId", "ConvertedOpportunityId"}, want.names(typeLead)...),
		order:  "IsConverted ASC, LastModifiedDate DESC", limit: perLookup}
	contacts := query{object: typeContact, where: []condition{equals("Email", email)},
		fields: append([]string{"Id"}, want.names(typeContact)...), order: "LastModifiedDate DESC", limit: perLookup}
	pages, own, err := st.withOwn(ctx, leads, contacts)
	if err != nil {
		return found{}, err
	}
	f := found{own: own}
	f.addLeads(pages[0])
	f.contacts = pages[1]
	return f, nil
}

// leadByID reads one lead's conversion. The bool says that the lead is there and was converted to a contact.
func (st *step) leadByID(ctx context.Context, id string) (record, bool, *connectors.Error) {
	pages, err := st.queries(ctx, query{object: typeLead, where: []condition{equals("Id", id)}, limit: 1,
		fields: []string{"Id", "IsConverted", "ConvertedContactId", "ConvertedOpportunityId"}})
	if err != nil || len(pages[0]) == 0 {
		return record{}, false, err
	}
	lead := pages[0][0]
	return lead, lead.IsConverted && lead.ConvertedContactID != "", nil
}
