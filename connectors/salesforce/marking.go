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

// CheckSettings: to be written.
func (c *Connector) CheckSettings(context.Context, connectors.Account, connectors.Settings) (connectors.SettingsReport, error) {
	return connectors.SettingsReport{}, nil
}
