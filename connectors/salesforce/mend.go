package salesforce

import (
	"context"
	"fmt"
	"strings"

	"crm-connectors/connectors"
)

// mend changes d so that it may go through, and says whether it could.
func (st *step) mend(ctx context.Context, d *draft, refusal *connectors.Error) (bool, *connectors.Error) {
	if _, ok := refused(refusal, "CANNOT_UPDATE_CONVERTED_LEAD"); ok && d.who.Type == typeLead {
		return st.mendConverted(ctx, d)
	}
	if _, ok := refused(refusal, "INACTIVE_OWNER_OR_USER"); ok && (d.body.OwnerID != "" || setsField(d.defaults, "OwnerId")) {
		st.forgetOwner()
		d.body.OwnerID, d.defaults = "", without(d.defaults, "OwnerId")
		st.note("owner_not_found", "The owner is not an active user in Salesforce; the task belongs to the connected user.")
		return true, nil
	}
	if item, ok := refused(refusal, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"); ok {
		return st.mendChoice(ctx, d, blamed(item))
	}
	item, ok := refused(refusal, "INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED")
	if !ok {
		return false, nil
	}
	field := blamed(item)
	if field == "" {
		var err *connectors.Error
		if field, err = st.goneLink(ctx, d); err != nil {
			return false, err
		}
	}
	switch {
	case field == "WhatId" && d.body.WhatID != "":
		d.dropWhat()
		st.note("association_dropped", "The opportunity does not exist in Salesforce or is not for the connected user; the record was written without it.")
		if d.spare.person {
			d.spare.person = false
			return true, st.linkPerson(ctx, d)
		}
		return true, nil
	case field == "WhoId" && d.body.WhoID != "":
		return st.mendWho(ctx, d)
	}
	return false, nil
}

// goneLink says which link is stale where Salesforce does not. With two of them it looks for the
// person: a good link must not be given up for a bad one.
func (st *step) goneLink(ctx context.Context, d *draft) (string, *connectors.Error) {
	switch {
	case d.body.WhatID == "":
		return "WhoId", nil
	case d.body.WhoID == "":
		return "WhatId", nil
	}
	pages, err := st.queries(ctx, query{object: d.who.Type, fields: []string{"Id"}, where: []condition{equals("Id", d.who.ID)}, limit: 1})
	if err != nil {
		return "", err
	}
	if len(pages[0]) == 0 {
		return "WhoId", nil
	}
	return "WhatId", nil
}

// mendConverted moves a Task from a converted lead to what the lead became.
func (st *step) mendConverted(ctx context.Context, d *draft) (bool, *connectors.Error) {
	lead, converted, err := st.leadByID(ctx, d.who.ID)
	if err != nil {
		return false, err
	}
	if !converted {
		d.setWho(connectors.Ref{})
		st.note("association_dropped", "The lead was converted and its contact cannot be seen; the record was written without it.")
		return true, nil
	}
	d.setWho(connectors.Ref{Type: typeContact, ID: lead.ConvertedContactID})
	if d.body.WhatID == "" {
		d.body.WhatID = lead.ConvertedOpportunityID
	}
	return true, nil
}

// mendWho replaces a lead or contact that is gone by who has the email address now, or by nobody.
func (st *step) mendWho(ctx context.Context, d *draft) (bool, *connectors.Error) {
	f, err := st.lookup(ctx, strings.TrimSpace(st.write.Email), fields{})
	if err != nil {
		return false, err
	}
	gone, p := d.who, f.person()
	if d.body.WhatID != "" {
		p.ref = contactRef(p.contact)
	}
	if p.ref == gone {
		p.ref = connectors.Ref{}
	}
	d.setWho(p.ref)
	if p.ref.ID == "" {
		d.body.WhatID, d.spare.deal = d.body.WhatID+d.spare.deal, "" // one of them is empty
		st.note("association_dropped", fmt.Sprintf("%s %s does not exist in Salesforce any more; the record was written without it.", gone.Type, gone.ID))
	}
	return true, nil
}

// mendChoice takes back a choice of ours that the org's picklist does not have. What the settings ask for is not ours.
func (st *step) mendChoice(ctx context.Context, d *draft, field string) (bool, *connectors.Error) {
	switch {
	case field == "Priority" && d.body.Priority != "":
		d.body.Priority = ""
		st.note("priority_dropped", "The org has no such task priority; its default was used.")
	case field == "Status" && d.body.Status != "":
		had := d.body.Status
		d.body.Status = ""
		if st.write.Object == connectors.ObjectRollup { // the org renamed it since it was read
			st.c.statuses.drop(st.org())
			var err *connectors.Error
			if d.body.Status, err = st.closedStatus(ctx); err != nil {
				return false, err
			}
		}
		if d.body.Status == had || d.body.Status == "" {
			d.body.Status = ""
			st.note("status_dropped", "The org has no task status “"+connectors.Quote(had)+"”; its default was used.")
		}
	default:
		return false, nil
	}
	return true, nil
}

func (d *draft) setWho(ref connectors.Ref) { d.who, d.body.WhoID = ref, ref.ID }

// dropWhat takes the opportunity away, and brings back the lead that stood aside for it.
func (d *draft) dropWhat() {
	d.body.WhatID = ""
	if d.aside.ID != "" {
		d.setWho(d.aside)
		d.aside = connectors.Ref{}
	}
}

func contactRef(id string) connectors.Ref {
	if id == "" {
		return connectors.Ref{}
	}
	return connectors.Ref{Type: typeContact, ID: id}
}

// blamed is the link that an error speaks of: WhatId, WhoId, another field, or "" when it does not say.
func blamed(item refusalItem) string {
	for _, f := range item.Fields {
		if f != "" {
			return f
		}
	}
	switch {
	case strings.HasPrefix(item.Message, "Related To ID:"):
		return "WhatId"
	case strings.HasPrefix(item.Message, "Name ID:"):
		return "WhoId"
	}
	if label, _, is := strings.Cut(item.Message, " ID: "); is && !strings.ContainsAny(label, ".:") {
		return label // such as Record Type or Assigned To: no link of ours
	}
	return ""
}
