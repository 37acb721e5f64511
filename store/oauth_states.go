package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// OAuthState is what a started OAuth flow must remember until its callback.
type OAuthState struct {
	WorkspaceID uuid.UUID `db:"workspace_id"` // uuid.Nil: none yet, the install is claimed afterwards
	CRM         string    `db:"crm"`
	UserID      string    `db:"user_id"`
	RedirectTo  string    `db:"redirect_to"`
	LoginURL    string    `db:"login_url"`
	Verifier    string    `db:"verifier_ciphertext"` // sealed in the table, open here
	AppClientID string    `db:"app_client_id"`       // of the workspace's own app; empty: the service's
}

// BeginOAuth stores st for the length of life and gives the state parameter for the authorize URL: 32 random bytes, of
// which the table holds the hash alone.
func (s *Store) BeginOAuth(ctx context.Context, st OAuthState, life time.Duration) (string, error) {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", fmt.Errorf("state: %w", err)
	}
	state := base64.RawURLEncoding.EncodeToString(raw[:])
	verifier, err := s.keys.Seal(st.Verifier, st.WorkspaceID.String(), st.CRM, "verifier")
	if err != nil {
		return "", err
	}
	_, err = s.pool.Exec(ctx, `
		insert into oauth_states (state_hash, workspace_id, crm, user_id, redirect_to, login_url, verifier_ciphertext, app_client_id, expires_at)
		values ($1, nullif($2, $10::uuid), $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9))`,
		stateHash(state), st.WorkspaceID, st.CRM, st.UserID, st.RedirectTo, st.LoginURL, verifier, st.AppClientID, life.Seconds(), uuid.Nil)
	if err != nil {
		return "", fmt.Errorf("save state: %w", err)
	}
	return state, nil
}

// TakeOAuthState spends a state: of any number of callers at once, one gets it. ErrNotFound means unknown, spent,
// expired or started for another CRM.
func (s *Store) TakeOAuthState(ctx context.Context, crm, state string) (OAuthState, error) {
	st, err := one[OAuthState](s.pool.Query(ctx, `
		delete from oauth_states where state_hash = $1 and crm = $2 and expires_at > now()
		returning coalesce(workspace_id, $3::uuid) as workspace_id, crm, user_id, redirect_to, login_url, verifier_ciphertext, app_client_id`,
		stateHash(state), crm, uuid.Nil))
	if err != nil {
		return OAuthState{}, err
	}
	st.Verifier, err = s.keys.Open(st.Verifier, st.WorkspaceID.String(), st.CRM, "verifier")
	return st, err
}

// PurgeOAuthStates ends what nobody came back for: it forgets the tokens of installs that were not claimed in time, deletes
// states that are over, and says how many of those.
func (s *Store) PurgeOAuthStates(ctx context.Context) (int64, error) {
	if err := s.inTx(ctx, func(tx pgx.Tx) error { return forgetInstalls(ctx, tx, `expires_at <= now()`) }); err != nil {
		return 0, fmt.Errorf("purge installs: %w", err)
	}
	tag, err := s.pool.Exec(ctx, `delete from oauth_states where expires_at <= now()`)
	if err != nil {
		return 0, fmt.Errorf("purge states: %w", err)
	}
	return tag.RowsAffected(), nil
}

func stateHash(state string) []byte {
	sum := sha256.Sum256([]byte(state))
	return sum[:]
}
