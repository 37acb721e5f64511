package hubspot

import (
	"context"
	"net/http"

	"crm-connectors/connectors"
)

// ownerKey is a person's address in one account.
type ownerKey struct{ account, email string }

type owner struct {
	ID       text   `json:"id"`
	Email    string `json:"email"`
	Archived bool   `json:"archived"`
}

// ownerID is the owner with that email; "" with a note where there is none or the connection may
// not look. An owner is a wish, not a reason to lose a task.
func (s *session) ownerID(ctx context.Context, email string) (string, *connectors.Error) {
	email = normalEmail(email)
	if email == "" {
		return "", nil
	}
	id, failed := s.owners.get(ctx, ownerKey{s.account.ID, email}, func(ctx context.Context) (string, *connectors.Error) {
		return s.findOwner(ctx, email)
	})
	switch {
	case failed != nil && (failed.Class == connectors.ClassNeedsReconnect || failed.Class == connectors.ClassRejected):
		s.note("owner_not_found", "The task has no owner, for HubSpot does not let the connection look up owners: "+failed.Cause)
		return "", nil
	case failed != nil:
		return "", failed
	case id == "":
		s.note("owner_not_found", "The task has no owner, for the portal has no active user with the email of the owner.")
	}
	return id, nil
}

func (s *session) findOwner(ctx context.Context, email string) (string, *connectors.Error) {
	var answer struct{ Results []owner }
	if _, failed := s.call(ctx, http.MethodGet, s.paths.owners(email), connectors.Read, nil, &answer); failed != nil {
		return "", failed
	}
	for _, o := range answer.Results {
		if normalEmail(o.Email) == email && !o.Archived && o.ID != "" {
			return string(o.ID), nil
		}
	}
	return "", nil
}
