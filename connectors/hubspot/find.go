package hubspot

import (
	"context"
	"strings"

	"crm-connectors/connectors"
)

// Find looks for a contact by its email, past the search index. HubSpot keeps emails unique, so
// that "not found" may be acted upon: should the lost create still arrive, the next one gets a 409
// and becomes an update. Tasks and notes have nothing unique: ErrCannotFind.
func (c *Connector) Find(ctx context.Context, account connectors.Account, w connectors.Write) (connectors.Finding, error) {
	if w.Object != connectors.ObjectContact || w.Contact == nil {
		return connectors.Finding{}, connectors.ErrCannotFind
	}
	email := normalEmail(w.Contact.Email)
	if email == "" {
		return connectors.Finding{}, invalid("contact_email_missing", "The contact has no email address, by which HubSpot would know it.")
	}
	s := &session{Connector: c, account: account, doer: c.http}
	rec, failed := s.contactByEmail(ctx, email)
	switch {
	case failed != nil:
		return connectors.Finding{}, failed
	case rec == nil:
		return connectors.Finding{Enforced: true}, nil
	}
	found := connectors.Finding{Ref: contactRef(rec.ID), Complete: true, Enforced: true}
	for name, value := range wanted(*w.Contact) {
		if strings.TrimSpace(string(rec.Properties[name])) != value {
			found.Complete = false
		}
	}
	return found, nil
}

// asError keeps a nil *Error from becoming an error that is not nil.
func asError(e *connectors.Error) error {
	if e == nil {
		return nil
	}
	return e
}
