package salesforce

import (
	"context"

	"crm-connectors/connectors"
)

// spare is what a rollup could be tied to besides, where the settings want one link and there is no such record.
type spare struct {
	deal   string // the opportunity
	person bool   // whoever the write belongs to, who was not asked for yet
}

// link decides WhoId and WhatId. Contact and opportunity go together; a lead and an opportunity do
// not, so a contact of the same address is preferred, and else the opportunity stays.
func (st *step) link(ctx context.Context, body taskBody) (draft, *connectors.Error) {
	d := draft{body: body, defaults: st.defaults(st.write.Object)}
	d.body.WhatID = st.deal()
	if st.write.Object == connectors.ObjectRollup {
		switch target := st.account.Settings.RollupTarget; {
		case target == connectors.RollupDeal && d.body.WhatID != "":
			d.spare.person = true
			return d, nil
		case target == connectors.RollupContact:
			failed := st.linkPerson(ctx, &d)
			return d, failed
		}
	}
	p, err := st.who(ctx, d.body.WhatID != "")
	switch {
	case err != nil:
		return d, err
	case p.unsettled:
		return d, waitsForContact()
	case p.ref.Type == typeLead && d.body.WhatID != "" && p.contact != "":
		d.setWho(contactRef(p.contact))
	case p.ref.Type == typeLead && d.body.WhatID != "":
		d.aside = p.ref
		st.note("association_dropped", "Salesforce does not allow a lead and an opportunity on one task; it was linked to the opportunity and not to the lead.")
	default:
		d.setWho(p.ref)
		if d.body.WhatID == "" {
			d.body.WhatID = p.opportunity
		}
	}
	return d, nil
}

// linkPerson ties d to the person alone, and to the deal only where there is nobody.
func (st *step) linkPerson(ctx context.Context, d *draft) *connectors.Error {
	p, err := st.who(ctx, false)
	switch {
	case err != nil:
		return err
	case p.unsettled:
		return waitsForContact()
	case p.ref.ID != "":
		d.spare.deal, d.body.WhatID = d.body.WhatID, ""
		d.setWho(p.ref)
	}
	return nil
}

func waitsForContact() *connectors.Error {
	return &connectors.Error{Class: connectors.ClassRetry, Code: "waits_for_contact",
		Cause: "The contact that this belongs to has not been written yet.", Action: doNothing}
}

// deal is the opportunity's id, if the deal has one that can be right.
func (st *step) deal() string {
	if st.write.DealID == "" {
		return ""
	}
	id, ok := recordID(st.write.DealID, prefixOpportunity)
	if !ok {
		st.note("association_dropped", "The deal's id is not the id of a Salesforce opportunity; the record was written without it.")
		return ""
	}
	return id
}

// who is the person that a task or rollup belongs to: the one it names, the one that this list just
// wrote, or whoever has the address.
func (st *step) who(ctx context.Context, withDeal bool) (person, *connectors.Error) {
	ref := knownPerson(st.write.ContactRef)
	switch {
	case ref.ID == "":
		return st.byEmail(ctx)
	case ref.Type == typeContact:
		return person{ref: ref, contact: ref.ID}, nil
	case !withDeal:
		return person{ref: ref}, nil // a conversion shows when the task is posted
	}
	if emailKey(st.write.Email) == "" {
		lead, converted, err := st.leadByID(ctx, ref.ID)
		if err != nil || !converted {
			return person{ref: ref}, err
		}
		return person{ref: ref, contact: lead.ConvertedContactID}, nil
	}
	p, err := st.byEmail(ctx)
	return person{ref: ref, contact: p.contact}, err
}

// byEmail finds the person of the write's address, once in a list.
func (st *step) byEmail(ctx context.Context) (person, *connectors.Error) {
	key := emailKey(st.write.Email)
	if p, met := st.people[key]; met || key == "" {
		return p, nil
	}
	f, err := st.lookup(ctx, key, fields{})
	if err != nil {
		return person{}, err
	}
	p := st.met(f)
	st.people[key] = p
	return p, nil
}

// met is who was found, with a note where the address alone does not decide.
func (st *step) met(f found) person {
	p := f.person()
	if f.several() {
		st.note("several_matches", "Several records in Salesforce have this email address; the one changed last, "+p.ref.Type+" "+p.ref.ID+", was used.")
	}
	return p
}
