package hubspot

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// A marker stands in the text of every task and note and, where the portal has it, in a property with unique values, by which HubSpot
// refuses a second record. HubSpot documents such properties for objects in general, and idProperty for tasks and notes; that a portal may
// make one on tasks and notes is from memory, and so is everything else that these names and the functions of this file hold. Nothing
// outside of it and provision.go depends on it: an account where it does not hold is found out by Probe and marks in the text alone.
const (
	markerProperty    = "outcome_marker"
	markerLabel       = "Outcome marker"
	markerDescription = "Tells the service that writes outcomes which records are its own, so that none is written twice."
	codeTaken         = "CONFLICTING_UNIQUE_VALUE" // memory
	wordsTaken        = "already has that value"   // memory
)

// activity is how an object of ours is kept on HubSpot's timeline.
type activity struct {
	object connectors.Object
	typ    string
	text   string // the property that people read, and that holds the marker
	group  string // of that property, where the portal does not say: memory
}

func activities() []activity {
	return []activity{
		{connectors.ObjectTask, tasksType, "hs_task_body", "task"},
		{connectors.ObjectRollup, notesType, "hs_note_body", "engagement"},
	}
}

func activityOf(object connectors.Object) (activity, bool) {
	for _, a := range activities() {
		if a.object == object {
			return a, true
		}
	}
	return activity{}, false
}

// properties are those that tell whose record it is.
func (a activity) properties() []string { return []string{a.text, markerProperty, "hs_createdate"} }

func (a activity) query() url.Values {
	return url.Values{"properties": {strings.Join(a.properties(), ",")}, "associations": {contactsType + "," + dealsType}}
}

// reference is the last line of a text, which holds the marker.
func reference(marker string) string {
	if marker == "" {
		return ""
	}
	return "<p>" + referenceWord + ": " + html.EscapeString(marker) + "</p>"
}

const referenceWord = "Ref"

// mark adds the marker to the properties of a new record: to the text always, and to the property where the account has it.
func (s *session) mark(a activity, marker string, properties map[string]string) {
	if marker == "" {
		return
	}
	properties[a.text] += reference(marker)
	if s.account.Capabilities.Of(a.object).Field == markerProperty {
		properties[markerProperty] = marker
	}
}

// bears tells whether a record carries the marker, in its property or as a word of its text: HubSpot may rewrite the HTML around it.
func (a activity) bears(r record, marker string) bool {
	if string(r.Properties[markerProperty]) == marker {
		return true
	}
	text := string(r.Properties[a.text])
	for {
		i := strings.Index(text, marker)
		if i < 0 {
			return false
		}
		before, after := text[:i], text[i+len(marker):]
		if (before == "" || !wordByte(before[len(before)-1])) && (after == "" || !wordByte(after[0])) {
			return true
		}
		text = after
	}
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

// markerTaken tells whether HubSpot refused a create because another record has its marker. The answer is not documented: both
// that of other unique values and a conflict like that of contacts are taken for it, unless they name other properties alone.
func markerTaken(reply connectors.Reply) bool {
	body := openEnvelope(reply.Body)
	says := reply.Status == http.StatusConflict || strings.Contains(body.Message, wordsTaken)
	var names []string
	for _, d := range body.Errors {
		if d.Code == codeTaken || strings.Contains(d.Message, wordsTaken) {
			says = true
			names = append(names, d.Context["propertyName"]...)
		}
	}
	for _, name := range names {
		if name == markerProperty {
			return true
		}
	}
	return says && len(names) == 0 && reply.Status >= 400 && reply.Status < 500
}

// markerUnknown tells whether HubSpot refused a create because the portal no longer has the property.
func markerUnknown(reply connectors.Reply) bool {
	for _, d := range openEnvelope(reply.Body).Errors {
		for _, name := range d.Context["propertyName"] {
			if d.Code == "PROPERTY_DOESNT_EXIST" && name == markerProperty {
				return true
			}
		}
	}
	return false
}

// worth is what it means that no record has the property's value. A record that was written before the portal had the property does
// not have it, and would not be refused.
func (s *session) worth(ctx context.Context, a activity, notBefore time.Time) (connectors.Tier, *connectors.Error) {
	if notBefore.IsZero() {
		return connectors.TierEnforced, nil
	}
	state, p, failed := s.markerStateOnce(ctx, a)
	switch {
	case failed != nil:
		return "", failed
	case state == markerUnique && !p.created().IsZero() && p.created().Before(notBefore):
		return connectors.TierEnforced, nil
	}
	return connectors.TierRead, nil
}
