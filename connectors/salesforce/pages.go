package salesforce

import (
	"net/url"
	"strings"

	"crm-connectors/connectors"
)

// AccountURL is the org's own address.
func (c *Connector) AccountURL(account connectors.Account) string { return account.InstanceURL }

// RecordURL is a record's page: an id is enough for the org to know of what kind it is.
func (c *Connector) RecordURL(account connectors.Account, ref connectors.Ref) string {
	if account.InstanceURL == "" || ref.ID == "" {
		return ""
	}
	return strings.TrimRight(account.InstanceURL, "/") + "/" + url.PathEscape(ref.ID)
}

// Scopes are those that are asked for. Salesforce tells of a grant which it gave.
func (c *Connector) Scopes() (required, optional []string) { return strings.Fields(scopes), nil }

var (
	_ connectors.Linker = (*Connector)(nil)
	_ connectors.Scoped = (*Connector)(nil)
)
