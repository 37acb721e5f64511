package connectors

import "time"

// Tier says what protects an object from being written twice, and with that what the answer "not found" is worth.
type Tier string

// The tiers, best first.
const (
	// TierEnforced: the CRM itself refuses a second record of the same marker or natural key. "Not found" may be acted
	// upon at once, for a late copy of the first attempt would be refused.
	TierEnforced Tier = "enforced"
	// TierRead: a read of the CRM's primary store finds the marker. "Not found" counts once no request can still be under way.
	TierRead Tier = "read"
	// TierSearch: only a search index finds it, which follows writes at a distance that nobody promises.
	TierSearch Tier = "search"
	// TierNone: nothing does. A person decides.
	TierNone Tier = "none"
)

// Capabilities are what an account offers to tell our records from others. They are stored with the connection.
type Capabilities struct {
	Markers map[Object]Marking `json:"markers,omitempty"` // by object; one that is missing is TierNone
	Advice  []string           `json:"advice,omitempty"`  // what an administrator can do for a better tier, a sentence each
}

// Marking is how the records of one object are marked.
type Marking struct {
	Tier  Tier   `json:"tier"`
	Field string `json:"field,omitempty"` // the CRM's field that holds the marker; empty: its text or its natural key does

	// Since is when the field was first seen, for a CRM that does not say how old its fields are; zero: unknown. What was sent
	// before may be in the CRM without the field.
	Since time.Time `json:"since,omitzero"`
}

// Of is the marking of an object; TierNone where nothing is known.
func (c Capabilities) Of(o Object) Marking {
	if m, ok := c.Markers[o]; ok {
		return m
	}
	return Marking{Tier: TierNone}
}

// MarkedRecord is a record of the account that carries a marker of ours, or of another installation's.
type MarkedRecord struct {
	Ref     Ref
	Marker  string
	Deleted bool // it is in the CRM's bin
}
