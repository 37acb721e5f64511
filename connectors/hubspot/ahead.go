package hubspot

import (
	"context"

	"crm-connectors/connectors"
)

// ahead is what was read for several writes at once, so that the look for each of them need not ask again. What it does not hold was not
// read, and is asked for as ever: it never stands for "not there" unless it says so. The zero value holds nothing.
type ahead struct {
	emails   map[string]*record   // contacts by an address of theirs; nil: nobody has it
	linked   map[link]*record     // contacts and deals that exist
	marked   map[link]*record     // tasks and notes by type and marker; nil: neither a living nor a deleted one has it in its property
	lists    map[members][]string // the ids of what a contact or deal has
	records  map[link]record      // tasks and notes by type and id; one without an id was asked for and is nowhere
	whole    map[link]bool        // which of them have their associations with them
	property map[string]judged    // by type
}

// members are the records of a type that are associated with owner.
type members struct {
	owner link
	typ   string
}

// judged is what a portal has for the marker of a type.
type judged struct {
	state markerState
	property
}

func newAhead() ahead {
	return ahead{emails: map[string]*record{}, linked: map[link]*record{}, marked: map[link]*record{}, lists: map[members][]string{},
		records: map[link]record{}, whole: map[link]bool{}, property: map[string]judged{}}
}

// among gives those of ids that were read, and the ids that were not.
func (h ahead) among(a activity, ids []string) (read []record, rest []string) {
	if len(h.records) == 0 {
		return nil, ids
	}
	for _, id := range ids {
		if rec, known := h.records[link{a.typ, id}]; known {
			read = append(read, rec)
		} else {
			rest = append(rest, id)
		}
	}
	return read, rest
}

// activityNow is one living task or note with its associations; nil: it is not there.
func (s *session) activityNow(ctx context.Context, a activity, id string) (*record, *connectors.Error) {
	if at := (link{a.typ, id}); s.ahead.whole[at] {
		rec := s.ahead.records[at]
		return &rec, nil
	}
	return s.read(ctx, s.paths.activity(a, id))
}

// linkedRecord is a contact or deal that is there; nil: it is gone.
func (s *session) linkedRecord(ctx context.Context, l link) (*record, *connectors.Error) {
	if rec := s.ahead.linked[l]; rec != nil {
		return rec, nil
	}
	return s.read(ctx, s.paths.record(l.typ, l.id))
}

// markerStateOnce is markerState, or what it was for the writes before.
func (s *session) markerStateOnce(ctx context.Context, a activity) (markerState, property, *connectors.Error) {
	if j, read := s.ahead.property[a.typ]; read {
		return j.state, j.property, nil
	}
	state, p, failed := s.markerState(ctx, a)
	if failed == nil && s.ahead.property != nil {
		s.ahead.property[a.typ] = judged{state, p}
	}
	return state, p, failed
}
