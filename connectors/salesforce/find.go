package salesforce

import (
	"context"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// Find looks for a contact by its address and its marker, and for a task or rollup by its marker: in the org's field where it has it, and in the
// texts of what the person and the opportunity have. Salesforce answers from its store, so what is there is seen. Where the org has the field
// "not found" may be acted upon at once, for should the lost create still arrive, one of the two is refused. What is in the bin counts as
// found, and as complete.
func (c *Connector) Find(ctx context.Context, account connectors.Account, w connectors.Write) (connectors.Finding, error) {
	if !canFind(w) {
		return connectors.Finding{}, connectors.ErrCannotFind
	}
	s, refusal := c.open(account)
	if refusal != nil {
		return connectors.Finding{}, refusal
	}
	trace := connectors.NewOwnTrace(c.cfg.HTTP, time.Time{})
	st := &step{session: s, doer: trace, write: w}
	f, err := st.find(ctx)
	f.Calls = trace.Calls()
	return f, err
}

// canFind tells whether there is anything to look for the write by.
func canFind(w connectors.Write) bool {
	return w.Object == connectors.ObjectContact && w.Contact != nil || isActivity(w) && w.Marker != ""
}

func (st *step) find(ctx context.Context) (connectors.Finding, error) {
	if w := st.write; w.Object == connectors.ObjectContact {
		return st.findPerson(ctx, *w.Contact)
	}
	return st.findTask(ctx)
}

// findPerson is Deliver's own lookup, and one for a lead of ours that no longer has the address.
func (st *step) findPerson(ctx context.Context, c connectors.Contact) (connectors.Finding, error) {
	email, want := strings.TrimSpace(c.Email), st.changes(st.fieldsOf(c))
	f, err := st.lookup(ctx, email, want)
	if err != nil {
		return connectors.Finding{}, err
	}
	own := f.own
	if !st.keyed() {
		if own, err = st.ownByText(ctx, email); err != nil {
			return connectors.Finding{}, err
		}
	}
	return st.foundPerson(f, own, want), nil
}

// foundPerson is what it means who has the address, and that own are the leads that the write has made.
func (st *step) foundPerson(f found, own []record, want fields) connectors.Finding {
	found := connectors.Finding{Ref: f.person().ref, Tier: st.worth(), Complete: true}
	switch {
	case found.Ref.ID == "" && len(own) > 0:
		found.Ref = connectors.Ref{Type: typeLead, ID: own[0].ID}
	case found.Ref.ID == "":
		found.Complete = false
	case len(f.leads) > 0 && isAmong(own, f.leads[0].ID): // people may have changed it since
	case len(f.leads) > 0:
		found.Complete = want.missing(f.leads[0].fields) == fields{}
	case len(f.contacts) > 0:
		found.Complete = want.missing(f.contacts[0].fields).on(typeContact) == fields{}
	}
	found.Copies = copies(own, found.Ref)
	return found
}

// ownByText are the leads that the write made according to their description: those that have the address and are not older than
// the write.
func (st *step) ownByText(ctx context.Context, email string) ([]record, *connectors.Error) {
	if st.write.Marker == "" || email == "" || units(email) > maxEmail {
		return nil, nil
	}
	records, err := st.query(ctx, query{object: typeLead, fields: append(markedFields(typeLead), "Description"), all: true, small: true,
		where: append(st.young(), equals("Email", email))})
	if _, closed := refused(err, "INVALID_FIELD"); closed { // the description is hidden, and none of ours has a marker in it
		return nil, nil
	}
	return st.bearing(records), err
}

// copies are those of own that are not the one that is kept, if it is one of them.
func copies(own []record, kept connectors.Ref) []connectors.Ref {
	if !isAmong(own, kept.ID) {
		return nil
	}
	var out []connectors.Ref
	for _, r := range own {
		if r.ID != kept.ID && !r.IsDeleted {
			out = append(out, connectors.Ref{Type: kept.Type, ID: r.ID})
		}
	}
	return out
}
