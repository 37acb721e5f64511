package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ConnectionOf is a connection of the workspace, or ErrNotFound: another workspace's is not told from none.
func (s *Store) ConnectionOf(ctx context.Context, workspaceID, id uuid.UUID) (Connection, error) {
	return one[Connection](s.in(workspaceID).Query(ctx, `select `+connectionColumns+` from crm_connections where id = $1 and workspace_id = $2`, id, workspaceID))
}

// SaveSettings stores settings over those that c was read with, and records that actor changed the keys named. False means that the settings or
// the CRM account have changed since then: what was checked is not what would be stored, so nothing is. A drain that is under way claims nothing
// more: it has read the former settings, and leaves what is due to the next.
func (s *Store) SaveSettings(ctx context.Context, c Connection, settings json.RawMessage, actor string, keys []string) (bool, error) {
	saved := false
	err := s.in(c.WorkspaceID).tx(ctx, func(tx pgx.Tx) error {
		var id uuid.UUID
		err := tx.QueryRow(ctx, `update crm_connections set settings_json = $4, drain_epoch = drain_epoch + 1, updated_at = now()
			where id = $1 and settings_json = $2 and account_id = $3 returning id`, c.ID, c.Settings, c.AccountID, settings).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("save settings: %w", err)
		}
		saved = true
		return audit(ctx, tx, Act{Actor: actor, Action: "connection.settings", WorkspaceID: c.WorkspaceID, Subject: c.ID.String(), Detail: map[string]any{"keys": keys}})
	})
	return saved && err == nil, err
}
