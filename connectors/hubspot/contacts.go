package hubspot

import (
	"context"
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

// upsertContact writes a contact. known is what the email was last known as; fresh says that it comes
// from this very list, so that it need not be searched for.
func (s *session) upsertContact(ctx context.Context, c connectors.Contact, known connectors.Ref, fresh bool,
) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	email := normalEmail(c.Email)
	if email == "" {
		return connectors.Ref{}, "", invalid("contact_email_missing", "The contact has no email address, by which HubSpot would know it.")
	}
	set := wanted(c)
	tried := text("")
	if !fresh {
		found, failed := s.findContact(ctx, email)
		if failed != nil {
			return connectors.Ref{}, "", failed
		}
		if found != nil {
			ref, failed := s.updateContact(ctx, found.ID, set, true)
			if failed != nil || ref.ID != "" {
				return ref, connectors.Updated, failed
			}
			tried = found.ID
		}
	}
	if id := text(known.ID); id != "" && id != tried {
		ref, failed := s.updateContact(ctx, id, set, fresh)
		if failed != nil || ref.ID != "" {
			return ref, connectors.Updated, failed
		}
	}
	return s.createContact(ctx, email, set)
}

// findContact searches by email. The index may lag behind, which a create's 409 mends; where its
// answer contradicts itself, the contact is read instead.
func (s *session) findContact(ctx context.Context, email string) (*record, *connectors.Error) {
	query := map[string]any{
		"filterGroups": []any{map[string]any{"filters": []any{map[string]string{"propertyName": "email", "operator": "EQ", "value": email}}}},
		"properties":   contactProperties(),
		"limit":        2,
	}
	var found page
	if _, failed := s.call(ctx, http.MethodPost, s.paths.search(contactsType), connectors.Read, query, &found); failed != nil {
		return nil, failed
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
		case r.ID == "":
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
	return s.read(ctx, s.paths.contactByEmail(email, contactProperties()))
}

// updateContact sets properties of one contact. The zero Ref without an error says that HubSpot does not have it
// (any more). The answer's id counts, for that of a merged contact differs from the one asked for.
func (s *session) updateContact(ctx context.Context, id text, set map[string]string, exists bool) (connectors.Ref, *connectors.Error) {
	at := s.paths.record(contactsType, string(id))
	if len(set) == 0 {
		if exists {
			return contactRef(id), nil
		}
		rec, failed := s.read(ctx, at)
		if failed != nil || rec == nil {
			return connectors.Ref{}, failed
		}
		return contactRef(rec.ID), nil
	}
	rec, reply, failed := s.one(ctx, http.MethodPatch, at, connectors.Idempotent, newRecord{Properties: set})
	switch {
	case failed != nil && reply.Status == http.StatusNotFound && failed.Code == codeNotFound:
		return connectors.Ref{}, nil
	case failed != nil:
		return connectors.Ref{}, failed
	}
	return contactRef(rec.ID), nil
}

// createContact creates, and updates instead where HubSpot says that the address is taken.
func (s *session) createContact(ctx context.Context, email string, set map[string]string) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	all := map[string]string{"email": email}
	for name, value := range set {
		all[name] = value
	}
	rec, reply, failed := s.one(ctx, http.MethodPost, s.paths.objects(contactsType), connectors.Once, newRecord{Properties: all})
	switch {
	case failed == nil:
		return contactRef(rec.ID), connectors.Created, nil
	case reply.Status != http.StatusConflict:
		return connectors.Ref{}, "", failed
	}
	id, failed := s.owner409(ctx, reply, email)
	if failed != nil {
		return connectors.Ref{}, "", failed
	}
	if id != "" {
		ref, failed := s.updateContact(ctx, id, set, true)
		if failed != nil || ref.ID != "" {
			return ref, connectors.Updated, failed
		}
	}
	return connectors.Ref{}, "", &connectors.Error{Class: connectors.ClassRetry, Code: "contact_moving", Status: reply.Status, Action: doNothing,
		Cause: "HubSpot says that the contact exists, yet does not show it; it may be in the middle of a change."}
}

// owner409 is the id of the contact that made HubSpot refuse a second one; "" if it cannot be told.
func (s *session) owner409(ctx context.Context, reply connectors.Reply, email string) (text, *connectors.Error) {
	if m := existingID.FindStringSubmatch(openEnvelope(reply.Body).Message); m != nil {
		return text(m[1]), nil
	}
	rec, failed := s.contactByEmail(ctx, email)
	if failed != nil || rec == nil {
		return "", failed
	}
	return rec.ID, nil
}
