package hubspot

import (
	"time"

	"crm-connectors/connectors"
)

// noteProperties are those of the weekly summary, which is a note on the timeline.
func (s *session) noteProperties(w connectors.Write) (map[string]string, *connectors.Error) {
	week, err := time.Parse(time.DateOnly, w.Rollup.WeekStart)
	if err != nil {
		return nil, invalid("rollup_week_invalid", "The week of the rollup does not start with a date such as 2026-11-16.")
	}
	properties := s.defaults(connectors.ObjectRollup)
	properties["hs_timestamp"] = timestamp(endOfWeek(week, s.now()))
	if text := paragraphs(w.Rollup.Summary, maxRichText-units(reference(w.Marker))); text != "" {
		properties["hs_note_body"] = text
	}
	return properties, nil
}

// endOfWeek is the last second of the week, in UTC, where the note belongs on the timeline; a week
// that has not ended has now, for nothing on a timeline lies in the future.
func endOfWeek(start, now time.Time) time.Time {
	end := start.AddDate(0, 0, 7).Add(-time.Second)
	if end.After(now) {
		return now
	}
	return end
}
