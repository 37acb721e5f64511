package salesforce

import (
	"context"
	"strings"

	"crm-connectors/connectors"
)

// Find looks for a contact by its address, as Deliver would. Tasks carry nothing in Salesforce by
// which ours could be told from another with the same subject, so they cannot be looked for.
func (c *Connector) Find(ctx context.Context, account connectors.Account, w connectors.Write) (connectors.Finding, error) {
	if w.Object != connectors.ObjectContact || w.Contact == nil {
		return connectors.Finding{}, connectors.ErrCannotFind
	}
	s, refusal := c.open(account)
	if refusal != nil {
		return connectors.Finding{}, refusal
	}
	st := &step{session: s, doer: c.cfg.HTTP, write: w}
	want := st.fieldsOf(*w.Contact)
	f, err := st.lookup(ctx, strings.TrimSpace(w.Contact.Email), want)
	if err != nil {
		return connectors.Finding{}, err
	}
	found := connectors.Finding{Ref: f.person().ref}
	switch {
	case found.Ref.ID == "":
	case len(f.leads) > 0:
		found.Complete = want.missing(f.leads[0].fields) == fields{}
	case len(f.contacts) > 0:
		found.Complete = want.missing(f.contacts[0].fields).on(typeContact) == fields{}
	default:
		found.Complete = true // a contact by conversion alone, to which Deliver writes nothing
	}
	return found, nil
}
