package hubspot

import (
	"context"
	"net/http"

	"crm-connectors/connectors"
)

// newProperty is the body that makes a property.
type newProperty struct {
	Name        string `json:"name"`
	Label       string `json:"label"`
	Description string `json:"description"`
	Group       string `json:"groupName"`
	Type        string `json:"type"`
	FieldType   string `json:"fieldType"`
	Unique      bool   `json:"hasUniqueValue"`
}

// Provision makes the marker's property on tasks and notes where the portal does not have it, then probes. Where HubSpot refuses, the
// advice says what an administrator must do. A property of that name that is there stays as it is: HubSpot settles when it is made
// whether its values are unique.
func (c *Connector) Provision(ctx context.Context, account connectors.Account) (connectors.Capabilities, error) {
	s := &session{Connector: c, account: account, doer: c.http}
	refused := map[connectors.Object]*connectors.Error{}
	for _, a := range activities() {
		state, _, failed := s.markerState(ctx, a)
		if failed == nil && state == markerAbsent {
			failed = s.createMarker(ctx, a)
		}
		switch {
		case failed == nil:
		case forGood(failed):
			refused[a.object] = failed
		default:
			return connectors.Capabilities{}, failed
		}
	}
	caps, failed := s.probe(ctx, refused)
	if failed != nil {
		return connectors.Capabilities{}, failed
	}
	return caps, nil
}

// createMarker makes the property beside the text that holds the marker too. One that is there meanwhile is a conflict, and the probe that
// follows sees it.
func (s *session) createMarker(ctx context.Context, a activity) *connectors.Error {
	group := a.group
	var text property
	if _, failed := s.call(ctx, http.MethodGet, s.paths.property(a.typ, a.text), connectors.Read, nil, &text); failed == nil && text.Group != "" {
		group = text.Group
	}
	_, failed := s.call(ctx, http.MethodPost, s.paths.properties(a.typ), connectors.Idempotent, newProperty{
		Name: markerProperty, Label: markerLabel, Description: markerDescription, Group: group,
		Type: "string", FieldType: "text", Unique: true,
	}, nil)
	return failed
}
