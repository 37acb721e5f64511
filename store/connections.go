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

// The states of a connection.
const (
	ConnectionConnected    = "connected"
	ConnectionError        = "error"
	ConnectionDisconnected = "disconnected"
)

// Connection is a workspace's link to one CRM account. Its tokens stay sealed: see Store.Tokens.
type Connection struct {
	ID                 uuid.UUID  `db:"id"`
	WorkspaceID        uuid.UUID  `db:"workspace_id"` // uuid.Nil while it waits to be claimed
	CRM                string     `db:"crm"`
	Status             string     `db:"status"`
	AccountID          string     `db:"account_id"`
	AccountName        string     `db:"account_name"`
	InstanceURL        string     `db:"instance_url"`
	LoginURL           string     `db:"login_url"`
	Scopes             []string   `db:"scopes_json"`
	SealedAccessToken  string     `db:"access_token_ciphertext"`
	SealedRefreshToken string     `db:"refresh_token_ciphertext"`
	TokenExpiresAt     *time.Time `db:"token_expires_at"`
	TokenGeneration    int64      `db:"token_generation"`
	DrainEpoch         int64      `db:"drain_epoch"`
	PausedUntil        *time.Time `db:"paused_until"`
	LastErrorCode      string     `db:"last_error_code"`
	LastError          *string    `db:"last_error"`
	LastErrorAction    string     `db:"last_error_action"`
	ConnectedAt        *time.Time `db:"connected_at"`
	LastCheckedAt      *time.Time `db:"last_checked_at"`

	AppClientID     string          `db:"app_client_id"`         // of the app that the grant was given to; empty: the service's own
	SealedAppSecret *string         `db:"app_secret_ciphertext"` // of the workspace's own app, where that is the one; else nil
	Settings        json.RawMessage `db:"settings_json"`
	Capabilities    json.RawMessage `db:"capabilities_json"` // as last probed
	CapabilitiesAt  *time.Time      `db:"capabilities_at"`   // nil: to be probed
	Limits          json.RawMessage `db:"limits_json"`       // what the CRM last said about the account's allowance
	LimitsAt        *time.Time      `db:"limits_at"`

	RefreshInDoubtAt *time.Time `db:"refresh_in_doubt_at"` // since when the refresh token may be spent; nil: it is not in doubt
	ComparedAt       *time.Time `db:"compared_at"`         // when log and CRM were last compared
	SilentCalls      int        `db:"silent_calls"`        // how many calls in a row the account has not answered
}

const connectionColumns = `id, coalesce(workspace_id, '00000000-0000-0000-0000-000000000000') as workspace_id, crm, status, account_id, account_name, instance_url, login_url, scopes_json,
	access_token_ciphertext, refresh_token_ciphertext, token_expires_at, token_generation, drain_epoch, paused_until,
	last_error_code, last_error, last_error_action, connected_at, last_checked_at,
	app_client_id, (select a.client_secret_ciphertext from crm_apps a where a.workspace_id = crm_connections.workspace_id
		and a.crm = crm_connections.crm and a.client_id = crm_connections.app_client_id) as app_secret_ciphertext,
	settings_json, capabilities_json, capabilities_at, limits_json, limits_at, refresh_in_doubt_at, compared_at, silent_calls`

// Connections lists a workspace's connections, by CRM.
func (s *Store) Connections(ctx context.Context, workspaceID uuid.UUID) ([]Connection, error) {
	return many[Connection](s.in(workspaceID).Query(ctx,
		`select `+connectionColumns+` from crm_connections where workspace_id = $1 order by crm`, workspaceID))
}

// Connection is the workspace's connection to crm, or ErrNotFound.
func (s *Store) Connection(ctx context.Context, workspaceID uuid.UUID, crm string) (Connection, error) {
	return one[Connection](s.in(workspaceID).Query(ctx,
		`select `+connectionColumns+` from crm_connections where workspace_id = $1 and crm = $2`, workspaceID, crm))
}

// ConnectionByID is one connection, or ErrNotFound.
func (s *Store) ConnectionByID(ctx context.Context, id uuid.UUID) (Connection, error) {
	return one[Connection](s.connection(id).Query(ctx, `select `+connectionColumns+` from crm_connections where id = $1`, id))
}

// What a row says that was made for another CRM account than the one that is connected now.
const (
	accountChanged       = "account_changed"
	accountChangedCause  = "The workspace was connected to another CRM account before this write was done."
	accountChangedAction = "Look in the account it was made for; if the write is missing there, send the outcome again with a new source_event_id."
)

