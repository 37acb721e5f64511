package hubspot

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"crm-connectors/connectors"
)

var existingID = regexp.MustCompile(`Existing ID:\s*(\d+)`)

func contactRef(id text) connectors.Ref {
	return connectors.Ref{Type: contactsType, ID: string(id)}
}

// normalEmail is the form in which HubSpot keeps and compares addresses.
func normalEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// wanted are the properties to set; email is not among them. It belongs to a create alone: a
// contact that was found by a second address would be given another first one by it.
func wanted(c connectors.Contact) map[string]string {
	out := map[string]string{}
	for name, value := range map[string]string{
		"firstname": c.FirstName, "lastname": c.LastName, "company": c.Company, "phone": c.Phone, "jobtitle": c.JobTitle,
	} {
		if value = strings.TrimSpace(value); value != "" {
			out[name] = value
		}
	}
	return out
}

func contactProperties() []string {
	return []string{"email", "hs_additional_emails", "firstname", "lastname", "company", "phone", "jobtitle"}
}

// person is a contact on its way: what is to be set on a new one, and what on one that exists.
type person struct {
	email  string
	set    map[string]string
	change map[string]string // as set; empty where the settings leave an existing contact as it is
}

// personOf is what a contact's write says, as far as the settings allow.
func (s *session) personOf(c connectors.Contact) person {
	p := person{email: normalEmail(c.Email), set: wanted(c)}
	if s.account.Settings.Contacts != connectors.ContactsCreateOnly {
		p.change = p.set
	}
	return p
}

// updateKnown writes to the contact that the email was a short while ago. The zero Ref without an error says that it is not there any more.
func (s *session) updateKnown(ctx context.Context, c connectors.Contact, known connectors.Ref) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	return s.updateContact(ctx, text(known.ID), s.personOf(c).change, true)
}

// upsertContact writes a contact. known is what the email was last known as; fresh says that it comes
// from this very list, so that it need not be searched for.
func (s *session) upsertContact(ctx context.Context, c connectors.Contact, known connectors.Ref, fresh bool,
) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	p := s.personOf(c)
	if p.email == "" {
		return connectors.Ref{}, "", invalid("contact_email_missing", "The contact has no email address, by which HubSpot would know it.")
	}
	tried := text("")
	if !fresh {
		found, failed := s.findContact(ctx, p.email)
		if failed != nil {
			return connectors.Ref{}, "", failed
		}
		if found != nil {
			ref, outcome, failed := s.updateContact(ctx, found.ID, p.change, true)
			if failed != nil || ref.ID != "" {
				return ref, outcome, failed
			}
			tried = found.ID
		}
	}
	if id := text(known.ID); id != "" && id != tried {
		ref, outcome, failed := s.updateContact(ctx, id, p.change, fresh)
		if failed != nil || ref.ID != "" {
			return ref, outcome, failed
		}
	}
	if s.account.Settings.Contacts == connectors.ContactsUpdateOnly {
		return s.updateOnly(ctx, p)
	}
	return s.createContact(ctx, p)
}

// updateOnly is for a contact that neither the search nor an earlier write knows: the index may be behind, so that the contact itself
// is asked for before the write is refused.
func (s *session) updateOnly(ctx context.Context, p person) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	rec, failed := s.contactByEmail(ctx, p.email)
	if failed != nil {
		return connectors.Ref{}, "", failed
	}
	if rec != nil {
		ref, outcome, failed := s.updateContact(ctx, rec.ID, p.change, true)
		if failed != nil || ref.ID != "" {
			return ref, outcome, failed
		}
	}
	return connectors.Ref{}, "", &connectors.Error{Class: connectors.ClassRejected, Code: connectors.CodeContactCreationOff,
		Cause:  "HubSpot has no contact with this email address, and the connection's settings let the service update contacts but not create them.",
		Action: "Create the contact in HubSpot, or allow new contacts in the connection's settings; then retry the row."}
}

