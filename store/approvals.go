package store

import (
	"context"
	"fmt"
)

// Approvals are the grants that one user of a CRM account has given to one app, as far as this database knows of them: one a connection.
type Approvals struct {
	Live  int // the connection's own counts, whatever its status
	Later int // of other workspaces, given after the connection's own
}

// Approvals counts those of the user who approved c. A user who is not known has none but c's.
func (s *Store) Approvals(ctx context.Context, c Connection) (Approvals, error) {
	a := Approvals{Live: 1}
	err := s.everywhere().QueryRow(ctx, `
		select 1 + count(*) filter (where o.status <> 'error'), count(*) filter (where o.connected_at > c.connected_at)
		from crm_connections c join crm_connections o on o.crm = c.crm and o.account_id = c.account_id and o.crm_user_id = c.crm_user_id
			and o.crm_user_id <> '' and o.app_client_id = c.app_client_id and o.id <> c.id and o.status <> 'disconnected'
		where c.id = $1`, c.ID).Scan(&a.Live, &a.Later)
	if err != nil {
		return Approvals{}, fmt.Errorf("approvals of a user: %w", err)
	}
	return a, nil
}
