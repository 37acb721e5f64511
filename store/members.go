package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// IsMember says whether workspace_members, which is Conduit's, has the user in the workspace. Whatever is no user of it, such as a
// text that is no UUID, is no member.
func (s *Store) IsMember(ctx context.Context, userID string, workspaceID uuid.UUID) (bool, error) {
	var yes bool
	err := s.in(workspaceID).QueryRow(ctx, `select crm_private.is_member($1, $2)`,
		workspaceID, userID).Scan(&yes)
	if err != nil {
		return false, fmt.Errorf("member of a workspace: %w", err)
	}
	return yes, nil
}
