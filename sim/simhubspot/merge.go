package simhubspot

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

var errMerge = errors.New("merge: both contacts must exist and differ")

// Merge makes one new contact of two, as a user of the portal would, and returns its id. The
// primary's values win, the other's address becomes an additional one, associations move, and
// both old ids lead to the new contact where HubSpot follows them.
func (s *Sim) Merge(primary, other string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, err := kindOf(contacts)
	if err != nil {
		return "", err
	}
	a, b := s.find(k, primary), s.find(k, other)
	if a == nil || b == nil || a == b {
		return "", errMerge
	}
	props := maps.Clone(b.props)
	maps.Copy(props, a.props)
	emails := nonEmpty(strings.Join([]string{a.props["email"], b.props["email"], a.props["hs_additional_emails"], b.props["hs_additional_emails"]}, ";"))
	emails = slices.DeleteFunc(emails, func(e string) bool { return e == props["email"] })
	props["hs_additional_emails"] = strings.Join(emails, ";")
	old := nonEmpty(strings.Join([]string{a.props["hs_merged_object_ids"], b.props["hs_merged_object_ids"], a.id, b.id}, ";"))
	props["hs_merged_object_ids"] = strings.Join(old, ";")

	s.archive(a)
	s.archive(b)
	rec := s.insert(ref{contacts, s.nextID(contacts)}, withoutEmpty(props), s.core.Clock.Now().Add(s.behaviour.SearchLag))
	for _, from := range []*record{a, b} {
		s.merged[from.id] = rec.id
		for to, labels := range from.links {
			s.moveLinks(from.ref, rec, to, labels)
		}
	}
	return rec.id, nil
}

func (s *Sim) moveLinks(old ref, rec *record, to ref, labels []linkedLabel) {
	far := s.records[to.kind][to.id]
	for _, l := range labels {
		rec.links[to] = addLabel(rec.links[to], l)
	}
	for _, l := range far.links[old] {
		far.links[rec.ref] = addLabel(far.links[rec.ref], l)
	}
	delete(far.links, old)
}
