package salesforce

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// A marker stands in a custom field of Activity and Lead where the org has it, External ID and Unique, by which Salesforce refuses a second
// record; and in the text: of a task always, of a lead where the org has no such field. What follows is the one place of the field's name.
const (
	markerField  = "Outcome_Key__c"
	markerLabel  = "Outcome Key"
	markerLength = 40 // what an administrator is asked for
	markerLeast  = 26 // what a marker needs

	referenceWord = "Ref"
)

// marked is the part of a record that holds the marker. A test keeps the tag equal to markerField.
type marked struct {
	Marker string `json:"Outcome_Key__c,omitempty"`
}

// sobjectOf is how an object of ours is kept in Salesforce.
func sobjectOf(object connectors.Object) string {
	if object == connectors.ObjectContact {
		return typeLead
	}
	return typeTask
}

// keyed tells whether new records of the write's kind go in under their marker.
func (st *step) keyed() bool {
	m := st.account.Capabilities.Of(st.write.Object)
	return st.write.Marker != "" && m.Tier == connectors.TierEnforced && m.Field == markerField && !st.keyless[sobjectOf(st.write.Object)]
}

// loseKey goes on without the field: an administrator has taken it away, or hidden it, since the account was probed.
func (st *step) loseKey() { st.keyless[sobjectOf(st.write.Object)] = true }

// noteKeyless says of a record that is made without the field that it was to have it.
func (st *step) noteKeyless() {
	object := sobjectOf(st.write.Object)
	n := connectors.Note{Code: "marker_field_missing", Message: "The org no longer has the field " + markerField + " of " + object +
		" for the connected user; the record is marked in its text alone."}
	if st.write.Marker != "" && st.keyless[object] && !slices.Contains(st.notes, n) {
		st.notes = append(st.notes, n)
	}
}

// worth is what it means that no record has the marker. A record that was written before the org had the field does not have it, and would
// not be refused; of a lead without a marker no copy that lands after all could ever be told, so that a person decides.
func (st *step) worth() connectors.Tier {
	if st.write.Marker == "" {
		return connectors.TierNone
	}
	known := st.account.Capabilities.Of(st.write.Object).Since
	if st.keyed() && (st.write.NotBefore.IsZero() || !known.IsZero() && known.Before(st.write.NotBefore)) {
		return connectors.TierEnforced
	}
	return connectors.TierRead
}

// reference is the last line of a text, which holds the marker.
func reference(marker string) string {
	if marker == "" {
		return ""
	}
	return referenceWord + ": " + marker
}

const descriptionField = "Description"

// described is a text as the description of a new task: what the outcome says, else the settings, and the marker below it.
func (st *step) described(text string) string {
	ref := reference(st.write.Marker)
	if text = clean(text); text == "" && ref != "" {
		text = clean(textOf(st.defaults(st.write.Object), descriptionField))
	}
	room := maxDescription
	if ref != "" {
		room -= len(between + ref)
	}
	text, was := limit(text, room)
	if was {
		st.note("text_truncated", fmt.Sprintf("Description was cut to the %d characters that Salesforce stores.", maxDescription))
	}
	return below(text, ref)
}

const between = "\n\n"

// below is text with ref as its last line.
func below(text, ref string) string {
	if text == "" || ref == "" {
		return text + ref
	}
	return text + between + ref
}

// textOf is a text among fields, however its name is spelled.
func textOf(record map[string]any, field string) string {
	for name, value := range record {
		if text, ok := value.(string); ok && strings.EqualFold(name, field) {
			return text
		}
	}
	return ""
}

// bears tells whether the record carries the marker, in its field or as a word of its text: people may have written around it.
func (r record) bears(marker string) bool {
	if strings.EqualFold(r.Marker, marker) {
		return marker != ""
	}
	for text := r.Description; marker != ""; {
		before, after, found := strings.Cut(text, marker)
		if !found {
			return false
		}
		if (before == "" || !wordByte(before[len(before)-1])) && (after == "" || !wordByte(after[0])) {
			return true
		}
		text = after
	}
	return false
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

var inText = regexp.MustCompile(`\b` + referenceWord + `:[ \t]*([a-z0-9]{26})\b`)

// marker is the record's own, empty if it has none. The last of a text counts: what stands above may speak of others.
func (r record) marker() string {
	if r.Marker != "" {
		return strings.ToLower(r.Marker)
	}
	if all := inText.FindAllStringSubmatch(r.Description, -1); len(all) > 0 {
		return all[len(all)-1][1]
	}
	return ""
}

// byMarker are the records that have the write's marker in the field, deleted ones too. None at all where the field is gone: keyed says so
// afterwards.
func (st *step) byMarker(ctx context.Context) ([]record, *connectors.Error) {
	records, err := st.query(ctx, st.ownByField())
	if _, gone := refused(err, "INVALID_FIELD"); gone {
		st.loseKey()
		return nil, nil
	}
	return records, err
}

const perMarker = 10 // more than one is one too many

func (st *step) ownByField() query {
	object := sobjectOf(st.write.Object)
	return query{object: object, fields: markedFields(object), where: []condition{equals(markerField, st.write.Marker)}, limit: perMarker, all: true}
}

// markedFields are what has to be known of a record of ours.
func markedFields(object string) []string {
	own := []string{"Id", "IsDeleted", "CreatedDate"}
	if object == typeLead {
		return append(own, "IsConverted", "ConvertedContactId", "ConvertedOpportunityId")
	}
	return append(own, "WhoId", "WhatId")
}

// oldestFirst orders records of one marker, of which the first is kept. Deleted ones count only where no living one is left: somebody has
// cleaned up.
func oldestFirst(all []record) []record {
	if slices.ContainsFunc(all, func(r record) bool { return !r.IsDeleted }) {
		all = slices.DeleteFunc(slices.Clone(all), func(r record) bool { return r.IsDeleted })
	}
	slices.SortFunc(all, func(x, y record) int {
		return cmp.Or(time.Time(x.CreatedDate).Compare(time.Time(y.CreatedDate)), strings.Compare(x.ID, y.ID))
	})
	return slices.CompactFunc(all, func(x, y record) bool { return x.ID == y.ID })
}

// stamp is a time in Salesforce's answers, whose offset has no colon. One that cannot be read is none.
type stamp time.Time

// UnmarshalText reads 2026-11-23T17:38:40.000+0000.
func (s *stamp) UnmarshalText(text []byte) error {
	t, _ := time.Parse("2006-01-02T15:04:05.000-0700", string(text))
	*s = stamp(t)
	return nil
}
