package salesforce

import (
	"context"

	"crm-connectors/connectors"
)

// Probe: to be written.
func (c *Connector) Probe(context.Context, connectors.Account) (connectors.Capabilities, error) {
	return connectors.Capabilities{}, nil
}

// Provision: to be written.
func (c *Connector) Provision(context.Context, connectors.Account) (connectors.Capabilities, error) {
	return connectors.Capabilities{}, nil
}
