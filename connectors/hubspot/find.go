package hubspot

import (
	"context"
	"net/http"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// Find looks for a contact by its email, past the search index, and for a task or note by its marker. HubSpot keeps emails unique, and
// the marker too where the portal has its property: "not found" may then be acted upon, for should the lost create still arrive, the next
// one is refused. Elsewhere the marker is looked for in the texts of what the contact and the deal have, and only where there is neither, in
// the search index. A task or note that is in the bin counts as found, and as complete.
func (c *Connector) Find(ctx context.Context, account connectors.Account, w connectors.Write) (connectors.Finding, error) {
	return c.findWith(ctx, account, w, ahead{})
}

// findWith is Find with what was read for several writes at once.
func (c *Connector) findWith(ctx context.Context, account connectors.Account, w connectors.Write, read ahead) (connectors.Finding, error) {
	trace := connectors.NewOwnTrace(c.http, time.Time{})
	s := &session{Connector: c, account: account, doer: trace, ahead: read}
	a, isActivity := activityOf(w.Object)
	var f connectors.Finding
	var failed *connectors.Error
	switch {
	case !canFind(w):
		return connectors.Finding{}, connectors.ErrCannotFind
	case isActivity:
		f, failed = s.findActivity(ctx, a, w)
	default:
		f, failed = s.findPerson(ctx, *w.Contact)
	}
	if failed != nil {
		return connectors.Finding{Calls: trace.Calls()}, failed
	}
	f.Calls = trace.Calls()
	return f, nil
}

// canFind tells whether there is anything to look for the write by.
func canFind(w connectors.Write) bool {
	_, isActivity := activityOf(w.Object)
	return isActivity && w.Marker != "" || w.Object == connectors.ObjectContact && w.Contact != nil
}

func (s *session) findPerson(ctx context.Context, c connectors.Contact) (connectors.Finding, *connectors.Error) {
	email := normalEmail(c.Email)
	if email == "" {
		return connectors.Finding{}, invalid("contact_email_missing", "The contact has no email address, by which HubSpot would know it.")
	}
	rec, failed := s.contactByEmail(ctx, email)
	switch {
	case failed != nil:
		return connectors.Finding{}, failed
	case rec == nil:
		return connectors.Finding{Tier: connectors.TierEnforced}, nil
	}
	found := connectors.Finding{Ref: contactRef(rec.ID), Complete: true, Tier: connectors.TierEnforced}
	if s.account.Settings.Contacts == connectors.ContactsCreateOnly {
		return found, nil
	}
	for name, value := range wanted(c) {
		if strings.TrimSpace(string(rec.Properties[name])) != value {
			found.Complete = false
		}
	}
	return found, nil
}

// findActivity asks for the marker's property first, where the portal has it. A record from before it had it is in no other
// place than the text.
func (s *session) findActivity(ctx context.Context, a activity, w connectors.Write) (connectors.Finding, *connectors.Error) {
	m := s.account.Capabilities.Of(a.object)
	unique := m.Tier == connectors.TierEnforced && m.Field == markerProperty
	if unique {
		rec, failed := s.byMarker(ctx, a, w.Marker)
		switch {
		case failed != nil && failed.Status == http.StatusBadRequest: // the portal no longer has the property, or it is not unique
			unique = false
		case failed != nil:
			return connectors.Finding{}, failed
		case rec != nil:
			f, failed := s.finding(ctx, a, w, *rec)
			f.Tier = connectors.TierEnforced
			return f, failed
		}
	}
	f, failed := s.findInText(ctx, a, w)
	if failed == nil && f.Ref.ID == "" && unique {
		var tier connectors.Tier
		if tier, failed = s.worth(ctx, a, w.NotBefore); failed == nil && tier == connectors.TierEnforced {
			f.Tier = tier
		}
	}
	return f, failed
}

// finding is a record of the write with whether it holds all. A deleted one has nothing that could be completed.
func (s *session) finding(ctx context.Context, a activity, w connectors.Write, rec record) (connectors.Finding, *connectors.Error) {
	f := connectors.Finding{Ref: connectors.Ref{Type: a.typ, ID: string(rec.ID)}, Complete: true}
	if rec.Archived {
		return f, nil
	}
	lacks, failed := s.lacking(ctx, a, w, rec)
	f.Complete = len(lacks) == 0
	return f, failed
}

// asError keeps a nil *Error from becoming an error that is not nil.
func asError(e *connectors.Error) error {
	if e == nil {
		return nil
	}
	return e
}
