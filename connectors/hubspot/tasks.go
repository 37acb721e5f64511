package hubspot

import (
	"context"
	"maps"
	"strings"
	"time"

	"crm-connectors/connectors"
)

// timestamp is UTC to the millisecond, as HubSpot writes times itself.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// taskProperties are those of a task to do. HubSpot has no other field for the due time than hs_timestamp, which it requires. What the
// outcome says comes before the settings, and these before the usual.
func (s *session) taskProperties(ctx context.Context, w connectors.Write) (map[string]string, *connectors.Error) {
	t := w.Task
	if t.DueAt.IsZero() {
		return nil, invalid("task_due_missing", "The task has no due time, which HubSpot requires.")
	}
	owner, failed := s.ownerID(ctx, t.OwnerEmail)
	if failed != nil {
		return nil, failed
	}
	properties := map[string]string{"hs_task_status": "NOT_STARTED", "hs_task_type": "TODO"}
	maps.Copy(properties, s.defaults(connectors.ObjectTask))
	for name, value := range map[string]string{
		"hs_timestamp":     timestamp(t.DueAt),
		"hs_task_subject":  clean(t.Subject),
		"hs_task_body":     lines(t.Body, maxRichText-units(reference(w.Marker))),
		"hs_task_priority": strings.ToUpper(t.Priority),
		"hs_task_status":   s.account.Settings.TaskStatus,
		"hubspot_owner_id": owner,
	} {
		if value != "" {
			properties[name] = value
		}
	}
	return properties, nil
}
