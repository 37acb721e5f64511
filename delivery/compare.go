package delivery

import (
	"context"
	"errors"
	"time"

	"crm-connectors/connectors"
	"crm-connectors/store"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

const (
	compareJobEvery = time.Hour
	compareEvery    = 24 * time.Hour
	compareWindow   = 48 * time.Hour // two days, so that each write is compared twice
	compareAtOnce   = 20
	compareSettled  = time.Hour // an index may be behind what is younger

	missingInCRM = "missing_in_crm"
	comparison   = "daily comparison" // as an actor
)

type compareArgs struct{}

// Kind names the job in River's tables.
func (compareArgs) Kind() string { return "crm.compare" }

type compareWorker struct {
	river.WorkerDefaults[compareArgs]
	engine *Engine
}

// Work holds the log against the CRMs, connection by connection.
func (w *compareWorker) Work(ctx context.Context, _ *river.Job[compareArgs]) error {
	return w.engine.compareDue(ctx, compareEvery)
}

func (e *Engine) compareDue(ctx context.Context, every time.Duration) error {
	conns, err := e.store.ConnectionsToCompare(ctx, every, compareWindow, compareAtOnce)
	if err != nil {
		return err
	}
	for _, conn := range conns {
		if err := e.Compare(ctx, conn); err != nil {
			e.log.Warn().Str("event", "compare_failed").Stringer("connection_id", conn.ID).Str("crm", conn.CRM).Err(err).Msg("log and CRM could not be compared")
		}
	}
	return ctx.Err()
}

// Compare holds the connection's recent writes against what the CRM has, both ways. A record that is there more than once raises
// duplicate_detected, one that is gone though it was written missing_in_crm; an alarm that no longer holds is taken back. A write that waits
// for a person and whose record is there goes on with that record. Nothing is changed in the CRM.
func (e *Engine) Compare(ctx context.Context, conn store.Connection) error {
	since := e.cfg.Now().Add(-compareWindow)
	for _, object := range []connectors.Object{connectors.ObjectContact, connectors.ObjectTask, connectors.ObjectRollup} {
		records, err := e.marked(ctx, conn, object, since)
		if errors.Is(err, connectors.ErrCannotFind) {
			continue
		}
		if err != nil {
			return err
		}
		byMarker := map[string][]connectors.MarkedRecord{}
		var markers []string
		for _, r := range records {
			if len(byMarker[r.Marker]) == 0 {
				markers = append(markers, r.Marker)
			}
			byMarker[r.Marker] = append(byMarker[r.Marker], r)
		}
		rows, err := e.store.Sightings(ctx, conn, string(object), since, markers)
		if err != nil {
			return err
		}
		if err := e.judge(ctx, conn, object, rows, byMarker); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) marked(ctx context.Context, conn store.Connection, object connectors.Object, since time.Time) ([]connectors.MarkedRecord, error) {
	t, err := e.visit(ctx, conn)
	if err != nil {
		return nil, err
	}
	records, err := t.connector.Marked(ctx, t.account, object, since)
	var refused *connectors.Error
	if errors.As(err, &refused) && refused.Class == connectors.ClassNeedsAuth {
		if cause := t.refresh(ctx); cause != nil {
			return nil, cause
		}
		return t.connector.Marked(ctx, t.account, object, since)
	}
	return records, err
}

func (e *Engine) judge(ctx context.Context, conn store.Connection, object connectors.Object, rows []store.Sighting, there map[string][]connectors.MarkedRecord) error {
	var alarms []store.Alarm
	known := map[string]bool{}
	for _, row := range rows {
		known[row.Marker] = true
		live, binned := split(there[row.Marker])
		alarm := e.alarmFor(object, row, live, binned)
		if row.Status == store.NeedsReview && len(live) == 1 {
			if err := e.adopt(ctx, row, live[0]); err != nil {
				return err
			}
		}
		if alarm == row.Alarm {
			continue
		}
		a := store.Alarm{ID: row.ID, Alarm: alarm, Notes: row.Notes}
		if alarm == duplicateDetected {
			a.Notes = withNote(row.Notes, copiesNote(connectors.Finding{Ref: live[0].Ref, Copies: refs(live[1:])}))
		}
		if alarm != "" {
			e.log.Error().Str("event", alarm).Stringer("write_id", row.ID).Stringer("workspace_id", row.WorkspaceID).Stringer("connection_id", conn.ID).
				Str("crm", conn.CRM).Str("object", string(object)).Str("crm_object_id", row.CRMObjectID).Int("records", len(live)).Msg("log and CRM differ")
		}
		alarms = append(alarms, a)
	}
	strangers := 0
	for marker := range there {
		if !known[marker] {
			strangers++
		}
	}
	e.log.Info().Str("event", "compared").Stringer("connection_id", conn.ID).Str("crm", conn.CRM).Str("object", string(object)).Int("writes", len(rows)).
		Int("records", len(there)).Int("of_other_installations", strangers).Int("changes", len(alarms)).Msg("log and CRM compared")
	return e.store.RaiseAlarms(ctx, alarms)
}

func (e *Engine) alarmFor(object connectors.Object, row store.Sighting, live, binned []connectors.MarkedRecord) string {
	switch {
	case len(live) > 1:
		return duplicateDetected
	case object != connectors.ObjectContact && // one that somebody else had made has no marker
		row.Status == store.Succeeded && len(live) == 0 && len(binned) == 0 && // in the bin: somebody wanted it gone
		row.CreatedAt.After(e.cfg.Now().Add(-compareWindow)) && row.SettledAt != nil && row.SettledAt.Before(e.cfg.Now().Add(-compareSettled)):
		return missingInCRM
	case row.Alarm == missingInCRM && len(live) == 0:
		return row.Alarm // not seen is no proof that it came back
	}
	return ""
}

// adopt lets a write go on whose record was seen; the delivery reads it before it counts as written.
func (e *Engine) adopt(ctx context.Context, row store.Sighting, r connectors.MarkedRecord) error {
	_, err := e.store.Resolve(ctx, uuid.Nil, row.ID, store.Resolution{How: store.ResolveFound, CRMObjectType: r.Ref.Type, CRMObjectID: r.Ref.ID, Actor: comparison}, e.Wake)
	var not *store.NotResolvableError
	if errors.As(err, &not) {
		return nil // a person was faster
	}
	return err
}

func split(records []connectors.MarkedRecord) (live, binned []connectors.MarkedRecord) {
	for _, r := range records {
		if r.Deleted {
			binned = append(binned, r)
		} else {
			live = append(live, r)
		}
	}
	return live, binned
}

func refs(records []connectors.MarkedRecord) []connectors.Ref {
	out := make([]connectors.Ref, len(records))
	for i, r := range records {
		out[i] = r.Ref
	}
	return out
}
