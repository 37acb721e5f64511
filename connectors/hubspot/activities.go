package hubspot

import (
	"context"
	"net/http"
	"slices"

	"crm-connectors/connectors"
)

// link is a record that a task or note is to be associated with.
type link struct{ typ, id string }

// createActivity creates a task or note together with its marker and associations. Where HubSpot refuses it and a linked record turns
// out to be gone, it is created without that link: a stale deal must not keep a task out of the CRM. Where the marker is
// taken, an earlier attempt has created it.
func (s *session) createActivity(ctx context.Context, a activity, w connectors.Write, properties map[string]string, links []link,
) (connectors.Ref, connectors.Outcome, *connectors.Error) {
	s.mark(a, w.Marker, properties)
	chosen, spare := aim(a.object, s.account.Settings.RollupTarget, links)
	mended := false
	for {
		ref, reply, failed := s.postActivity(ctx, a, properties, chosen)
		switch {
		case failed == nil:
			return ref, connectors.Created, nil
		case properties[markerProperty] != "" && markerTaken(reply):
			return s.adopt(ctx, a, w, failed)
		case properties[markerProperty] != "" && markerUnknown(reply):
			delete(properties, markerProperty)
			s.note("marker_property_missing", "The portal no longer has the property "+markerProperty+" of "+a.typ+"; the record is marked in its text alone.")
		case !mended && mayBeStale(failed) && len(chosen) > 0:
			mended = true
			kept, changed, lookup := s.mend(ctx, a, chosen, spare, normalEmail(w.Email))
			switch {
			case lookup != nil:
				return connectors.Ref{}, "", lookup
			case !changed:
				return connectors.Ref{}, "", failed
			}
			chosen = kept
		default:
			return connectors.Ref{}, "", failed
		}
	}
}

// mend finds out what may be wrong with the associations of a create that was refused: a record that is gone, or a label that is. It
// tells whether another create has a chance.
func (s *session) mend(ctx context.Context, a activity, chosen, spare []link, email string) (kept []link, changed bool, failed *connectors.Error) {
	if kept, failed = s.dropGone(ctx, chosen, email); failed != nil {
		return nil, false, failed
	}
	if len(kept) == 0 && len(spare) > 0 {
		if kept, failed = s.dropGone(ctx, spare, email); failed != nil {
			return nil, false, failed
		}
	}
	forgotten := s.forgetTypes(a.typ, kept)
	return kept, forgotten || !slices.Equal(kept, chosen), nil
}

func (s *session) postActivity(ctx context.Context, a activity, properties map[string]string, links []link) (connectors.Ref, connectors.Reply, *connectors.Error) {
	body := newRecord{Properties: properties}
	for _, l := range links {
		body.Associations = append(body.Associations, association{
			To: target{ID: l.id}, Types: []associationType{s.associationType(ctx, a.typ, l.typ)}})
	}
	rec, reply, failed := s.one(ctx, http.MethodPost, s.paths.objects(a.typ), connectors.Once, body)
	if failed != nil {
		return connectors.Ref{}, reply, failed
	}
	return connectors.Ref{Type: a.typ, ID: string(rec.ID)}, reply, nil
}

// mayBeStale tells whether a refusal could be about a linked record. HubSpot documents no code for
// it, so all are suspected that name no property or permission.
func mayBeStale(e *connectors.Error) bool {
	return e.Class == connectors.ClassRejected && slices.Contains([]string{codeValidation, codeNotFound, codeRejected}, e.Code)
}

// dropGone reads the linked records and leaves out those that are gone. A merged record is replaced
// by what it became, and a contact by the one that has its email now. The error is one that forbids to go on.
func (s *session) dropGone(ctx context.Context, links []link, email string) ([]link, *connectors.Error) {
	var kept []link
	for _, l := range links {
		rec, failed := s.linkedRecord(ctx, l)
		switch {
		case failed != nil:
		case rec != nil && l.typ == contactsType:
			s.noteMerge(text(l.id), rec.ID)
		case rec == nil && l.typ == contactsType && email != "":
			rec, failed = s.contactByEmail(ctx, email)
		}
		switch {
		case failed != nil && (failed.Class == connectors.ClassRetry || failed.Class == connectors.ClassNeedsAuth):
			return nil, failed
		case failed != nil: // it cannot be seen, which does not say that it is gone
			kept = append(kept, l)
		case rec == nil && l.typ == dealsType:
			s.note("association_dropped", "The deal "+connectors.Quote(l.id)+" is no longer in HubSpot; the record is not linked to it.")
		case rec == nil:
			s.note("association_dropped", "The contact "+connectors.Quote(l.id)+" is no longer in HubSpot; the record is not linked to it.")
		default:
			kept = append(kept, link{l.typ, string(rec.ID)})
		}
	}
	return kept, nil
}

// linksOf are the records that a task or rollup belongs to: its contact, where one is known or HubSpot
// has one with its email, and its deal.
func (s *session) linksOf(ctx context.Context, w connectors.Write) ([]link, *connectors.Error) {
	var out []link
	contact := w.ContactRef.ID
	if email := normalEmail(w.Email); contact == "" && email != "" {
		rec, failed := s.contactByEmail(ctx, email)
		if failed != nil {
			return nil, failed
		}
		if rec != nil {
			contact = string(rec.ID)
		}
	}
	if contact != "" {
		out = append(out, link{contactsType, contact})
	}
	if w.DealID != "" {
		out = append(out, link{dealsType, w.DealID})
	}
	return out, nil
}
