package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
)

// SaveCapabilities records what an account was found to offer, unless the connection has gone to another account meanwhile.
func (s *Store) SaveCapabilities(ctx context.Context, connectionID uuid.UUID, accountID string, capabilities json.RawMessage) error {
	if _, err := s.connection(connectionID).Exec(ctx, `update crm_connections set capabilities_json = $3, capabilities_at = now()
		where id = $1 and account_id = $2`, connectionID, accountID, capabilities); err != nil {
		return fmt.Errorf("save capabilities: %w", err)
	}
	return nil
}

// SaveLimits records what the CRM last said about the account's allowance.
func (s *Store) SaveLimits(ctx context.Context, connectionID uuid.UUID, accountID string, limits json.RawMessage) error {
	if _, err := s.connection(connectionID).Exec(ctx, `update crm_connections set limits_json = $3, limits_at = now()
		where id = $1 and account_id = $2`, connectionID, accountID, limits); err != nil {
		return fmt.Errorf("save limits: %w", err)
	}
	return nil
}
