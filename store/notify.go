package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// EventGroup is what happened alike, of one connection with one error, since an endpoint was last told.
type EventGroup struct {
	EndpointID   uuid.UUID    `db:"endpoint_id"`
	Event        string       `db:"event"`
	WorkspaceID  uuid.UUID    `db:"workspace_id"`
	ConnectionID uuid.UUID    `db:"connection_id"`
	CRM          string       `db:"crm"`
	ErrorCode    string       `db:"error_code"`
	Count        int          `db:"count"`
	At           time.Time    `db:"at"`     // of the latest
	Writes       []EventWrite `db:"writes"` // the first writesTold of them
	Cause        string       `db:"cause"`  // of the connection; of writes none, for it may be in the CRM's words and name a contact
	Action       string       `db:"action"` // what a person does next
}

// EventWrite is a write as a message names it: nothing of its content.
type EventWrite struct {
	ID            uuid.UUID `json:"id"`
	SyncID        uuid.UUID `json:"sync_id"`
	ObjectType    string    `json:"object_type"`
	Action        string    `json:"action"`
	SourceEventID string    `json:"source_event_id"`
}

const (
	eventsAtOnce = 5000
	writesTold   = 100 // in one message; it says how many there are

	// notificationLease is how long a claimed message is its claimer's; longer than a send and its record.
	notificationLease = time.Minute
)

const eventGroups = `
	with due as (
		select v.id from crm_notification_events v join crm_notification_endpoints e on e.id = v.endpoint_id
		where v.occurred_at < now() - make_interval(secs => $1) and e.disabled_at is null and (e.paused_until is null or e.paused_until <= now())
		order by v.id limit $2 for update of v skip locked
	), taken as (
		delete from crm_notification_events where id in (select id from due) returning *
	), ranked as (
		select t.*, row_number() over (partition by endpoint_id, event, workspace_id, connection_id, error_code order by id) as nth from taken t
	)
	select r.endpoint_id, r.event, r.workspace_id, r.connection_id, r.crm, r.error_code, count(*)::int as count, max(r.occurred_at) as at,
		coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'sync_id', w.sync_id, 'object_type', w.object_type, 'action', w.action, 'source_event_id', w.source_event_id)
			order by r.id) filter (where w.id is not null), '[]') as writes,
		coalesce(case when r.event = 'connection.error' then min(c.last_error) end, '') as cause,
		coalesce(min(w.error_action), case when r.event = 'connection.error' then min(c.last_error_action) end, '') as action
	from ranked r left join crm_write_log w on w.id = r.write_id and r.nth <= $3 left join crm_connections c on c.id = r.connection_id
	group by 1, 2, 3, 4, 5, 6 order by min(r.id)`

// Gather makes messages of what happened at least settle ago, one for all that happened alike, and says how many. payload writes a message; its error
// leaves everything as it was. What an endpoint that is failing missed waits until its pause is over, so that it then comes together.
func (s *Store) Gather(ctx context.Context, settle time.Duration, payload func(EventGroup) ([]byte, error)) (made int, err error) {
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		groups, err := many[EventGroup](tx.Query(ctx, eventGroups, settle.Seconds(), eventsAtOnce, writesTold))
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, h := range groups {
			text, err := payload(h)
			if err != nil {
				return err
			}
			b.Queue(`insert into crm_notifications (endpoint_id, event, workspace_id, payload) values ($1, $2, $3, $4)`, h.EndpointID, h.Event, h.WorkspaceID, string(text))
		}
		made = len(groups)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return 0, fmt.Errorf("make messages: %w", err)
	}
	return made, nil
}

// DueNotification is a message that is to be sent now, and to whom.
type DueNotification struct {
	Notification
	Endpoint Endpoint
}

// ClaimNotifications takes up to most messages that are due, no more than perEndpoint of one endpoint and none of those that are busy, for a minute: one
// whose end is not told until then is due again, and may so be sent twice, with the same id.
func (s *Store) ClaimNotifications(ctx context.Context, most, perEndpoint int, busy []uuid.UUID) (due []DueNotification, err error) {
	if busy == nil {
		busy = []uuid.UUID{}
	}
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		claimed, err := many[Notification](tx.Query(ctx, `
			with waiting as materialized (
				select n.id from crm_notification_endpoints e cross join lateral (select id, next_attempt_at from crm_notifications
					where endpoint_id = e.id and status = 'waiting' and next_attempt_at <= now() order by next_attempt_at limit $3) n
				where e.disabled_at is null and (e.paused_until is null or e.paused_until <= now()) and not e.id = any ($4)
				order by n.next_attempt_at limit $2
			), mine as (
				select id from crm_notifications where id in (select id from waiting) and status = 'waiting' and next_attempt_at <= now() for update skip locked
			)
			update crm_notifications n set attempt = attempt + 1, next_attempt_at = now() + make_interval(secs => $1)
			from mine where n.id = mine.id returning `+notificationColumns, notificationLease.Seconds(), most, perEndpoint, busy))
		if err != nil || len(claimed) == 0 {
			return err
		}
		ids := make([]uuid.UUID, len(claimed))
		for i, n := range claimed {
			ids[i] = n.EndpointID
		}
		endpoints, err := many[Endpoint](tx.Query(ctx, `select `+endpointColumns+` from crm_notification_endpoints e where e.id = any($1)`, ids))
		if err != nil {
			return err
		}
		for _, n := range claimed {
			for _, e := range endpoints {
				if e.ID == n.EndpointID {
					due = append(due, DueNotification{n, e})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim messages: %w", err)
	}
	return due, nil
}

// NotificationOutcome is how a try at a message ended, and what follows.
type NotificationOutcome struct {
	Status  string        // waiting: it is tried again
	RetryIn time.Duration // waiting
	Pause   time.Duration // how long the endpoint is left alone; of what arrived none
	Disable string        // not empty: the endpoint is told nothing more, and why
	Attempt NotificationAttempt
}

// SettleNotification records how a try of a claimed message ended. False: the caller lost its turn, and nothing was recorded.
func (s *Store) SettleNotification(ctx context.Context, n Notification, o NotificationOutcome) (mine bool, err error) {
	try, err := json.Marshal(o.Attempt)
	if err != nil {
		return false, fmt.Errorf("settle a message: %w", err)
	}
	err = s.everywhere().tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update crm_notifications set status = $3, attempts_json = attempts_json || $4::jsonb,
			failures = failures + ($3 <> 'delivered')::int, ended_at = case when $3 <> 'waiting' then now() end,
			next_attempt_at = now() + make_interval(secs => $5)
			where id = $1 and attempt = $2 and status = 'waiting'`, n.ID, n.Attempt, o.Status, string(try), o.RetryIn.Seconds())
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		mine = true
		if o.Status == NotificationDelivered {
			_, err = tx.Exec(ctx, `update crm_notification_endpoints set failures = 0, failing_since = null, paused_until = null
				where id = $1 and failures > 0`, n.EndpointID)
			return err
		}
		_, err = tx.Exec(ctx, `update crm_notification_endpoints set failures = failures + 1, failing_since = coalesce(failing_since, now()),
			paused_until = now() + make_interval(secs => $2), updated_at = now(),
			disabled_at = case when $3 <> '' then coalesce(disabled_at, now()) else disabled_at end,
			disabled_because = case when $3 <> '' and disabled_at is null then $3 else disabled_because end where id = $1`, n.EndpointID, o.Pause.Seconds(), o.Disable)
		if err == nil && o.Disable != "" {
			err = abandon(ctx, tx, n.EndpointID)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("settle a message: %w", err)
	}
	return mine, nil
}