// NewGrant is what a finished OAuth flow brings.
type NewGrant struct {
	WorkspaceID  uuid.UUID
	CRM          string
	AccountID    string
	AccountName  string
	UserID       string
	InstanceURL  string
	LoginURL     string
	Scopes       []string
	AccessToken  string
	RefreshToken string
	ExpiresAt    time.Time // zero: unknown
	AppClientID  string    // of the workspace's own app, if the grant was given to that
	Replaces     string    // the other CRM account that a person lets it take the place of; empty: of none
}

// OtherAccountError says that the workspace is connected to another account of the CRM, which nobody has agreed to replace.
type OtherAccountError struct{ CRM, AccountID, AccountName string }

// Error names both.
func (e *OtherAccountError) Error() string {
	return fmt.Sprintf("the workspace is connected to the %s account %s", e.CRM, e.AccountID)
}

// Connect stores a grant and makes the connection live. Rows that were blocked go on where they were if the
// CRM account is the one they were made for; rows of another account wait for a person (account_changed), because
// "absent here" says nothing about the account they were sent to. A drain that still works with another account's
// tokens claims nothing more. Another account than the one that the workspace has, connected or not, is taken where g says that it replaces that
// one, and else refused with an *OtherAccountError. ErrAppGone means that the workspace's own app was changed or deleted meanwhile. Nothing
// is stored in either case.
func (s *Store) Connect(ctx context.Context, g NewGrant, wake Wake) (c Connection, err error) {
	err = s.in(g.WorkspaceID).tx(ctx, func(tx pgx.Tx) error {
		c, err = s.connect(ctx, tx, g, wake)
		return err
	})
	return c, err
}

func (s *Store) connect(ctx context.Context, tx pgx.Tx, g NewGrant, wake Wake) (Connection, error) {
	access, err := s.keys.Seal(g.AccessToken, g.WorkspaceID.String(), g.CRM, "access_token")
	if err != nil {
		return Connection{}, err
	}
	refresh, err := s.keys.Seal(g.RefreshToken, g.WorkspaceID.String(), g.CRM, "refresh_token")
	if err != nil {
		return Connection{}, err
	}
	scopes, err := json.Marshal(append([]string{}, g.Scopes...))
	if err != nil {
		return Connection{}, fmt.Errorf("connect: %w", err)
	}
	if err := holdApp(ctx, tx, g); err != nil {
		return Connection{}, err
	}
	c, err := one[Connection](tx.Query(ctx, `
		insert into crm_connections (workspace_id, crm, status, account_id, account_name, crm_user_id, instance_url, login_url,
			scopes_json, access_token_ciphertext, refresh_token_ciphertext, token_expires_at, token_generation,
			token_refreshed_at, connected_at, last_checked_at, app_client_id)
		values (@workspace, @crm, 'connected', @account, @name, @user, @instance, @login, @scopes, @access, @refresh,
			@expires, 1, now(), now(), now(), @app)
		on conflict (workspace_id, crm) do update set status = 'connected', account_id = excluded.account_id,
			account_name = excluded.account_name, crm_user_id = excluded.crm_user_id, instance_url = excluded.instance_url,
			login_url = excluded.login_url, app_client_id = excluded.app_client_id, scopes_json = excluded.scopes_json,
			access_token_ciphertext = excluded.access_token_ciphertext,
			refresh_token_ciphertext = excluded.refresh_token_ciphertext, token_expires_at = excluded.token_expires_at,
			token_generation = crm_connections.token_generation + 1, token_refreshed_at = now(), refresh_lease_until = null,
			refresh_in_doubt_at = null, capabilities_json = '{}', capabilities_at = null, compared_at = null,
			limits_json = case when crm_connections.account_id = excluded.account_id then crm_connections.limits_json else '[]' end,
			drain_epoch = crm_connections.drain_epoch + (crm_connections.account_id <> excluded.account_id)::int,
			paused_until = null, silent_calls = 0, last_error_code = '', last_error = null, last_error_action = '',
			connected_at = now(), last_checked_at = now(), updated_at = now()
			where crm_connections.account_id in ('', excluded.account_id, @replaces)
		returning `+connectionColumns, pgx.NamedArgs{
		"workspace": g.WorkspaceID, "crm": g.CRM, "account": g.AccountID, "name": g.AccountName, "user": g.UserID,
		"instance": g.InstanceURL, "login": g.LoginURL, "scopes": json.RawMessage(scopes), "access": access, "refresh": refresh,
		"expires": nullTime(g.ExpiresAt), "app": g.AppClientID, "replaces": g.Replaces}))
	if errors.Is(err, ErrNotFound) {
		return Connection{}, otherAccount(ctx, tx, g)
	}
	if err != nil {
		return Connection{}, fmt.Errorf("save connection: %w", err)
	}
	if err := parkStrangers(ctx, tx, `c.id = $1`, c.ID); err != nil {
		return Connection{}, err
	}
	if err := releaseBlocked(ctx, tx, c.ID); err != nil {
		return Connection{}, err
	}
	return c, wake(ctx, tx, c.ID)
}

