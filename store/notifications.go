package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The states of a message.
const (
	NotificationWaiting   = "waiting"
	NotificationDelivered = "delivered"
	NotificationFailed    = "failed" // given up; somebody can have it sent again
)

// Notification is a message to an endpoint, and what became of it.
type Notification struct {
	ID            uuid.UUID             `db:"id"` // the webhook-id
	Seq           int64                 `db:"seq"`
	EndpointID    uuid.UUID             `db:"endpoint_id"`
	Event         string                `db:"event"`
	WorkspaceID   *uuid.UUID            `db:"workspace_id"` // nil: a test
	Payload       string                `db:"payload"`
	Status        string                `db:"status"`
	Attempt       int                   `db:"attempt"`
	Failures      int                   `db:"failures"`
	NextAttemptAt time.Time             `db:"next_attempt_at"`
	Attempts      []NotificationAttempt `db:"attempts_json"` // oldest first
	CreatedAt     time.Time             `db:"created_at"`
	EndedAt       *time.Time            `db:"ended_at"`
}

// NotificationAttempt is one try at a message.
type NotificationAttempt struct {
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at"`
	HTTPStatus int       `json:"http_status,omitempty"` // 0: no answer
	Error      string    `json:"error,omitempty"`       // empty: it was taken
	Answer     string    `json:"answer,omitempty"`      // how the body of the refusal begins
}

const notificationColumns = `n.id, n.seq, n.endpoint_id, n.event, n.workspace_id, n.payload, n.status, n.attempt, n.failures, n.next_attempt_at,
	n.attempts_json, n.created_at, n.ended_at`

// NotificationFilter narrows a list of messages. Empty fields do not narrow.
type NotificationFilter struct {
	WorkspaceID uuid.UUID
	EndpointID  uuid.UUID
	Event       string
	Status      string
	Before      int64 // messages with a smaller Seq alone; 0: from the newest
	Limit       int
}

// Notifications lists messages, newest first. A page that is shorter than Limit is the last.
func (s *Store) Notifications(ctx context.Context, f NotificationFilter) ([]Notification, error) {
	sql := `select ` + notificationColumns + ` from crm_notifications n where true`
	args := pgx.NamedArgs{"limit": f.Limit}
	narrow := func(column string, value any, asked bool) {
		if asked {
			sql += ` and n.` + column + ` = @` + column
			args[column] = value
		}
	}
	narrow("workspace_id", f.WorkspaceID, f.WorkspaceID != uuid.Nil)
	narrow("endpoint_id", f.EndpointID, f.EndpointID != uuid.Nil)
	narrow("event", f.Event, f.Event != "")
	narrow("status", f.Status, f.Status != "")
	if f.Before > 0 {
		sql += ` and n.seq < @before`
		args["before"] = f.Before
	}
	return many[Notification](s.everywhere().Query(ctx, sql+` order by n.seq desc limit @limit`, args))
}

// Notification is one message, or ErrNotFound.
func (s *Store) Notification(ctx context.Context, id uuid.UUID) (Notification, error) {
	return one[Notification](s.everywhere().Query(ctx, `select `+notificationColumns+` from crm_notifications n where n.id = $1`, id))
}

// ResendNotification has a message that ended sent once more, as it was, with all its tries; one that waits is due at once. Errors: ErrNotFound.
func (s *Store) ResendNotification(ctx context.Context, id uuid.UUID, actor string) (n Notification, err error) {
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		// One that may be being sent at this moment is left its claim, at most: how that ends decides.
		if n, err = one[Notification](tx.Query(ctx, `update crm_notifications n set status = 'waiting', ended_at = null,
			failures = case when status = 'waiting' then failures else 0 end,
			next_attempt_at = case when status = 'waiting' and attempt > jsonb_array_length(attempts_json)
				then least(next_attempt_at, now() + make_interval(secs => $2)) else now() end
			where id = $1 returning `+notificationColumns, id, notificationLease.Seconds())); err != nil {
			return err
		}
		a := Act{Actor: actor, Action: "notification.resend", Subject: id.String(), Detail: map[string]any{"endpoint_id": n.EndpointID, "event": n.Event}}
		if n.WorkspaceID != nil {
			a.WorkspaceID = *n.WorkspaceID
		}
		return audit(ctx, tx, a)
	})
	if err != nil {
		return Notification{}, fmt.Errorf("send a message again: %w", err)
	}
	return n, nil
}

// AddNotification makes a message of its own for an endpoint, as a test is. Errors: ErrNotFound.
func (s *Store) AddNotification(ctx context.Context, endpointID uuid.UUID, event string, payload []byte) (Notification, error) {
	n, err := one[Notification](s.everywhere().Query(ctx, `insert into crm_notifications as n (endpoint_id, event, workspace_id, payload)
		select id, $2, workspace_id, $3 from crm_notification_endpoints where id = $1 returning `+notificationColumns, endpointID, event, string(payload)))
	if err != nil {
		return Notification{}, fmt.Errorf("make a message: %w", err)
	}
	return n, nil
}

// PurgeNotifications deletes up to limit messages that ended longer than keep ago.
func (s *Store) PurgeNotifications(ctx context.Context, keep time.Duration, limit int) (int64, error) {
	tag, err := s.everywhere().Exec(ctx, `delete from crm_notifications where id in (select id from crm_notifications
		where ended_at < now() - make_interval(secs => $1) limit $2 for update skip locked)`, keep.Seconds(), limit)
	if err != nil {
		return 0, fmt.Errorf("delete old messages: %w", err)
	}
	return tag.RowsAffected(), nil
}
