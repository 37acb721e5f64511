package connectors

// Failure is one line of the catalogue of what can go wrong, for people: the same text that a failed write carries.
type Failure struct {
	Code   string // as Error.Code
	Class  Class
	Cause  string // one sentence; the CRM's own words may follow it on a write
	Action string // one sentence
	Source string // where the CRM documents it, or how else it is known
}