// findContact searches by email. The index may lag behind, which a create's 409 mends; where its answer contradicts itself, or the
// portal's searches are used up for now, the contact is read instead.
func (s *session) findContact(ctx context.Context, email string) (*record, *connectors.Error) {
	found, limited, failed := s.search(ctx, contactsType, query{Properties: contactProperties(), Limit: 2, Groups: []group{{Filters: []filter{{"email", "EQ", email}}}}})
	switch {
	case failed != nil:
		return nil, failed
	case limited:
		return s.contactByEmail(ctx, email)
	}
	if i := bestMatch(found.Results, email); i >= 0 {
		return &found.Results[i], nil
	}
	if found.Total == 0 && len(found.Results) == 0 {
		return nil, nil
	}
	return s.contactByEmail(ctx, email)
}

// bestMatch is the index of the contact that has the email as its first address, else as another
// one; -1 if none has it.
func bestMatch(results []record, email string) int {
	second := -1
	for i, r := range results {
		switch {
		case r.ID == "" || r.Archived:
		case normalEmail(string(r.Properties["email"])) == email:
			return i
		case second < 0 && slices.ContainsFunc(strings.Split(string(r.Properties["hs_additional_emails"]), ";"),
			func(other string) bool { return normalEmail(other) == email }):
			second = i
		}
	}
	return second
}

// contactByEmail reads the contact that owns the address, past the search index; nil without an
// error is "there is none".
func (s *session) contactByEmail(ctx context.Context, email string) (*record, *connectors.Error) {
	if rec, read := s.ahead.emails[email]; read {
		return rec, nil
	}
	return s.read(ctx, s.paths.contactByEmail(email, contactProperties()))
}

// updateContact sets properties of one contact. The zero Ref without an error says that HubSpot does not have it
// (any more). The answer's id counts, for that of a merged contact differs from the one asked for.
func (s *session) updateContact(ctx context.Context, id text, set map[string]string, exists bool) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	at := s.paths.record(contactsType, string(id))
	if len(set) == 0 {
		if exists {
			return contactRef(id), connectors.Unchanged, nil
		}
		rec, failed := s.read(ctx, at)
		if failed != nil || rec == nil {
			return connectors.Ref{}, "", failed
		}
		s.noteMerge(id, rec.ID)
		return contactRef(rec.ID), connectors.Unchanged, nil
	}
	rec, reply, failed := s.one(ctx, http.MethodPatch, at, connectors.Idempotent, newRecord{Properties: set})
	switch {
	case failed != nil && reply.Status == http.StatusNotFound && failed.Code == codeNotFound:
		return connectors.Ref{}, "", nil
	case failed != nil:
		return connectors.Ref{}, "", failed
	}
	s.noteMerge(id, rec.ID)
	return contactRef(rec.ID), connectors.Updated, nil
}

// noteMerge says that HubSpot answered for a contact with another one, which it does once contacts are merged.
func (s *session) noteMerge(asked, got text) {
	if asked != got {
		s.note("contact_merged", "The contact "+connectors.Quote(string(asked))+" was merged in HubSpot; it is "+connectors.Quote(string(got))+" now.")
	}
}

// createContact creates, and updates instead where HubSpot says that the address is taken. The settings' defaults go to a new contact
// alone.
func (s *session) createContact(ctx context.Context, p person) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	all := s.defaults(connectors.ObjectContact)
	maps.Copy(all, p.set)
	all["email"] = p.email
	rec, reply, failed := s.one(ctx, http.MethodPost, s.paths.objects(contactsType), connectors.Once, newRecord{Properties: all})
	switch {
	case failed == nil:
		return contactRef(rec.ID), connectors.Created, nil
	case reply.Status != http.StatusConflict:
		return connectors.Ref{}, "", failed
	}
	if m := existingID.FindStringSubmatch(openEnvelope(reply.Body).Message); m != nil {
		ref, outcome, failed := s.updateContact(ctx, text(m[1]), p.change, true)
		if failed != nil || ref.ID != "" {
			return ref, outcome, failed
		}
	}
	other, failed := s.contactByEmail(ctx, p.email)
	if failed != nil {
		return connectors.Ref{}, "", failed
	}
	if other != nil {
		ref, outcome, failed := s.updateContact(ctx, other.ID, p.change, true)
		if failed != nil || ref.ID != "" {
			return ref, outcome, failed
		}
	}
	return s.upsertByEmail(ctx, p)
}
