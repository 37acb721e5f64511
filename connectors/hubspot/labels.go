package hubspot

import (
	"context"
	"net/http"
	"time"

	"crm-connectors/connectors"
)

const hubspotDefined = "HUBSPOT_DEFINED"

// labelRetry is how long the documented ids serve after the labels could not be read.
const labelRetry = time.Minute

// labelKey is a pair of object types in one account. The direction matters: contact to task is another
// type than task to contact.
type labelKey struct{ account, from, to string }

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

// associationType is the type that ties from to to. It never fails: where HubSpot does not tell, the documented
// id serves, and the create itself will show what is wrong.
func (s *session) associationType(ctx context.Context, from, to string) associationType {
	key := labelKey{s.account.ID, from, to}
	id, failed := s.labels.get(ctx, key, func(ctx context.Context) (int, *connectors.Error) {
		var answer struct{ Results []label }
		if _, failed := s.call(ctx, http.MethodGet, s.paths.labels(from, to), connectors.Read, nil, &answer); failed != nil {
			return 0, failed
		}
		return chooseType(answer.Results, documentedType(from, to)), nil
	})
	if failed != nil {
		id = documentedType(from, to)
		s.labels.put(key, id, labelRetry)
	}
	return associationType{Category: hubspotDefined, TypeID: id}
}

// chooseType picks HubSpot's own type without a label, which is there once for each direction;
// the first of HubSpot's own may be a labelled one, such as "Primary".
func chooseType(list []label, otherwise int) int {
	for _, l := range list {
		if l.Category == hubspotDefined && l.Label == "" && l.TypeID > 0 {
			return l.TypeID
		}
	}
	return otherwise
}
