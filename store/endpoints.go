package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The events that somebody can be told of.
const (
	EventWriteFailed         = "write.failed"
	EventWriteNeedsReview    = "write.needs_review"
	EventConnectionError     = "connection.error"
	EventConnectionRecovered = "connection.recovered"

	EventTest = "endpoint.test" // a message that somebody asked for, to see whether it arrives
)

// formerSecretKept is how long messages are signed with the former secret too, once there is a new one.
const formerSecretKept = 24 * time.Hour

// Endpoint is an address that is told of events. Its secrets stay sealed: see Store.EndpointSecrets.
type Endpoint struct {
	ID              uuid.UUID  `db:"id"`
	WorkspaceID     *uuid.UUID `db:"workspace_id"` // nil: it is told of every workspace
	URL             string     `db:"url"`
	Events          []string   `db:"events"`
	Description     string     `db:"description"`
	SealedSecret    string     `db:"secret_ciphertext"`
	SealedFormer    string     `db:"former_secret_ciphertext"`
	FormerUntil     *time.Time `db:"former_until"`
	Failures        int        `db:"failures"`      // in a row
	FailingSince    *time.Time `db:"failing_since"` // nil: the last message arrived, or there was none
	PausedUntil     *time.Time `db:"paused_until"`
	DisabledAt      *time.Time `db:"disabled_at"`
	DisabledBecause string     `db:"disabled_because"`
	CreatedAt       time.Time  `db:"created_at"`
	UpdatedAt       time.Time  `db:"updated_at"`
}

const endpointColumns = `e.id, e.workspace_id, e.url, e.events, e.description, e.secret_ciphertext, e.former_secret_ciphertext, e.former_until, e.failures,
	e.failing_since, e.paused_until, e.disabled_at, e.disabled_because, e.created_at, e.updated_at`

// ErrTooManyEndpoints says that there are EndpointsMost already, of the workspace or of all.
var ErrTooManyEndpoints = errors.New("there are as many endpoints as there may be")

// EndpointsMost is how many endpoints one workspace may have, and how many may be told of every workspace: each event is noted once for each.
const EndpointsMost = 10

// Endpoints lists endpoints, oldest first: of a workspace, with those that are told of every one, or for uuid.Nil all. At most that many.
func (s *Store) Endpoints(ctx context.Context, workspaceID uuid.UUID, most int) ([]Endpoint, error) {
	return many[Endpoint](s.everywhere().Query(ctx, `select `+endpointColumns+` from crm_notification_endpoints e
		where $1 or e.workspace_id is null or e.workspace_id = $2 order by e.created_at, e.id limit $3`, workspaceID == uuid.Nil, workspaceID, most))
}

// Endpoint is one, or ErrNotFound.
func (s *Store) Endpoint(ctx context.Context, id uuid.UUID) (Endpoint, error) {
	return one[Endpoint](s.everywhere().Query(ctx, `select `+endpointColumns+` from crm_notification_endpoints e where e.id = $1`, id))
}

// NewEndpoint is an endpoint as somebody asks for it.
type NewEndpoint struct {
	WorkspaceID *uuid.UUID // nil: every workspace
	URL         string
	Events      []string
	Description string
	Actor       string
}

