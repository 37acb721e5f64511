package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ConnectionPendingClaim is a connection of no workspace yet: installed from a CRM's marketplace.
const ConnectionPendingClaim = "pending_claim"

// Why an install cannot be claimed, besides ErrNotFound.
var (
	ErrInstallNotPending = errors.New("the install was claimed before")
	ErrInstallExpired    = errors.New("the install was not claimed in time")
)

// SaveInstall keeps a grant that belongs to no workspace yet, for the length of life, and gives the id to claim it by. Tokens are sealed
// for that id. An earlier install of the same account that nobody has claimed gives way to this one.
func (s *Store) SaveInstall(ctx context.Context, g NewGrant, life time.Duration) (uuid.UUID, error) {
	id := uuid.New()
	access, err := s.keys.Seal(g.AccessToken, id.String(), g.CRM, "access_token")
	if err != nil {
		return uuid.Nil, err
	}
	refresh, err := s.keys.Seal(g.RefreshToken, id.String(), g.CRM, "refresh_token")
	if err != nil {
		return uuid.Nil, err
	}
	scopes, err := json.Marshal(append([]string{}, g.Scopes...))
	if err != nil {
		return uuid.Nil, fmt.Errorf("install: %w", err)
	}
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('crm_install:' || $1 || ':' || $2, 0))`, g.CRM, g.AccountID); err != nil {
			return err
		}
		if err := forgetInstalls(ctx, tx, `crm = $1 and external_account_key = $2`, g.CRM, g.AccountID); err != nil {
			return err
		}
		var connection uuid.UUID
		if err := tx.QueryRow(ctx, `
			insert into crm_connections (workspace_id, crm, status, account_id, account_name, crm_user_id, instance_url, login_url, scopes_json,
				access_token_ciphertext, refresh_token_ciphertext, token_expires_at, connected_at)
			values (null, @crm, 'pending_claim', @account, @name, @user, @instance, @login, @scopes, @access, @refresh, @expires, now()) returning id`,
			pgx.NamedArgs{"crm": g.CRM, "account": g.AccountID, "name": g.AccountName, "user": g.UserID, "instance": g.InstanceURL, "login": g.LoginURL,
				"scopes": json.RawMessage(scopes), "access": access, "refresh": refresh, "expires": nullTime(g.ExpiresAt)}).Scan(&connection); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into pending_installs (id, crm, external_account_key, connection_id, expires_at)
			values ($1, $2, $3, $4, now() + make_interval(secs => $5))`, id, g.CRM, g.AccountID, connection, life.Seconds())
		return err
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("save install: %w", err)
	}
	return id, nil
}

// ClaimInstall connects the workspace with the grant of an install, as Connect does, and spends the install: of any number of callers at
// once, one succeeds. replaces is as in NewGrant; after an *OtherAccountError the install waits on. userID is for the record.
func (s *Store) ClaimInstall(ctx context.Context, id, workspaceID uuid.UUID, userID, replaces string, wake Wake) (Connection, error) {
	var c Connection
	err := s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		var connection *uuid.UUID
		var status string
		var late bool
		err := tx.QueryRow(ctx, `select connection_id, status, expires_at <= now() from pending_installs where id = $1 for update`, id).
			Scan(&connection, &status, &late)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case status == "claimed":
			return ErrInstallNotPending
		case status != "pending" || late || connection == nil:
			return ErrInstallExpired
		}
		g, err := s.takeGrant(ctx, tx, id, *connection)
		if err != nil {
			return err
		}
		g.WorkspaceID, g.Replaces = workspaceID, replaces
		if c, err = s.connect(ctx, tx, g, wake); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update pending_installs set status = 'claimed', workspace_id = $2, claimed_by_user_id = $3, connection_id = $4, updated_at = now()
			where id = $1`, id, workspaceID, userID, c.ID); err != nil {
			return err
		}
		return audit(ctx, tx, Act{Actor: userID, Action: "install.claim", WorkspaceID: workspaceID, Subject: c.ID.String(),
			Detail: map[string]any{"install_id": id, "crm": c.CRM, "account_id": c.AccountID}})
	})
	if err != nil {
		return Connection{}, fmt.Errorf("claim install: %w", err)
	}
	return c, nil
}

// takeGrant removes the connection that waits to be claimed and opens what it held.
func (s *Store) takeGrant(ctx context.Context, tx pgx.Tx, install, connection uuid.UUID) (NewGrant, error) {
	var g NewGrant
	var expires *time.Time
	err := tx.QueryRow(ctx, `delete from crm_connections where id = $1 and status = 'pending_claim'
		returning crm, account_id, account_name, crm_user_id, instance_url, login_url, scopes_json, access_token_ciphertext, refresh_token_ciphertext, token_expires_at`,
		connection).Scan(&g.CRM, &g.AccountID, &g.AccountName, &g.UserID, &g.InstanceURL, &g.LoginURL, &g.Scopes, &g.AccessToken, &g.RefreshToken, &expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, ErrInstallExpired
	}
	if err != nil {
		return g, err
	}
	if g.AccessToken, err = s.keys.Open(g.AccessToken, install.String(), g.CRM, "access_token"); err != nil {
		return g, err
	}
	if g.RefreshToken, err = s.keys.Open(g.RefreshToken, install.String(), g.CRM, "refresh_token"); err != nil {
		return g, err
	}
	if expires != nil {
		g.ExpiresAt = *expires
	}
	return g, nil
}

// forgetInstalls ends pending installs and forgets their tokens.
func forgetInstalls(ctx context.Context, tx pgx.Tx, which string, args ...any) error {
	_, err := tx.Exec(ctx, `
		with ended as (update pending_installs set status = 'expired', updated_at = now() where status = 'pending' and `+which+` returning connection_id)
		delete from crm_connections c using ended where c.id = ended.connection_id and c.status = 'pending_claim'`, args...)
	return err
}
