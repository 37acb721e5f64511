package hubspot

import (
	"context"
	"net/http"
	"slices"

	"crm-connectors/connectors"
)

// attached are the ids of all records of a type that the contact and the deal of the write have, newest first. sure says that one of
// those that the record was to be tied to is still there, so that it must be among them.
func (s *session) attached(ctx context.Context, a activity, w connectors.Write) (ids []string, sure bool, failed *connectors.Error) {
	contact, failed := s.contactNow(ctx, w)
	if failed != nil {
		return nil, false, failed
	}
	var asked, there []link
	seen := map[string]bool{}
	for _, owner := range []link{contact.link, {dealsType, w.DealID}} {
		if owner.id == "" {
			continue
		}
		asked = append(asked, owner)
		found, failed := s.eachAssociated(ctx, owner, a.typ, func(id string) {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		})
		if failed != nil {
			return nil, false, failed
		}
		if found && (owner.typ != contactsType || !contact.successor) {
			there = append(there, owner)
		}
	}
	chosen, _ := aim(a.object, s.account.Settings.RollupTarget, asked)
	sure = slices.ContainsFunc(chosen, func(l link) bool { return slices.Contains(there, l) })
	slices.SortFunc(ids, func(x, y string) int { return compareIDs(y, x) })
	return ids, sure, nil
}

// present is a contact as HubSpot has it now. The zero value is none.
type present struct {
	link
	successor bool // it has the email of the one that is gone
}

// contactNow is the contact that the write belongs to: a merged one has another id, and one that is gone may have a successor.
func (s *session) contactNow(ctx context.Context, w connectors.Write) (present, *connectors.Error) {
	var rec *record
	var failed *connectors.Error
	if w.ContactRef.ID != "" {
		rec, failed = s.linkedRecord(ctx, link{contactsType, w.ContactRef.ID})
	}
	gone := rec == nil && w.ContactRef.ID != ""
	if email := normalEmail(w.Email); failed == nil && rec == nil && email != "" {
		rec, failed = s.contactByEmail(ctx, email)
	}
	switch {
	case failed != nil:
		return present{}, failed
	case rec == nil && gone:
		return present{link{contactsType, w.ContactRef.ID}, true}, nil
	case rec == nil:
		return present{}, nil
	}
	return present{link{contactsType, string(rec.ID)}, gone}, nil
}

// eachAssociated goes through all pages of what owner is associated with; false: HubSpot does not have owner.
func (s *session) eachAssociated(ctx context.Context, owner link, typ string, visit func(id string)) (bool, *connectors.Error) {
	if ids, read := s.ahead.lists[members{owner, typ}]; read {
		for _, id := range ids {
			visit(id)
		}
		return true, nil
	}
	for after := text(""); ; {
		var answer struct {
			Results []struct {
				ID text `json:"toObjectId"`
			} `json:"results"`
			Paging paging `json:"paging"`
		}
		_, failed := s.call(ctx, http.MethodGet, s.paths.associated(owner, typ, after), connectors.Read, nil, &answer)
		switch {
		case failed != nil && failed.Code == codeNotFound && after == "":
			return false, nil
		case failed != nil:
			return false, failed
		}
		for _, r := range answer.Results {
			visit(string(r.ID))
		}
		next := answer.Paging.Next.After
		if next == "" || next == after {
			return true, nil
		}
		after = next
	}
}
