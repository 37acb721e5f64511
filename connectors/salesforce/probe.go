package salesforce

import (
	"context"
	"fmt"

	"crm-connectors/connectors"
)

// markerState is what an org has for the marker of one object.
type markerState string

const (
	markerUnique   markerState = "unique"   // Salesforce refuses a second record
	markerPlain    markerState = "plain"    // it lacks External ID or Unique
	markerUnusable markerState = "unusable" // another type, or too short
	markerReadOnly markerState = "read_only"
	markerAbsent   markerState = "absent" // or hidden, which looks the same
	markerUnseen   markerState = "unseen" // the user may not see the object
)

// Probe reads the definitions of Task and Lead as the connected user sees them, past the cache: somebody may have just changed them.
func (c *Connector) Probe(ctx context.Context, account connectors.Account) (connectors.Capabilities, error) {
	s, refusal := c.open(account)
	if refusal != nil {
		return connectors.Capabilities{}, refusal
	}
	st := &step{session: s, doer: c.cfg.HTTP}
	caps := connectors.Capabilities{Markers: map[connectors.Object]connectors.Marking{}}
	for _, o := range []struct {
		name    string
		objects []connectors.Object
	}{{typeTask, []connectors.Object{connectors.ObjectTask, connectors.ObjectRollup}}, {typeLead, []connectors.Object{connectors.ObjectContact}}} {
		state, err := st.markerState(ctx, o.name)
		if err != nil {
			return connectors.Capabilities{}, err
		}
		for _, object := range o.objects {
			caps.Markers[object] = st.marking(object, state)
		}
		if advice := advice(o.name, state); advice != "" {
			caps.Advice = append(caps.Advice, advice)
		}
	}
	return caps, nil
}

// Provision is Probe. The field could be made by an administrator's grant through other APIs alone, which the connection does not ask for; what
// an administrator has to do stands in the advice.
func (c *Connector) Provision(ctx context.Context, account connectors.Account) (connectors.Capabilities, error) {
	return c.Probe(ctx, account)
}

// marking keeps since when the field has been there, as long as it stays.
func (st *step) marking(object connectors.Object, state markerState) connectors.Marking {
	if state != markerUnique {
		return connectors.Marking{Tier: connectors.TierRead}
	}
	m := connectors.Marking{Tier: connectors.TierEnforced, Field: markerField, Since: st.c.cfg.Now().UTC()}
	if before := st.account.Capabilities.Of(object); before.Field == markerField && !before.Since.IsZero() {
		m.Since = before.Since
	}
	return m
}

func (st *step) markerState(ctx context.Context, object string) (markerState, *connectors.Error) {
	d, err := st.describeNow(ctx, object)
	switch {
	case err != nil && err.Class == connectors.ClassRejected:
		return markerUnseen, nil
	case err != nil:
		return "", err
	}
	f, there := d.field(markerField)
	switch {
	case !there:
		return markerAbsent, nil
	case f.Type != "string" || f.Length < markerLeast:
		return markerUnusable, nil
	case !f.ExternalID || !f.Unique:
		return markerPlain, nil
	case !f.Createable || !f.Updateable:
		return markerReadOnly, nil
	}
	return markerUnique, nil
}

// advice is what an administrator can do for a better tier; empty: nothing.
func advice(object string, state markerState) string {
	place := object
	if object == typeTask {
		place = "Activity" // where the custom fields of tasks are made
	}
	const why = ", by which Salesforce itself would refuse what is sent twice"
	grant := fmt.Sprintf("give the connected user read and edit access to %s.%s (field-level security, in a permission set or the profile)", object, markerField)
	then := ", then probe the connection again."
	switch state {
	case markerUnique:
		return ""
	case markerUnseen:
		return "The connected user may not see the object " + object + ": ask a Salesforce administrator to give the user read, create and edit access to it" + then
	case markerReadOnly:
		return "The connected user may not write the field " + object + "." + markerField + why + ": ask a Salesforce administrator to " + grant + then
	case markerPlain:
		return "The field " + object + "." + markerField + " is not both External ID and Unique" + why + ": ask a Salesforce administrator to tick both, on " + place + then
	case markerUnusable:
		return fmt.Sprintf("The field %s.%s is not a text of at least %d characters: ask a Salesforce administrator to delete it from %s and to make it anew as Text with length %d, "+
			"External ID and Unique, and to %s%s", object, markerField, markerLeast, place, markerLength, grant, then)
	}
	return fmt.Sprintf("The connected user sees no field %s on %s%s: ask a Salesforce administrator to create on the object %s a custom field of type Text with the label “%s”, the API name %s "+
		"and length %d, to tick External ID and Unique (“Do not allow duplicate values”), and to %s%s", markerField, object, why, place, markerLabel, markerField, markerLength, grant, then)
}
