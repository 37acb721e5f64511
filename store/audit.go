package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Act is something that a person or another service did here. The record of acts is append only.
type Act struct {
	Actor       string // who: a user id, or the name of a key
	Action      string // such as write.resolve
	WorkspaceID uuid.UUID
	Subject     string // the id of what it was done to
	Detail      map[string]any
}

// audit records an act in the transaction that does it.
func audit(ctx context.Context, tx pgx.Tx, a Act) error {
	detail, err := json.Marshal(a.Detail)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if _, err := tx.Exec(ctx, `insert into crm_audit (actor, action, workspace_id, subject, detail_json) values ($1, $2, $3, $4, $5)`,
		a.Actor, a.Action, a.WorkspaceID, a.Subject, json.RawMessage(detail)); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Audited is a recorded act.
type Audited struct {
	At     time.Time       `db:"at"`
	Actor  string          `db:"actor"`
	Action string          `db:"action"`
	Detail json.RawMessage `db:"detail_json"`
}

// Acts are what was done to a subject, oldest first.
func (s *Store) Acts(ctx context.Context, subject string) ([]Audited, error) {
	return many[Audited](s.everywhere().Query(ctx, `select at, actor, action, detail_json from crm_audit where subject = $1 order by id`, subject))
}
