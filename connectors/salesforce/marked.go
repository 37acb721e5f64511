package salesforce

import (
	"context"
	"time"

	"crm-connectors/connectors"
)

// Marked: to be written.
func (c *Connector) Marked(context.Context, connectors.Account, connectors.Object, time.Time) ([]connectors.MarkedRecord, error) {
	return nil, connectors.ErrCannotFind
}