// otherAccount says which account the workspace has.
func otherAccount(ctx context.Context, tx pgx.Tx, g NewGrant) error {
	other := &OtherAccountError{CRM: g.CRM}
	err := tx.QueryRow(ctx, `select account_id, account_name from crm_connections where workspace_id = $1 and crm = $2`, g.WorkspaceID, g.CRM).
		Scan(&other.AccountID, &other.AccountName)
	if err != nil {
		return fmt.Errorf("account of the connection: %w", err)
	}
	return other
}

// releaseBlocked lets rows go on where they were. What was in doubt stays so with a cause, for a person may be all that is left to ask.
func releaseBlocked(ctx context.Context, tx pgx.Tx, connectionID uuid.UUID) error {
	if _, err := tx.Exec(ctx, `
		update crm_write_log set status = blocked_from, blocked_from = null, next_attempt_at = now(), updated_at = now(),
			error_class = '', error_code = '', error_cause = '', error_action = ''
		where connection_id = $1 and status = 'blocked'`, connectionID); err != nil {
		return fmt.Errorf("release blocked rows: %w", err)
	}
	_, err := tx.Exec(ctx, `
		update crm_write_log set error_class = 'in_doubt', error_code = 'fate_unknown',
			error_cause = 'It was sent before the connection was interrupted, and what became of it is not known.',
			error_action = 'The service looks for the record before it tries again; nothing to do.'
		where connection_id = $1 and status = 'in_doubt' and error_code = ''`, connectionID)
	if err != nil {
		return fmt.Errorf("say why released rows are in doubt: %w", err)
	}
	return nil
}

// parkStrangers hands rows of another CRM account than the connection's to a person. which narrows them, by w (the
// write) or c (its connection) and $1.
func parkStrangers(ctx context.Context, tx pgx.Tx, which string, arg any) error {
	_, err := tx.Exec(ctx, `
		update crm_write_log w set updated_at = now(), status = 'needs_review', blocked_from = null, settled_at = now(),
			error_class = 'rejected', error_code = $2, error_cause = $3, error_action = $4
		from crm_connections c where c.id = w.connection_id and w.crm_account_id <> c.account_id
			and w.status in ('queued', 'in_doubt', 'blocked') and `+which,
		arg, accountChanged, accountChangedCause, accountChangedAction)
	if err != nil {
		return fmt.Errorf("park rows of another account: %w", err)
	}
	return nil
}

// Disconnect forgets the tokens and holds what is not written yet, or gives ErrNotFound. A caller that wants to revoke
// the tokens opens them before. Disconnecting twice does no harm.
func (s *Store) Disconnect(ctx context.Context, workspaceID uuid.UUID, crm string) error {
	return s.in(workspaceID).tx(ctx, func(tx pgx.Tx) error {
		var id uuid.UUID
		err := tx.QueryRow(ctx, `
			update crm_connections set status = 'disconnected', access_token_ciphertext = '', refresh_token_ciphertext = '',
				token_generation = token_generation + 1, token_expires_at = null, refresh_lease_until = null, refresh_in_doubt_at = null, updated_at = now()
			where workspace_id = $1 and crm = $2 returning id`, workspaceID, crm).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("disconnect: %w", err)
		}
		return block(ctx, tx, id, "crm_disconnected", "The workspace disconnected this CRM.", "Connect the CRM again.")
	})
}

// Trouble is why a connection cannot be used, for its owner to read.
type Trouble struct{ Code, Cause, Action string }

