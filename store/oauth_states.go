package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What a flow waits for.
const (
	StageCallback = "callback" // the CRM sends the browser back
	StageConfirm  = "confirm"  // a person says that it was meant; the code is not redeemed yet
	StageReplace  = "replace"  // a person says that another account may take the place of the connected one
)

// OAuthState is what a started OAuth flow must remember until its callback, and from there until a page is answered.
type OAuthState struct {
	WorkspaceID uuid.UUID `db:"workspace_id"` // uuid.Nil: none yet, the install is claimed afterwards
	CRM         string    `db:"crm"`
	UserID      string    `db:"user_id"`
	StartedBy   string    `db:"started_by"` // the same in words, for the page
	RedirectTo  string    `db:"redirect_to"`
	LoginURL    string    `db:"login_url"`
	Verifier    string    `db:"verifier_ciphertext"` // sealed in the table, open here
	AppClientID string    `db:"app_client_id"`       // of the workspace's own app; empty: the service's
	Stage       string    `db:"stage"`
	Bound       bool      `db:"bound"`            // to the browser that began it
	Code        string    `db:"code_ciphertext"`  // StageConfirm; as Verifier
	SealedGrant string    `db:"grant_ciphertext"` // StageReplace; see Grant
	Replaces    string    `db:"replaces"`         // StageReplace: the account that was connected when the question was put
	Grant       *NewGrant `db:"-"`                // StageReplace
}

const oauthStateColumns = `coalesce(workspace_id, '00000000-0000-0000-0000-000000000000') as workspace_id, crm, user_id, started_by, redirect_to, login_url,
	verifier_ciphertext, app_client_id, stage, browser_hash is not null as bound, code_ciphertext, grant_ciphertext, replaces`

// Nonce is 32 random bytes as text: a state, a ticket, or what tells a browser from others.
func Nonce() (string, error) {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", fmt.Errorf("nonce: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// BeginOAuth stores st for the length of life and gives the state parameter for the authorize URL, of which the table holds the hash
// alone. browser is the nonce of the one browser that may come back; empty: it is not known.
func (s *Store) BeginOAuth(ctx context.Context, st OAuthState, browser string, life time.Duration) (string, error) {
	st.Stage = StageCallback
	return s.keepOAuth(ctx, st, browser, life)
}

// AskOAuth keeps a flow whose callback has come until the page that browser is shown is answered, and gives the ticket for the form. st is in
// StageConfirm with its code, or in StageReplace with its grant.
func (s *Store) AskOAuth(ctx context.Context, st OAuthState, browser string, life time.Duration) (string, error) {
	return s.keepOAuth(ctx, st, browser, life)
}

func (s *Store) keepOAuth(ctx context.Context, st OAuthState, browser string, life time.Duration) (string, error) {
	state, err := Nonce()
	if err != nil {
		return "", err
	}
	grant := ""
	if st.Stage == StageReplace {
		raw, err := json.Marshal(st.Grant) //nolint:gosec // it is sealed before it is stored
		if err != nil {
			return "", fmt.Errorf("save state: %w", err)
		}
		grant = string(raw)
	}
	sealed := map[string]string{"verifier": st.Verifier, "code": st.Code, "grant": grant}
	for column, plain := range sealed {
		if sealed[column], err = s.keys.Seal(plain, st.WorkspaceID.String(), st.CRM, column); err != nil {
			return "", err
		}
	}
	var hash []byte
	if browser != "" {
		hash = stateHash(browser)
	}
	_, err = s.asked(st.WorkspaceID).Exec(ctx, `
		insert into oauth_states (state_hash, workspace_id, crm, user_id, started_by, redirect_to, login_url, verifier_ciphertext, app_client_id, expires_at,
			stage, browser_hash, code_ciphertext, grant_ciphertext, replaces)
		values (@state, nullif(@workspace, @none::uuid), @crm, @user, @by, @redirect, @login, @verifier, @app, now() + make_interval(secs => @life),
			@stage, @browser, @code, @grant, @replaces)`, pgx.NamedArgs{"state": stateHash(state), "workspace": st.WorkspaceID, "none": uuid.Nil, "crm": st.CRM,
		"user": st.UserID, "by": st.StartedBy, "redirect": st.RedirectTo, "login": st.LoginURL, "verifier": sealed["verifier"], "app": st.AppClientID,
		"life": life.Seconds(), "stage": st.Stage, "browser": hash, "code": sealed["code"], "grant": sealed["grant"], "replaces": st.Replaces})
	if err != nil {
		return "", fmt.Errorf("save state: %w", err)
	}
	return state, nil
}

// TakeOAuthState spends a state: of any number of callers at once, one gets it. ErrNotFound means unknown, spent,
// expired, started for another CRM, or bound to another browser than the one with this nonce; the last two leave it to whom it is for.
func (s *Store) TakeOAuthState(ctx context.Context, crm, state, browser string) (OAuthState, error) {
	return s.takeOAuth(ctx, `stage = 'callback' and crm = $2 and (browser_hash is null or browser_hash = $3)`, stateHash(state), crm, stateHash(browser))
}

// TakeOAuthAnswer spends the ticket of a page in the same way. It is good in the browser alone that was shown the page.
func (s *Store) TakeOAuthAnswer(ctx context.Context, crm, ticket, browser string) (OAuthState, error) {
	return s.takeOAuth(ctx, `stage <> 'callback' and crm = $2 and browser_hash = $3`, stateHash(ticket), crm, stateHash(browser))
}

func (s *Store) takeOAuth(ctx context.Context, which string, args ...any) (OAuthState, error) {
	st, err := one[OAuthState](s.everywhere().Query(ctx, `
		delete from oauth_states where state_hash = $1 and expires_at > now() and `+which+` returning `+oauthStateColumns, args...))
	if err != nil {
		return OAuthState{}, err
	}
	for column, text := range map[string]*string{"verifier": &st.Verifier, "code": &st.Code, "grant": &st.SealedGrant} {
		if *text, err = s.keys.Open(*text, st.WorkspaceID.String(), st.CRM, column); err != nil {
			return OAuthState{}, err
		}
	}
	if st.Stage == StageReplace {
		if err := json.Unmarshal([]byte(st.SealedGrant), &st.Grant); err != nil {
			return OAuthState{}, fmt.Errorf("read state: %w", err)
		}
	}
	st.SealedGrant = ""
	return st, nil
}

// PurgeOAuthStates ends what nobody came back for: it forgets the tokens of installs that were not claimed in time, deletes
// states that are over, and says how many of those.
func (s *Store) PurgeOAuthStates(ctx context.Context) (int64, error) {
	if err := s.everywhere().tx(ctx, func(tx pgx.Tx) error { return forgetInstalls(ctx, tx, `expires_at <= now()`) }); err != nil {
		return 0, fmt.Errorf("purge installs: %w", err)
	}
	tag, err := s.everywhere().Exec(ctx, `delete from oauth_states where expires_at <= now()`)
	if err != nil {
		return 0, fmt.Errorf("purge states: %w", err)
	}
	return tag.RowsAffected(), nil
}

func stateHash(state string) []byte {
	sum := sha256.Sum256([]byte(state))
	return sum[:]
}
