package hubspot

import (
	"net/url"
	"slices"

	"crm-connectors/connectors"
)

// AccountURL is the portal's list of contacts.
func (c *Connector) AccountURL(account connectors.Account) string {
	if account.ID == "" {
		return ""
	}
	return c.authorize + "/contacts/" + url.PathEscape(account.ID)
}

// RecordURL is a record's page; HubSpot itself leads on to the portal's own host.
func (c *Connector) RecordURL(account connectors.Account, ref connectors.Ref) string {
	types := map[string]string{"contacts": "0-1", "tasks": "0-27", "notes": "0-46"}
	if account.ID == "" || ref.ID == "" || types[ref.Type] == "" {
		return ""
	}
	return c.AccountURL(account) + "/record/" + types[ref.Type] + "/" + url.PathEscape(ref.ID)
}

// Scopes are those that the app asks for.
func (c *Connector) Scopes() (required, optional []string) {
	return slices.Clone(c.scopes), slices.Clone(c.optional)
}

var (
	_ connectors.Linker = (*Connector)(nil)
	_ connectors.Scoped = (*Connector)(nil)
)