// AddEndpoint stores an endpoint and gives its secret, whsec_ and base64 of 24 random bytes, which is not shown again. Errors: ErrTooManyEndpoints.
func (s *Store) AddEndpoint(ctx context.Context, n NewEndpoint) (e Endpoint, secret string, err error) {
	id := uuid.New()
	secret, sealed, err := s.newEndpointSecret(id)
	if err != nil {
		return Endpoint{}, "", err
	}
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('crm_notification_endpoints', 0))`); err != nil {
			return err
		}
		var there int
		if err := tx.QueryRow(ctx, `select count(*) from crm_notification_endpoints where workspace_id is not distinct from $1`, n.WorkspaceID).Scan(&there); err != nil {
			return err
		}
		if there >= EndpointsMost {
			return ErrTooManyEndpoints
		}
		if e, err = one[Endpoint](tx.Query(ctx, `insert into crm_notification_endpoints as e (id, workspace_id, url, events, description, secret_ciphertext)
			values ($1, $2, $3, $4, $5, $6) returning `+endpointColumns, id, n.WorkspaceID, n.URL, n.Events, n.Description, sealed)); err != nil {
			return err
		}
		return e.audit(ctx, tx, n.Actor, "endpoint.add")
	})
	if err != nil {
		return Endpoint{}, "", fmt.Errorf("add an endpoint: %w", err)
	}
	return e, secret, nil
}

// EndpointPatch changes what is not nil.
type EndpointPatch struct {
	URL         *string
	Events      []string
	Description *string
	Enabled     *bool // true: from now on, and what had failed in a row is forgotten
	Actor       string
}

// ChangeEndpoint gives the endpoint as it is then, or ErrNotFound.
func (s *Store) ChangeEndpoint(ctx context.Context, id uuid.UUID, p EndpointPatch) (Endpoint, error) {
	return s.changeEndpoint(ctx, id, p.Actor, "endpoint.change", `url = coalesce($2, url), events = coalesce($3, events), description = coalesce($4, description),
		disabled_at = case when $5::bool then null when not $5 then coalesce(disabled_at, now()) else disabled_at end,
		disabled_because = case when $5::bool then '' when not $5 and disabled_at is null then 'by_request' else disabled_because end,
		failures = case when $5::bool or $2 is not null then 0 else failures end,
		failing_since = case when $5::bool or $2 is not null then null else failing_since end,
		paused_until = case when $5::bool or $2 is not null then null else paused_until end`, p.URL, p.Events, p.Description, p.Enabled)
}

// NewEndpointSecret gives the endpoint a new secret, which is not shown again. For a day messages are signed with the former one too. Errors: ErrNotFound.
func (s *Store) NewEndpointSecret(ctx context.Context, id uuid.UUID, actor string) (e Endpoint, secret string, err error) {
	now, err := s.Endpoint(ctx, id)
	if err != nil {
		return Endpoint{}, "", err
	}
	plain, err := s.openEndpointSecret(now.SealedSecret, id, "secret")
	if err != nil && !errors.Is(err, ErrUnreadable) { // what does not open signs nothing; a new secret mends that
		return Endpoint{}, "", err
	}
	former, err := s.keys.Seal(plain, endpointPlace(id, "former_secret")...)
	if err != nil {
		return Endpoint{}, "", err
	}
	secret, sealed, err := s.newEndpointSecret(id)
	if err != nil {
		return Endpoint{}, "", err
	}
	e, err = s.changeEndpoint(ctx, id, actor, "endpoint.secret", `secret_ciphertext = $2, former_secret_ciphertext = $3,
		former_until = case when $3 <> '' then now() + make_interval(secs => $4) end`, sealed, former, formerSecretKept.Seconds())
	return e, secret, err
}

func (s *Store) changeEndpoint(ctx context.Context, id uuid.UUID, actor, action, set string, args ...any) (e Endpoint, err error) {
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		if e, err = one[Endpoint](tx.Query(ctx, `update crm_notification_endpoints e set updated_at = now(), `+set+` where id = $1 returning `+endpointColumns,
			append([]any{id}, args...)...)); err != nil {
			return err
		}
		if e.DisabledAt != nil {
			if err := abandon(ctx, tx, id); err != nil {
				return err
			}
		}
		return e.audit(ctx, tx, actor, action)
	})
	if err != nil {
		return Endpoint{}, fmt.Errorf("change an endpoint: %w", err)
	}
	return e, nil
}

// DeleteEndpoint forgets an endpoint, its messages and what it was not yet told, and gives what it was. Errors: ErrNotFound.
func (s *Store) DeleteEndpoint(ctx context.Context, id uuid.UUID, actor string) (e Endpoint, err error) {
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		e, err = one[Endpoint](tx.Query(ctx, `delete from crm_notification_endpoints e where id = $1 returning `+endpointColumns, id))
		if err != nil {
			return fmt.Errorf("delete an endpoint: %w", err)
		}
		return e.audit(ctx, tx, actor, "endpoint.delete")
	})
	return e, err
}

// abandon ends what waits for an endpoint that is told nothing more: years later nobody wants to be told of it. Messages can be sent again by hand.
func abandon(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	for _, sql := range []string{`delete from crm_notification_events where endpoint_id = $1`,
		`update crm_notifications set status = 'failed', ended_at = now() where endpoint_id = $1 and status = 'waiting'`} {
		if _, err := tx.Exec(ctx, sql, id); err != nil {
			return fmt.Errorf("abandon messages: %w", err)
		}
	}
	return nil
}

// audit records an act. Of the address only the host is kept: the rest may be as good as a password.
func (e Endpoint) audit(ctx context.Context, tx pgx.Tx, actor, action string) error {
	host := ""
	if at, err := url.Parse(e.URL); err == nil {
		host = at.Host
	}
	a := Act{Actor: actor, Action: action, Subject: e.ID.String(), Detail: map[string]any{"host": host, "events": e.Events, "enabled": e.DisabledAt == nil}}
	if e.WorkspaceID != nil {
		a.WorkspaceID = *e.WorkspaceID
	}
	return audit(ctx, tx, a)
}

func (s *Store) newEndpointSecret(id uuid.UUID) (secret, sealed string, err error) {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	secret = "whsec_" + base64.StdEncoding.EncodeToString(b[:])
	sealed, err = s.keys.Seal(secret, endpointPlace(id, "secret")...)
	return secret, sealed, err
}

// EndpointSecrets opens what messages to e are signed with at now: its secret and, for a while, the former one.
func (s *Store) EndpointSecrets(e Endpoint, now time.Time) ([]string, error) {
	secret, err := s.openEndpointSecret(e.SealedSecret, e.ID, "secret")
	if err != nil {
		return nil, err
	}
	if e.SealedFormer == "" || e.FormerUntil == nil || !now.Before(*e.FormerUntil) {
		return []string{secret}, nil
	}
	former, err := s.openEndpointSecret(e.SealedFormer, e.ID, "former_secret")
	if err != nil {
		return nil, err
	}
	return []string{secret, former}, nil
}

func (s *Store) openEndpointSecret(sealed string, id uuid.UUID, which string) (string, error) {
	secret, err := s.keys.Open(sealed, endpointPlace(id, which)...)
	if err != nil {
		return "", fmt.Errorf("%s of endpoint %s: %w", which, id, err)
	}
	return secret, nil
}

// endpointPlace is what a secret of an endpoint is sealed for; sealedColumns says the same in SQL.
func endpointPlace(id uuid.UUID, which string) []string {
	return []string{"crm_notification_endpoints", id.String(), which}
}
