package connectors

// What became of a contact in the CRM, as the CRM says by itself.
const (
	ContactDeleted = "deleted" // it may be put back
	ContactErased  = "erased"  // for good, because the person wants it
	ContactMerged  = "merged"  // into another
)

// ContactEvent is one of those.
type ContactEvent struct {
	Kind      string
	AccountID string
	IDs       []string // of the records that it is about
	Now       string   // ContactMerged: the record that is left
}