// FailConnection marks the connection as in error and blocks its open rows, if its tokens are still those of
// generation: a connection that was refreshed or reconnected meanwhile is left alone. It says whether it did.
func (s *Store) FailConnection(ctx context.Context, id uuid.UUID, generation int64, t Trouble) (bool, error) {
	failed := false
	err := s.connection(id).tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update crm_connections set status = 'error', last_error_code = $3, last_error = $4, last_error_action = $5,
				last_checked_at = now(), updated_at = now()
			where id = $1 and token_generation = $2 and status = 'connected'`, id, generation, t.Code, t.Cause, t.Action)
		if err != nil {
			return fmt.Errorf("fail connection: %w", err)
		}
		if failed = tag.RowsAffected() == 1; !failed {
			return nil
		}
		return block(ctx, tx, id, t.Code, t.Cause, t.Action)
	})
	return failed, err
}

func block(ctx context.Context, tx pgx.Tx, connectionID uuid.UUID, code, cause, action string) error {
	_, err := tx.Exec(ctx, `
		update crm_write_log set status = 'blocked', blocked_from = status, updated_at = now(),
			error_class = 'needs_reconnect', error_code = $2, error_cause = $3, error_action = $4
		where connection_id = $1 and status in ('queued', 'in_doubt')`, connectionID, code, cause, action)
	if err != nil {
		return fmt.Errorf("block rows: %w", err)
	}
	return nil
}

// NoteTrouble records a problem that is ours or passing: the connection stays connected and its rows wait until the
// pause is over. A zero pause records without waiting.
func (s *Store) NoteTrouble(ctx context.Context, id uuid.UUID, t Trouble, pause time.Duration) error {
	_, err := s.connection(id).Exec(ctx, `
		update crm_connections set last_error_code = $2, last_error = $3, last_error_action = $4, last_checked_at = now(),
			paused_until = case when $5 > 0 then greatest(paused_until, now() + make_interval(secs => $5)) else paused_until end,
			updated_at = now()
		where id = $1`, id, t.Code, t.Cause, t.Action, pause.Seconds())
	if err != nil {
		return fmt.Errorf("note trouble: %w", err)
	}
	return nil
}

// Rest lets nothing of the connection be claimed for a while. Nothing is wrong with it: its CRM's allowance is used up for the moment.
func (s *Store) Rest(ctx context.Context, id uuid.UUID, wait time.Duration) error {
	if _, err := s.connection(id).Exec(ctx, `update crm_connections set paused_until = greatest(paused_until, now() + make_interval(secs => $2)) where id = $1`,
		id, wait.Seconds()); err != nil {
		return fmt.Errorf("rest: %w", err)
	}
	return nil
}

// NoteSilence keeps how many calls in a row the connection's account has not answered.
func (s *Store) NoteSilence(ctx context.Context, id uuid.UUID, calls int) error {
	if _, err := s.connection(id).Exec(ctx, `update crm_connections set silent_calls = $2 where id = $1`, id, calls); err != nil {
		return fmt.Errorf("note silence: %w", err)
	}
	return nil
}

// NoteHealthy clears a recorded problem of a connection that works again.
func (s *Store) NoteHealthy(ctx context.Context, id uuid.UUID) error {
	_, err := s.connection(id).Exec(ctx, `
		update crm_connections set last_error_code = '', last_error = null, last_error_action = '', last_checked_at = now(), updated_at = now()
		where id = $1 and status = 'connected'`, id)
	if err != nil {
		return fmt.Errorf("note healthy: %w", err)
	}
	return nil
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// DealID is the CRM's id of the deal that a thread is linked to, or the empty text.
func (s *Store) DealID(ctx context.Context, workspaceID uuid.UUID, crm, threadID string) (string, error) {
	var id string
	err := s.in(workspaceID).QueryRow(ctx, `select coalesce(crm_private.deal_of($1, $2, $3), '')`, workspaceID, threadID, crm).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// AccountIsShared says whether another workspace uses the connection's CRM account too, or an install of it waits to be claimed.
func (s *Store) AccountIsShared(ctx context.Context, c Connection) (bool, error) {
	var shared bool
	err := s.everywhere().QueryRow(ctx, `select exists (select from crm_connections where crm = $1 and account_id = $2 and id <> $3
		and status in ('connected', 'error', 'pending_claim'))`, c.CRM, c.AccountID, c.ID).Scan(&shared)
	if err != nil {
		return false, fmt.Errorf("shared account: %w", err)
	}
	return shared, nil
}
