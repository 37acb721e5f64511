package salesforce

// MaxBatch is 1: each write goes by itself.
func (c *Connector) MaxBatch() int { return 1 }
