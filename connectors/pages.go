package connectors

// Linker is a Connector that knows where people look at an account and its records. What it does not know is the empty address.
type Linker interface {
	AccountURL(account Account) string
	RecordURL(account Account, ref Ref) string
}

// Scoped is a Connector that tells which scopes it asks for: without a required one something fails, without an optional one something is
// done in a way that is less good.
type Scoped interface {
	Scopes() (required, optional []string)
}
