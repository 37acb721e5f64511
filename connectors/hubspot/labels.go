package hubspot

import (
	"context"
	"net/http"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// The categories of association types: HubSpot's own, and the labels that a portal made.
const (
	hubspotDefined = "HUBSPOT_DEFINED"
	userDefined    = "USER_DEFINED"
)

// labelRetry is how long the documented ids serve after the labels could not be read.
const labelRetry = time.Minute

// labelKey is a pair of object types in one account, with the label that is asked for. The direction matters: contact to task is
// another type than task to contact.
type labelKey struct{ account, from, to, label string }

// chosenType is the type for a key.
type chosenType struct {
	associationType
	lacks string // why it is not the label that was asked for; empty: it is
}

// documentedType is the id of the association without a label. HubSpot documents these as the same
// in every portal.
func documentedType(from, to string) int {
	switch from + ">" + to {
	case tasksType + ">" + contactsType:
		return 204
	case tasksType + ">" + dealsType:
		return 216
	case notesType + ">" + contactsType:
		return 202
	case notesType + ">" + dealsType:
		return 214
	}
	return 0
}

type label struct {
	Category string `json:"category"`
	TypeID   int    `json:"typeId"`
	Label    text   `json:"label"`
}

// associationType is the type that ties from to to, with the label that the settings ask for. It never fails: where HubSpot does not
// tell, the documented id serves, and the create itself will show what is wrong.
func (s *session) associationType(ctx context.Context, from, to string) associationType {
	key := s.labelKey(from, to)
	chosen, failed := s.labels.get(ctx, key, func(ctx context.Context) (chosenType, *connectors.Error) {
		list, failed := s.readLabels(ctx, from, to)
		if failed != nil {
			return chosenType{}, failed
		}
		return chooseType(list, key.label, documentedType(from, to)), nil
	})
	if failed != nil {
		chosen = chooseType(nil, key.label, documentedType(from, to))
		if key.label != "" {
			chosen.lacks = "HubSpot did not tell its labels now"
		}
		s.labels.put(key, chosen, labelRetry)
	}
	if chosen.lacks != "" {
		s.note("label_not_found", "The record is associated without the label “"+connectors.Quote(labelName(s.account.Settings, from, to))+"”: "+chosen.lacks+".")
	}
	return chosen.associationType
}

func (s *session) labelKey(from, to string) labelKey {
	return labelKey{s.account.ID, from, to, strings.ToLower(labelName(s.account.Settings, from, to))}
}

// labelName is the label that the settings ask for, as it is written there; empty: none.
func labelName(settings connectors.Settings, from, to string) string {
	wanted := settings.Labels
	return strings.TrimSpace(map[string]string{
		tasksType + ">" + contactsType: wanted.TaskContact, tasksType + ">" + dealsType: wanted.TaskDeal,
		notesType + ">" + contactsType: wanted.RollupContact, notesType + ">" + dealsType: wanted.RollupDeal,
	}[from+">"+to])
}

// forgetTypes drops what is believed of the pairs' types, unless it is what HubSpot documents for every portal. It tells whether
// something was dropped.
func (s *session) forgetTypes(from string, links []link) bool {
	dropped := false
	for _, l := range links {
		key := s.labelKey(from, l.typ)
		if chosen, known := s.labels.peek(key); known && chosen.TypeID != documentedType(from, l.typ) {
			s.labels.drop(key)
			dropped = true
		}
	}
	return dropped
}

func (s *session) readLabels(ctx context.Context, from, to string) ([]label, *connectors.Error) {
	var answer struct{ Results []label }
	_, failed := s.call(ctx, http.MethodGet, s.paths.labels(from, to), connectors.Read, nil, &answer)
	return answer.Results, failed
}

// chooseType picks the portal's own type with that label, in small letters; where none is asked for or the portal does not have it,
// HubSpot's type without a label, which is there once for each direction. The first of HubSpot's own may be a labelled one, such as
// "Primary".
func chooseType(list []label, name string, otherwise int) chosenType {
	plain := associationType{Category: hubspotDefined, TypeID: otherwise}
	own := false
	for _, l := range list {
		switch {
		case l.TypeID <= 0:
		case name != "" && l.Category == userDefined && strings.ToLower(strings.TrimSpace(string(l.Label))) == name:
			return chosenType{associationType: associationType{Category: userDefined, TypeID: l.TypeID}}
		case l.Category == hubspotDefined && l.Label == "" && !own:
			own, plain.TypeID = true, l.TypeID
		}
	}
	if name == "" {
		return chosenType{associationType: plain}
	}
	return chosenType{associationType: plain, lacks: "the portal has none of that name between these records"}
}
