package hubspot

import (
	"context"
	"net/http"
	"strings"

	"crm-connectors/connectors"
)

// markerState is what a portal has for the marker of one type.
type markerState string

const (
	markerUnique   markerState = "unique"   // HubSpot refuses a second record
	markerPlain    markerState = "plain"    // it can be written, and a second record too
	markerUnusable markerState = "unusable" // a property of that name and another kind
	markerAbsent   markerState = "absent"
	markerUnseen   markerState = "unseen" // HubSpot does not let the connection look
)

// Probe reads the definition of the marker's property, one call for tasks and one for notes, and the portal's time zone, which
// cannot be asked for once the calls of the day are used up. What HubSpot does not let the connection see costs a tier and is no failure.
func (c *Connector) Probe(ctx context.Context, account connectors.Account) (connectors.Capabilities, error) {
	s := &session{Connector: c, account: account, doer: c.http}
	caps, failed := s.probe(ctx, nil)
	if failed != nil {
		return connectors.Capabilities{}, failed
	}
	_ = s.zone(ctx)
	return caps, nil
}

// probe is Probe; refused says why a property could not be made just now.
func (s *session) probe(ctx context.Context, refused map[connectors.Object]*connectors.Error) (connectors.Capabilities, *connectors.Error) {
	caps := connectors.Capabilities{Markers: map[connectors.Object]connectors.Marking{
		connectors.ObjectContact: {Tier: connectors.TierEnforced}, // by email
	}}
	for _, a := range activities() {
		state, _, failed := s.markerState(ctx, a)
		if failed != nil {
			return connectors.Capabilities{}, failed
		}
		m := connectors.Marking{Tier: connectors.TierRead}
		switch state {
		case markerUnique:
			m = connectors.Marking{Tier: connectors.TierEnforced, Field: markerProperty}
		case markerPlain:
			m.Field = markerProperty
		}
		caps.Markers[a.object] = m
		if advice := a.advice(state, refused[a.object]); advice != "" {
			caps.Advice = append(caps.Advice, advice)
		}
	}
	return caps, nil
}

// markerState reads the property's definition. What HubSpot refuses for good is an answer.
func (s *session) markerState(ctx context.Context, a activity) (markerState, property, *connectors.Error) {
	var p property
	_, failed := s.call(ctx, http.MethodGet, s.paths.property(a.typ, markerProperty), connectors.Read, nil, &p)
	switch {
	case failed != nil && failed.Code == codeNotFound:
		return markerAbsent, p, nil
	case failed != nil && forGood(failed):
		return markerUnseen, p, nil
	case failed != nil:
		return "", p, failed
	case p.Archived:
		return markerAbsent, p, nil
	case p.Type != "string" || !p.writable():
		return markerUnusable, p, nil
	case p.Unique:
		return markerUnique, p, nil
	}
	return markerPlain, p, nil
}

// forGood tells whether HubSpot will refuse the same call again: for what it asks, or for a scope or permission.
func forGood(e *connectors.Error) bool {
	return e.Class == connectors.ClassRejected || e.Status == http.StatusForbidden && e.Class != connectors.ClassRetry
}

// advice is what an administrator can do for a better tier; empty: nothing.
func (a activity) advice(state markerState, refused *connectors.Error) string {
	const byHand = "an administrator can add a single-line text property with the internal name " + markerProperty + " that requires unique values"
	switch {
	case state == markerUnique:
		return ""
	case state == markerPlain:
		return "The property " + markerProperty + " of HubSpot's " + a.typ + " does not require unique values, which HubSpot settles when a property is made: " +
			"have an administrator delete it, then let the service set up the account."
	case state == markerUnusable:
		return "The property " + markerProperty + " of HubSpot's " + a.typ + " is not a text that the service may write: " +
			"have an administrator delete it, then let the service set up the account."
	case state == markerUnseen:
		return "HubSpot does not let the connection look at the properties of " + a.typ + ": reconnect with a user who may, " +
			"so that HubSpot itself can refuse what is sent twice."
	case refused != nil:
		return "HubSpot does not let the service add the property " + markerProperty + " to " + a.typ + " (" + strings.TrimSuffix(refused.Cause, ".") + "): " + byHand + "."
	}
	return "HubSpot's " + a.typ + " have no property " + markerProperty + ", by which HubSpot itself would refuse what is sent twice: let the service set up the account, or " + byHand + "."
}
