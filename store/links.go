package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ForgetRecords forgets which contacts have these records of a CRM account, in every workspace: each is searched again when it is written next.
func (s *Store) ForgetRecords(ctx context.Context, crm, accountID string, ids []string) error {
	if _, err := s.everywhere().Exec(ctx, `delete from crm_object_links where crm = $1 and crm_account_id = $2 and crm_object_id = any($3)`, crm, accountID, ids); err != nil {
		return fmt.Errorf("forget records: %w", err)
	}
	return nil
}

// FollowRecords says that these records of a CRM account are one now. What it holds is not known: it is written whole the next time.
func (s *Store) FollowRecords(ctx context.Context, crm, accountID string, ids []string, now string) error {
	if _, err := s.everywhere().Exec(ctx, `update crm_object_links set crm_object_id = $4, fields_json = '{}', updated_at = now()
		where crm = $1 and crm_account_id = $2 and crm_object_id = any($3)`, crm, accountID, ids, now); err != nil {
		return fmt.Errorf("follow records: %w", err)
	}
	return nil
}

// EraseRecords erases the contacts that have these records of a CRM account, in every workspace, as EraseContact does.
func (s *Store) EraseRecords(ctx context.Context, crm, accountID string, ids []string, actor string) error {
	type contact struct {
		WorkspaceID uuid.UUID `db:"workspace_id"`
		Email       string    `db:"email"`
	}
	rows, err := s.everywhere().Query(ctx, `
		select workspace_id, email from crm_object_links where crm = $1 and crm_account_id = $2 and crm_object_id = any($3)
		union select workspace_id, ordering_key from crm_write_log where connection_id in (select id from crm_connections where crm = $1 and account_id = $2)
			and object_type = 'contact' and crm_account_id = $2 and crm_object_id = any($3) and ordering_key is not null`, crm, accountID, ids)
	if err != nil {
		return fmt.Errorf("contacts of records: %w", err)
	}
	contacts, err := pgx.CollectRows(rows, pgx.RowToStructByName[contact])
	if err != nil {
		return fmt.Errorf("contacts of records: %w", err)
	}
	for _, c := range contacts {
		if _, err := s.EraseContact(ctx, c.WorkspaceID, c.Email, actor); err != nil {
			return err
		}
	}
	return nil
}
