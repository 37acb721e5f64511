package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ConnectionsToCompare lists live connections that wrote something within window and whose log and CRM were last compared longer than
// every ago, longest first. They are marked as compared, so that two processes take different ones.
func (s *Store) ConnectionsToCompare(ctx context.Context, every, window time.Duration, limit int) ([]Connection, error) {
	return many[Connection](s.everywhere().Query(ctx, `
		update crm_connections set compared_at = now() where id in (
			select c.id from crm_connections c
			where c.status = 'connected' and coalesce(c.compared_at, c.connected_at) < now() - make_interval(secs => $1)
				and exists (select from crm_write_log w where w.connection_id = c.id and w.created_at > now() - make_interval(secs => $2))
			order by coalesce(c.compared_at, c.connected_at) limit $3 for update skip locked)
		returning `+connectionColumns, every.Seconds(), window.Seconds(), limit))
}

// Sighting is what a comparison has to know of a write.
type Sighting struct {
	ID          uuid.UUID       `db:"id"`
	WorkspaceID uuid.UUID       `db:"workspace_id"`
	Marker      string          `db:"marker"`
	Status      string          `db:"status"`
	CRMObjectID string          `db:"crm_object_id"`
	Alarm       string          `db:"alarm"`
	Notes       json.RawMessage `db:"notes_json"`
	SettledAt   *time.Time      `db:"settled_at"`
	CreatedAt   time.Time       `db:"created_at"`
}

// Sightings are the connection's writes of an object since a moment, and whatever writes of the same CRM account have one of the markers,
// however old and of whichever workspace.
func (s *Store) Sightings(ctx context.Context, c Connection, objectType string, since time.Time, markers []string) ([]Sighting, error) {
	return many[Sighting](s.everywhere().Query(ctx, `
		select id, workspace_id, marker, status, crm_object_id, alarm, notes_json, settled_at, created_at from crm_write_log
		where marker <> '' and crm = $5 and crm_account_id = $6 and object_type = $2
			and ((connection_id = $1 and created_at >= $3) or marker = any($4))`,
		c.ID, objectType, since, markers, c.CRM, c.AccountID))
}

// Alarm is what a comparison found wrong with a write, or right again when Alarm is empty.
type Alarm struct {
	ID    uuid.UUID       `json:"id"`
	Alarm string          `json:"alarm"`
	Notes json.RawMessage `json:"notes"`
}

// RaiseAlarms records what a comparison found.
func (s *Store) RaiseAlarms(ctx context.Context, alarms []Alarm) error {
	if len(alarms) == 0 {
		return nil
	}
	_, err := s.everywhere().Exec(ctx, `
		update crm_write_log w set alarm = v.alarm, notes_json = coalesce(v.notes, w.notes_json), updated_at = now()
		from jsonb_to_recordset(@alarms::jsonb) as v (id uuid, alarm text, notes jsonb) where w.id = v.id`,
		pgx.NamedArgs{"alarms": alarms})
	if err != nil {
		return fmt.Errorf("raise alarms: %w", err)
	}
	return nil
}
