package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// formerTables are those of Conduit's own implementation that the migrations moved aside, with all their rows, in an order in which none is
// referred to by a later one.
func formerTables() []string {
	return []string{"conduit_pending_installs", "conduit_oauth_states", "conduit_crm_write_log", "conduit_crm_connections"}
}

// Former is what a table that stepped aside still holds.
type Former struct {
	Table  string
	Rows   int
	Tokens int // of them and under Conduit's former key, access and refresh tokens each
}

// ErrStillSealedByOthers means that texts in use are sealed by no key of the keyset, so that what the former key opens may still be needed.
var ErrStillSealedByOthers = errors.New("texts in use are sealed by no key of this keyset")

// Former lists the tables that stepped aside and are still there, with what they hold. Where Conduit never ran there is none.
func (s *Store) Former(ctx context.Context) ([]Former, error) {
	return formerOf(ctx, s.pool)
}

type reader interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func formerOf(ctx context.Context, db reader) ([]Former, error) {
	var all []Former
	for _, table := range formerTables() {
		there, err := formerThere(ctx, db, table)
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		f := Former{Table: table}
		err = db.QueryRow(ctx, `select count(*)::int, coalesce(sum((coalesce(r ->> 'access_token_ciphertext', '') <> '')::int
			+ (coalesce(r ->> 'refresh_token_ciphertext', '') <> '')::int), 0)::int from (select to_jsonb(t) as r from `+table+` t) as rows`).Scan(&f.Rows, &f.Tokens)
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", table, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func formerThere(ctx context.Context, db reader, table string) (there bool, err error) {
	if err := db.QueryRow(ctx, `select to_regclass($1) is not null`, table).Scan(&there); err != nil {
		return false, fmt.Errorf("look for %s: %w", table, err)
	}
	return there, nil
}

// DropFormer drops the tables that stepped aside, and says what they held. It is ErrStillSealedByOthers, and drops nothing, while a text in use
// is sealed by no key of keys. actor is for the record of acts, which gets a line if there was anything. It may be called again.
func (s *Store) DropFormer(ctx context.Context, keys *Keyset, actor string) ([]Former, error) {
	sealed, err := s.Sealed(ctx, keys)
	if err != nil {
		return nil, err
	}
	for _, one := range sealed {
		if one.Key == 0 {
			return nil, fmt.Errorf("%d of %s: %w", one.Texts, one.Column, ErrStillSealedByOthers)
		}
	}
	var had []Former
	all := s.everywhere()
	err = all.tx(ctx, func(tx pgx.Tx) error {
		detail := map[string]any{}
		err := all.asLogin(ctx, tx, func() (err error) {
			if had, err = formerOf(ctx, tx); err != nil {
				return err
			}
			for _, f := range had {
				if _, err := tx.Exec(ctx, `drop table `+f.Table); err != nil {
					return fmt.Errorf("%s: %w", f.Table, err)
				}
				detail[f.Table] = f.Rows
			}
			return nil
		})
		if err != nil || len(had) == 0 {
			return err
		}
		return audit(ctx, tx, Act{Actor: actor, Action: "former_tables.drop", Subject: "conduit", Detail: detail})
	})
	if err != nil {
		return nil, fmt.Errorf("drop the former tables: %w", err)
	}
	return had, nil
}

// eraseFormer deletes the workspace's rows of the tables that stepped aside, and says how many.
func (s *Store) eraseFormer(ctx context.Context, tx pgx.Tx, workspaceID uuid.UUID) (rows int64, err error) {
	err = s.in(workspaceID).asLogin(ctx, tx, func() error {
		rows, err = eraseFormerRows(ctx, tx, workspaceID)
		return err
	})
	return rows, err
}

func eraseFormerRows(ctx context.Context, tx pgx.Tx, workspaceID uuid.UUID) (rows int64, err error) {
	for _, table := range formerTables() {
		there, err := formerThere(ctx, tx, table)
		if err != nil {
			return 0, err
		}
		if !there {
			continue
		}
		which := `workspace_id = $1`
		if connections, err := formerThere(ctx, tx, "conduit_crm_connections"); err != nil {
			return 0, err
		} else if connections && table == "conduit_pending_installs" { // which refer to them
			which += ` or connection_id in (select id from conduit_crm_connections where workspace_id = $1)`
		}
		tag, err := tx.Exec(ctx, `delete from `+table+` where `+which, workspaceID)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", table, err)
		}
		rows += tag.RowsAffected()
	}
	return rows, nil
}

// eraseFormerContact deletes from the log that stepped aside what names the address, in whichever column, and what is of the same threads. Nothing
// goes by that log any more.
func (s *Store) eraseFormerContact(ctx context.Context, tx pgx.Tx, workspaceID uuid.UUID, email string) (rows int64, err error) {
	there, err := formerThere(ctx, tx, "conduit_crm_write_log")
	if err != nil || !there {
		return 0, err
	}
	err = s.in(workspaceID).asLogin(ctx, tx, func() error {
		tag, err := tx.Exec(ctx, `
			with named as (select id, thread_id from conduit_crm_write_log l where workspace_id = $1 and strpos(lower(to_jsonb(l)::text), lower($2)) > 0)
			delete from conduit_crm_write_log where workspace_id = $1
				and (id in (select id from named) or thread_id in (select thread_id from named))`, workspaceID, email)
		if err != nil {
			return fmt.Errorf("conduit_crm_write_log: %w", err)
		}
		rows = tag.RowsAffected()
		return nil
	})
	return rows, err
}
