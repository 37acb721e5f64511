package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// App is a workspace's own registration with a CRM. Its secret stays sealed: see Store.AppSecret.
type App struct {
	WorkspaceID  uuid.UUID `db:"workspace_id"`
	CRM          string    `db:"crm"`
	ClientID     string    `db:"client_id"`
	SealedSecret string    `db:"client_secret_ciphertext"`
	LoginURL     string    `db:"login_url"` // empty: the usual one
	CreatedAt    time.Time `db:"created_at"`
	UpdatedAt    time.Time `db:"updated_at"`
}

const appColumns = `workspace_id, crm, client_id, client_secret_ciphertext, login_url, created_at, updated_at`

// ErrAppGone says that the app which a grant was given to is not the workspace's any more.
var ErrAppGone = errors.New("the app was changed or deleted")

// AppInUseError says that a connection was made with the app, so that its tokens would be worth nothing without it.
type AppInUseError struct{ CRM string }

func (e *AppInUseError) Error() string { return "a connection to " + e.CRM + " uses the app" }

// Apps lists a workspace's own apps, by CRM.
func (s *Store) Apps(ctx context.Context, workspaceID uuid.UUID) ([]App, error) {
	return many[App](s.in(workspaceID).Query(ctx, `select `+appColumns+` from crm_apps where workspace_id = $1 order by crm`, workspaceID))
}

// App is the workspace's own app for crm, or ErrNotFound.
func (s *Store) App(ctx context.Context, workspaceID uuid.UUID, crm string) (App, error) {
	return one[App](s.in(workspaceID).Query(ctx, `select `+appColumns+` from crm_apps where workspace_id = $1 and crm = $2`, workspaceID, crm))
}

// AppSecret opens the app's client secret.
func (s *Store) AppSecret(a App) (string, error) {
	return s.openAppSecret(a.SealedSecret, a.WorkspaceID, a.CRM)
}

// ConnectionAppSecret opens the client secret of the workspace's own app that the connection was made with. False means that the workspace
// has no such app: the connection was made with the service's, or the app is gone.
func (s *Store) ConnectionAppSecret(c Connection) (secret string, own bool, err error) {
	if c.SealedAppSecret == nil {
		return "", false, nil
	}
	secret, err = s.openAppSecret(*c.SealedAppSecret, c.WorkspaceID, c.CRM)
	return secret, true, err
}

func (s *Store) openAppSecret(sealed string, workspaceID uuid.UUID, crm string) (string, error) {
	secret, err := s.keys.Open(sealed, workspaceID.String(), crm, "client_secret")
	if err != nil {
		return "", fmt.Errorf("client secret of workspace %s for %s: %w", workspaceID, crm, err)
	}
	return secret, nil
}

// NewApp is an app as a workspace hands it in.
type NewApp struct {
	WorkspaceID uuid.UUID
	CRM         string
	ClientID    string
	Secret      string
	LoginURL    string
	Actor       string // who hands it in, for the record
}

// SaveApp stores the workspace's app for a CRM, over the one that is there. A connection that paused, perhaps over the former secret, goes on at once.
// *AppInUseError means that a connection uses the present app and a has another client id; nothing was stored then.
func (s *Store) SaveApp(ctx context.Context, a NewApp, wake Wake) (App, error) {
	sealed, err := s.keys.Seal(a.Secret, a.WorkspaceID.String(), a.CRM, "client_secret")
	if err != nil {
		return App{}, err
	}
	var saved App
	err = s.in(a.WorkspaceID).tx(ctx, func(tx pgx.Tx) error {
		old, err := lockApp(ctx, tx, a.WorkspaceID, a.CRM)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil && old != a.ClientID {
			if err := appIsFree(ctx, tx, a.WorkspaceID, a.CRM, old); err != nil {
				return err
			}
		}
		saved, err = one[App](tx.Query(ctx, `
			insert into crm_apps (workspace_id, crm, client_id, client_secret_ciphertext, login_url) values ($1, $2, $3, $4, $5)
			on conflict (workspace_id, crm) do update set client_id = excluded.client_id,
				client_secret_ciphertext = excluded.client_secret_ciphertext, login_url = excluded.login_url, updated_at = now()
			returning `+appColumns, a.WorkspaceID, a.CRM, a.ClientID, sealed, a.LoginURL))
		if err != nil {
			return fmt.Errorf("save app: %w", err)
		}
		if err := endPause(ctx, tx, a, wake); err != nil {
			return err
		}
		return audit(ctx, tx, Act{Actor: a.Actor, Action: "app.put", WorkspaceID: a.WorkspaceID, Subject: a.CRM,
			Detail: map[string]any{"client_id": a.ClientID, "login_url": a.LoginURL}})
	})
	return saved, err
}

// DeleteApp forgets the workspace's app for a CRM. Errors: ErrNotFound, *AppInUseError.
func (s *Store) DeleteApp(ctx context.Context, workspaceID uuid.UUID, crm, actor string) error {
	return s.in(workspaceID).tx(ctx, func(tx pgx.Tx) error {
		clientID, err := lockApp(ctx, tx, workspaceID, crm)
		if err != nil {
			return err
		}
		if err := appIsFree(ctx, tx, workspaceID, crm, clientID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from crm_apps where workspace_id = $1 and crm = $2`, workspaceID, crm); err != nil {
			return fmt.Errorf("delete app: %w", err)
		}
		return audit(ctx, tx, Act{Actor: actor, Action: "app.delete", WorkspaceID: workspaceID, Subject: crm, Detail: map[string]any{"client_id": clientID}})
	})
}

// lockApp keeps the app as it is until the transaction ends: a connection that is just being made with it holds it too, and is seen afterwards.
func lockApp(ctx context.Context, tx pgx.Tx, workspaceID uuid.UUID, crm string) (clientID string, err error) {
	err = tx.QueryRow(ctx, `select client_id from crm_apps where workspace_id = $1 and crm = $2 for update`, workspaceID, crm).Scan(&clientID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("lock app: %w", err)
	}
	return clientID, nil
}

func appIsFree(ctx context.Context, tx pgx.Tx, workspaceID uuid.UUID, crm, clientID string) error {
	var used bool
	err := tx.QueryRow(ctx, `select exists (select from crm_connections where workspace_id = $1 and crm = $2 and app_client_id = $3
		and status <> 'disconnected')`, workspaceID, crm, clientID).Scan(&used)
	if err != nil {
		return fmt.Errorf("use of app: %w", err)
	}
	if used {
		return &AppInUseError{CRM: crm}
	}
	return nil
}

// holdApp makes sure that the app of a new grant is still the workspace's, and stays so until the transaction ends.
func holdApp(ctx context.Context, tx pgx.Tx, g NewGrant) error {
	if g.AppClientID == "" {
		return nil
	}
	tag, err := tx.Exec(ctx, `select from crm_apps where workspace_id = $1 and crm = $2 and client_id = $3 for share`, g.WorkspaceID, g.CRM, g.AppClientID)
	if err != nil {
		return fmt.Errorf("hold app: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrAppGone
	}
	return nil
}

// endPause lets a connection of the app go on that waits because of a problem, which the new secret may have mended.
func endPause(ctx context.Context, tx pgx.Tx, a NewApp, wake Wake) error {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `update crm_connections set paused_until = null, updated_at = now() where workspace_id = $1 and crm = $2
		and app_client_id = $3 and status = 'connected' and last_error is not null and paused_until > now() returning id`,
		a.WorkspaceID, a.CRM, a.ClientID).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end pause: %w", err)
	}
	return wake(ctx, tx, id)
}
