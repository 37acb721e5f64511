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

// Tokens opens the connection's tokens. Either may be empty when they were forgotten.
func (s *Store) Tokens(c Connection) (access, refresh string, err error) {
	if access, err = s.keys.Open(c.SealedAccessToken, c.WorkspaceID.String(), c.CRM, "access_token"); err != nil {
		return "", "", fmt.Errorf("access token of connection %s: %w", c.ID, err)
	}
	if refresh, err = s.keys.Open(c.SealedRefreshToken, c.WorkspaceID.String(), c.CRM, "refresh_token"); err != nil {
		return "", "", fmt.Errorf("refresh token of connection %s: %w", c.ID, err)
	}
	return access, refresh, nil
}

// TakeRefreshLease makes the caller the only refresher of the connection for the length of lease, if nobody else is
// and the tokens are still those of generation. False means that somebody else refreshes or did.
func (s *Store) TakeRefreshLease(ctx context.Context, id uuid.UUID, generation int64, lease time.Duration) (bool, error) {
	tag, err := s.connection(id).Exec(ctx, `
		update crm_connections set refresh_lease_until = now() + make_interval(secs => $3)
		where id = $1 and token_generation = $2 and status = 'connected'
			and (refresh_lease_until is null or refresh_lease_until < now())`, id, generation, lease.Seconds())
	if err != nil {
		return false, fmt.Errorf("take refresh lease: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// EndRefreshLease gives up the lease after a refresh that brought nothing.
func (s *Store) EndRefreshLease(ctx context.Context, id uuid.UUID, generation int64) error {
	_, err := s.connection(id).Exec(ctx, `update crm_connections set refresh_lease_until = null, last_checked_at = now()
		where id = $1 and token_generation = $2`, id, generation)
	if err != nil {
		return fmt.Errorf("end refresh lease: %w", err)
	}
	return nil
}

// NoteRefreshDoubt records that a refresh was sent and its answer lost, and ends the lease. The refresh token may be spent: it is tried
// again only when the access token is dead.
func (s *Store) NoteRefreshDoubt(ctx context.Context, id uuid.UUID, generation int64) error {
	_, err := s.connection(id).Exec(ctx, `update crm_connections set refresh_lease_until = null, last_checked_at = now(),
		refresh_in_doubt_at = coalesce(refresh_in_doubt_at, now()) where id = $1 and token_generation = $2`, id, generation)
	if err != nil {
		return fmt.Errorf("note refresh in doubt: %w", err)
	}
	return nil
}

// BookTokenCall books a moment for a call to the CRM's token endpoint, so that the calls of all replicas together lie at least gap
// apart. It gives how long to wait until then. False means that all moments up to horizon from now are taken, and nothing is booked.
func (s *Store) BookTokenCall(ctx context.Context, crm string, gap, horizon time.Duration) (wait time.Duration, ok bool, err error) {
	var seconds float64
	err = s.everywhere().QueryRow(ctx, `
		insert into crm_token_calls as c (crm, next_at) values ($1, now() + make_interval(secs => $2))
		on conflict (crm) do update set next_at = greatest(c.next_at, now()) + make_interval(secs => $2)
			where c.next_at < now() + make_interval(secs => $3)
		returning greatest(0, extract(epoch from c.next_at - now()) - $2)`, crm, gap.Seconds(), horizon.Seconds()).Scan(&seconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("book token call: %w", err)
	}
	return time.Duration(seconds * float64(time.Second)), true, nil
}

// ExpiringConnections lists live connections that were in use lately and whose access token ends within margin plus up to half of that
// again, which differs from connection to connection so that those made together are not refreshed together. Those whose last refresh is
// in doubt are left out, and those that somebody refreshes now.
func (s *Store) ExpiringConnections(ctx context.Context, margin, usedWithin time.Duration, limit int) ([]Connection, error) {
	return many[Connection](s.everywhere().Query(ctx, `select `+connectionColumns+` from crm_connections
		where status = 'connected' and refresh_token_ciphertext <> '' and refresh_in_doubt_at is null
			and (refresh_lease_until is null or refresh_lease_until < now())
			and last_drained_at > now() - make_interval(secs => $2)
			and token_expires_at < now() + make_interval(secs => $1 * (1 + (abs(hashtext(id::text)) % 500) / 1000.0))
		order by token_expires_at limit $3`, margin.Seconds(), usedWithin.Seconds(), limit))
}

// Refreshed is what a refresh brought. An empty refresh token keeps the old one; an empty instance URL or scope list
// keeps what is known.
type Refreshed struct {
	AccessToken  string
	RefreshToken string
	ExpiresAt    time.Time // zero: unknown
	InstanceURL  string
	Scopes       []string
}

// SaveRefreshed stores new tokens over those of generation and ends the lease. It has committed when it returns, so the
// new token may be used. False means that the connection changed meanwhile and nothing was stored.
func (s *Store) SaveRefreshed(ctx context.Context, c Connection, r Refreshed) (bool, error) {
	access, err := s.keys.Seal(r.AccessToken, c.WorkspaceID.String(), c.CRM, "access_token")
	if err != nil {
		return false, err
	}
	refresh, err := s.keys.Seal(r.RefreshToken, c.WorkspaceID.String(), c.CRM, "refresh_token")
	if err != nil {
		return false, err
	}
	scopes, err := json.Marshal(append([]string{}, r.Scopes...))
	if err != nil {
		return false, fmt.Errorf("save refreshed tokens: %w", err)
	}
	tag, err := s.connection(c.ID).Exec(ctx, `
		update crm_connections set access_token_ciphertext = $3,
			refresh_token_ciphertext = case when $4 = '' then refresh_token_ciphertext else $4 end,
			token_expires_at = $5, instance_url = case when $6 = '' then instance_url else $6 end,
			scopes_json = case when $7::jsonb = '[]' then scopes_json else $7::jsonb end,
			token_generation = token_generation + 1, token_refreshed_at = now(), refresh_lease_until = null, refresh_in_doubt_at = null,
			last_checked_at = now(), updated_at = now()
		where id = $1 and token_generation = $2 and status = 'connected'`,
		c.ID, c.TokenGeneration, access, refresh, nullTime(r.ExpiresAt), r.InstanceURL, json.RawMessage(scopes))
	if err != nil {
		return false, fmt.Errorf("save refreshed tokens: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// IdleConnections lists live connections whose tokens were last refreshed before the given age, oldest first. Some
// CRMs let a refresh token die when it is not used. One whose refresh is in doubt is left alone for a day, by when its access token is
// surely dead.
func (s *Store) IdleConnections(ctx context.Context, age time.Duration, limit int) ([]Connection, error) {
	return many[Connection](s.everywhere().Query(ctx, `select `+connectionColumns+` from crm_connections
		where status = 'connected' and refresh_token_ciphertext <> '' and token_refreshed_at < now() - make_interval(secs => $1)
			and (refresh_in_doubt_at is null or refresh_in_doubt_at < now() - interval '1 day')
		order by token_refreshed_at limit $2`, age.Seconds(), limit))
}
